//! The native dialect, `sealift.io/v1`.

use std::net::IpAddr;

use super::draft::{Draft, DraftMachines, DraftNetwork};
use super::hosts::{self, Group};
use super::place::Located;
use super::reader::{Field, Fields};
use super::{login, variables, wishes};
use crate::model::{
    DeclaredLogin, DeclaredMachine, DeclaredMachines, HostAlias, MachineOrder, NodeWishes, Role,
};

/// The roles.
const ROLES: [(&str, Role); 2] = [("control-plane", Role::ControlPlane), ("worker", Role::Worker)];

/// Reads a Cluster document.
pub(super) fn read(document: &Field<'_>) -> Draft {
    let mut draft = Draft::at(document.place());
    let Some(top) = document.fields() else { return draft };
    let _ = (top.get("apiVersion"), top.get("kind"));
    if let Some(metadata) = top.need("metadata", "`name: NAME` below it").and_then(|field| field.fields()) {
        draft.name = metadata.need("name", "the cluster's name").and_then(|field| field.word());
        metadata.finish();
    }
    if let Some(spec) = top.need("spec", "the images and machines").and_then(|field| field.fields()) {
        draft.place = spec.head();
        read_spec(&spec, &mut draft);
        spec.finish_with(family_name);
    }
    top.finish();
    draft
}

fn read_spec(spec: &Fields<'_>, draft: &mut Draft) {
    if let Some(images) = spec.need("images", "a list, the image that brings Kubernetes first") {
        draft.images = images.words();
    }
    draft.machines = machines(spec);
    if let Some(ssh) = spec.get("ssh") {
        draft.login = read_login(&ssh);
    }
    if let Some(env) = spec.get("env") {
        draft.environment = variables::mapping(&env);
    }
    if let Some(command) = spec.get("command") {
        draft.command = Some(command.words().into_iter().map(|word| word.value).collect());
    }
    if let Some(network) = spec.get("network").and_then(|field| field.fields()) {
        draft.network = read_network(&network);
        network.finish();
    }
    if let Some(names) = spec.get("certSANs") {
        draft.certificate_names = names.words().into_iter().map(|name| name.value).collect();
    }
    if let Some(aliases) = spec.get("hostAliases") {
        draft.host_aliases = aliases.items().iter().filter_map(alias).collect();
    }
}

/// Says how a field of the family's dialects is called here.
fn family_name(name: &str) -> Option<&'static str> {
    Some(match name {
        "image" => "write `images:` with a list, the image that brings Kubernetes first",
        "masters" | "nodes" => "write `hosts:` with a group for each role, its machines below `addresses`",
        "cmd" => "write `command:`",
        "certSANS" => "did you mean `certSANs`?",
        _ => return None,
    })
}

fn machines(spec: &Fields<'_>) -> DraftMachines {
    let hosts = spec.get("hosts");
    let provider = spec.get("provider");
    match (hosts, provider) {
        (Some(hosts), Some(provider)) => {
            let finding = provider.finding("stands beside `spec.hosts`");
            let finding = finding.also("the hosts", hosts.place());
            hosts
                .ledger()
                .error(finding.remedy("keep `hosts` for machines of yours, or `provider` to have some made"));
            given(&hosts)
        }
        (Some(hosts), None) => given(&hosts),
        (None, Some(provider)) => match made(&provider) {
            Some(made) => DraftMachines::Made(Located::new(made, provider.place())),
            None => DraftMachines::Given(vec![]),
        },
        (None, None) => DraftMachines::Given(vec![]),
    }
}

fn given(hosts: &Field<'_>) -> DraftMachines {
    DraftMachines::Given(hosts.items().iter().flat_map(read_group).collect())
}

fn read_group(field: &Field<'_>) -> Vec<Located<DeclaredMachine>> {
    let Some(fields) = field.fields() else { return vec![] };
    let role = fields.need("role", "`control-plane` or `worker`").and_then(|field| role(&field));
    // What else is wrong with the group is told, too.
    let mut group = Group::of(role.unwrap_or(Role::Worker));
    if let Some(ssh) = fields.get("ssh") {
        group.login = read_login(&ssh);
    }
    if let Some(env) = fields.get("env") {
        group.environment = variables::mapping(&env);
    }
    group.node = read_wishes(&fields);
    let addresses = fields.need("addresses", "a list of addresses, names or ranges");
    let machines = addresses.map(|field| field.items()).unwrap_or_default();
    let machines = machines.iter().flat_map(|field| read_address(field, &group)).collect();
    fields.finish_with(|name| match name {
        "roles" => Some("write `role:` with one word; a machine has one role"),
        "ips" | "ipList" | "hosts" => Some("write `addresses:`"),
        _ => None,
    });
    if role.is_some() { machines } else { vec![] }
}

