//! Changed documents put into the cluster, from where machines that join and kubelets take them.

use crate::agent::blocking::now;
use crate::agent::command::Tell;
use crate::agent::{kubernetes, ownership};
use crate::error::Result;
use crate::model::{Configuration, Part};
use crate::wire::UploadConfigurationWork;

use super::under_way;
use crate::agent::work::kubelet;

pub(in crate::agent::work) fn carry_out(work: &UploadConfigurationWork, tell: Tell<'_>) -> Result<()> {
    ownership::require(&work.cluster)?;
    let begun: Configuration = work.parts.keys().map(|part| (*part, under_way())).collect();
    record(&begun)?;
    for part in work.parts.keys() {
        let phase = match part {
            Part::ControlPlane => "kubeadm",
            Part::Kubelet => "kubelet",
            Part::KubeProxy => continue,
        };
        kubelet::kubeadm(&["init", "phase", "upload-config", phase], &work.config, &[], tell)?;
    }
    record(&work.parts)
}

/// Notes in the cluster what it was given.
pub(super) fn record(parts: &Configuration) -> Result<()> {
    now(async || kubernetes::api().await?.record_configuration(parts).await)
}
