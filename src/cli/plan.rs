//! `sealift plan`

use std::path::PathBuf;

use clap::Args;

use super::clusterfile::ClusterfileArgs;
use super::consent::ConsentArgs;
use super::login::LoginArgs;
use crate::error::{Problems, Result};
use crate::ops::{self, Context, PlanForm, PlanRequest};
use crate::ui::{self, Verbosity};

/// Show what `apply` would do, and why; nothing is touched
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    sealift plan -f Clusterfile\n  \
    sealift plan -f Clusterfile -o json\n  \
    sealift plan -f Clusterfile --mermaid > plan.mmd\n  \
    sealift plan -f Clusterfile --out plan.json && sealift apply --plan plan.json")]
pub(super) struct PlanArgs {
    /// Draw it as a graph, for Mermaid
    #[arg(long)]
    mermaid: bool,

    /// Save it, so that `apply --plan FILE` does this and nothing else
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    #[command(flatten)]
    consent: ConsentArgs,

    #[command(flatten)]
    clusterfile: ClusterfileArgs,

    #[command(flatten)]
    login: LoginArgs,
}

pub(super) async fn plan(context: Context, args: &PlanArgs, verbosity: Verbosity) -> Result<(), Problems> {
    let request = PlanRequest {
        clusterfile: args.clusterfile.clusterfile()?,
        login: args.login.request(&context)?,
        consent: args.consent.consent(),
        form: if args.mermaid { PlanForm::Mermaid } else { PlanForm::Text },
        out: args.out.clone(),
    };
    ops::plan(&context, request, |plan| ui::plan_text(plan, verbosity, ui::columns_of_output())).await
}
