//! Which fields and feature gates there are in each minor version of Kubernetes: `schema.json`, as a table to ask.
//!
//! The table is made from the Go types of kubeadm, kubelet and kube-proxy: `testdata/kubeadm/tables` says how.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::LazyLock;

use serde::Deserialize;

/// The table; spans of minors are written `since-until`, an end left out where it is that of the whole.
#[derive(Debug, Default, Deserialize)]
struct Table {
    minors: String,
    apis: BTreeMap<String, Api>,
    gates: BTreeMap<String, BTreeMap<String, String>>,
}

/// One API version of documents.
#[derive(Debug, Deserialize)]
struct Api {
    minors: String,
    types: BTreeMap<String, BTreeMap<String, String>>,
}

static TABLE: LazyLock<Table> =
    LazyLock::new(|| serde_json::from_str(include_str!("schema.json")).unwrap_or_default());

/// Minor versions of Kubernetes, the first and the last one.
pub(super) type Minors = RangeInclusive<u64>;

/// What a value has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape<'a> {
    Text,
    Truth,
    Integer,
    Number,
    /// A text such as `5m0s`.
    Duration,
    /// Anything: its type reads it itself.
    Any,
    /// A list of what follows.
    List(&'a str),
    /// A mapping with names of the author's own to what follows.
    Map(&'a str),
    /// A mapping with the fields of this type.
    Fields(&'a str),
}

impl<'a> Shape<'a> {
    /// Reads the table's word for it.
    pub(super) fn of(word: &'a str) -> Self {
        match word {
            "string" | "time" => Self::Text,
            "boolean" => Self::Truth,
            "integer" => Self::Integer,
            "number" => Self::Number,
            "duration" => Self::Duration,
            "any" => Self::Any,
            _ => match (word.strip_prefix("[]"), word.strip_prefix("{}")) {
                (Some(items), _) => Self::List(items),
                (_, Some(values)) => Self::Map(values),
                _ => Self::Fields(word),
            },
        }
    }
}

/// A field of a type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    /// The table's word for what it has to be.
    pub(super) shape: &'static str,
    /// The minors that have it.
    pub(super) minors: Minors,
}

/// Whose feature gates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gates {
    /// kubeadm's own.
    Kubeadm,
    /// Those of all others.
    Kubernetes,
}

/// Returns the minors that the table knows.
pub(super) fn minors() -> Minors {
    span(&TABLE.minors, &(0..=u64::MAX))
}

/// Returns the minor of the table that stands for a version: itself, or the newest one for a newer version.
pub(super) fn known(minor: u64) -> u64 {
    minor.min(*minors().end())
}

/// Returns a field of a type, whatever minors have it.
pub(super) fn field(api: &str, of: &str, name: &str) -> Option<Field> {
    let api = TABLE.apis.get(api)?;
    let word = api.types.get(of)?.get(name)?;
    let (shape, told) = word.split_once(' ').unwrap_or((word, ""));
    Some(Field { shape, minors: span(told, &span(&api.minors, &minors())) })
}

/// Returns the names of a type's fields.
pub(super) fn names(api: &str, of: &str) -> Vec<&'static str> {
    let fields = TABLE.apis.get(api).and_then(|api| api.types.get(of));
    fields.into_iter().flatten().map(|(name, _)| name.as_str()).collect()
}

/// Returns the minors that have a feature gate, if any has.
pub(super) fn gate(of: Gates, name: &str) -> Option<Minors> {
    gates(of)?.get(name).map(|told| span(told, &minors()))
}

/// Returns the feature gates that a minor has.
pub(super) fn gate_names(of: Gates, minor: u64) -> Vec<&'static str> {
    let has = |told: &String| span(told, &minors()).contains(&known(minor));
    let gates = gates(of).into_iter().flatten();
    gates.filter(|(_, told)| has(told)).map(|(name, _)| name.as_str()).collect()
}

fn gates(of: Gates) -> Option<&'static BTreeMap<String, String>> {
    TABLE.gates.get(match of {
        Gates::Kubeadm => "kubeadm",
        Gates::Kubernetes => "kubernetes",
    })
}

/// Reads `19-22`, `-22` or `19-`; an end that is not told is that of the whole.
fn span(told: &str, whole: &Minors) -> Minors {
    let (since, until) = told.split_once('-').unwrap_or_default();
    since.parse().unwrap_or(*whole.start())..=until.parse().unwrap_or(*whole.end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_whole() {
        assert_eq!(minors(), 19..=36);
        for api in TABLE.apis.values() {
            for word in api.types.values().flat_map(BTreeMap::values) {
                let mut word = word.split(' ').next().unwrap();
                loop {
                    match Shape::of(word) {
                        Shape::List(inner) | Shape::Map(inner) => word = inner,
                        Shape::Fields(name) => {
                            assert!(api.types.contains_key(name), "{name}");
                            break;
                        }
                        _ => break,
                    }
                }
            }
        }
    }

    #[test]
    fn fields_and_gates_come_and_go() {
        let kubelet = |name| field("kubelet.config.k8s.io/v1beta1", "KubeletConfiguration", name);
        assert_eq!(kubelet("maxParallelImagePulls").unwrap().minors, 27..=36);
        assert_eq!(kubelet("port").unwrap().minors, 19..=36);
        assert_eq!(kubelet("parallelism"), None);
        let v1beta2 = |of, name| field("kubeadm.k8s.io/v1beta2", of, name).unwrap().minors;
        assert_eq!(v1beta2("ClusterConfiguration", "useHyperKubeImage"), 19..=26);
        assert!(field("kubeadm.k8s.io/v1beta4", "Timeouts", "discovery").is_some());
        assert!(names("kubeadm.k8s.io/v1beta3", "InitConfiguration").contains(&"skipPhases"));
        assert_eq!(gate(Gates::Kubernetes, "EphemeralContainers"), Some(19..=26));
        assert!(gate_names(Gates::Kubeadm, 31).contains(&"EtcdLearnerMode"));
        assert_eq!(gate(Gates::Kubeadm, "Nothing"), None);
    }
}
