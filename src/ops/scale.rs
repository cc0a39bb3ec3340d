//! `sealift scale` and `sealift replace`: machines added, taken out or exchanged, without a file.

use super::consent::Consent;
use super::context::Context;
use super::converge;
use super::declare::{self, Change};
use super::login::LoginRequest;
use super::resolve::{Making, Wish};
use super::run::purpose;
use super::{known, stale};
use crate::error::{Problems, Result};
use crate::model::Cluster;
use crate::plan::Plan;

/// What `sealift scale` and `sealift replace` are asked for.
#[derive(Debug, Clone)]
pub struct ScaleRequest {
    /// The cluster's name.
    pub name: String,
    /// How its machines change.
    pub change: Change,
    /// How flags say to log in.
    pub login: LoginRequest,
    /// What is agreed to beforehand.
    pub consent: Consent,
}

/// Changes the machines of a cluster.
pub async fn scale(context: &Context, request: ScaleRequest) -> Result<(), Problems> {
    let last = known::cluster(context, &request.name)?;
    let declared = declare::scale(&request.change, &last)?;
    let wish = Wish::about(&last, &declared, &request.login, Making::Allowed);
    let title = title(&request.change, &request.name);
    let purpose = |cluster: &Cluster, plan: &Plan| purpose(context, cluster, plan, &title);
    let outcome = converge::converge(context, &wish, request.consent, purpose).await;
    stale::tell(context, &last);
    outcome
}

fn title(change: &Change, name: &str) -> String {
    let what = match change {
        Change::Up(_) => "scale up",
        Change::Down(_) => "scale down",
        Change::Replace(_) => "replace machines of",
    };
    format!("{what} {name}")
}
