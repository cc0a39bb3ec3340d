//! The digests by which opaque work is known to be the same work.

use serde::Serialize;

use super::commands::{launch_commands, machine_commands};
use super::configs;
use super::desired::{Desired, RegistryAccess};
use super::endpoints::endpoints;
use super::environment;
use super::layers::{self, Duty};
use crate::model::{
    Cluster, Config, Digest, Environment, Hook, ImageContract, ImageKind, LayerContent, MachineFacts,
    MachineSpec,
};

/// Returns the digest of a machine's rootfs: its layers and what its templates see.
pub fn lay_out(desired: &Desired, machine: &MachineSpec, facts: &MachineFacts) -> Digest {
    let duty = Duty::of(machine.role);
    let own = desired.base_images().flat_map(|image| layers::layers_of(image, duty));
    let layers: Vec<&Digest> =
        own.chain(layers::registry_layers(&desired.images, duty)).map(|layer| &layer.diff_id).collect();
    let told = ("lay-out", layers, environment::of_machine(desired, machine, facts));
    with_configs(&told, &configs::configs_of_rootfs(desired))
}

/// Returns the digest of what care on a machine is told, and of the names that the machine knows.
pub fn connected(desired: &Desired, machine: &MachineSpec) -> Digest {
    let told = ("endpoints", endpoints(desired, machine), &desired.registry.authority);
    let aliases = desired.cluster.host_aliases.as_slice();
    // The digests of clusters that were made before these were told are still the same.
    match (aliases, desired.cluster.environment.get("registryDomain")) {
        ([], None) => digest(&told),
        (aliases, None) => digest(&(told, aliases)),
        (aliases, Some(domain)) => digest(&(told, aliases, domain)),
    }
}

/// Returns the digest of the image's `init` on a machine.
pub fn prepared(desired: &Desired, machine: &MachineSpec, facts: &MachineFacts) -> Digest {
    let scripts: Vec<_> = desired.base_images().map(|image| (&image.manifest, &image.scripts)).collect();
    let told = ("prepare", scripts, environment::of_machine(desired, machine, facts));
    with_configs(&told, &configs::configs_of_scripts(desired))
}

/// Returns the digest that a former version wrote of a control plane's registry: it holds as well, or a new version would
/// interrupt every control plane. It knew no further names of a certificate.
pub(super) fn registry_of_former_version(
    desired: &Desired,
    machine: &MachineSpec,
    facts: &MachineFacts,
) -> Digest {
    let script = |image: &ImageContract| match image.scripts.init_registry.as_str() {
        "" => "init-registry.sh".to_owned(),
        named => named.to_owned(),
    };
    let scripts: Vec<String> = desired.images.iter().map(script).collect();
    let access = (&desired.registry.authority, environment::of_machine(desired, machine, facts));
    with_configs(&("registry", scripts, machine.address, access), &configs::configs_of_scripts(desired))
}

/// Returns the digest of a control plane's registry. One that takes former credentials as well is not the same.
pub fn registry(desired: &Desired, machine: &MachineSpec, facts: &MachineFacts) -> Digest {
    let script = desired.scripts().map(|scripts| scripts.init_registry).unwrap_or_default();
    let access = (&desired.registry.authority, environment::of_machine(desired, machine, facts));
    let told = ("registry", script, machine.address, access);
    let configs = configs::configs_of_scripts(desired);
    let names = desired.cluster.registry.certificate_names();
    let former = desired.registry.former.as_ref().map(|former| &former.username);
    match (former, names) {
        (None, []) => with_configs(&told, &configs),
        (Some(former), []) => with_configs(&(told, former), &configs),
        (former, names) => with_configs(&(told, former, names), &configs),
    }
}

/// Returns the digest of what an external registry has to have of the images; `None` where there is none.
pub fn filled(desired: &Desired) -> Option<Digest> {
    let external = desired.cluster.registry.external()?;
    let duty = Duty::ControlPlane;
    let own = desired.base_images().flat_map(|image| layers::layers_of(image, duty));
    let own = own.filter(|layer| layer.content != LayerContent::Files);
    let layers: Vec<&Digest> =
        own.chain(layers::registry_layers(&desired.images, duty)).map(|layer| &layer.diff_id).collect();
    Some(digest(&("filled", &external.domain, external.port, layers)))
}

/// Returns the digest of a kubelet's own arguments, with the name `kubelet`. A machine that never had any needs none.
pub fn kubelet(machine: &MachineSpec) -> Digest {
    digest(&("kubelet", &machine.node.kubelet_arguments))
}

/// Returns the digest of the commands that the images of a machine's rootfs run there; `None` if they have none.
pub fn ran(desired: &Desired, machine: &MachineSpec, facts: &MachineFacts) -> Option<Digest> {
    let commands: Vec<_> =
        desired.base_images().map(|image| (&image.manifest, machine_commands(desired, image))).collect();
    let told = || ("commands", &commands, environment::of_machine(desired, machine, facts));
    commands
        .iter()
        .any(|(_, commands)| !commands.is_empty())
        .then(|| with_configs(&told(), &configs::configs_of_scripts(desired)))
}

/// Returns the digest of a hook on a machine.
pub fn hooked(desired: &Desired, hook: &Hook, machine: &MachineSpec, facts: &MachineFacts) -> Digest {
    digest(&("hook", hook.phase, &hook.run, environment::of_machine(desired, machine, facts)))
}

/// Returns the digest of an application's launch.
pub fn launched(desired: &Desired, image: &ImageContract) -> Digest {
    let environment: Environment = environment::of_application(desired, image);
    let told = ("launch", &image.manifest, launch_commands(desired, image), environment);
    // Those of a rootfs are launched in its tree, where kubeadm's file says nothing to them.
    let configs = match image.kind {
        ImageKind::Application => configs::configs_of_application(desired, image),
        ImageKind::Rootfs | ImageKind::Patch => configs::configs_of_scripts(desired),
    };
    with_configs(&told, &configs)
}

/// Returns the digest of a cluster's definition: what it is to be, what its images promise, and who is on the way out. How
/// its machines are logged in to is not in it: each operator does that in their own way. Of the registry's credentials it has the
/// names, which change with the password: who keeps the former ones must not bring them back.
pub fn definition(
    cluster: &Cluster,
    images: &[ImageContract],
    leaving: &[MachineSpec],
    registry: &RegistryAccess,
) -> Digest {
    let leaving: Vec<MachineSpec> = leaving.iter().map(MachineSpec::without_login).collect();
    let former = registry.former.as_ref().map(|former| &former.username);
    let told = ("definition", cluster.without_logins(), images, leaving, &registry.username, former);
    match cluster.registry.external() {
        None => digest(&told),
        // Somebody else's changes with the password alone.
        Some(_) => digest(&(told, &registry.password)),
    }
}

/// Returns the digest of work with the Configs of the files that it uses. Without any it is what it was when there were none.
fn with_configs(told: &impl Serialize, configs: &[Config]) -> Digest {
    let essence =
        |config: &Config| (config.path.clone(), config.strategy, config.process.clone(), config.data.clone());
    match configs {
        [] => digest(told),
        configs => digest(&(told, configs.iter().map(essence).collect::<Vec<_>>())),
    }
}

pub(super) fn digest(value: &impl Serialize) -> Digest {
    // Maps are ordered and all fields are plain data, so the text is the same for the same input.
    Digest::of(serde_json::to_vec(value).unwrap_or_default())
}
