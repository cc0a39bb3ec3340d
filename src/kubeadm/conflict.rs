//! What somebody wrote that cannot hold: against the cluster's identity, against the image, or in words this kubeadm has not got.

use std::net::IpAddr;

use serde_json::Value;

use super::api::KubeadmApi;
use super::arguments;
use super::computed::{Claim, SECRETS};
use super::layers::Written;
use super::tree::Tree;
use crate::error::{Class, Problem};
use crate::model::{KubernetesVersion, Subnets};

/// An image's file may contradict the image itself.
pub(super) fn of_image(written: &[Written], version: &KubernetesVersion) -> Vec<Problem> {
    let remedy = "build the image again without `kubernetesVersion` in its etc/kubeadm.yml";
    let mut problems = versions(written, version, remedy);
    problems.extend(written.iter().filter_map(external_etcd));
    problems
}

/// What an operator wrote that differs from what the cluster is, takes away what it needs, or is sealift's to make.
pub(super) fn of_clusterfile(
    written: &[Written],
    claims: &[Claim],
    version: &KubernetesVersion,
) -> Vec<Problem> {
    let mut problems =
        versions(written, version, "leave `kubernetesVersion` out; the image brings its version");
    for one in written {
        let own = claims.iter().filter(|claim| claim.kind == one.kind);
        for claim in own.filter(|claim| claim.path != ["kubernetesVersion"]) {
            problems.extend(against(one, claim));
        }
        problems.extend(removed(one, &["nodeRegistration", "criSocket"]));
        problems.extend(removed(one, &["apiServer", "certSANs"]));
        problems.extend(removed(one, &["kubernetesVersion"]));
        for (_, path) in SECRETS.iter().filter(|(kind, _)| *kind == one.kind) {
            problems.extend(made_by_us(one, path));
        }
        problems.extend(external_etcd(one));
    }
    // What is removed by one `null` is told once.
    let mut told: Vec<Problem> = vec![];
    for problem in problems {
        if !told.iter().any(|other| other.message == problem.message) {
            told.push(problem);
        }
    }
    told
}

fn external_etcd(one: &Written) -> Option<Problem> {
    let external = one.tree.get(&["etcd", "external"]).filter(|external| !external.is_null())?;
    let message = format!(
        "{}: sealift cares for an etcd on the control planes, not for an external one",
        external.origin
    );
    Some(Problem::new(Class::Config, message).remedy("leave `etcd.external` out"))
}

fn versions(written: &[Written], version: &KubernetesVersion, remedy: &str) -> Vec<Problem> {
    let bare = |text: &str| text.trim_start_matches('v').to_owned();
    let asked = written.iter().filter_map(|one| one.tree.get(&["kubernetesVersion"]));
    let differs = |tree: &&Tree| tree.text().is_some_and(|text| bare(text) != bare(&version.to_string()));
    asked
        .filter(differs)
        .map(|tree| {
            let asked = tree.text().unwrap_or_default();
            let message =
                format!("{}: it asks for Kubernetes {asked}, but the image brings {version}", tree.origin);
            Problem::new(Class::Config, message).remedy(remedy)
        })
        .collect()
}

fn against(one: &Written, claim: &Claim) -> Option<Problem> {
    if let Some(problem) = removed(one, claim.path) {
        return Some(problem);
    }
    let tree = one.tree.get(claim.path)?;
    // What a secret should be is nobody's business.
    if is_same(&tree.to_value(), &claim.value) || SECRETS.iter().any(|(_, path)| *path == claim.path) {
        return None;
    }
    let path = claim.path.join(".");
    let message = format!("{}: `{path}` cannot be {}", tree.origin, shown(&tree.to_value()));
    Some(
        Problem::new(Class::Config, message)
            .saw(format!("it is {}: {}", shown(&claim.value), claim.why))
            .remedy("leave it out"),
    )
}

/// Whether two values say the same; an address or a network has many spellings.
fn is_same(one: &Value, other: &Value) -> bool {
    let addresses = |value: &Value| {
        let each = value.as_str()?.split(',').map(|one| one.trim().parse::<IpAddr>().ok());
        each.collect::<Option<Vec<_>>>()
    };
    let networks = |value: &Value| value.as_str()?.parse::<Subnets>().ok();
    one == other
        || addresses(one).is_some_and(|one| addresses(other) == Some(one))
        || networks(one).is_some_and(|one| networks(other) == Some(one))
}

/// Finds a `null` by which a field that has to be there would be taken away.
fn removed(one: &Written, path: &[&str]) -> Option<Problem> {
    let null = (1..=path.len()).find_map(|length| {
        one.tree.get(&path[..length]).filter(|tree| tree.is_null()).map(|tree| (tree, length))
    });
    let (null, length) = null?;
    let (field, whole) = (path[..length].join("."), path.join("."));
    let message = format!("{}: `{field}` cannot be removed", null.origin);
    Some(
        Problem::new(Class::Config, message)
            .saw(format!("the cluster needs `{whole}`"))
            .remedy("leave it out; `null` is for what the cluster can do without"),
    )
}

fn made_by_us(one: &Written, path: &[&str]) -> Option<Problem> {
    let tree = one.tree.get(path)?;
    let message = format!("{}: `{}` is made anew for every machine that joins", tree.origin, path.join("."));
    Some(Problem::new(Class::Config, message).remedy("leave it out"))
}

/// Before v1beta4 an argument has one value.
pub(super) fn of_repeated(tree: &Tree, api: KubeadmApi) -> Vec<Problem> {
    let told = |(path, tree): (String, &Tree)| {
        let message = format!(
            "{}: `{path}` is given more than once, which has no counterpart in {}",
            tree.origin,
            api.name()
        );
        Problem::new(Class::Config, message)
            .remedy("give it once; many arguments take a list, separated by commas")
    };
    arguments::repeated(tree).into_iter().map(told).collect()
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => format!("`{text}`"),
        other => format!("`{other}`"),
    }
}
