//! `sealift plan`: what `apply` would do. Nothing is touched.

use std::path::{Path, PathBuf};

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
use crate::error::{Class, Context as _, Problem, Problems, Result};
use crate::model::{MachineName, ranges};
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
    let draft = Box::pin(converge::draw(context, &wish, request.consent)).await?;
    let made = tell_foreseen(context, &draft.foreseen, request.out.as_deref())?;
    if let Some(path) = &request.out {
        SavedPlan::new(&draft.plan, &draft.site, request.consent).write(path)?;
    }
    let title = format!("plan of {}{made}", request.clusterfile.called());
    let shown = execute::shown(&draft.plan, &draft.site, &title)?;
    let text = match request.form {
        PlanForm::Text => render(&shown),
        PlanForm::Mermaid => super::mermaid::graph(&draft.plan, &shown),
    };
    let json = serde_json::to_value(&draft.plan).problem(Class::Internal, "cannot write the plan")?;
    context.reporter.result(&Data { text, json })?;
    Ok(())
}

/// Says that machines are still to be made, and returns what the plan's title says of it.
fn tell_foreseen(context: &Context, foreseen: &[MachineName], out: Option<&Path>) -> Result<String> {
    if foreseen.is_empty() {
        return Ok(String::new());
    }
    let many = match foreseen.len() {
        1 => "1 machine that is".to_owned(),
        number => format!("{number} machines that are"),
    };
    if let Some(path) = out {
        return Err(Problem::new(
            Class::Refused,
            format!("no plan for {many} still to be made can be saved in {}", path.display()),
        )
        .saw("what will be found on them is not known yet")
        .remedy("`sealift apply` makes them, shows its plan then, and asks before it does anything on them")
        .remedy("without --out the plan is shown as it will be if they come out fresh"));
    }
    let names = ranges(foreseen.iter().map(|name| name.0.as_str())).join(", ");
    context.reporter.warn(&format!(
        "this plan has {many} still to be made and taken to be fresh: {names}; `sealift apply` makes them, looks at them, \
         and shows its plan once more before it does anything on them"
    ));
    Ok(format!(", with {many} still to be made"))
}
