//! What was declared the last time, out of what is kept of a cluster.

use crate::model::{
    Cluster, ClusterRegistry, ComponentDocument, Config, Declared, DeclaredAuthority, DeclaredHook,
    DeclaredLogin, DeclaredMachine, DeclaredMachines, DeclaredNetwork, DeclaredRegistry, ImageName, Login,
    MachineSpec, PlacedConfig, Places, RegistryKind, Role,
};
use crate::steps::{Provider, State};

/// Returns the declaration that leads to this state again.
pub(in crate::ops) fn last(state: &State) -> Declared {
    kept(&state.cluster, state.provider, &state.login)
}

/// Returns the declaration that leads to this cluster.
pub(in crate::ops) fn kept(cluster: &Cluster, provider: Provider, login: &Login) -> Declared {
    let network = &cluster.network;
    Declared {
        name: cluster.name.clone(),
        images: cluster.images.clone(),
        machines: machines(provider, cluster),
        login: DeclaredLogin::from(login),
        environment: cluster.environment.clone(),
        command: cluster.command.clone(),
        arguments: cluster.arguments.clone(),
        wishes: cluster.wishes.clone(),
        hooks: cluster
            .hooks
            .iter()
            .map(|hook| DeclaredHook { hook: hook.clone(), place: String::new() })
            .collect(),
        network: DeclaredNetwork {
            pods: Some(network.pods),
            services: Some(network.services),
            vip: Some(network.vip),
            dns_domain: Some(network.dns_domain.clone()),
            interface: cluster.interface.clone(),
            pod_network: None,
            places: Places::default(),
        },
        host_aliases: cluster.host_aliases.clone(),
        certificate_names: cluster.certificate_names.clone(),
        registry: registry(&cluster.registry),
        documents: cluster.documents.iter().map(ComponentDocument::declared).collect(),
        configs: configs_of(&cluster.images, cluster.configs.iter().cloned().map(Config::placed)),
        ..Declared::default()
    }
}

/// Returns those Configs that are for one of these images, and what they are for of these images alone: a Config whose image goes
/// is not looked for in others.
pub(super) fn configs_of(
    images: &[ImageName],
    configs: impl IntoIterator<Item = PlacedConfig>,
) -> Vec<PlacedConfig> {
    let of_these = |mut placed: PlacedConfig| {
        placed.config.trees.retain(|tree| images.contains(tree));
        (!placed.config.trees.is_empty()).then_some(placed)
    };
    configs.into_iter().filter_map(of_these).collect()
}

fn machines(provider: Provider, cluster: &Cluster) -> DeclaredMachines {
    match provider {
        Provider::BareMetal => DeclaredMachines::Given(cluster.machines.iter().map(machine).collect()),
        Provider::Container => DeclaredMachines::Containers {
            control_planes: cluster.with_role(Role::ControlPlane).count(),
            workers: cluster.with_role(Role::Worker).count(),
            image: None,
        },
    }
}

/// Of the cluster's own, its name and port stand among the variables; credentials are kept by themselves.
fn registry(registry: &ClusterRegistry) -> Option<DeclaredRegistry> {
    let kept = DeclaredRegistry {
        place: String::new(),
        kind: RegistryKind::Own,
        domain: None,
        port: None,
        username: None,
        password: None,
        certificate_names: vec![],
        authority: None,
    };
    match registry {
        ClusterRegistry::Own { certificate_names } if certificate_names.is_empty() => None,
        ClusterRegistry::Own { certificate_names } => {
            Some(DeclaredRegistry { certificate_names: certificate_names.clone(), ..kept })
        }
        ClusterRegistry::External(external) => Some(DeclaredRegistry {
            kind: RegistryKind::External,
            domain: Some(external.domain.clone()),
            port: Some(external.port),
            authority: external.authority.clone().map(DeclaredAuthority::Text),
            ..kept
        }),
    }
}

/// Returns the declaration of a machine that is kept.
pub(super) fn machine(machine: &MachineSpec) -> DeclaredMachine {
    DeclaredMachine {
        ssh: machine.ssh.clone(),
        address: Some(machine.address),
        second_address: machine.second_address,
        role: machine.role,
        login: DeclaredLogin::from(&machine.login),
        environment: machine.environment.clone(),
        node: machine.node.clone(),
    }
}
