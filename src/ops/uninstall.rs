//! `sealift uninstall`: applications taken off a cluster, without a file.

use super::consent::{Consent, Removal};
use super::context::Context;
use super::converge;
use super::declare;
use super::login::LoginRequest;
use super::resolve::{Making, Wish};
use super::run::purpose;
use super::{known, stale};
use crate::error::{Problems, Result};
use crate::model::{Cluster, Undoing};
use crate::plan::Plan;

/// What `sealift uninstall` is asked for.
#[derive(Debug, Clone)]
pub struct UninstallRequest {
    /// The cluster's name.
    pub name: String,
    /// The applications, by their images' names; the tag may be left out.
    pub applications: Vec<String>,
    /// What is done with what they made in the cluster.
    pub undoing: Undoing,
    /// How flags say to log in.
    pub login: LoginRequest,
}

/// Takes applications off a cluster, and its definition.
pub async fn uninstall(context: &Context, request: UninstallRequest) -> Result<(), Problems> {
    let last = known::cluster(context, &request.name)?;
    let declared = declare::without(&request.applications, request.undoing, &last)?;
    let wish = Wish::about(&last, &declared, &request.login, Making::Allowed);
    // Who names an application to uninstall has said that it may go.
    let consent = Consent { removal: Removal::Agreed, ..Consent::default() };
    let title = format!("uninstall {}", request.applications.join(" "));
    let purpose = |cluster: &Cluster, plan: &Plan| purpose(context, cluster, plan, &title);
    let outcome = converge::converge(context, &wish, consent, purpose).await;
    stale::tell(context, &last);
    outcome
}
