//! The operator's documents for kubeadm, kubelet and kube-proxy.

use crate::error::{Class, Problem, Problems, Result};
use crate::model::{ComponentDocument, Declared};
use crate::steps::State;

/// The kinds that only machines read which are still to come.
pub(super) const OF_NEW_MACHINES: [&str; 2] = ["InitConfiguration", "JoinConfiguration"];

/// Returns those that are declared. Of a cluster that is made only those may change that concern machines still to come.
pub(super) fn documents(
    declared: &Declared,
    last: Option<&State>,
) -> Result<Vec<ComponentDocument>, Problems> {
    let documents: Vec<ComponentDocument> =
        declared.documents.iter().filter_map(ComponentDocument::of).collect();
    let Some(made) = last.filter(|state| state.authority.is_some()) else { return Ok(documents) };
    let of_cluster = |documents: &[ComponentDocument]| {
        let mut found: Vec<ComponentDocument> = documents.to_vec();
        found.retain(|document| !OF_NEW_MACHINES.contains(&document.kind.as_str()));
        found.sort_by(|one, other| one.kind.cmp(&other.kind));
        found
    };
    let (now, then) = (of_cluster(&documents), of_cluster(&made.cluster.documents));
    let is_in = |list: &[ComponentDocument], document: &ComponentDocument| list.contains(document);
    let changed = now.iter().filter(|document| !is_in(&then, document));
    let gone = then.iter().filter(|document| !now.iter().any(|other| other.kind == document.kind));
    let problem = |document: &ComponentDocument| {
        let place = document.places.of("").map(|place| format!("{place}: ")).unwrap_or_default();
        let kind = &document.kind;
        Problem::new(Class::Refused, format!("{place}the {kind} cannot be changed once the cluster is made"))
            .remedy("write it as it was when the cluster was made")
    };
    Problems::check(changed.chain(gone).map(problem).collect())?;
    Ok(documents)
}
