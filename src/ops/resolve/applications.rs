//! Which of the images' applications are launched, as `spec.applications` says.

use super::{Renewal, Wish};
use crate::error::{Class, Problem, Problems, Result};
use crate::image::Store;
use crate::model::{Declared, ImageContract, ImageKind};
use crate::ops::contract;
use crate::ops::declare::is_called;
use crate::plan::{self, Desired};
use crate::suggest;

/// Leaves out the applications that are not named, and says of images that bring several which of theirs are wanted. An
/// application that is left out is as one that no image is named for: it is taken off a cluster that has it.
///
/// Names that nothing has are `Config` problems.
pub(super) fn selected(
    images: Vec<ImageContract>,
    declared: &Declared,
) -> Result<(Vec<ImageContract>, Declared), Problems> {
    let mut declared = declared.clone();
    let Some(wanted) = declared.applications.take() else {
        Problems::check(gone(&images, &declared))?;
        return Ok((images, declared));
    };
    let is_known = |name: &str| images.iter().any(|image| is_itself(image, name) || image.bundle.has(name));
    let unknown = wanted.iter().filter(|(name, _)| !is_known(name));
    Problems::check(unknown.map(|(name, place)| not_there(name, place, &images)).collect())?;
    let mut kept = Vec::new();
    for image in images {
        let is_named = wanted.iter().any(|(name, _)| is_itself(&image, name));
        let own = wanted.iter().map(|(name, _)| name).filter(|name| image.bundle.has(name));
        let own: Vec<String> = own.cloned().collect();
        if image.kind == ImageKind::Application && !is_named && own.is_empty() {
            declared.images.retain(|name| *name != image.name);
            continue;
        }
        if !image.bundle.is_empty() && !is_named {
            declared.wishes.entry(image.name.clone()).or_default().applications = Some(own);
        }
        kept.push(image);
    }
    Ok((kept, declared))
}

/// Returns a problem for every application that is wanted of an image and not in it: another version of it has come.
fn gone(images: &[ImageContract], declared: &Declared) -> Vec<Problem> {
    let wanted = |image: &ImageContract| {
        let wishes = declared.wishes.get(&image.name);
        wishes.and_then(|wishes| wishes.applications.clone()).unwrap_or_default()
    };
    let told = |image: &ImageContract, name: &str| {
        let known = || image.bundle.applications.iter().map(|one| one.name.as_str());
        let message = format!("{} has no application `{name}`, which is wanted of it", image.name);
        let hint = suggest::did_you_mean(name, known()).unwrap_or_else(|| match known().count() {
            0 => "it has none at all".to_owned(),
            _ => format!("its applications are {}", known().collect::<Vec<_>>().join(", ")),
        });
        Problem::new(Class::Config, message)
            .remedy(hint)
            .remedy("name those that are wanted in `applications` of a Clusterfile, and apply it")
    };
    let of_image = |image| {
        let names = wanted(image).into_iter().filter(|name| !image.bundle.has(name));
        names.map(|name| told(image, &name)).collect::<Vec<_>>()
    };
    images.iter().flat_map(of_image).collect()
}

/// An application that is an image goes by the image's name.
fn is_itself(image: &ImageContract, name: &str) -> bool {
    image.kind == ImageKind::Application && (image.name == name || is_called(&image.name, name))
}

fn not_there(name: &str, place: &str, images: &[ImageContract]) -> Problem {
    let own = images.iter().filter(|image| image.kind == ImageKind::Application).map(|image| &image.name);
    let bundled = images.iter().flat_map(|image| &image.bundle.applications).map(|one| &one.name);
    let known: Vec<&str> = own.chain(bundled).map(String::as_str).collect();
    let message = format!("none of the images brings the application `{name}`");
    let problem = Problem::new(Class::Config, message).saw(format!("it is named at {place}"));
    match suggest::did_you_mean(name, known.iter().copied()) {
        Some(hint) => problem.remedy(hint),
        None if known.is_empty() => problem.remedy("name an image that does in `images`"),
        None => problem.remedy(format!("their applications are {}", known.join(", "))),
    }
}

/// Returns what is said of commands and has no effect. A command that takes a cluster as it is kept is not about that.
pub(super) fn doubts(desired: &Desired, wish: &Wish<'_>, store: &Store) -> Vec<Problem> {
    if wish.files.is_none() && wish.renewal == Renewal::Nothing {
        return vec![];
    }
    let idle = plan::is_command_idle(desired).then(|| {
        Problem::new(Class::Config, "the command for the first application is nobody's")
            .remedy("name an application in `images` without a command of its own, or write the command beside the image that it is for")
    });
    let unused = plan::unused_arguments(desired).into_iter();
    let told = unused.map(|name| {
        Problem::new(Class::Config, format!("no command of the images asks for the argument `{name}`"))
            .remedy(format!(
                "write `${name}` in a command, or put it into `env` if scripts or templates are to see it"
            ))
    });
    let silent = desired.images.iter().filter_map(|image| silent(desired, image, store));
    idle.into_iter().chain(told).chain(silent).collect()
}

