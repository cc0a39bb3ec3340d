//! The cluster's networks together with the `etc/kubeadm.yml` of its images, since each may say what the other is.

use super::network::{self, Around, network};
use crate::error::{Class, Problem, Problems, Result};
use crate::model::{
    ComponentDocument, Declared, DeclaredMachine, DeclaredMachines, Family, ImageContract, Network,
};
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
    let around = Around {
        documents,
        last,
        images,
        machines: family(&declared.machines),
        given: given(&declared.machines),
    };
    let assumed = network::assumed(&declared.network, around)?;
    let of_images = with(&assumed)?;
    let network = network(&declared.network, around, of_images.as_deref())?;
    of_one_family_where_made(&declared.machines, &network)?;
    let kubeadm_file = with(&network)?;
    Ok(Settled { network, kubeadm_file })
}

/// Machines that sealift makes have addresses of IPv4 alone, and it is told before any is made.
fn of_one_family_where_made(machines: &DeclaredMachines, network: &Network) -> Result<()> {
    if matches!(machines, DeclaredMachines::Given(_)) || network.pods.second().is_none() {
        return Ok(());
    }
    let message =
        "machines that sealift makes have addresses of IPv4 alone, and pods are to have both families";
    Err(Problem::new(Class::Config, message)
        .saw(format!("the pods' networks are {}", network.pods))
        .remedy("keep one network, of IPv4, or list machines of yours that have addresses of both families"))
}

/// The machines that are listed.
fn given(machines: &DeclaredMachines) -> &[DeclaredMachine] {
    match machines {
        DeclaredMachines::Given(machines) => machines,
        _ => &[],
    }
}

/// The family of the machines' addresses, as far as they are declared by addresses. Those that sealift makes have IPv4.
fn family(machines: &DeclaredMachines) -> Option<Family> {
    let DeclaredMachines::Given(machines) = machines else { return Some(Family::V4) };
    machines.iter().find_map(|machine| machine.address.or(machine.ssh.ip())).map(Family::of)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Role;

    #[test]
    fn made_machines_have_one_family() {
        let network = |pods: &str| Network {
            pods: pods.parse().unwrap(),
            services: "10.96.0.0/22".parse().unwrap(),
            vip: "10.103.97.2".parse().unwrap(),
            dns_domain: "cluster.local".to_owned(),
        };
        let made = DeclaredMachines::Containers { control_planes: 1, workers: 0, image: None };
        let six = DeclaredMachine::new("fd00::1".parse().unwrap(), Role::ControlPlane);
        let given = DeclaredMachines::Given(vec![six]);
        assert!(of_one_family_where_made(&made, &network("10.8.0.0/16")).is_ok());
        assert!(of_one_family_where_made(&given, &network("10.8.0.0/16,fd01::/48")).is_ok());
        let problem = of_one_family_where_made(&made, &network("10.8.0.0/16,fd01::/48")).unwrap_err();
        assert!(
            problem.message.starts_with("machines that sealift makes have addresses of IPv4 alone"),
            "{problem}"
        );
        assert_eq!((family(&made), family(&given)), (Some(Family::V4), Some(Family::V6)));
    }
}
