//! kube-proxy given its configuration, and its pods replaced; what they had comes back if the new ones do not come up.

use crate::agent::blocking::now;
use crate::agent::command::Tell;
use crate::agent::{kubernetes, ownership};
use crate::cluster::KubeProxy;
use crate::error::Result;
use crate::model::{Configuration, Digest, Part};
use crate::wire::ProxyWork;

use super::under_way;
use super::upload::record;
use crate::agent::work::kubelet;

pub(in crate::agent::work) fn carry_out(work: &ProxyWork, tell: Tell<'_>) -> Result<()> {
    ownership::require(&work.cluster)?;
    let of = |digest: &Digest| Configuration::from([(Part::KubeProxy, digest.clone())]);
    record(&of(&under_way()))?;
    let before = match now(async || kubernetes::api().await?.put_proxy_aside().await)? {
        KubeProxy::Absent => {
            // kubeadm would make one.
            tell("the cluster has no kube-proxy");
            return record(&of(&work.receipt));
        }
        KubeProxy::Unconfigured => None,
        KubeProxy::PutAside(before) => Some(before),
    };
    kubelet::kubeadm(&["init", "phase", "addon", "kube-proxy"], &work.config, &[], tell)?;
    if let Err(problem) = roll(&work.receipt, tell) {
        let Some(before) = before else { return Err(problem) };
        tell("kube-proxy gets its configuration of before back");
        return Err(match put_back(&before, tell) {
            Ok(()) => problem.saw("all its pods have the configuration of before again"),
            Err(other) => problem.saw(format!("the configuration of before does not come back: {other}")),
        });
    }
    // In this order: what is noted as done must not leave a copy that a later change would take for its own.
    forget()?;
    record(&of(&work.receipt))
}

fn put_back(before: &str, tell: Tell<'_>) -> Result<()> {
    now(async || kubernetes::api().await?.put_proxy_configuration(before).await)?;
    roll(&Digest::of(before), tell)?;
    forget()
}

fn forget() -> Result<()> {
    now(async || kubernetes::api().await?.forget_proxy_aside().await)
}

fn roll(configuration: &Digest, tell: Tell<'_>) -> Result<()> {
    now(async || kubernetes::api().await?.roll_proxy(configuration, tell).await)
}
