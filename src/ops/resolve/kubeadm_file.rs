//! The cluster's networks together with the `etc/kubeadm.yml` of its images, since each may say what the other is.

use super::network::{self, Around, network};
use crate::error::Problems;
use crate::model::{ComponentDocument, Declared, DeclaredMachines, Family, ImageContract, Network};
use crate::ops::files::Files;
use crate::plan;
use crate::steps::State;

/// What all machines have in common of what kubeadm is told.
pub(super) struct Settled {
    /// The cluster's networks.
    pub(super) network: Network,
    /// The images' `etc/kubeadm.yml`, as Configs and variables leave it.
    pub(super) kubeadm_file: Option<String>,
}

/// Settles both. The file is read twice, since a template may speak of networks which only the file itself may say.
pub(super) fn settle(
    declared: &Declared,
    documents: &[ComponentDocument],
    last: Option<&State>,
    images: &[ImageContract],
    files: &Files,
) -> Result<Settled, Problems> {
    let with = |network: &Network| {
        let own = &declared.environment;
        let variables = plan::of_kubeadm_file(images, &declared.name, network, own, &declared.wishes);
        files.kubeadm_file(images, &variables)
    };
    let around = Around { documents, last, images, machines: family(&declared.machines) };
    let assumed = network::assumed(&declared.network, around)?;
    let of_images = with(&assumed)?;
    let network = network(&declared.network, around, of_images.as_deref())?;
    let kubeadm_file = with(&network)?;
    Ok(Settled { network, kubeadm_file })
}

/// The family of the machines' addresses, as far as they are declared by addresses. Those that sealift makes have IPv4.
fn family(machines: &DeclaredMachines) -> Option<Family> {
    let DeclaredMachines::Given(machines) = machines else { return Some(Family::V4) };
    machines.iter().find_map(|machine| machine.address.or(machine.ssh.ip())).map(Family::of)
}
