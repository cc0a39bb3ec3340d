//! Groups of machines and how they are logged in to, in the native dialect.

use crate::clusterfile::hosts::{Group, hosts};
use crate::clusterfile::place::Located;
use crate::clusterfile::reader::{Field, Fields};
use crate::clusterfile::{login, subnets, variables, wishes};
use crate::model::{DeclaredLogin, DeclaredMachine, NodeWishes, Role};

/// The roles.
const ROLES: [(&str, Role); 2] = [("control-plane", Role::ControlPlane), ("worker", Role::Worker)];

/// Reads a group.
pub(super) fn group(field: &Field<'_>) -> Vec<Located<DeclaredMachine>> {
    let Some(fields) = field.fields() else { return vec![] };
    let role = fields.need("role", "`control-plane` or `worker`").and_then(|field| role(&field));
    // What else is wrong with the group is told, too.
    let mut group = Group::of(role.unwrap_or(Role::Worker));
    if let Some(ssh) = fields.get("ssh") {
        group.login = login(&ssh);
    }
    if let Some(env) = fields.get("env") {
        group.environment = variables::mapping(&env);
    }
    group.node = node(&fields);
    let addresses = fields.need("addresses", "a list of addresses, names or ranges");
    let machines = addresses.map(|field| field.items()).unwrap_or_default();
    let machines = machines.iter().flat_map(|field| address(field, &group)).collect();
    fields.finish_with(|name| match name {
        "roles" => Some("write `role:` with one word; a machine has one role"),
        "ips" | "ipList" | "hosts" => Some("write `addresses:`"),
        _ => None,
    });
    if role.is_some() { machines } else { vec![] }
}

fn role(field: &Field<'_>) -> Option<Role> {
    let word = field.word()?;
    let renamed = match word.value.to_ascii_lowercase().as_str() {
        "master" | "masters" | "controlplane" | "control_plane" => "control-plane",
        "node" | "nodes" | "agent" => "worker",
        _ => return field.one_of(&ROLES).map(|role| role.value),
    };
    let finding = field.finding(format!("cannot be `{}`", word.value));
    field.ledger().error(finding.remedy(format!("write `{renamed}`")));
    None
}

fn node(fields: &Fields<'_>) -> NodeWishes {
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
fn address(field: &Field<'_>, group: &Group) -> Vec<Located<DeclaredMachine>> {
    if field.is_scalar() {
        return hosts(field).into_iter().map(|host| host.map(|ssh| group.machine(ssh))).collect();
    }
    let Some(fields) = field.fields() else { return vec![] };
    let ssh =
        fields.need("ssh", "where its SSH server listens").map(|field| hosts(&field)).unwrap_or_default();
    let node = fields.need("node", "the address that the other machines reach it at");
    let node = node.and_then(|field| subnets::addresses(&field));
    fields.finish();
    if ssh.len() > 1 {
        let finding = field.finding("names several machines and one address");
        field.ledger().error(finding.remedy("write an item for each of them"));
    }
    let (Some(ssh), Some(node)) = (ssh.into_iter().next(), node) else { return vec![] };
    let (address, second_address) = node;
    let machine = DeclaredMachine { address: Some(address), second_address, ..group.machine(ssh.value) };
    vec![Located::new(machine, ssh.place)]
}

/// Reads how machines are logged in to.
pub(super) fn login(field: &Field<'_>) -> DeclaredLogin {
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
        read.host_keys = keys.items().iter().filter_map(login::host_key).collect();
    }
    read.jump = fields.get("jump").and_then(|field| field.word()).map(|jump| jump.value);
    fields.finish_with(|name| match name {
        "passwd" => Some("write `password:`"),
        "pkPasswd" => Some("write `passphrase:`"),
        "pk" => Some("write `identities:` with a list of paths"),
        "pkData" => Some("write `key:`"),
        "pkName" => Some("leave it out"),
        _ => None,
    });
    read
}
