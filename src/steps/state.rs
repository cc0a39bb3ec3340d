//! What the operator keeps of a cluster: `clusters/<name>/state.json`, the same as in the cluster's Secret.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::history::History;
use crate::error::{Class, Context, Result};
use crate::fsx;
use crate::model::{Cluster, Configuration, Digest, ImageContract, Login, MachineName, MachineSpec};
use crate::plan::{self, RegistryAccess};

/// Where a cluster's machines come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Provider {
    /// They are the operator's own.
    BareMetal,
    /// sealift made them as containers.
    Container,
}

/// A cluster as its operator left it. It holds the registry's credentials, but nothing that logs in to machines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The desired cluster.
    pub cluster: Cluster,
    /// What its images promise.
    pub images: Vec<ImageContract>,
    /// Where its machines come from.
    pub provider: Provider,
    /// The launch's id.
    pub launch: String,
    /// The cluster's identity, once it has one.
    #[serde(default)]
    pub authority: Option<Digest>,
    /// Its registry's credentials.
    pub registry: RegistryAccess,
    /// How to log in again, without any secret.
    #[serde(default)]
    pub login: Login,
    /// Machines on their way out; each stays here until it is gone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leaving: Vec<MachineSpec>,
    /// Applications on their way out; each stays here until it is off the cluster.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parting: Vec<ImageContract>,
    /// The last machines that have left, so that the command which took them out can be given again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<MachineName>,
    /// The files that declare it, if there are any: absolute paths on the operator's machine.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<PathBuf>,
    /// The last runs that changed it.
    #[serde(default, skip_serializing_if = "History::is_empty")]
    pub history: History,
    /// What its components were told, beside what stands in the definition; older states do not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<Applied>,
}

/// What the components of a cluster were told that does not stand in its definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// The images' `etc/kubeadm.yml`, as Configs and variables left it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubeadm_file: Option<String>,
    /// The digests of what the cluster was made with: of all that has no receipt of anything else.
    pub made_with: Configuration,
}

/// How many machines are kept in mind that have left.
const MOST_LEFT: usize = 200;

impl State {
    /// Takes note that an application is off the cluster, with all that was wanted of it until then.
    pub fn forget_application(&mut self, image: &str) {
        self.parting.retain(|parting| parting.name != image);
        self.cluster.wishes.remove(image);
        self.cluster.configs.retain(|config| config.trees != [image]);
    }

    /// Takes note that machines are gone for good: those on their way out that `are_gone`.
    pub fn part_with(&mut self, are_gone: impl Fn(&MachineSpec) -> bool) {
        let (gone, leaving): (Vec<_>, Vec<_>) = self.leaving.drain(..).partition(are_gone);
        self.leaving = leaving;
        let gone = gone.into_iter().map(|machine| machine.name);
        let gone: Vec<MachineName> = gone.filter(|name| !self.left.contains(name)).collect();
        self.left.extend(gone);
        self.left.drain(..self.left.len().saturating_sub(MOST_LEFT));
    }

    /// Returns a cluster's directory.
    pub fn directory(home: &Path, cluster: &str) -> PathBuf {
        home.join("clusters").join(cluster)
    }

    /// Reads what is kept of a cluster; `None` is one that is not known here.
    pub fn load(home: &Path, cluster: &str) -> Result<Option<Self>> {
        let path = Self::directory(home, cluster).join("state.json");
        let Some(text) = fsx::read_if_exists(&path)? else { return Ok(None) };
        serde_json::from_slice(&text)
            .map(Some)
            .problem_with(Class::Config, || format!("{} cannot be read", path.display()))
    }

    /// Reads it as the cluster keeps it.
    pub fn from_json(text: &str) -> Result<Self> {
        serde_json::from_str(text)
            .problem(Class::Kubernetes, "what the cluster keeps of itself cannot be read")
    }

    /// Keeps it, readable by the operator alone.
    pub fn save(&self, home: &Path) -> Result<()> {
        let directory = Self::directory(home, &self.cluster.name);
        fsx::make_directory(&directory)?;
        fsx::write_atomically(&directory.join("state.json"), self.to_json()?, 0o600)
    }

