//! `sealer.cloud/v2` and `sealer.io/v2`

use super::groups::{Form, groups};
use super::{login, need_name, no_effect, read as read_document, well_known};
use crate::clusterfile::draft::{Draft, DraftMachines};
use crate::clusterfile::hosts::Group;
use crate::clusterfile::ledger::Finding;
use crate::clusterfile::native::{
    IN_PLACE_OF_DATA_ROOT, alias, application_names, certificate_names, data_root, only_read, texts,
};
use crate::clusterfile::place::Located;
use crate::clusterfile::reader::{Field, Fields};
use crate::clusterfile::registry::DraftRegistry;
use crate::clusterfile::{variables, wishes};
use crate::model::{Declared, RegistryKind};

/// Where sealer keeps its data unless told otherwise.
const DEFAULT_DATA_ROOT: &str = "/var/lib/sealer/data";

/// Reads a Cluster document.
pub(in crate::clusterfile) fn read(document: &Field<'_>) -> Draft {
    let draft = read_document(document, spec, |name| match name {
        "masters" | "nodes" => Some("list machines in `hosts:`, in groups with `ips` and `roles`"),
        "images" => Some("write `image:` with one name"),
        "network" | "certSANS" => Some("write PodCIDR, SvcCIDR or CertSANs in `env:`"),
        _ => None,
    });
    need_name(document, &draft);
    draft
}

fn spec(spec: &Fields<'_>, draft: &mut Draft) {
    draft.images.extend(spec.need("image", "the cluster image").and_then(|field| field.word()));
    let form = Form { login: login::sealer, other_role, more };
    let machines = spec.get("hosts").map(|hosts| groups(&hosts, form)).unwrap_or_default();
    draft.machines = DraftMachines::Given(machines);
    if let Some(env) = spec.get("env") {
        let variables = variables::list(&env);
        well_known::understand(env.ledger(), &variables, draft);
        draft.rest.environment = variables::plain(&variables);
    }
    let rest = &mut draft.rest;
    if let Some(ssh) = spec.get("ssh") {
        rest.login = login::sealer(&ssh);
    }
    rest.command = spec.get("cmd").map(|field| texts(&field));
    if let Some(aliases) = spec.get("hostAliases") {
        rest.host_aliases = aliases.items().iter().filter_map(|field| alias(field, "hostnames")).collect();
    }
    if let Some(arguments) = spec.get("cmd_args") {
        rest.arguments = variables::plain(&variables::list(&arguments));
    }
    rest.applications = spec.get("appNames").map(|names| application_names(&names));
    draft.registry = spec.get("registry").and_then(|field| registry(&field));
    not_yet(spec, &mut draft.rest);
}

fn not_yet(spec: &Fields<'_>, rest: &mut Declared) {
    if let Some(field) = spec.get("dataRoot") {
        rest.data_root = field.word().and_then(|path| data_root(&field, &path));
        if rest.data_root.as_ref().is_some_and(|path| path.as_os_str() == DEFAULT_DATA_ROOT) {
            rest.data_root = None;
            no_effect(&field, "it is sealer's own default, and sealift keeps the cluster's files elsewhere");
        } else {
            only_read(&field, IN_PLACE_OF_DATA_ROOT);
        }
    }
    if let Some(runtime) = spec.get("containerRuntime").and_then(|field| field.fields()) {
        if let Some(kind) = runtime.get("type") {
            let kinds = [("containerd", ()), ("docker", ())];
            if kind.one_of(&kinds).is_some() {
                no_effect(&kind, "the image brings the container runtime");
            }
        }
        runtime.finish();
    }
}

/// A further role becomes one of the Node's role labels.
fn other_role(field: &Field<'_>, role: &Located<String>, group: &mut Group) {
    let label = format!("node-role.kubernetes.io/{}", role.value);
    match wishes::not_a_key(&label) {
        Some(_) => {
            let finding = Finding::of(role, format!("`{}` cannot be a role", role.value));
            field.ledger().error(finding.remedy("use letters, digits, `-`, `_` and `.`"));
        }
        None => {
            group.node.labels.insert(label, String::new());
        }
    }
}

fn more(fields: &Fields<'_>, group: &mut Group) {
    if let Some(labels) = fields.get("labels") {
        group.node.labels.extend(wishes::labels(&labels));
    }
    if let Some(taints) = fields.get("taints") {
        wishes::taints(&taints, &mut group.node);
    }
}

fn registry(field: &Field<'_>) -> Option<DraftRegistry> {
    let fields = field.fields()?;
    let local = fields.get("localRegistry");
    let external = fields.get("externalRegistry");
    let registry = match (&local, &external) {
        (Some(_), Some(external)) => {
            let finding = external.finding("stands beside `localRegistry`");
            field.ledger().error(finding.remedy("keep one of them; a cluster has one registry"));
            None
        }
        (Some(local), None) => own(local),
        (None, Some(external)) => foreign(external),
        (None, None) => None,
    };
    fields.finish();
    registry
}

fn own(field: &Field<'_>) -> Option<DraftRegistry> {
    let fields = field.fields()?;
    let mut registry = DraftRegistry::read(field, &fields, RegistryKind::Own);
    if let Some(ha) = fields.get("ha")
        && ha.truth().is_some_and(|truth| !truth.value)
    {
        no_effect(&ha, "every control plane has a registry");
    }
    if let Some(insecure) = fields.get("insecure")
        && insecure.truth().is_some_and(|truth| truth.value)
    {
        no_effect(
            &insecure,
            "the registry is spoken to in the clear on one machine, and encrypted between machines",
        );
    }
    if let Some(cert) = fields.get("cert").and_then(|field| field.fields()) {
        if let Some(names) = cert.get("subjectAltName").and_then(|field| field.fields()) {
            for list in ["dnsNames", "ips"] {
                registry.certificate_names.extend(names.get(list).iter().flat_map(certificate_names));
            }
            names.finish();
        }
        cert.finish();
    }
    fields.finish();
    Some(registry)
}

fn foreign(field: &Field<'_>) -> Option<DraftRegistry> {
    let fields = field.fields()?;
    let registry = DraftRegistry::read(field, &fields, RegistryKind::External);
    fields.finish();
    Some(registry)
}
