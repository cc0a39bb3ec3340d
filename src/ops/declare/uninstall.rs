//! Applications taken out of what is declared.

use super::last;
use crate::error::{Class, Problem, Problems, Result};
use crate::model::{Declared, ImageKind, ImageName, ImageWishes, Undoing};
use crate::plan;
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
    let commanded = plan::commanded(&state.images, &state.cluster);
    for wanted in applications {
        match find(wanted, state) {
            Ok(image) => {
                if commanded.is_some_and(|first| first.name == image) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Bundle, ImageContract};
    use crate::ops::files::tests::image;

    /// What is left of the command for the first application, when one is taken out.
    fn left(bundle: Bundle, uninstalled: &str) -> Option<Vec<String>> {
        let mut state = crate::ops::testing::state();
        state.images = vec![
            ImageContract { bundle, ..image("base:v1", ImageKind::Rootfs, vec![]) },
            image("flannel:v1", ImageKind::Application, vec![]),
            image("hello:v1", ImageKind::Application, vec![]),
        ];
        state.cluster.images = state.images.iter().map(|image| image.name.clone()).collect();
        state.cluster.command = Some(vec!["mine".to_owned()]);
        without(&[uninstalled.to_owned()], Undoing::default(), &state).unwrap().command
    }

    #[test]
    fn a_command_leaves_with_the_application_that_it_is_for_and_with_no_other() {
        let launching = || Bundle { commands: vec!["kubectl apply -f m".to_owned()], ..Bundle::default() };
        let mine = Some(vec!["mine".to_owned()]);
        for (bundle, uninstalled, command) in [
            (Bundle::default(), "flannel", None),
            (Bundle::default(), "hello", mine.clone()),
            (launching(), "flannel", mine),
        ] {
            assert_eq!(left(bundle.clone(), uninstalled), command, "{uninstalled} of {bundle:?}");
        }
    }
}
