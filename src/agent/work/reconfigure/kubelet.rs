//! kubelet given the configuration that the cluster keeps, as kubeadm writes it for this machine.

use crate::agent::command::{Command, Tell};
use crate::agent::{ownership, receipts};
use crate::error::{Class, Problem, Result};
use crate::model::Part;
use crate::wire::KubeletConfigurationWork;

use super::aside::Aside;
use super::begin;
use crate::agent::work::kubelet_arguments;

pub(in crate::agent::work) fn carry_out(work: &KubeletConfigurationWork, tell: Tell<'_>) -> Result<()> {
    ownership::require(&work.cluster)?;
    begin(Part::Kubelet)?;
    let aside = Aside::keep(Part::Kubelet)?;
    let taken_up = aside.change(|| fetch(work, tell)).and_then(|()| {
        tell("kubelet starts anew");
        kubelet_arguments::restart(&work.cluster, tell)
    });
    if let Err(problem) = taken_up {
        tell("kubelet gets its configuration of before back");
        return Err(match put_back(&aside, work, tell) {
            Ok(()) => problem.saw("it runs with its configuration of before again"),
            Err(other) => problem.saw(format!("it does not run with its configuration of before: {other}")),
        });
    }
    // In this order: what is written down as done must not leave copies that a later change would take for its own.
    aside.forget()?;
    receipts::write(Part::Kubelet.name(), &work.receipt)
}

fn put_back(aside: &Aside, work: &KubeletConfigurationWork, tell: Tell<'_>) -> Result<()> {
    aside.put_back()?;
    kubelet_arguments::restart(&work.cluster, tell)?;
    aside.forget()
}

/// Has kubeadm write it, with what is the machine's own: its resolv.conf, its runtime, its patches.
fn fetch(work: &KubeletConfigurationWork, tell: Tell<'_>) -> Result<()> {
    let patches = work.patches.iter().map(|directory| format!("--patches={directory}"));
    let words = ["upgrade", "node", "phase", "kubelet-config"].map(str::to_owned);
    let fetched = Command::new("kubeadm", words.into_iter().chain(patches)).run(tell);
    fetched.map_err(|problem| Problem { class: Class::Kubernetes, ..problem })
}
