//! The native dialect, `sealift.io/v1`.

mod config;
mod hosts;
mod provider;
mod rest;
mod schema;
pub(super) mod types;

pub(super) use provider::{count, not_built, sizes};
pub(super) use rest::{
    IN_PLACE_OF_DATA_ROOT, alias, application_names, certificate_names, data_root, not_certifiable,
    only_read, texts,
};
pub use schema::schema;

use std::collections::BTreeMap;

use super::draft::{Draft, DraftMachines, DraftNetwork};
use super::hooks;
use super::place::Located;
use super::reader::{Field, Fields};
use super::{subnets, variables};
use crate::model::{ImageName, ImageWishes};

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
        let wishes = &mut draft.rest.wishes;
        draft.images = images.items().iter().filter_map(|item| image(item, wishes)).collect();
    }
    draft.machines = machines(spec);
    if let Some(network) = spec.get("network") {
        draft.network = read_network(&network);
    }
    let rest = &mut draft.rest;
    if let Some(ssh) = spec.get("ssh") {
        rest.login = hosts::login(&ssh);
    }
    if let Some(env) = spec.get("env") {
        rest.environment = variables::mapping(&env);
    }
    rest.command = spec.get("command").map(|field| rest::texts(&field));
    if let Some(names) = spec.get("certSANs") {
        rest.certificate_names = rest::certificate_names(&names);
    }
    if let Some(aliases) = spec.get("hostAliases") {
        rest.host_aliases =
            aliases.items().iter().filter_map(|field| rest::alias(field, "hostnames")).collect();
    }
    if let Some(hooks) = spec.get("hooks") {
        rest.hooks = hooks::read(&hooks);
    }
    draft.rest.applications = spec.get("applications").map(|names| rest::application_names(&names));
    draft.rest.arguments =
        spec.get("arguments").map(|values| variables::mapping(&values)).unwrap_or_default();
    draft.registry = spec.get("registry").and_then(|field| rest::registry(&field));
    rest::not_yet(spec, &mut draft.rest);
}

/// Reads an image: its name alone, or with what is wanted of it.
fn image(item: &Field<'_>, wishes: &mut BTreeMap<ImageName, ImageWishes>) -> Option<Located<String>> {
    if item.is_scalar() {
        return item.word();
    }
    let fields = item.fields()?;
    let name = fields.need("name", "the image's name").and_then(|field| field.word());
    let wished = ImageWishes {
        environment: fields.get("env").map(|field| variables::mapping(&field)).unwrap_or_default(),
        command: fields.get("command").map(|field| rest::texts(&field)),
        ..ImageWishes::default()
    };
    fields.finish();
    let name = name?;
    if !wished.is_empty() {
        wishes.insert(name.value.clone(), wished);
    }
    Some(name)
}

/// Says how a field of the family's dialects is called here.
fn family_name(name: &str) -> Option<&'static str> {
    Some(match name {
        "image" => "write `images:` with a list, the image that brings Kubernetes first",
        "masters" | "nodes" => "write `hosts:` with a group for each role, its machines below `addresses`",
        "cmd" => "write `command:`",
        "cmd_args" => "write `arguments:` as a mapping",
        "appNames" => "write `applications:`",
        _ => return None,
    })
}

fn machines(spec: &Fields<'_>) -> DraftMachines {
    let given =
        |hosts: &Field<'_>| DraftMachines::Given(hosts.items().iter().flat_map(hosts::group).collect());
    match (spec.get("hosts"), spec.get("provider")) {
        (Some(hosts), Some(provider)) if provider.is_scalar() => {
            let _ = provider::made(&provider);
            given(&hosts)
        }
        (Some(hosts), Some(provider)) => {
            let finding = provider.finding("stands beside `spec.hosts`").also("the hosts", hosts.place());
            hosts
                .ledger()
                .error(finding.remedy("keep `hosts` for machines of yours, or `provider` to have some made"));
            given(&hosts)
        }
        (Some(hosts), None) => given(&hosts),
        (None, Some(provider)) => match provider::made(&provider) {
            Some(made) => DraftMachines::Made(Located::new(made, provider.place())),
            None => DraftMachines::Given(vec![]),
        },
        (None, None) => {
            let _ = spec.need("hosts", "a group of machines for each role");
            DraftMachines::Given(vec![])
        }
    }
}

fn read_network(field: &Field<'_>) -> DraftNetwork {
    let mut network = DraftNetwork::default();
    let Some(fields) = field.fields() else { return network };
    let word = |name| fields.get(name).and_then(|field| field.word()).map(|word| word.value);
    network.pods = fields.get("podCIDR").and_then(|field| subnets::of_field(&field));
    network.services = fields.get("serviceCIDR").and_then(|field| subnets::of_field(&field));
    network.vip = fields.get("vip").and_then(|field| rest::address(&field));
    network.dns_domain = fields.get("dnsDomain").and_then(|field| field.word());
    network.interface = word("interface");
    network.pod_network = word("podNetwork");
    fields.finish_with(|name| match name {
        "cniName" => Some("write `podNetwork:`"),
        "svcCIDR" | "serviceSubnet" => Some("write `serviceCIDR:`"),
        "podSubnet" => Some("write `podCIDR:`"),
        "withoutCNI" => Some("leave it out; only the images that are listed are launched"),
        _ => None,
    });
    network
}
