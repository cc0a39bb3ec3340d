//! What a control plane is asked about the cluster's Nodes and etcd's members. It is done while somebody waits for it: an
//! operator who is gone is not worked for, and whoever comes next finds what is done.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{kubernetes, paths};
use crate::error::Result;
use crate::etcd::{Etcd, STAMP};
use crate::fsx;
use crate::model::ApiFacts;
use crate::steps::State;
use crate::wire::{
    AdmitEtcdMember, AwaitEtcd, CallContext, ConfigureNode, DeleteNode, Drain, Note, RemoveEtcdMember,
    Snapshot, Touched,
};

/// Where clients on this machine come to its etcd, where its manifest does not say so.
const OWN_ETCD: &str = "https://127.0.0.1:2379";

/// What kubeadm has etcd begun by.
const ETCD_MANIFEST: &str = "/etc/kubernetes/manifests/etcd.yaml";

/// Returns what the API and etcd say now. A list of members that cannot be had is told as empty, and a definition that
/// cannot be read as none.
pub(super) async fn facts() -> Result<ApiFacts> {
    let api = kubernetes::api().await?;
    let members = async { etcd()?.members().await };
    let etcd = async { Ok(members.await.unwrap_or_default()) };
    let (facts, etcd, state, open_to_joins) =
        tokio::try_join!(api.facts(), etcd, api.take_state(), api.is_open_to_joins())?;
    let state = state.and_then(|text| State::from_json(&text).ok());
    Ok(ApiFacts { etcd, definition: state.map(|state| state.definition()), open_to_joins, ..facts })
}

pub(super) async fn configure(order: &ConfigureNode) -> Result<Touched> {
    kubernetes::api().await?.configure_node(order).await
}

pub(super) async fn drain(order: &Drain, context: &CallContext) -> Result<Touched> {
    kubernetes::api().await?.drain(order, &teller(context)).await
}

pub(super) async fn delete(order: &DeleteNode) -> Result<Touched> {
    kubernetes::api().await?.delete_node(&order.node).await
}

pub(super) async fn remove_from_etcd(order: &RemoveEtcdMember, context: &CallContext) -> Result<Touched> {
    etcd()?.remove(order.address, &teller(context)).await
}

pub(super) async fn await_etcd(order: &AwaitEtcd, context: &CallContext) -> Result<()> {
    etcd()?.await_whole(Duration::from_secs(order.seconds), &teller(context)).await
}

pub(super) async fn admit_to_etcd(order: &AdmitEtcdMember, context: &CallContext) -> Result<()> {
    let (etcd, tell) = (etcd()?, teller(context));
    let deadline = Duration::from_secs(order.seconds);
    etcd.admit(order.address, &order.unfinished, deadline, &tell).await?;
    if order.snapshot == Snapshot::Taken {
        let path = save_etcd(Path::new(paths::SNAPSHOTS)).await?;
        tell(format!("etcd is saved in {}", path.display()));
    }
    Ok(())
}

/// Saves what etcd holds in a directory, and returns the file.
pub(super) async fn save_etcd(directory: &Path) -> Result<PathBuf> {
    let stamp = jiff::Timestamp::now().strftime(STAMP).to_string();
    etcd()?.snapshot(directory, &stamp).await
}

fn etcd() -> Result<Etcd> {
    let manifest = fsx::read_text(Path::new(ETCD_MANIFEST)).unwrap_or_default();
    Etcd::at(own_etcd(&manifest), Path::new(paths::ETCD_CERTIFICATES))
}

/// Returns where clients on this machine come to its etcd: kubeadm has it listen at the loopback address of the family that the control
/// plane is of.
fn own_etcd(manifest: &str) -> &str {
    const ARGUMENT: &str = "- --listen-client-urls=";
    let urls = manifest.lines().find_map(|line| line.trim().strip_prefix(ARGUMENT));
    let is_here =
        |url: &&str| ["https://127.0.0.1:", "https://[::1]:"].iter().any(|here| url.starts_with(here));
    urls.and_then(|urls| urls.split(',').find(is_here)).unwrap_or(OWN_ETCD)
}

fn teller(context: &CallContext) -> impl Fn(String) + Send + Sync + 'static {
    let note = context.notes();
    move |line| note(Note::Line(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn etcd_is_asked_where_it_listens_for_this_machine() {
        let manifest =
            |urls: &str| format!("    - etcd\n    - --listen-client-urls={urls}\n    - --name=a\n");
        for (urls, want) in [
            ("https://127.0.0.1:2379,https://10.0.0.1:2379", "https://127.0.0.1:2379"),
            ("https://[::1]:2379,https://[fd00::1]:2379", "https://[::1]:2379"),
            ("https://[fd00::1]:2379,https://[::1]:2399", "https://[::1]:2399"),
            ("https://10.0.0.1:2379", OWN_ETCD),
        ] {
            assert_eq!(own_etcd(&manifest(urls)), want);
        }
        assert_eq!(own_etcd(""), OWN_ETCD);
    }
}