/// Returns a problem for an image that launches applications, and was kept by a version that launched none of them. They are
/// not launched because sealift is newer: whoever made the cluster may have launched them in another way.
fn silent(desired: &Desired, image: &ImageContract, store: &Store) -> Option<Problem> {
    let own = desired.cluster.wishes.get(&image.name).and_then(|wishes| wishes.command.as_ref());
    let first =
        desired.cluster.command.as_ref().and_then(|_| plan::commanded(&desired.images, &desired.cluster));
    if own.is_some() || first.is_some_and(|first| first.name == image.name) {
        return None;
    }
    // An image that is not there any more says nothing.
    let stored = store.resolve(&image.name, image.arch).ok()?;
    let bundle = contract::passed_over(&stored, image)?;
    let names: Vec<&str> = bundle.applications.iter().map(|one| one.name.as_str()).collect();
    let message =
        format!("{} launches applications, but the cluster was made without, and stays so", image.name);
    let problem = Problem::new(Class::Config, message);
    Some(if names.is_empty() {
        problem.remedy(format!(
            "to launch them write its commands beside the image: {}",
            bundle.commands.join("; ")
        ))
    } else {
        problem.remedy(format!(
            "to launch them name those that are wanted in `applications`: {}",
            names.join(", ")
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Bundle, BundledApplication, Environment, ImageWishes};
    use crate::ops::files::tests::image;

    fn images() -> Vec<ImageContract> {
        let application = |name: &str| BundledApplication {
            name: name.to_owned(),
            commands: vec![format!("launch {name}")],
            environment: Environment::new(),
        };
        let bundle = Bundle {
            applications: ["calico", "web", "db"].map(application).to_vec(),
            launched: vec!["calico".to_owned()],
            commands: vec![],
        };
        vec![
            ImageContract { bundle, ..image("base:v1", ImageKind::Rootfs, vec![]) },
            image("flannel:v1", ImageKind::Application, vec![]),
            image("registry.example/net/hello:v2", ImageKind::Application, vec![]),
        ]
    }

    fn select(names: Option<&[&str]>) -> Result<(Vec<ImageContract>, Declared), Problems> {
        let places = |names: &[&str]| {
            names.iter().map(|name| ((*name).to_owned(), "Clusterfile:9:5".to_owned())).collect()
        };
        let declared = Declared {
            images: images().into_iter().map(|image| image.name).collect(),
            applications: names.map(places),
            ..Declared::default()
        };
        selected(images(), &declared)
    }

    /// The images that stay, and what launches those of the rootfs.
    fn staying(names: Option<&[&str]>) -> (Vec<String>, Vec<String>) {
        let (images, declared) = select(names).unwrap();
        assert_eq!(declared.images, images.iter().map(|image| image.name.clone()).collect::<Vec<_>>());
        let wanted = declared.wishes.get("base:v1").and_then(|wishes| wishes.applications.clone());
        (declared.images, images[0].bundle.commands(wanted.as_deref()))
    }

    #[test]
    fn what_is_named_is_launched_and_nothing_else() {
        let all = ["base:v1", "flannel:v1", "registry.example/net/hello:v2"];
        for (names, images, commands) in [
            (None, &all[..], &["launch calico"][..]),
            (
                Some(&["hello", "db", "web"][..]),
                &["base:v1", "registry.example/net/hello:v2"],
                &["launch db", "launch web"],
            ),
            (Some(&["flannel:v1"]), &["base:v1", "flannel:v1"], &[]),
            (Some(&[]), &["base:v1"], &[]),
        ] {
            let (stay, launched) = staying(names);
            assert_eq!(
                (stay, launched),
                (
                    images.iter().map(|&s| s.to_owned()).collect(),
                    commands.iter().map(|&s| s.to_owned()).collect()
                ),
                "{names:?}"
            );
        }
    }

    #[test]
    fn a_name_that_nothing_has_is_told_with_its_place() {
        let told = select(Some(&["webb", "hello"])).unwrap_err();
        let [problem] = told.list() else { panic!("{told}") };
        assert!(problem.seen.iter().any(|seen| seen.contains("Clusterfile:9:5")), "{problem:?}");
        assert!(problem.remedies.iter().any(|remedy| remedy.contains("`web`")), "{problem:?}");
    }

    #[test]
    fn what_another_version_of_an_image_has_not_any_more_is_told() {
        let applications = Some(["db", "webb"].map(str::to_owned).to_vec());
        let wishes = ImageWishes { applications, ..ImageWishes::default() };
        let declared = Declared {
            wishes: [("base:v1".to_owned(), wishes)].into_iter().collect(),
            ..Declared::default()
        };
        let told = selected(images(), &declared).unwrap_err();
        let [problem] = told.list() else { panic!("{told}") };
        assert_eq!(problem.message, "base:v1 has no application `webb`, which is wanted of it");
        assert!(problem.remedies.iter().any(|remedy| remedy.contains("`web`")), "{problem:?}");
    }
}
