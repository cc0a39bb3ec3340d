//! `sealift apply`: a cluster made equal to what its Clusterfile declares.

use std::path::PathBuf;

use super::consent::{Consent, Removal};
use super::context::Context;
use super::converge;
use super::declare::{self, Clusterfile};
use super::login::LoginRequest;
use super::resolve::{Making, Renewal, Wish};
use super::run::purpose;
use super::saved_plan::SavedPlan;
use crate::error::{Problems, Result};
use crate::model::{Cluster, Declared};
use crate::plan::Plan;
use crate::steps::State;

/// What `sealift apply` is asked for.
#[derive(Debug, Clone)]
pub struct ApplyRequest {
    /// What declares the cluster.
    pub declaration: Declaration,
    /// How flags say to log in.
    pub login: LoginRequest,
    /// What is agreed to beforehand.
    pub consent: Consent,
}

/// Where it stands what the cluster should be.
#[derive(Debug, Clone)]
pub enum Declaration {
    /// In a Clusterfile.
    Clusterfile(Clusterfile),
    /// In a plan that was saved; only what it says is done.
    SavedPlan(PathBuf),
}

/// Makes the cluster as it is declared, or finds nothing to do.
pub async fn apply(context: &Context, request: ApplyRequest) -> Result<(), Problems> {
    match &request.declaration {
        Declaration::Clusterfile(clusterfile) => {
            let declared = declare::file(clusterfile)?;
            let title = format!("apply {}", clusterfile.called());
            let last = State::load(&context.home, &declared.name)?;
            let wish = wish(&declared, &request.login, last.as_ref(), clusterfile.paths());
            let purpose = |cluster: &Cluster, plan: &Plan| purpose(context, cluster, plan, &title);
            Box::pin(converge::converge(context, &wish, request.consent, purpose)).await
        }
        Declaration::SavedPlan(path) => {
            let saved = SavedPlan::read(path)?;
            let declared = saved.declared();
            let consent = both(request.consent, saved.consent);
            let last = State::load(&context.home, &declared.name)?;
            let wish = wish(&declared, &request.login, last.as_ref(), saved.files());
            let draft = Box::pin(converge::draw(context, &wish, consent)).await?;
            saved.check(&draft.plan)?;
            let title = format!("apply {}", path.display());
            let purpose = |cluster: &Cluster, plan: &Plan| {
                let purpose = purpose(context, cluster, plan, &title);
                // Who has it saved and applies it has seen it.
                super::execute::Purpose { questions: vec![], ..purpose }
            };
            converge::carry_out(context, draft, consent, purpose, |plan| saved.check(plan)).await
        }
    }
}

/// Returns the wish for all that a declaration says.
pub(super) fn wish<'a>(
    declared: &'a Declared,
    login: &'a LoginRequest,
    last: Option<&'a State>,
    files: Vec<PathBuf>,
) -> Wish<'a> {
    let renewal = Renewal::Named(declared.images.iter().cloned().collect());
    Wish { declared, login, last, renewal, files: Some(files), making: Making::Allowed }
}

/// What is agreed to now holds beside what was agreed to when the plan was made.
fn both(now: Consent, then: Consent) -> Consent {
    let removal = if now.removal == Removal::Agreed { now.removal } else { then.removal };
    Consent { removal, force: then.force }
}
