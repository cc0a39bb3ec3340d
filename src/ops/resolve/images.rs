//! What the declared images promise, read from the store as far as it may have changed.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::{Class, Problem, Problems, Result};
use crate::image::Store;
use crate::model::{Arch, Cluster, Declared, ImageContract, ImageKind, ImageName, ImageWishes, Undoing};
use crate::ops::contract;
use crate::plan::{self, Desired};
use crate::steps::State;

/// Which images are looked up again in the store, and which stay as they were the last time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::ops) enum Renewal {
    /// All stay: the command is not about images.
    Nothing,
    /// Those of these names.
    Named(BTreeSet<ImageName>),
}

/// Reads the images in the order of their names; all that is wrong is told at once.
pub(super) fn read(
    store: &Store,
    declared: &Declared,
    last: Option<&State>,
    renewal: &Renewal,
) -> Result<Vec<ImageContract>, Problems> {
    let mut images: Vec<ImageContract> = Vec::new();
    let mut problems = Vec::new();
    for name in &declared.images {
        let before = last.and_then(|state| state.images.iter().find(|image| image.name == *name));
        match one(store, name, declared, before, renewal) {
            Ok(image) => images.push(image),
            Err(problem) => problems.push(problem),
        }
    }
    Problems::check(problems)?;
    let bases: Vec<&str> = images
        .iter()
        .filter(|image| image.kind == ImageKind::Rootfs)
        .map(|image| image.name.as_str())
        .collect();
    if bases.len() > 1 {
        return Err(Problem::new(Class::Config, "more than one image brings Kubernetes")
            .saw(bases.join(", "))
            .remedy("a cluster has one; changing its version is not a launch")
            .into());
    }
    refuse_twins(&images)?;
    Ok(images)
}

/// Two names of one image would share its files, its commands and what is written down of it.
fn refuse_twins(images: &[ImageContract]) -> Result<(), Problems> {
    let earlier =
        |place: usize| images[..place].iter().find(|other| other.manifest == images[place].manifest);
    let twins = (0..images.len()).filter_map(|place| Some((&images[place], earlier(place)?)));
    let problems = twins.map(|(image, earlier)| {
        Problem::new(Class::Config, format!("{} and {} are the same image", earlier.name, image.name))
            .saw(image.manifest.short())
            .remedy("leave one of the names out")
    });
    Problems::check(problems.collect())
}

/// Returns the applications that are in the definition no more. One that was on its way out when the last run was cut off is
/// still one of them.
pub(super) fn parting(images: &[ImageContract], last: Option<&State>) -> Vec<ImageContract> {
    let known = last.into_iter().flat_map(|state| state.images.iter().chain(&state.parting));
    let mut parting: Vec<ImageContract> = vec![];
    for image in known.filter(|image| image.kind == ImageKind::Application) {
        if !images.iter().chain(&parting).any(|other| other.name == image.name) {
            parting.push(image.clone());
        }
    }
    parting
}

/// Takes over what is asked for applications that leave.
pub(super) fn leave(cluster: &mut Cluster, parting: &[ImageContract], declared: &Declared) {
    for image in parting {
        if let Some(asked) = declared.wishes.get(&image.name) {
            cluster.wishes.entry(image.name.clone()).or_default().undoing = asked.undoing;
        }
    }
}

/// Returns what is wanted of images that are there.
pub(super) fn wishes(declared: &Declared) -> BTreeMap<ImageName, ImageWishes> {
    let wishes = declared.wishes.iter().filter(|(_, wishes)| !wishes.is_empty());
    let wishes = wishes.filter(|(name, _)| declared.images.contains(name));
    // Who is there, and leaves some day, is undone then as is wished then.
    let stays = |wishes: &ImageWishes| ImageWishes { undoing: Undoing::default(), ..wishes.clone() };
    wishes.map(|(name, wishes)| (name.clone(), stays(wishes))).collect()
}

/// Fails for every application that nobody has given a command: there is nothing to launch.
pub(super) fn require_commands(desired: &Desired, declared: &Declared) -> Result<(), Problems> {
    let idle = desired.applications().filter(|image| plan::launch_commands(desired, image).is_empty());
    let problems = idle.map(|image| {
        let problem =
            Problem::new(Class::Config, format!("the application {} has no command to launch it", image.name))
                .saw(format!("its image {} has neither ENTRYPOINT nor CMD", image.manifest.short()))
                .remedy("build it again with `CMD [\"kubectl apply -f manifests\"]`, or give it a command: --cmd, or `command:` beside its name");
        match declared.image_places.get(&image.name) {
            Some(place) => problem.saw(format!("it is named at {place}")),
            None => problem,
        }
    });
    Problems::check(problems.collect())
}

/// Fails when a pod network is named that none of the images brings, by its label or its name.
pub(super) fn require_pod_network(images: &[ImageContract], wanted: Option<&str>) -> Result<()> {
    let Some(wanted) = wanted else { return Ok(()) };
    let brings = |image: &ImageContract| {
        image.pod_networks.iter().any(|network| network.eq_ignore_ascii_case(wanted))
            || own_name(&image.name).to_lowercase().contains(&wanted.to_lowercase())
    };
    if images.iter().any(brings) {
        return Ok(());
    }
    let names: Vec<&str> = images.iter().map(|image| image.name.as_str()).collect();
    Err(Problem::new(Class::Config, format!("none of the images brings the pod network `{wanted}`"))
        .saw(names.join(", "))
        .remedy(format!(
            "add an image that does, such as {wanted}:latest, or leave the name of the network out"
        )))
}

/// Returns `calico` of `registry.example:5000/net/calico:v3.30`.
fn own_name(image: &str) -> &str {
    let last = image.rsplit('/').next().unwrap_or(image);
    last.split([':', '@']).next().unwrap_or(last)
}

fn one(
    store: &Store,
    name: &ImageName,
    declared: &Declared,
    before: Option<&ImageContract>,
    renewal: &Renewal,
) -> Result<ImageContract> {
    let renewed = match renewal {
        Renewal::Nothing => false,
        Renewal::Named(names) => names.contains(name),
    };
    match before {
        Some(before) if !renewed => Ok(before.clone()),
        Some(before) => match store.resolve(name, Arch::THIS) {
            // It says what it said before; reading its layers again would take longer than all the rest.
            Ok(image) if image.manifest == before.manifest => {
                let wanted = declared.applications.iter().flatten().map(|(name, _)| name.as_str());
                contract::with_bundle(before, &image, &wanted.collect::<Vec<_>>())
            }
            Ok(_) => contract::read(store, name, Arch::THIS),
            // Machines may have all of it. Where one has not, its layers are missed before anything is touched.
            Err(_) => Ok(before.clone()),
        },
        None => contract::read(store, name, Arch::THIS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::files::tests::image;

    #[test]
    fn two_names_of_one_image_are_refused() {
        let [flannel, other] =
            ["flannel:v1", "other:v1"].map(|name| image(name, ImageKind::Application, vec![]));
        let twin = ImageContract { name: "twin:v1".to_owned(), ..flannel.clone() };
        assert!(refuse_twins(&[flannel.clone(), other]).is_ok());
        let told = refuse_twins(&[flannel, twin]).unwrap_err();
        assert_eq!(told.list()[0].message, "flannel:v1 and twin:v1 are the same image");
    }
}
