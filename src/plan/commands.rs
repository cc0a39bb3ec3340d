//! The commands of images, as the operator wants them: lines of shell, in which the variables are still to be put.

use super::desired::Desired;
use super::environment::{refers_to, with_arguments};
use crate::model::{BundledApplication, Cluster, Environment, ImageContract, ImageKind, ImageWishes};

/// Returns what launches an application: the image's ENTRYPOINT always, and its CMD unless the operator has another command in
/// its place; of an image that brings several applications, what launches those that are wanted.
pub fn launch_commands(desired: &Desired, image: &ImageContract) -> Vec<String> {
    with_values(desired, of_launch(desired, image))
}

/// Returns what an image has run on every machine: nothing, if it is an application or launches some. Arguments are for what is
/// launched alone, so another value has nothing run again on machines.
pub fn machine_commands(desired: &Desired, image: &ImageContract) -> Vec<String> {
    let launches = || desired.applications().any(|application| application.name == image.name);
    if image.kind == ImageKind::Application || !image.bundle.is_empty() || launches() {
        return vec![];
    }
    let wished = desired.cluster.wishes.get(&image.name).and_then(|wishes| wishes.command.as_ref());
    match wished {
        Some(command) => [&image.commands[..image.entrypoint_commands], command].concat(),
        None => image.commands.clone(),
    }
}

/// Returns the image that the command for the first application is for. One of sealer's that brings applications is asked
/// in its turn, also if it launches none by itself; one that brings none has the command when there is nobody else.
pub fn commanded<'a>(images: &'a [ImageContract], cluster: &Cluster) -> Option<&'a ImageContract> {
    let takes = |image: &&ImageContract| {
        let wishes = cluster.wishes.get(&image.name);
        let is_left_out = wishes.is_some_and(|wishes| wishes.applications.is_some());
        is_launched(image, wishes) || (!image.bundle.applications.is_empty() && !is_left_out)
    };
    images.iter().find(takes).or_else(|| images.iter().find(|image| image.is_rootfs_of_sealer()))
}

/// Returns the images that are launched, in their order.
pub(super) fn launched<'a>(
    images: &'a [ImageContract],
    cluster: &'a Cluster,
) -> impl Iterator<Item = &'a ImageContract> {
    let first = cluster.command.as_ref().and_then(|_| commanded(images, cluster));
    let has_command = move |image: &ImageContract| first.is_some_and(|first| first.name == image.name);
    images
        .iter()
        .filter(move |image| is_launched(image, cluster.wishes.get(&image.name)) || has_command(image))
}

fn of_launch(desired: &Desired, image: &ImageContract) -> Vec<String> {
    let is_first = commanded(&desired.images, &desired.cluster).is_some_and(|first| first.name == image.name);
    let wishes = desired.cluster.wishes.get(&image.name);
    let wished = wishes.and_then(|wishes| wishes.command.as_ref());
    match wished.or(desired.cluster.command.as_ref().filter(|_| is_first)) {
        Some(command) => [&image.commands[..image.entrypoint_commands], command].concat(),
        None if image.bundle.is_empty() => image.commands.clone(),
        None => image.bundle.lines(wishes.and_then(|wishes| wishes.applications.as_deref()), |application| {
            of_bundled(desired, wishes, application)
        }),
    }
}

/// Returns what launches an application of a bundle. Its own variables go before those of its image, and the operator's before
/// both.
fn of_bundled(
    desired: &Desired,
    wishes: Option<&ImageWishes>,
    application: &BundledApplication,
) -> Vec<String> {
    let is_operators = |name: &String| {
        desired.cluster.environment.contains_key(name)
            || wishes.is_some_and(|wishes| wishes.environment.contains_key(name))
    };
    let own = application.environment.iter().filter(|(name, _)| !is_operators(name));
    let own: Environment = own.map(|(name, value)| (name.clone(), value.clone())).collect();
    // A dollar sign of a value is one, not the beginning of a name.
    let quoted = |value: &String| shell_words::quote(value).replace('$', "$$");
    let exports: Vec<String> =
        own.iter().map(|(name, value)| format!("export {name}={}; ", quoted(value))).collect();
    let exports = exports.concat();
    let mut values = own;
    values.retain(|name, _| !desired.cluster.arguments.contains_key(name));
    let lines = application.commands.iter();
    lines.map(|line| exports.clone() + &with_arguments(line, &values)).collect()
}

/// Puts the operator's values in the place of arguments. A command is another one when a value that it asks for is.
fn with_values(desired: &Desired, commands: Vec<String>) -> Vec<String> {
    let arguments = &desired.cluster.arguments;
    if arguments.is_empty() {
        return commands;
    }
    commands.iter().map(|line| with_arguments(line, arguments)).collect()
}

/// Tells whether an image is launched without the cluster's command: applications are, and a rootfs of sealer's that has a
/// command of its own, or brings some, unless none of them is wanted.
fn is_launched(image: &ImageContract, wishes: Option<&ImageWishes>) -> bool {
    if image.kind == ImageKind::Application {
        return true;
    }
    let wanted = wishes.and_then(|wishes| wishes.applications.as_deref());
    let has_command = image.is_rootfs_of_sealer() && wishes.is_some_and(|wishes| wishes.command.is_some());
    has_command || !image.bundle.commands(wanted).is_empty()
}

/// Tells whether the operator gives a command for the first application that nothing runs.
pub fn is_command_idle(desired: &Desired) -> bool {
    let has_own = |image: &ImageContract| {
        desired.cluster.wishes.get(&image.name).is_some_and(|wishes| wishes.command.is_some())
    };
    let runs = |image: &ImageContract| !has_own(image);
    desired.cluster.command.is_some() && !commanded(&desired.images, &desired.cluster).is_some_and(runs)
}

/// Returns the names of arguments that the operator gives, and that no command which launches something asks for.
pub fn unused_arguments(desired: &Desired) -> Vec<&str> {
    let all: Vec<String> = desired.applications().flat_map(|image| of_launch(desired, image)).collect();
    let asks = |name: &str| all.iter().any(|line| refers_to(line, name));
    desired.cluster.arguments.keys().map(String::as_str).filter(|name| !asks(name)).collect()
}
