//! Which applications are launched, which are taken off, and on what ground.

use super::desired::Desired;
use super::receipts;
use super::situation::Situation;
use crate::model::{Cluster, Config, ImageContract, ImageKind, Undoing};

/// Tells whether an application was launched as it is now.
pub(super) fn is_launched(now: &Situation<'_>, image: &ImageContract) -> bool {
    let wanted = receipts::launched(now.desired, image);
    let launched = now.api().and_then(|api| api.applications.get(&image.name));
    launched.is_some_and(|launched| launched.digest == wanted)
}

/// Says why an application is launched.
pub(super) fn why_launch(now: &Situation<'_>, image: &ImageContract) -> &'static str {
    match now.api().map(|api| api.applications.contains_key(&image.name)) {
        Some(true) => "its image, variables or commands have changed",
        _ => "it was not launched yet",
    }
}

/// Returns the applications that the cluster has written down, and that are not in the definition any more.
pub(super) fn parting<'a>(now: &Situation<'a>) -> Vec<&'a ImageContract> {
    let is_there =
        |image: &&ImageContract| now.api().is_some_and(|api| api.applications.contains_key(&image.name));
    now.desired.parting.iter().filter(is_there).collect()
}

/// Says why an application is taken off.
pub(super) fn why_uninstall(desired: &Desired, image: &ImageContract) -> String {
    match successor(desired, image) {
        Some(successor) => format!("{} takes its place", successor.name),
        None if image.named_scripts().clean.is_empty() => {
            "it is not in the definition any more; its image has no `clean`, so what it made in the cluster stays".to_owned()
        }
        None if is_left_there(desired, image) => {
            "it is not in the definition any more; its `clean` is left out, so what it made in the cluster stays"
                .to_owned()
        }
        None => "it is not in the definition any more".to_owned(),
    }
}

fn is_left_there(desired: &Desired, image: &ImageContract) -> bool {
    desired.cluster.wishes.get(&image.name).is_some_and(|wishes| wishes.undoing == Undoing::LeftThere)
}

/// Returns what an application's image says to undo it; nothing where another version of it takes its place, or where that
/// is left out.
pub fn clean_of(desired: &Desired, image: &ImageContract) -> Option<String> {
    let clean = Some(image.named_scripts().clean).filter(|clean| !clean.is_empty());
    clean.filter(|_| successor(desired, image).is_none() && !is_left_there(desired, image))
}

/// Returns what an application's image says to look whether it did its work. That of a rootfs is for machines.
pub fn check_of(image: &ImageContract) -> Option<String> {
    let check = (image.kind == ImageKind::Application).then(|| image.named_scripts().check);
    check.filter(|check| !check.is_empty())
}

/// Puts back what the operator wanted of applications that leave: their `clean` runs as their commands did.
pub fn keep_wishes(cluster: &mut Cluster, parting: &[ImageContract], before: &Cluster) {
    for image in parting {
        if let Some(wishes) = before.wishes.get(&image.name) {
            cluster.wishes.insert(image.name.clone(), wishes.clone());
        }
        let of_image = before.configs.iter().filter(|config| config.trees.contains(&image.name));
        for config in of_image.cloned() {
            let config = Config { trees: vec![image.name.clone()], ..config };
            if !cluster.configs.contains(&config) {
                cluster.configs.push(config);
            }
        }
    }
}

/// Returns the application of the same name with another tag or digest, or the same image under another name.
pub fn successor<'a>(desired: &'a Desired, image: &ImageContract) -> Option<&'a ImageContract> {
    let succeeds = |other: &&ImageContract| {
        other.manifest == image.manifest || repository(&other.name) == repository(&image.name)
    };
    desired.applications().find(succeeds)
}

/// Tells whether two names are of one image, in two versions of it.
pub fn is_another_version(one: &str, other: &str) -> bool {
    one != other && repository(one) == repository(other)
}

/// Returns `registry.example:5000/net/calico` of `registry.example:5000/net/calico:v3.30`.
fn repository(image: &str) -> &str {
    let untagged = image.split('@').next().unwrap_or(image);
    match untagged.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => untagged,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_no_tag() {
        for (image, name) in [
            ("hello:v1", "hello"),
            ("hello", "hello"),
            ("r.example:5000/a/hello", "r.example:5000/a/hello"),
            ("r.example:5000/a/hello:v1@sha256:00", "r.example:5000/a/hello"),
        ] {
            assert_eq!(repository(image), name);
        }
    }
}
