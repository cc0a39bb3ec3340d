//! The applications that an image brings under names of their own, as sealer's images do.

use serde::{Deserialize, Serialize};

use super::Environment;

/// What an image launches, where it says so by application.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundle {
    /// The applications that are in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub applications: Vec<BundledApplication>,
    /// Which of them are launched unless somebody says otherwise, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub launched: Vec<String>,
    /// What is run in place of their own commands unless somebody says otherwise; lines of shell.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<String>,
}

/// An application of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundledApplication {
    /// What it is called.
    pub name: String,
    /// What launches it; lines of shell, run at the root of the image's tree.
    pub commands: Vec<String>,
    /// Its own variables, where another application of the image calls something else alike.
    #[serde(default, skip_serializing_if = "Environment::is_empty")]
    pub environment: Environment,
}

impl Bundle {
    /// Tells whether the image says nothing by application.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Tells whether an application of this name is in it.
    pub fn has(&self, name: &str) -> bool {
        self.applications.iter().any(|application| application.name == name)
    }

    /// Returns what launches these applications of it, in this order; of `None` what the image launches by itself.
    pub fn commands(&self, wanted: Option<&[String]>) -> Vec<String> {
        self.lines(wanted, |application| application.commands.clone())
    }

    /// Returns the same with what `of` makes of each application.
    pub fn lines(
        &self,
        wanted: Option<&[String]>,
        of: impl Fn(&BundledApplication) -> Vec<String>,
    ) -> Vec<String> {
        let names = match wanted {
            Some(names) => names,
            None if !self.commands.is_empty() => return self.commands.clone(),
            None => &self.launched,
        };
        let named = |name: &String| self.applications.iter().find(|application| application.name == *name);
        names.iter().filter_map(named).flat_map(of).collect()
    }
}
