//! What becomes of a cluster that runs when its documents change: which fields change, and which of them cannot.

use serde_json::Value;

use super::arguments;
use super::origin::Origin;
use super::render::Rendering;
use super::tree::{Content, Tree};
use crate::error::{Class, Problem, Problems};
use crate::model::{DocumentChange, FieldChange, Part};

/// Fields that a cluster is made with and keeps, by the kind of their document, and why; with all that is below them.
const KEPT: [(&str, &str, &str); 27] = [
    (CLUSTER, "networking", "Nodes, Services and pods have their addresses from it"),
    (CLUSTER, "clusterName", "it is in every kubeconfig"),
    (CLUSTER, "controlPlaneEndpoint", "every machine knows the API servers by it"),
    (CLUSTER, "kubernetesVersion", "a configuration does not change in the same run as the version"),
    (CLUSTER, "certificatesDir", "the certificates are there"),
    (CLUSTER, "imageRepository", "the images of what runs are from there"),
    (CLUSTER, "featureGates", "kubeadm has made the cluster in this way"),
    (CLUSTER, "dns", "kubeadm has put it into the cluster when it was made"),
    (CLUSTER, "proxy", "kubeadm has put it into the cluster when it was made"),
    (CLUSTER, "etcd.external", "the data is in the etcd that is there"),
    (CLUSTER, "etcd.local.dataDir", "the data is there"),
    (CLUSTER, "etcd.local.imageRepository", "the image of the etcd that runs is from there"),
    (CLUSTER, "etcd.local.imageTag", "the data is of this version"),
    (CLUSTER, "etcd.local.serverCertSANs", "etcd's certificates are made with it"),
    (CLUSTER, "etcd.local.peerCertSANs", "etcd's certificates are made with it"),
    (CLUSTER, "etcd.local.extraArgs.data-dir", "the data is there"),
    (CLUSTER, "etcd.local.extraArgs.name", "the other members know it by its name"),
    (CLUSTER, "apiServer.extraArgs.service-cluster-ip-range", "Services have their addresses from it"),
    (CLUSTER, "apiServer.extraArgs.advertise-address", "it is the machine's address"),
    (CLUSTER, "apiServer.extraArgs.secure-port", "every machine knows the API servers by it"),
    (CLUSTER, "apiServer.extraArgs.etcd-servers", "the data is there"),
    (CLUSTER, "controllerManager.extraArgs.cluster-cidr", "Nodes have their addresses for pods from it"),
    (
        CLUSTER,
        "controllerManager.extraArgs.service-cluster-ip-range",
        "Services have their addresses from it",
    ),
    (KUBELET, "clusterDomain", "pods know Services by it"),
    (KUBELET, "cgroupDriver", "pods that run are in control groups of this kind"),
    (KUBELET, "staticPodPath", "the control plane's manifests are there"),
    (PROXY, "clusterCIDR", "pods have their addresses from it"),
];

const CLUSTER: &str = "ClusterConfiguration";
const KUBELET: &str = "KubeletConfiguration";
const PROXY: &str = "KubeProxyConfiguration";

/// What may hold a secret is not shown.
const HIDDEN: [&str; 2] = ["extraEnvs", "staticPodURLHeader"];

/// One difference between two documents.
struct Difference<'a> {
    field: String,
    before: Option<&'a Tree>,
    after: Option<&'a Tree>,
}