fn role(field: &Field<'_>) -> Option<Role> {
    let ledger = field.ledger();
    let word = field.word()?;
    let renamed = match word.value.as_str() {
        "master" | "controlplane" | "control_plane" => Some("control-plane"),
        "node" => Some("worker"),
        _ => None,
    };
    match renamed {
        Some(name) => {
            let finding = field.finding(format!("cannot be `{}`", word.value));
            ledger.error(finding.remedy(format!("write `{name}`")));
            None
        }
        None => field.one_of(&ROLES).map(|role| role.value),
    }
}

fn read_wishes(fields: &Fields<'_>) -> NodeWishes {
    let mut wishes = NodeWishes::default();
    if let Some(labels) = fields.get("labels") {
        wishes.labels = wishes::labels(&labels);
    }
    if let Some(taints) = fields.get("taints") {
        wishes::taints(&taints, &mut wishes);
    }
    if let Some(arguments) = fields.get("kubeletArguments") {
        wishes.kubelet_arguments = wishes::kubelet_arguments(&arguments);
    }
    wishes
}

/// Reads an item of `addresses`: a text, or a mapping for a machine whose SSH is at another address.
fn read_address(field: &Field<'_>, group: &Group) -> Vec<Located<DeclaredMachine>> {
    if field.is_scalar() {
        return hosts::hosts(field).into_iter().map(|host| host.map(|ssh| group.machine(ssh))).collect();
    }
    let Some(fields) = field.fields() else { return vec![] };
    let ssh = fields.need("ssh", "where its SSH server listens").map(|field| hosts::hosts(&field));
    let node = fields.need("node", "the address that the other machines reach it at");
    let node = node.and_then(|field| field.parsed::<IpAddr>("an IP address", "10.0.0.1 or fd00::1"));
    fields.finish();
    let (Some(mut ssh), Some(node)) = (ssh, node) else { return vec![] };
    if ssh.len() > 1 {
        field
            .ledger()
            .error(field.finding("names several machines by one address").remedy("write an item for each"));
    }
    ssh.truncate(1);
    let machine = |ssh| DeclaredMachine { address: Some(node.value), ..group.machine(ssh) };
    ssh.into_iter().map(|host| Located::new(machine(host.value), field.place())).collect()
}

/// Reads how machines are logged in to.
fn read_login(field: &Field<'_>) -> DeclaredLogin {
    let mut read = DeclaredLogin::default();
    let Some(fields) = field.fields() else { return read };
    read.user = fields.get("user").and_then(|field| login::user(&field));
    read.port = fields.get("port").and_then(|field| login::port(&field));
    if let Some(identities) = fields.get("identities") {
        read.identities = identities.items().iter().filter_map(login::identity).collect();
    }
    read.key = fields.get("key").and_then(|field| login::secret(&field));
    read.password = fields.get("password").and_then(|field| login::secret(&field));
    read.passphrase = fields.get("passphrase").and_then(|field| login::secret(&field));
    if let Some(keys) = fields.get("hostKeys") {
        read.host_keys = keys.words().into_iter().map(|key| key.value).collect();
    }
    read.jump = fields.get("jump").and_then(|field| field.word()).map(|jump| jump.value);
    fields.finish_with(|name| match name {
        "passwd" => Some("write `password:`"),
        "pkPasswd" => Some("write `passphrase:`"),
        "pk" => Some("write `identities:` with a list of paths"),
        "pkData" => Some("write `key:`"),
        _ => None,
    });
    read
}

