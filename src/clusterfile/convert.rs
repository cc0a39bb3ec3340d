//! A declaration written in the native form.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::{Map, Value as Json, json};

use super::hooks;
use super::native::types::{
    Address, AlibabaCloud, ApiVersion, Behind, Clusterfile, Containers, Group, Hook, HostAlias, Image, Kind,
    Metadata, Network, OneOrTwo, Order, Provider, Registry, RegistryKind, Role, Spec, Ssh, Value,
    WishedImage,
};
use crate::error::Result;
use crate::model::{
    self, Config, Declared, DeclaredLogin, DeclaredMachine, DeclaredMachines, DeclaredNetwork,
    DeclaredRegistry, Environment, HookRun, LARGEST_RANGE, MachineOrder, Process, SecretReference,
    SshAddress, Subnets,
};
use crate::yaml;

/// Writes a declaration in the native form: the cluster, its Configs, then the documents beside it as they were.
///
/// A secret is never written: where one stood in the file, the operator will be asked for it.
pub fn convert(declared: &Declared) -> Result<String> {
    let mut text = yaml::to_string(&clusterfile(declared))?;
    for placed in &declared.configs {
        text.push_str("---\n");
        text.push_str(&yaml::to_string(&config(&placed.config))?);
    }
    for document in &declared.documents {
        text.push_str("---\n");
        text.push_str(&yaml::to_string(&document.content)?);
    }
    Ok(text)
}

/// Writes a Config in the native form.
fn config(config: &Config) -> Json {
    let mut spec = Map::from_iter([
        ("path".to_owned(), json!(config.path)),
        ("strategy".to_owned(), json!(config.strategy)),
    ]);
    if let Some(image) = &config.image {
        spec.insert("match".to_owned(), json!(image));
    }
    let word = |step: &Process| Process::WORDS.iter().find(|(_, known)| known == step).map(|(word, _)| *word);
    let process: Vec<&str> = config.process.iter().filter_map(word).collect();
    if !process.is_empty() {
        spec.insert("process".to_owned(), json!(process.join(" | ")));
    }
    if !config.data.is_empty() {
        spec.insert("data".to_owned(), json!(config.data));
    }
    json!({
        "apiVersion": "sealift.io/v1",
        "kind": "Config",
        "metadata": {"name": config.name},
        "spec": spec,
    })
}

fn clusterfile(declared: &Declared) -> Clusterfile {
    let (hosts, provider) = machines(&declared.machines);
    Clusterfile {
        api_version: ApiVersion::V1,
        kind: Kind::Cluster,
        metadata: Metadata { name: declared.name.clone() },
        spec: Spec {
            images: declared.images.iter().map(|name| image(name, declared)).collect(),
            hosts,
            provider,
            ssh: ssh(&declared.login),
            env: values(&declared.environment),
            command: declared.command.clone(),
            hooks: declared.hooks.iter().map(|declared| hook(&declared.hook)).collect(),
            network: network(&declared.network),
            cert_sans: declared.certificate_names.clone(),
            host_aliases: declared.host_aliases.iter().map(alias).collect(),
            applications: declared
                .applications
                .as_ref()
                .map(|names| names.iter().map(|(name, _)| name.clone()).collect()),
            arguments: values(&declared.arguments),
            data_root: declared.data_root.as_ref().map(|path| path.display().to_string()),
            registry: declared.registry.as_ref().map(registry),
        },
    }
}

fn image(name: &str, declared: &Declared) -> Image {
    let Some(wishes) = declared.wishes.get(name) else { return Image::Named(name.to_owned()) };
    Image::Wished(WishedImage {
        name: name.to_owned(),
        env: values(&wishes.environment),
        command: wishes.command.clone(),
    })
}

fn hook(hook: &model::Hook) -> Hook {
    let (command, script, etcd_snapshot) = match &hook.run {
        HookRun::Shell(text) if text.contains('\n') => (None, Some(text.clone()), None),
        HookRun::Shell(text) => (Some(text.clone()), None, None),
        HookRun::EtcdSnapshot(directory) => (None, None, Some(directory.display().to_string())),
    };
    Hook {
        name: hook.name.clone(),
        phase: hook.phase,
        on: hook.on.iter().map(hooks::written).collect(),
        command,
        script,
        etcd_snapshot,
        timeout: Some(format!("{}s", hook.seconds)),
    }
}

fn values(environment: &Environment) -> BTreeMap<String, Value> {
    environment.iter().map(|(name, value)| (name.clone(), Value::Text(value.clone()))).collect()
}

fn machines(machines: &DeclaredMachines) -> (Vec<Group>, Option<Provider>) {
    match machines {
        DeclaredMachines::Given(given) => (groups(given), None),
        DeclaredMachines::Containers { control_planes, workers, image } => {
            let containers = Containers {
                control_planes: *control_planes,
                workers: *workers,
                machine_image: image.clone(),
            };
            (vec![], Some(Provider::Container(containers)))
        }
        DeclaredMachines::AlibabaCloud { control_planes, workers } => {
            let workers = (*workers != MachineOrder::default()).then(|| order(workers));
            let cloud = AlibabaCloud { control_planes: order(control_planes), workers };
            (vec![], Some(Provider::AlibabaCloud(cloud)))
        }
    }
}

fn order(order: &MachineOrder) -> Order {
    Order {
        count: order.count,
        cpu: order.cpu,
        memory: order.memory,
        system_disk: order.system_disk,
        data_disks: order.data_disks.clone(),
    }
}

