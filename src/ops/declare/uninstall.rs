//! Applications taken out of what is declared.

use super::last;
use crate::error::{Class, Problem, Problems, Result};
use crate::model::{Declared, ImageKind, ImageName, ImageWishes, Undoing};
use crate::steps::State;
use crate::suggest;

/// Returns what the cluster is without these applications. One that is on its way out already changes nothing, so that the
/// same command can be given again after it was cut off.
pub(in crate::ops) fn without(
    applications: &[String],
    undoing: Undoing,
    state: &State,
) -> Result<Declared, Problems> {
    let mut declared = last::last(state);
    let mut problems = Vec::new();
    for wanted in applications {
        match find(wanted, state) {
            Ok(image) => {
                if first_application(&declared, state).as_ref() == Some(&image) {
                    // It was for this application, and the next one is not to get it.
                    declared.command = None;
                }
                declared.images.retain(|name| *name != image);
                declared.wishes.insert(image, ImageWishes { undoing, ..ImageWishes::default() });
            }
            Err(problem) => problems.push(problem),
        }
    }
    Problems::check(problems)?;
    declared.configs = last::configs_of(&declared.images, declared.configs);
    Ok(declared)
}

fn first_application(declared: &Declared, state: &State) -> Option<ImageName> {
    declared.images.iter().find(|name| kind(name, state) == Some(ImageKind::Application)).cloned()
}

fn kind(name: &str, state: &State) -> Option<ImageKind> {
    state.images.iter().chain(&state.parting).find(|image| image.name == name).map(|image| image.kind)
}

fn find(wanted: &str, state: &State) -> Result<ImageName> {
    let known = || state.images.iter().chain(&state.parting);
    if let Some(kind) = kind(wanted, state).filter(|kind| *kind != ImageKind::Application) {
        let brings = if kind == ImageKind::Rootfs { "brings Kubernetes" } else { "is laid over the rootfs" };
        return Err(Problem::new(Class::Refused, format!("{wanted} {brings} and is no application"))
            .remedy("take a patch out of the Clusterfile's `images`, and apply it"));
    }
    let applications =
        || known().filter(|image| image.kind == ImageKind::Application).map(|image| &image.name);
    if let Some(name) = applications().find(|name| *name == wanted) {
        return Ok(name.clone());
    }
    let mut alike = applications().filter(|name| is_called(name, wanted));
    match (alike.next(), alike.next()) {
        (Some(only), None) => Ok(only.clone()),
        (Some(one), Some(other)) => {
            Err(Problem::new(Class::Usage, format!("`{wanted}` is not one application"))
                .saw(format!("there are {one} and {other}"))
                .remedy("name it with its tag"))
        }
        (None, _) => Err(unknown(wanted, applications().map(String::as_str).collect(), &state.cluster.name)),
    }
}

/// Tells whether an image has this name, with or without its registry's and its tag.
pub(in crate::ops) fn is_called(image: &str, wanted: &str) -> bool {
    let last = image.rsplit('/').next().unwrap_or(image);
    let untagged = |name: &str| name.split(['@', ':']).next().unwrap_or(name).to_owned();
    last == wanted || untagged(last) == wanted
}

fn unknown(wanted: &str, applications: Vec<&str>, cluster: &str) -> Problem {
    let problem =
        Problem::new(Class::Usage, format!("the cluster `{cluster}` has no application `{wanted}`"));
    let problem = match applications.as_slice() {
        [] => problem.saw("it has none at all"),
        some => problem.saw(format!("its applications are {}", some.join(", "))),
    };
    match suggest::did_you_mean(wanted, applications) {
        Some(hint) => problem.remedy(hint),
        None => problem.remedy(format!("sealift status --name {cluster} shows them")),
    }
}