    /// Returns the digest of what it defines, whoever keeps it and however they log in.
    pub fn definition(&self) -> Digest {
        plan::definition(&self.cluster, &self.images, &self.leaving, &self.registry)
    }

    /// Tells whether somebody else has gone on from what is `known`. What a run has done is recorded when it ends; credentials are kept
    /// before anything takes them, so that whoever knows only the former ones does not bring them back.
    pub fn goes_on_from(&self, known: &Self) -> bool {
        let (theirs, ours) = (&self.registry, &known.registry);
        let begun = theirs.former.as_ref().is_some_and(|former| {
            *former == ours.user() || ours.former.as_ref() == Some(former) && theirs.user() != ours.user()
        });
        self.launch == known.launch && (begun || self.history.news_for(&known.history).is_some())
    }

    /// Returns it as it is kept.
    pub fn to_json(&self) -> Result<String> {
        serde_json::to_string_pretty(self).problem(Class::Internal, "cannot write the cluster's state")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::testing::{Stage, site};
    use super::*;
    use crate::model::{Config, ImageWishes, RegistryUser, Strategy};

    fn state(leaving: &[u8]) -> State {
        let site = site(&[1], leaving, &Arc::new(Stage::default()));
        let gone = site.desired.leaving.clone();
        site.change_state(|state| state.leaving = gone)
    }

    #[test]
    fn machines_that_are_gone_are_kept_in_mind() {
        let mut state = state(&[2, 3]);
        let second = state.leaving[0].name.clone();
        state.part_with(|machine| machine.name == second);
        assert_eq!((state.leaving.len(), state.left.as_slice()), (1, [second].as_slice()));
        state.part_with(|_| true);
        assert_eq!((state.leaving.len(), state.left.len()), (0, 2));
    }

    #[test]
    fn who_knows_only_former_credentials_goes_on_from_the_new_ones() {
        let with = |username: &str, password: &str, former: Option<(&str, &str)>| {
            let user = |(username, password): (&str, &str)| RegistryUser {
                username: username.to_owned(),
                password: password.to_owned(),
            };
            let mut state = state(&[]);
            state.registry.username = username.to_owned();
            state.registry.password = password.to_owned();
            state.registry.former = former.map(user);
            state
        };
        let begun = with("two", "b", Some(("one", "a")));
        for (known, goes_on) in [
            (with("one", "a", None), true),
            // Who has begun it knows them.
            (begun.clone(), false),
            (with("two", "b", None), false),
            // Two have begun at the same time.
            (with("two", "c", Some(("one", "a"))), true),
            // Somebody who is not of this cluster's.
            (State { launch: "another".to_owned(), ..with("one", "a", None) }, false),
        ] {
            assert_eq!(begun.goes_on_from(&known), goes_on, "{:?}", known.registry.username);
        }
        assert!(!with("one", "a", None).goes_on_from(&begun), "what is kept there is older");
    }

    #[test]
    fn nothing_is_kept_of_what_was_wanted_of_an_application_that_is_off() {
        let mut state = state(&[]);
        let wished = |state: &mut State, image: &str| {
            state.cluster.wishes.insert(image.to_owned(), ImageWishes::default());
            let config = Config::plain("manifests/a.yaml", Strategy::Merge, "a: 1");
            state.cluster.configs.push(Config { trees: vec![image.to_owned()], ..config });
        };
        wished(&mut state, "staying:v1");
        let before = state.clone();
        wished(&mut state, "gone:v1");
        state.forget_application("gone:v1");
        assert_eq!(state, before);
    }

    #[test]
    fn they_do_not_become_more_and_more() {
        let mut state = state(&[2]);
        let machine = state.leaving[0].clone();
        for number in 0..MOST_LEFT + 10 {
            state.leaving = vec![MachineSpec { name: MachineName(number.to_string()), ..machine.clone() }];
            state.part_with(|_| true);
        }
        assert_eq!(state.left.len(), MOST_LEFT);
        assert_eq!(state.left.last().unwrap().0, (MOST_LEFT + 9).to_string());
    }
}