/// Machines that stand beside each other and have everything but the address in common make a group.
fn groups(machines: &[DeclaredMachine]) -> Vec<Group> {
    let alike = |one: &DeclaredMachine, other: &DeclaredMachine| {
        (one.role, &one.login, &one.environment, &one.node)
            == (other.role, &other.login, &other.environment, &other.node)
    };
    machines
        .chunk_by(alike)
        .filter_map(|group| Some((group.first()?, group)))
        .map(|(first, group)| {
            let node = &first.node;
            Group {
                role: match first.role {
                    model::Role::ControlPlane => Role::ControlPlane,
                    model::Role::Worker => Role::Worker,
                },
                addresses: addresses(group),
                ssh: ssh(&first.login),
                env: values(&first.environment),
                labels: values(&node.labels),
                taints: node
                    .taints
                    .iter()
                    .map(ToString::to_string)
                    .chain(node.without_taints.iter().map(ToString::to_string))
                    .collect(),
                kubelet_arguments: values(&node.kubelet_arguments),
            }
        })
        .collect()
}

/// Addresses that follow each other become a range.
fn addresses(machines: &[DeclaredMachine]) -> Vec<Address> {
    let follows = |one: &DeclaredMachine, other: &DeclaredMachine| {
        one.address.is_none()
            && other.address.is_none()
            && one.ssh.port == other.ssh.port
            && one.ssh.ip().is_some()
            && one.ssh.ip().and_then(next) == other.ssh.ip()
    };
    let runs = machines.chunk_by(follows).flat_map(|run| run.chunks(LARGEST_RANGE));
    runs.flat_map(|run| match run {
        [first, .., last] if run.len() > 2 => vec![Address::Listed(range(&first.ssh, &last.ssh))],
        run => run.iter().map(one_address).collect(),
    })
    .collect()
}

fn one_address(machine: &DeclaredMachine) -> Address {
    match machine.address {
        None => Address::Listed(machine.ssh.to_string()),
        Some(address) => Address::Behind(Behind {
            ssh: machine.ssh.to_string(),
            node: match machine.second_address {
                None => OneOrTwo::One(address.to_string()),
                Some(second) => OneOrTwo::Two([address.to_string(), second.to_string()]),
            },
        }),
    }
}

fn next(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(address) => Some(Ipv4Addr::from_bits(address.to_bits().checked_add(1)?).into()),
        IpAddr::V6(address) => Some(Ipv6Addr::from_bits(address.to_bits().checked_add(1)?).into()),
    }
}

fn range(first: &SshAddress, last: &SshAddress) -> String {
    match (first.port, first.host.contains(':')) {
        (None, _) => format!("{}-{}", first.host, last.host),
        (Some(port), true) => format!("[{}-{}]:{port}", first.host, last.host),
        (Some(port), false) => format!("{}-{}:{port}", first.host, last.host),
    }
}

fn ssh(login: &DeclaredLogin) -> Option<Ssh> {
    (*login != DeclaredLogin::default()).then(|| Ssh {
        user: login.user.clone(),
        port: login.port,
        identities: login.identities.iter().map(|path| path.display().to_string()).collect(),
        key: login.key.as_ref().map(|key| reference(key, "file:PATH-OF-THE-KEY")),
        password: login.password.as_ref().map(|password| reference(password, "prompt")),
        passphrase: login.passphrase.as_ref().map(|passphrase| reference(passphrase, "prompt")),
        host_keys: login.host_keys.clone(),
        jump: login.jump.clone(),
    })
}

/// Says where a secret is; in place of one that stood in the file stands `instead`.
fn reference(secret: &SecretReference, instead: &str) -> String {
    match secret {
        SecretReference::Literal(_) => instead.to_owned(),
        SecretReference::Environment(name) => format!("env:{name}"),
        SecretReference::File(path) => format!("file:{}", path.display()),
        SecretReference::Prompt => "prompt".to_owned(),
    }
}

fn network(network: &DeclaredNetwork) -> Option<Network> {
    (*network != DeclaredNetwork::default()).then(|| Network {
        pod_cidr: network.pods.map(pair),
        service_cidr: network.services.map(pair),
        vip: network.vip.map(|vip| vip.to_string()),
        dns_domain: network.dns_domain.clone(),
        interface: network.interface.clone(),
        pod_network: network.pod_network.clone(),
    })
}

fn pair(subnets: Subnets) -> OneOrTwo {
    match subnets.second() {
        None => OneOrTwo::One(subnets.first().to_string()),
        Some(second) => OneOrTwo::Two([subnets.first().to_string(), second.to_string()]),
    }
}

fn alias(alias: &model::HostAlias) -> HostAlias {
    HostAlias { ip: alias.address.to_string(), hostnames: alias.names.clone() }
}

fn registry(registry: &DeclaredRegistry) -> Registry {
    Registry {
        kind: match registry.kind {
            model::RegistryKind::Own => RegistryKind::Own,
            model::RegistryKind::External => RegistryKind::External,
        },
        domain: registry.domain.clone(),
        port: registry.port,
        username: registry.username.clone(),
        password: registry.password.as_ref().map(|password| reference(password, "prompt")),
        cert_sans: registry.certificate_names.clone(),
        ca: registry.authority.as_ref().map(|authority| match authority {
            model::DeclaredAuthority::Text(text) => text.clone(),
            model::DeclaredAuthority::File(path) => format!("file:{}", path.display()),
        }),
    }
}
