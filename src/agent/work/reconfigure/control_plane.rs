//! A control plane's components made anew by kubeadm: only those that change, and one that does not come up is as it was again.

use std::time::Duration;

use x509_parser::pem::parse_x509_pem;

use crate::agent::command::Tell;
use crate::agent::{api, ownership, receipts};
use crate::error::{Class, Problem, Result};
use crate::fsx;
use crate::model::{Part, Remade};
use crate::wire::ControlPlaneWork;

use super::aside::Aside;
use super::begin;
use super::component::Component;
use crate::agent::work::kubelet;

const CERTIFICATE: &str = "/etc/kubernetes/pki/apiserver.crt";
const KEY: &str = "/etc/kubernetes/pki/apiserver.key";

/// How long an API server may take to show a new certificate: older ones look once a minute.
const CERTIFICATE_DEADLINE: Duration = Duration::from_mins(3);

pub(in crate::agent::work) fn carry_out(work: &ControlPlaneWork, tell: Tell<'_>) -> Result<()> {
    let node = ownership::require(&work.cluster)?.node_name;
    begin(Part::ControlPlane)?;
    let aside = Aside::keep(Part::ControlPlane)?;
    if let Err(problem) = remake(&aside, work, &node, tell) {
        tell("it does not come up, and is put back as it was");
        return Err(match put_back(&aside, work, &node) {
            Ok(()) => problem.saw("what ran before runs again"),
            Err(other) => problem.saw(format!("what ran before does not come back: {other}")),
        });
    }
    // In this order: what is written down as done must not leave copies that a later change would take for its own.
    aside.forget()?;
    receipts::write(Part::ControlPlane.name(), &work.receipt)
}

/// The certificate first, which the API server reads when it starts, and etcd before what asks it.
fn remake(aside: &Aside, work: &ControlPlaneWork, node: &str, tell: Tell<'_>) -> Result<()> {
    for remade in Remade::ALL.into_iter().filter(|remade| work.remade.contains(remade)) {
        match component(remade) {
            None => remake_certificate(aside, work, tell)?,
            Some((name, phase)) => {
                let component = Component::before(name, node)?;
                aside.change(|| kubelet::kubeadm(&phase, &work.config, &[], tell))?;
                component.await_changed()?;
            }
        }
        if matches!(remade, Remade::Certificate | Remade::Etcd | Remade::ApiServer) {
            kubelet::await_api()?;
        }
    }
    Ok(())
}

/// Returns what a component is called, and the phase of kubeadm's that writes its manifest.
fn component(remade: Remade) -> Option<(&'static str, [&'static str; 4])> {
    let of_control_plane = |name: &'static str, phase| (name, ["init", "phase", "control-plane", phase]);
    match remade {
        Remade::Certificate => None,
        Remade::Etcd => Some(("etcd", ["init", "phase", "etcd", "local"])),
        Remade::ApiServer => Some(of_control_plane("kube-apiserver", "apiserver")),
        Remade::ControllerManager => Some(of_control_plane("kube-controller-manager", "controller-manager")),
        Remade::Scheduler => Some(of_control_plane("kube-scheduler", "scheduler")),
    }
}

/// kubeadm keeps a certificate that is there, whatever its names.
fn remake_certificate(aside: &Aside, work: &ControlPlaneWork, tell: Tell<'_>) -> Result<()> {
    aside.change(|| {
        for file in [CERTIFICATE, KEY] {
            fsx::remove_if_exists(file.as_ref())?;
        }
        kubelet::kubeadm(&["init", "phase", "certs", "apiserver"], &work.config, &[], tell)
    })?;
    let made = certificate()?;
    let shows_it = || api::served_certificate().is_ok_and(|shown| shown == made);
    if kubelet::within(CERTIFICATE_DEADLINE, shows_it) {
        return Ok(());
    }
    Err(Problem::new(Class::Kubernetes, "the API server does not show its new certificate")
        .remedy("look at its log on the machine: crictl ps -a, crictl logs"))
}

/// Returns the certificate that is there, DER.
fn certificate() -> Result<Vec<u8>> {
    let pem = fsx::read(CERTIFICATE.as_ref())?;
    let (_, block) = parse_x509_pem(&pem)
        .map_err(|error| Problem::new(Class::Machine, format!("{CERTIFICATE} cannot be read: {error}")))?;
    Ok(block.contents)
}

/// Puts back what was, and waits until that runs.
fn put_back(aside: &Aside, work: &ControlPlaneWork, node: &str) -> Result<()> {
    let remade = work.remade.iter().filter_map(|remade| component(*remade));
    let components: Vec<Component> =
        remade.map(|(name, _)| Component::before(name, node)).collect::<Result<_>>()?;
    aside.put_back()?;
    components.iter().try_for_each(Component::await_changed)?;
    kubelet::await_api()?;
    aside.forget()
}
