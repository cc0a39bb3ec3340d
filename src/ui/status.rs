//! A cluster's status as text: tables for eyes and for `awk`.

use std::fmt::Write as _;

use super::table::Table;
use crate::ops::{ApiStatus, ApplicationStatus, ClusterStatus, MachineStatus};

/// A certificate that ends in fewer days than this is told of.
const SOON: i64 = 30;

/// Returns the status for standard output.
pub fn text(status: &ClusterStatus) -> String {
    let mut text = String::new();
    let verdict = if status.as_desired { "as desired" } else { "not as desired" };
    let _ = writeln!(text, "{}  Kubernetes {}  {verdict}", status.cluster, status.version);
    let _ = match &status.api {
        ApiStatus::Answers { version } => writeln!(text, "API: answers, {version}"),
        ApiStatus::Silent { problem } => writeln!(text, "API: silent: {problem}"),
        ApiStatus::None => writeln!(text, "API: none was made yet"),
    };
    if let Some(holder) = &status.locked_by {
        let _ = writeln!(text, "changed now by {holder}");
    }
    push(&mut text, &machines(&status.machines));
    if !status.etcd.is_empty() {
        let mut table = Table::new(["etcd member", "state", "peers"]);
        for member in &status.etcd {
            let state = match (member.healthy, member.learner) {
                (false, _) => "silent",
                (true, true) => "learner",
                (true, false) => "healthy",
            };
            table.add([member.name.as_str(), state, &member.peer_urls.join(",")]);
        }
        push(&mut text, &table.render());
    }
    if !status.applications.is_empty() {
        let mut table = Table::new(["application", "state", "launched", "on", "run", "digest"]);
        let told = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
        for application in &status.applications {
            let ApplicationStatus { image, state, launched, machine, run, digest, .. } = application;
            let state = state.replace(' ', "-");
            table.add([image, &state, &told(launched), &told(machine), &told(run), digest]);
        }
        push(&mut text, &table.render());
    }
    push(&mut text, &receipts(&status.machines));
    push(&mut text, &remarks(status));
    if !status.runs.is_empty() {
        let mut table = Table::new(["ended", "outcome", "by", "command"]);
        for run in &status.runs {
            table.add([&run.ended, &run.outcome, &run.by, &run.command]);
        }
        push(&mut text, &table.render());
    }
    text
}

fn push(text: &mut String, block: &str) {
    if !block.is_empty() {
        text.push('\n');
        text.push_str(block);
    }
}

fn machines(machines: &[MachineStatus]) -> String {
    let mut table = Table::new(["machine", "role", "state", "kubelet", ">days left"]);
    for machine in machines {
        let days = machine.certificates.first().map(|one| one.days.to_string()).unwrap_or_default();
        let role = machine.role.replace(' ', "-");
        let state = machine.state.replace(' ', "-");
        let kubelet = machine.kubelet.clone().unwrap_or_default();
        table.add([&machine.name, &role, &state, &kubelet, &days]);
    }
    table.render()
}

/// The receipts of images' scripts and commands; one for each piece of work that nobody can see into.
fn receipts(machines: &[MachineStatus]) -> String {
    let mut table = Table::new(["receipt", "machine", "written", "digest"]);
    let all = machines.iter().flat_map(|machine| machine.receipts.iter().map(move |one| (machine, one)));
    let mut any = false;
    for (machine, receipt) in all.filter(|(_, receipt)| is_opaque(&receipt.work)) {
        let written = receipt.written.as_deref().unwrap_or("-");
        table.add([receipt.work.as_str(), &machine.name, written, &receipt.digest]);
        any = true;
    }
    if any { table.render() } else { String::new() }
}

/// Of the work that sealift does itself, everything can be looked at; its receipts only spare doing it again.
fn is_opaque(work: &str) -> bool {
    !matches!(work, "lay-out" | "endpoints" | "kubelet")
}

/// Everything that is not as it should be, and what will soon not be.
fn remarks(status: &ClusterStatus) -> String {
    let mut text = String::new();
    for machine in &status.machines {
        for drift in &machine.drift {
            let _ = writeln!(text, "{}: {drift}", machine.name);
        }
        for certificate in machine.certificates.iter().filter(|one| (0..SOON).contains(&one.days)) {
            let _ = writeln!(
                text,
                "{}: certificate {} ends in {} days",
                machine.name, certificate.name, certificate.days
            );
        }
    }
    for drift in &status.drift {
        let _ = writeln!(text, "cluster: {drift}");
    }
    for pod in &status.waiting_pods {
        let _ = writeln!(text, "pod {pod}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::{CertificateStatus, MemberStatus, ReceiptStatus, RunStatus};

    #[test]
    fn a_cluster_is_told_in_tables_and_its_drift_line_by_line() {
        let certificate =
            |days| CertificateStatus { name: "apiserver".to_owned(), expires: String::new(), days };
        let machine = |name: &str, role: &str, state: &str, drift: &[&str], days| MachineStatus {
            name: name.to_owned(),
            address: name.to_owned(),
            role: role.to_owned(),
            state: state.to_owned(),
            node: None,
            kubelet: (state != "silent").then(|| "v1.36.3".to_owned()),
            units: [].into(),
            drift: drift.iter().map(|drift| (*drift).to_owned()).collect(),
            certificates: vec![certificate(days)],
            receipts: vec![ReceiptStatus {
                work: "prepare".to_owned(),
                digest: "sha256:bb".to_owned(),
                written: Some("2026-01-01T00:00:00Z".to_owned()),
            }],
        };
        let status = ClusterStatus {
            cluster: "prod".to_owned(),
            as_desired: false,
            authority: None,
            version: "v1.36.3".to_owned(),
            api: ApiStatus::Answers { version: "v1.36.3".to_owned() },
            machines: vec![
                machine("10.0.0.1", "control plane", "ready", &[], 20),
                machine("10.0.0.2", "worker", "not ready", &["kubelet.service is inactive"], 364),
            ],
            etcd: vec![MemberStatus {
                name: "n1".to_owned(),
                peer_urls: vec!["https://10.0.0.1:2380".to_owned()],
                healthy: true,
                learner: false,
            }],
            applications: vec![ApplicationStatus {
                image: "flannel:v0.28.4".to_owned(),
                digest: "sha256:aa".to_owned(),
                state: "launched".to_owned(),
                launched_digest: None,
                launched: Some("2026-01-01T00:00:00Z".to_owned()),
                run: Some("r1".to_owned()),
                machine: Some("10.0.0.1".to_owned()),
            }],
            waiting_pods: vec!["kube-system/p: Pending".to_owned()],
            drift: vec!["it ends when everything is Ready".to_owned()],
            locked_by: Some("root@desk".to_owned()),
            runs: vec![RunStatus {
                run: "r1".to_owned(),
                command: "apply Clusterfile".to_owned(),
                by: "root@desk".to_owned(),
                ended: "2026-01-01T00:00:00Z".to_owned(),
                outcome: "done".to_owned(),
            }],
        };
        insta::assert_snapshot!(text(&status));
    }
}
