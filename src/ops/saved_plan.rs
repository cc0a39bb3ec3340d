//! A plan in a file: looked at today, carried out tomorrow, if nothing has moved meanwhile.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::consent::Consent;
use super::declare;
use crate::error::{Class, Context as _, Problem, Result};
use crate::fsx;
use crate::model::{Cluster, Declared, Login};
use crate::plan::{FORMAT, Plan};
use crate::steps::{Provider, Site};

/// The plan with what it takes to make it again and compare. No secret is in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct SavedPlan {
    /// What was desired.
    cluster: Cluster,
    provider: Provider,
    login: Login,
    /// The files that declared it.
    files: Vec<PathBuf>,
    /// What was agreed to when it was made.
    pub(super) consent: Consent,
    /// The plan.
    pub(super) plan: Plan,
}

impl SavedPlan {
    /// Describes a plan that was just made.
    pub(super) fn new(plan: &Plan, site: &Site, consent: Consent) -> Self {
        let state = site.change_state(|_| {});
        Self {
            cluster: state.cluster,
            provider: state.provider,
            login: state.login,
            files: state.files,
            consent,
            plan: plan.clone(),
        }
    }

    /// Writes it, readable by the operator alone: variables may be nobody else's business.
    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self).problem(Class::Internal, "cannot write the plan")?;
        fsx::write_atomically(path, text, 0o600)
    }

    /// Reads one that this version can carry out.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let told = || format!("{} is no plan that can be carried out", path.display());
        let text = fsx::read_text(path)?;
        let document: serde_json::Value = serde_json::from_str(&text).problem_with(Class::Config, told)?;
        let format = &document["plan"]["format"];
        if *format != FORMAT {
            return Err(Problem::new(Class::Config, told())
                .saw(format!("its format is {format}, and this version knows {FORMAT}"))
                .remedy("make it with `sealift plan --out FILE`, by the same version of sealift"));
        }
        serde_json::from_value(document).problem_with(Class::Config, told)
    }

    /// Returns what was declared.
    pub(super) fn declared(&self) -> Declared {
        declare::kept(&self.cluster, self.provider, &self.login)
    }

    /// Returns the files that declare the cluster.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        self.files.clone()
    }

    /// Fails when `plan`, which was made now, is made from something else than this one.
    pub(super) fn check(&self, plan: &Plan) -> Result<()> {
        if self.plan.fingerprint == plan.fingerprint {
            return Ok(());
        }
        let steps = |plan: &Plan| match plan.steps.len() {
            1 => "1 step".to_owned(),
            steps => format!("{steps} steps"),
        };
        Err(Problem::new(Class::Outdated, "the cluster is not as it was when the plan was made")
            .saw(format!("the plan has {}, and now it would have {}", steps(&self.plan), steps(plan)))
            .remedy("nothing was changed; look at the new plan: sealift plan --out FILE"))
    }
}
