//! What a Node is to be like beside its machine: labels, taints, and its kubelet's arguments.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Class, Problem, Result};

/// What the operator wants of one Node. What is not named here is left as somebody else made it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeWishes {
    /// Labels by key.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Taints it has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taints: Vec<Taint>,
    /// Keys of taints it must not have: `k-` or `k:Effect-` in the family's files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without_taints: Vec<TaintKey>,
    /// Arguments of its kubelet by name, without the hyphens.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub kubelet_arguments: BTreeMap<String, String>,
}

impl NodeWishes {
    /// Tells whether nothing is wanted.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What a taint does to pods that do not tolerate it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TaintEffect {
    /// New ones are not put there.
    NoSchedule,
    /// New ones are put elsewhere if that can be.
    PreferNoSchedule,
    /// Those that run there have to go.
    NoExecute,
}

/// A taint of a Node.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Taint {
    /// Its key.
    pub key: String,
    /// Its value; may be empty.
    #[serde(default)]
    pub value: String,
    /// What it does.
    pub effect: TaintEffect,
}

impl Taint {
    /// Returns what tells it from a Node's other taints.
    pub fn key(&self) -> TaintKey {
        TaintKey { key: self.key.clone(), effect: Some(self.effect) }
    }
}

/// Which taints of one key are meant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TaintKey {
    /// The key.
    pub key: String,
    /// Only those with this effect; `None` is all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<TaintEffect>,
}

impl TaintKey {
    /// Tells whether a taint is one of those meant.
    pub fn covers(&self, taint: &Taint) -> bool {
        self.key == taint.key && self.effect.is_none_or(|effect| effect == taint.effect)
    }
}

impl fmt::Display for TaintEffect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSchedule => "NoSchedule",
            Self::PreferNoSchedule => "PreferNoSchedule",
            Self::NoExecute => "NoExecute",
        })
    }
}

impl FromStr for TaintEffect {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self> {
        [Self::NoSchedule, Self::PreferNoSchedule, Self::NoExecute]
            .into_iter()
            .find(|effect| effect.to_string() == text)
            .ok_or_else(|| {
                Problem::new(Class::Config, format!("`{text}` is not an effect of a taint"))
                    .remedy("write NoSchedule, PreferNoSchedule or NoExecute")
            })
    }
}

impl fmt::Display for Taint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.value.as_str() {
            "" => write!(f, "{}:{}", self.key, self.effect),
            value => write!(f, "{}={value}:{}", self.key, self.effect),
        }
    }
}

impl fmt::Display for TaintKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.effect {
            None => write!(f, "{}-", self.key),
            Some(effect) => write!(f, "{}:{effect}-", self.key),
        }
    }
}
