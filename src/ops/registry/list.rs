//! `sealift registry list`: what the registries of a cluster serve, and which of them lacks what others have.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use serde::Serialize;

use super::{ground, look, registries};
use crate::error::{Class, Context as _, Problem, Problems, Result};
use crate::model::{Digest, MachineName, MachineSpec, ServedRepository};
use crate::ops::context::Context;
use crate::ops::known;
use crate::ops::login::LoginRequest;
use crate::ops::reporter::Data;
use crate::steps::Site;
use crate::wire::ListRegistry;

/// What `sealift registry list` is asked for.
#[derive(Debug, Clone)]
pub struct ListRegistryRequest {
    /// The cluster's name.
    pub name: String,
    /// How flags say to log in.
    pub login: LoginRequest,
}

/// One image that registries of a cluster serve.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServedImage {
    /// Its repository.
    pub repository: String,
    /// Its tag; none is an image that is asked for by its digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// What the tag names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// The control planes whose registries answered and do not serve this.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub missing_on: BTreeSet<MachineName>,
}

/// Lists what all registries serve, with `render` for people. Nothing is locked and nothing changes.
///
/// # Errors
/// Class `Partial` when a registry did not answer; what the others serve is written all the same.
pub async fn list_registry(
    context: &Context,
    request: ListRegistryRequest,
    render: impl FnOnce(&[ServedImage]) -> String,
) -> Result<(), Problems> {
    let last = known::cluster(context, &request.name)?;
    let scene = Box::pin(look(context, &last, &request.login)).await?;
    let site = ground(context, scene);
    let (serving, mut problems) = registries(&site);
    let asked = serving.iter().map(|machine| async {
        let door = site.desired.door(machine);
        let listed = async { site.agent(machine).await?.ask(ListRegistry { door }).await };
        listed
            .await
            .map(|listed| (whose(&site, machine), listed))
            .map_err(|problem| problem.on(&machine.name))
    });
    let mut listed = BTreeMap::new();
    for answer in join_all(asked).await {
        match answer {
            Ok((machine, repositories)) => _ = listed.insert(machine, repositories),
            Err(problem) => problems.push(problem),
        }
    }
    if listed.is_empty() {
        return Problems::check(problems);
    }
    let images = merged(&listed);
    let json = serde_json::json!({
        "cluster": request.name,
        "registries": listed.keys().collect::<Vec<_>>(),
        "images": serde_json::to_value(&images).problem(Class::Internal, "cannot write the list")?,
    });
    context.reporter.result(&Data { text: render(&images), json })?;
    for problem in &problems {
        context.reporter.warn(&problem.to_string());
    }
    if problems.is_empty() {
        return Ok(());
    }
    Err(Problem::new(Class::Partial, "not every registry was asked").into())
}

/// Returns what a registry is called: as the machine that it is on, or by its own name.
fn whose(site: &Site, machine: &MachineSpec) -> MachineName {
    let external = site.desired.cluster.registry.external();
    external.map_or_else(|| machine.name.clone(), |one| MachineName(format!("{}:{}", one.domain, one.port)))
}

/// Brings together what several registries serve, by name.
fn merged(listed: &BTreeMap<MachineName, Vec<ServedRepository>>) -> Vec<ServedImage> {
    type Key = (String, Option<String>, Option<Digest>);
    let mut found: BTreeMap<Key, BTreeSet<&MachineName>> = BTreeMap::new();
    for (machine, repositories) in listed {
        for repository in repositories {
            let tags = repository.tags.iter().map(|(tag, digest)| (Some(tag.clone()), Some(digest.clone())));
            let untagged = repository.tags.is_empty().then_some((None, None));
            for (tag, digest) in tags.chain(untagged) {
                found.entry((repository.name.clone(), tag, digest)).or_default().insert(machine);
            }
        }
    }
    // A repository that has tags elsewhere is told by these.
    let tagged: BTreeSet<String> =
        found.keys().filter(|(_, tag, _)| tag.is_some()).map(|(name, _, _)| name.clone()).collect();
    found
        .into_iter()
        .filter(|((name, tag, _), _)| tag.is_some() || !tagged.contains(name))
        .map(|((repository, tag, digest), on)| ServedImage {
            repository,
            tag,
            digest,
            missing_on: listed.keys().filter(|machine| !on.contains(machine)).cloned().collect(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_registry_lacks_is_told() {
        let (old, new) = (Digest::of("old"), Digest::of("new"));
        let repository = |name: &str, tags: &[(&str, &Digest)]| ServedRepository {
            name: name.to_owned(),
            tags: tags.iter().map(|(tag, digest)| ((*tag).to_owned(), (*digest).clone())).collect(),
        };
        let machine = |name: &str| MachineName(name.to_owned());
        let listed = BTreeMap::from([
            (
                machine("a"),
                vec![
                    repository("pause", &[("3", &old)]),
                    repository("x", &[("1", &new)]),
                    repository("y", &[]),
                ],
            ),
            (machine("b"), vec![repository("pause", &[("3", &old)]), repository("x", &[("1", &old)])]),
        ]);
        let told: Vec<String> = merged(&listed)
            .iter()
            .map(|image| {
                let missing: Vec<&str> = image.missing_on.iter().map(|machine| machine.0.as_str()).collect();
                let digest = if image.digest.as_ref() == Some(&new) { "new" } else { "old" };
                format!("{}:{} {digest} {missing:?}", image.repository, image.tag.as_deref().unwrap_or("-"))
            })
            .collect();
        let mut want =
            ["pause:3 old []", r#"x:1 new ["b"]"#, r#"x:1 old ["a"]"#, r#"y:- old ["b"]"#].map(str::to_owned);
        want.sort();
        let mut told = told;
        told.sort();
        assert_eq!(told, want);
    }
}
