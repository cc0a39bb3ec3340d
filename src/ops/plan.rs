//! `sealift plan`: what `apply` would do. Nothing is touched.

use std::path::PathBuf;

use super::apply::wish;
use super::consent::Consent;
use super::context::Context;
use super::declare::{self, Clusterfile};
use super::login::LoginRequest;
use super::reporter::Data;
use super::resolve::{Making, Wish};
use super::saved_plan::SavedPlan;
use super::view::PlanView;
use super::{converge, execute};
use crate::error::{Class, Context as _, Problems, Result};
use crate::steps::State;

/// What `sealift plan` is asked for.
#[derive(Debug, Clone)]
pub struct PlanRequest {
    /// What declares the cluster.
    pub clusterfile: Clusterfile,
    /// How flags say to log in.
    pub login: LoginRequest,
    /// What is agreed to beforehand.
    pub consent: Consent,
    /// The form for people.
    pub form: PlanForm,
    /// Where the plan is saved, too.
    pub out: Option<PathBuf>,
}

/// How a plan is shown to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanForm {
    /// A list.
    Text,
    /// A graph in Mermaid's words.
    Mermaid,
}

/// Shows the plan, with `render` for people.
pub async fn plan(
    context: &Context,
    request: PlanRequest,
    render: impl FnOnce(&PlanView) -> String,
) -> Result<(), Problems> {
    let declared = declare::file(&request.clusterfile)?;
    let last = State::load(&context.home, &declared.name)?;
    let wish = wish(&declared, &request.login, last.as_ref(), request.clusterfile.paths());
    let wish = Wish { making: Making::Forbidden, ..wish };
    let draft = converge::draw(context, &wish, request.consent).await?;
    if let Some(path) = &request.out {
        SavedPlan::new(&draft.plan, &draft.site, request.consent).write(path)?;
    }
    let title = format!("plan of {}", request.clusterfile.called());
    let shown = execute::shown(&draft.plan, &draft.site, &title)?;
    let text = match request.form {
        PlanForm::Text => render(&shown),
        PlanForm::Mermaid => super::mermaid::graph(&draft.plan, &shown),
    };
    let json = serde_json::to_value(&draft.plan).problem(Class::Internal, "cannot write the plan")?;
    context.reporter.result(&Data { text, json })?;
    Ok(())
}