fn read_network(fields: &Fields<'_>) -> DraftNetwork {
    let cidr =
        |name| fields.get(name).and_then(|field| field.parsed("a network", "10.96.0.0/22 or fd00::/112"));
    let word = |name| fields.get(name).and_then(|field| field.word()).map(|word| word.value);
    DraftNetwork {
        pods: cidr("podCIDR"),
        services: cidr("serviceCIDR"),
        vip: fields.get("vip").and_then(|field| field.parsed("an IP address", "10.103.97.2 or fd00::2")),
        dns_domain: word("dnsDomain"),
        interface: word("interface"),
        pod_network: word("podNetwork"),
    }
}

fn alias(field: &Field<'_>) -> Option<HostAlias> {
    let fields = field.fields()?;
    let address = fields
        .need("ip", "an address")
        .and_then(|field| field.parsed("an IP address", "10.0.0.1 or fd00::1"));
    let names = fields.need("hostnames", "a list of names").map(|field| field.words()).unwrap_or_default();
    fields.finish();
    let names = names.into_iter().map(|name| name.value).collect();
    Some(HostAlias { address: address?.value, names })
}

/// Reads what makes the machines.
fn made(field: &Field<'_>) -> Option<DeclaredMachines> {
    if let Some(word) = field.is_scalar().then(|| field.text()).flatten() {
        let finding = field.finding(format!("must be a mapping, not `{}`", word.value));
        field.ledger().error(finding.remedy(
            "write `container:` or `alibabaCloud:` below it; for machines of yours leave it out and list `hosts`",
        ));
        return None;
    }
    let fields = field.fields()?;
    let container = fields.get("container");
    let cloud = fields.get("alibabaCloud");
    let made = match (&container, &cloud) {
        (Some(_), Some(_)) => {
            let finding = field.finding("names two providers");
            field.ledger().error(finding.remedy("keep one; a cluster's machines come from one place"));
            None
        }
        (Some(container), None) => containers(container),
        (None, Some(cloud)) => alibaba_cloud(cloud),
        (None, None) => {
            let finding = field.finding("names no provider");
            field.ledger().error(finding.remedy("write `container:` or `alibabaCloud:` below it"));
            None
        }
    };
    fields.finish();
    made
}

fn containers(field: &Field<'_>) -> Option<DeclaredMachines> {
    let fields = field.fields()?;
    let count = |field: Field<'_>| field.number("a number of machines", 0..=1000).map(|count| count.value);
    let control_planes = fields.need("controlPlanes", "how many").and_then(count);
    let workers = fields.get("workers").and_then(count).unwrap_or_default();
    let image = fields.get("machineImage").and_then(|field| field.word()).map(|image| image.value);
    fields.finish();
    Some(DeclaredMachines::Containers { control_planes: control_planes?, workers, image })
}

fn alibaba_cloud(field: &Field<'_>) -> Option<DeclaredMachines> {
    let fields = field.fields()?;
    let control_planes = fields.need("controlPlanes", "`count:` below it").and_then(|field| order(&field));
    let workers = fields.get("workers").and_then(|field| order(&field)).unwrap_or_default();
    fields.finish();
    field.ledger().not_acted_on(
        field
            .finding("orders machines from Alibaba Cloud, and this version makes none there")
            .remedy("make the machines yourself and list them in `hosts`"),
    );
    Some(DeclaredMachines::AlibabaCloud { control_planes: control_planes?, workers })
}

fn order(field: &Field<'_>) -> Option<MachineOrder> {
    let fields = field.fields()?;
    let size = |name: &'static str, what: &str| {
        fields.get(name).and_then(|field| field.number::<u32>(what, 1..=65535)).map(|size| size.value)
    };
    let count = fields.need("count", "how many machines");
    let count = count.and_then(|field| field.number("a number of machines", 0..=1000));
    let order = MachineOrder {
        count: count.map(|count| count.value).unwrap_or_default(),
        cpu: size("cpu", "a number of cores"),
        memory: size("memory", "a number of GiB"),
        system_disk: size("systemDisk", "a number of GB"),
        data_disks: fields.get("dataDisks").map(|field| disks(&field)).unwrap_or_default(),
    };
    fields.finish();
    Some(order)
}

/// Reads the sizes of disks.
pub(super) fn disks(field: &Field<'_>) -> Vec<u32> {
    let size = |field: &Field<'_>| field.number("a number of GB", 1..=65535).map(|size| size.value);
    field.items().iter().filter_map(size).collect()
}
