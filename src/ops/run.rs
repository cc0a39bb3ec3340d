//! `sealift run`: a cluster from images on machines, or more of both for one that is there.

use super::consent::Consent;
use super::context::Context;
use super::converge;
use super::declare::{self, RunRequest};
use super::execute::Purpose;
use super::reporter::Question;
use super::resolve::{Making, Renewal, Wish};
use crate::error::{Problems, Result};
use crate::model::{Cluster, Role};
use crate::plan::Plan;
use crate::steps::{self, State};

/// Launches the cluster, or finishes a launch that was cut off, or finds nothing to do.
pub async fn run(context: &Context, request: RunRequest) -> Result<(), Problems> {
    let last = State::load(&context.home, &request.name)?;
    let declared = declare::run(&request, last.as_ref())?;
    let wish = Wish {
        declared: &declared,
        login: &request.login,
        last: last.as_ref(),
        renewal: Renewal::Named(request.images.iter().cloned().collect()),
        files: None,
        making: Making::Allowed,
    };
    let what = if request.images.is_empty() { request.name.clone() } else { request.images.join(" ") };
    let title = format!("run {what}");
    let purpose = |cluster: &Cluster, plan: &Plan| purpose(context, cluster, plan, &title);
    converge::converge(context, &wish, Consent::default(), purpose).await
}

/// What a command is for that makes a cluster or changes it.
pub(super) fn purpose(context: &Context, cluster: &Cluster, plan: &Plan, title: &str) -> Purpose {
    let kubeconfig = steps::kubeconfig_path(&context.home, &cluster.name);
    Purpose {
        title: title.to_owned(),
        questions: vec![Question::Proceed {
            text: format!("Carry out these {} steps for the cluster `{}`?", plan.steps.len(), cluster.name),
        }],
        achieved: format!("the cluster `{}` is up: {}", cluster.name, size(cluster)),
        next: vec![
            format!("export KUBECONFIG={}", kubeconfig.display()),
            "kubectl get nodes".to_owned(),
            format!("sealift delete --name {}", cluster.name),
        ],
    }
}

/// Says how many machines a cluster has: `1 control plane, 2 workers`.
fn size(cluster: &Cluster) -> String {
    let count = |role, one: &str| match cluster.with_role(role).count() {
        1 => format!("1 {one}"),
        count => format!("{count} {one}s"),
    };
    format!("{}, {}", count(Role::ControlPlane, "control plane"), count(Role::Worker, "worker"))
}
