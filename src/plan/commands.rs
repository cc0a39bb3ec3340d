//! The commands of images, as the operator wants them: lines of shell, in which the variables are still to be put.

use super::desired::Desired;
use super::environment::{refers_to, with_arguments};
use crate::model::{ImageContract, ImageKind, ImageWishes};

/// Returns what launches an application: the image's ENTRYPOINT always, and its CMD unless the operator has another command in
/// its place; of an image that brings several applications, what launches those that are wanted.
pub fn launch_commands(desired: &Desired, image: &ImageContract) -> Vec<String> {
    with_values(desired, of_launch(desired, image))
}

/// Returns what an image has run on every machine: nothing, if it is an application or launches some.
pub fn machine_commands(desired: &Desired, image: &ImageContract) -> Vec<String> {
    with_values(desired, of_machine(desired, image))
}

fn of_launch(desired: &Desired, image: &ImageContract) -> Vec<String> {
    let is_first = desired.applications().next().is_some_and(|first| first.name == image.name);
    let wishes = desired.cluster.wishes.get(&image.name);
    let wished = wishes.and_then(|wishes| wishes.command.as_ref());
    match wished.or(desired.cluster.command.as_ref().filter(|_| is_first)) {
        Some(command) => [&image.commands[..image.entrypoint_commands], command].concat(),
        None if image.bundle.is_empty() => image.commands.clone(),
        None => image.bundle.commands(wishes.and_then(|wishes| wishes.applications.as_deref())),
    }
}

fn of_machine(desired: &Desired, image: &ImageContract) -> Vec<String> {
    if image.kind == ImageKind::Application || !image.bundle.is_empty() {
        return vec![];
    }
    let wished = desired.cluster.wishes.get(&image.name).and_then(|wishes| wishes.command.as_ref());
    match wished {
        Some(command) => [&image.commands[..image.entrypoint_commands], command].concat(),
        None => image.commands.clone(),
    }
}

/// Puts the operator's values in the place of arguments. A command is another one when a value that it asks for is.
fn with_values(desired: &Desired, commands: Vec<String>) -> Vec<String> {
    let arguments = &desired.cluster.arguments;
    if arguments.is_empty() {
        return commands;
    }
    commands.iter().map(|line| with_arguments(line, arguments)).collect()
}

/// Tells whether an image is launched: applications are, and a rootfs that brings some, unless none of them is wanted.
pub(super) fn is_launched(image: &ImageContract, wishes: Option<&ImageWishes>) -> bool {
    if image.kind == ImageKind::Application {
        return true;
    }
    let wanted = wishes.and_then(|wishes| wishes.applications.as_deref());
    let has_command = !image.bundle.is_empty() && wishes.is_some_and(|wishes| wishes.command.is_some());
    has_command || !image.bundle.commands(wanted).is_empty()
}

/// Returns the names of arguments that the operator gives, and that no command of the images asks for.
pub fn unused_arguments(desired: &Desired) -> Vec<&str> {
    let machines = desired.base_images().flat_map(|image| of_machine(desired, image));
    let all: Vec<String> =
        machines.chain(desired.applications().flat_map(|image| of_launch(desired, image))).collect();
    let asks = |name: &str| all.iter().any(|line| refers_to(line, name));
    desired.cluster.arguments.keys().map(String::as_str).filter(|name| !asks(name)).collect()
}