/// Returns what changes in the documents of a cluster that runs, from one rendering of the first control plane's file to another.
///
/// # Errors
/// Class `Refused` for every field that cannot be changed once the cluster is made, with the place where it stands.
pub fn changes(before: &Rendering, after: &Rendering) -> Result<Vec<DocumentChange>, Problems> {
    let mut problems = vec![];
    let mut changes = vec![];
    for kind in Part::ALL.map(Part::kind) {
        let document = |rendering: &Rendering| {
            let mut tree = rendering.document(kind).cloned().unwrap_or_else(|| Tree::map(Origin::BuiltIn));
            arguments::to_maps(&mut tree);
            tree
        };
        let (before, after) = (document(before), document(after));
        let mut found = vec![];
        compare("", Some(&before), Some(&after), &mut found);
        problems.extend(found.iter().filter_map(|difference| refused(kind, difference)));
        if !found.is_empty() {
            changes.push(DocumentChange {
                kind: kind.to_owned(),
                fields: found.iter().map(Difference::told).collect(),
                note: None,
            });
        }
    }
    Problems::check(problems)?;
    Ok(changes)
}

/// Finds the smallest values that differ. Lists of things with names are compared by these.
fn compare<'a>(
    field: &str,
    before: Option<&'a Tree>,
    after: Option<&'a Tree>,
    found: &mut Vec<Difference<'a>>,
) {
    if before.map(Tree::to_value) == after.map(Tree::to_value) {
        return;
    }
    let below = |key: &str| if field.is_empty() { key.to_owned() } else { format!("{field}.{key}") };
    match (keyed(before), keyed(after)) {
        (Some(one), Some(other)) => {
            let get = |list: &[(&str, &'a Tree)], key: &str| {
                list.iter().find(|(name, _)| *name == key).map(|(_, tree)| *tree)
            };
            let new = other.iter().filter(|(key, _)| get(&one, key).is_none());
            for (key, _) in one.iter().chain(new) {
                compare(&below(key), get(&one, key), get(&other, key), found);
            }
        }
        _ => found.push(Difference { field: field.to_owned(), before, after }),
    }
}

/// Returns the values of a mapping, or of a list in which each has a name of its own. What is not there has none.
fn keyed(tree: Option<&Tree>) -> Option<Vec<(&str, &Tree)>> {
    let Some(tree) = tree else { return Some(vec![]) };
    match &tree.content {
        Content::Map(fields) => Some(fields.iter().map(|(key, value)| (key.as_str(), value)).collect()),
        Content::List(items) if !items.is_empty() => {
            let named: Option<Vec<(&str, &Tree)>> =
                items.iter().map(|item| Some((item.get(&["name"])?.text()?, item))).collect();
            let mut names: Vec<&str> = named.iter().flatten().map(|(name, _)| *name).collect();
            names.sort_unstable();
            names.dedup();
            named.filter(|named| named.len() == names.len())
        }
        Content::List(_) | Content::Scalar(_) => None,
    }
}

fn refused(kind: &str, difference: &Difference<'_>) -> Option<Problem> {
    let field = &difference.field;
    let is_of =
        |kept: &str| field.strip_prefix(kept).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    let (_, _, why) = KEPT.iter().find(|(of, kept, _)| *of == kind && is_of(kept))?;
    let written = |tree: &&Tree| tree.origin.is_written();
    let origin = difference.after.filter(written).or(difference.before).or(difference.after)?.origin.clone();
    let shown =
        |tree: Option<&Tree>| tree.map_or_else(|| "not set".to_owned(), |tree| format!("`{}`", text(tree)));
    Some(
        Problem::new(
            Class::Refused,
            format!("{origin}: `{field}` of the {kind} cannot be changed in a cluster that runs"),
        )
        .saw(format!("it is {} and would be {}: {why}", shown(difference.before), shown(difference.after)))
        .remedy("write it as it was when the cluster was made; another one needs another cluster"),
    )
}

impl Difference<'_> {
    fn told(&self) -> FieldChange {
        let hidden = self.field.split('.').any(|key| HIDDEN.contains(&key));
        let shown = |tree: &Tree| if hidden { "(not shown)".to_owned() } else { text(tree) };
        FieldChange {
            field: self.field.clone(),
            before: self.before.map(shown),
            after: self.after.map(shown),
        }
    }
}

fn text(tree: &Tree) -> String {
    match tree.to_value() {
        Value::String(text) => text,
        other => other.to_string(),
    }
}
