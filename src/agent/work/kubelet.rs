//! What init and join have in common: whether a machine is in, and kubeadm run with a file of secrets.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::agent::command::{Command, Tell};
use crate::agent::{api, membership, paths};
use crate::distribute::remove;
use crate::error::{Class, Problem, Result};
use crate::fsx;
use crate::model::Role;

/// How long a new API server may take to answer. Slow disks and cold images are within it.
const API_DEADLINE: Duration = Duration::from_mins(4);

/// Where kubeadm's etcd keeps its data.
const ETCD_DATA: &str = "/var/lib/etcd";

/// Tells whether kubelet was let into a cluster and runs.
pub(super) fn is_in(role: Role) -> bool {
    membership::was_let_in(role) && crate::agent::units::is_active("kubelet.service")
}

/// Tells whether an init or join began here and left something behind.
pub(super) fn was_begun() -> bool {
    [
        "/etc/kubernetes/pki",
        "/etc/kubernetes/manifests/kube-apiserver.yaml",
        paths::KUBELET,
        "/var/lib/etcd/member",
    ]
    .iter()
    .any(|path| Path::new(path).exists())
}

/// Runs a subcommand of kubeadm's with this configuration, which is gone afterwards: it holds tokens.
pub(super) fn kubeadm(subcommand: &[&str], config: &str, ignore: &[String], tell: Tell<'_>) -> Result<()> {
    let path = Path::new(paths::RUN).join("kubeadm.yaml");
    fsx::write_atomically(&path, config, 0o600)?;
    let config = format!("--config={}", path.display());
    let mut arguments: Vec<String> = subcommand.iter().map(|word| (*word).to_owned()).collect();
    arguments.push(config);
    // A phase by itself prints neither.
    if subcommand.first() == Some(&"init") && subcommand.get(1) != Some(&"phase") {
        arguments.extend(["--skip-token-print".to_owned(), "--skip-certificate-key-print".to_owned()]);
    }
    if !ignore.is_empty() {
        arguments.push(format!("--ignore-preflight-errors={}", ignore.join(",")));
    }
    let ran = Command::new("kubeadm", arguments).run(tell);
    fsx::remove_if_exists(&path)?;
    ran.map_err(|problem| Problem { class: Class::Kubernetes, ..problem })
}

/// Undoes a half-done init or join. Only called where it is known to be ours and alone.
pub(super) fn reset(cri_socket: Option<&str>, tell: Tell<'_>) -> Result<()> {
    let mut arguments = vec!["reset".to_owned(), "--force".to_owned()];
    if let Some(socket) = cri_socket {
        arguments.push(format!("--cri-socket=unix://{socket}"));
    }
    Command::new("kubeadm", arguments).run(tell)
}

/// Undoes what was begun of a control plane and cut off, so that another one can be made.
///
/// kubeadm cleans etcd's directory, and an etcd whose container was just starting, as after a restart, may write there once more.
pub(super) fn start_over(tell: Tell<'_>) -> Result<()> {
    reset(None, tell)?;
    remove::empty_tree(Path::new(ETCD_DATA))
}

/// Starts kubelet, if it has what it needs to run.
pub(super) fn start() -> bool {
    Path::new("/var/lib/kubelet/config.yaml").exists()
        && Command::new("systemctl", ["start", "kubelet.service"]).succeeds()
}

/// Waits until something holds, no longer than `deadline`; tells whether it does.
pub(super) fn within(deadline: Duration, holds: impl Fn() -> bool) -> bool {
    let began = Instant::now();
    while !holds() {
        if began.elapsed() > deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    true
}

/// Tells whether a server answers a question well, over HTTP without TLS.
pub(super) fn answers_well(address: SocketAddr, path: &str) -> bool {
    let asked = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
        stream.set_read_timeout(Some(Duration::from_secs(3)))?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        let mut head = [0; 12];
        stream.read_exact(&mut head)?;
        Ok(head.ends_with(b"200"))
    };
    asked().unwrap_or(false)
}

/// Waits until the API server on this machine says that it is ready.
pub(super) fn await_api() -> Result<()> {
    if within(API_DEADLINE, api::is_ready) {
        return Ok(());
    }
    Err(Problem::new(Class::Kubernetes, "the API server does not get ready")
        .remedy("look at its log on the machine: crictl ps -a, crictl logs; and at etcd's"))
}
