//! What launching and uninstalling an application have in common.

use std::path::Path;

use crate::error::{Class, Problem, Result};
use crate::model::{ImageContract, ImageKind, LayerContent};
use crate::plan::{self, Desired};
use crate::wire::{ApplicationFiles, ApplicationTree};

/// Returns an application of the plan, also one that is being taken off.
pub(super) fn find<'a>(desired: &'a Desired, name: &str) -> Result<&'a ImageContract> {
    let found = desired.images.iter().chain(&desired.parting).find(|image| image.name == name);
    found.ok_or_else(|| Problem::new(Class::Internal, format!("the planned image {name} is not there")))
}

/// Returns an application's files.
pub(super) fn tree(desired: &Desired, image: &ImageContract) -> ApplicationTree {
    let environment = plan::of_application(desired, image);
    let manifest = image.manifest.clone();
    if image.kind != ImageKind::Application {
        return ApplicationTree { manifest, files: ApplicationFiles::Rootfs, environment };
    }
    let own = image.layers.iter().filter(|layer| layer.content != LayerContent::Registry);
    ApplicationTree {
        manifest,
        files: ApplicationFiles::Own {
            layers: own.map(|layer| layer.diff_id.clone()).collect(),
            configs: plan::configs_of_application(desired, image),
        },
        environment,
    }
}

/// Returns the files of the applications before this one: what they have in `opt/`, it may use.
pub(super) fn tools(desired: &Desired, image: &ImageContract) -> Vec<ApplicationTree> {
    let before = desired.applications().take_while(|other| other.name != image.name);
    before.map(|other| tree(desired, other)).collect()
}

/// Returns the line of shell that a label of an application says, if it says anything. As in a rootfs, a script is named as
/// it is called in the image's `scripts/`.
pub(super) fn script(label: &str) -> Option<String> {
    let first = label.split_whitespace().next()?;
    let is_script = !first.contains('/') && Path::new(first).extension().is_some_and(|end| end == "sh");
    Some(if is_script { format!("cd scripts && bash {label}") } else { label.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_a_script_of_the_image_or_a_line_of_shell() {
        for (label, line) in [
            ("", None),
            ("clean.sh $NAME", Some("cd scripts && bash clean.sh $NAME")),
            ("kubectl delete -f manifests/a.yaml", Some("kubectl delete -f manifests/a.yaml")),
            ("./clean.sh", Some("./clean.sh")),
        ] {
            assert_eq!(script(label).as_deref(), line, "{label}");
        }
    }
}
