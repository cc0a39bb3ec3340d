//! Values that several fields are made of, and the fields that this version only reads.

use std::net::IpAddr;
use std::path::PathBuf;

use crate::clusterfile::ledger::Finding;
use crate::clusterfile::place::Located;
use crate::clusterfile::reader::{Field, Fields};
use crate::clusterfile::registry::{self, DraftRegistry};
use crate::model::{Declared, HostAlias, RegistryKind};

/// Reads a list of texts.
pub(in crate::clusterfile) fn texts(field: &Field<'_>) -> Vec<String> {
    field.words().into_iter().map(|word| word.value).collect()
}

/// Reads an IP address.
pub(in crate::clusterfile) fn address(field: &Field<'_>) -> Option<Located<IpAddr>> {
    field.parsed("an IP address", "10.0.0.1 or fd00::1")
}

/// Reads names and addresses for a certificate.
pub(in crate::clusterfile) fn certificate_names(field: &Field<'_>) -> Vec<String> {
    let mut names: Vec<String> = vec![];
    for name in field.words() {
        if let Some(why) = not_certifiable(&name.value) {
            let finding =
                Finding::of(&name, format!("`{}` cannot stand in a certificate: {why}", name.value));
            field
                .ledger()
                .error(finding.remedy("write a name or an address alone, such as api.example or 10.0.0.2"));
        } else if !names.contains(&name.value) {
            names.push(name.value);
        }
    }
    names
}

/// Reads names of hosts.
fn host_names(field: &Field<'_>) -> Vec<String> {
    let mut names: Vec<String> = vec![];
    for name in field.words() {
        if not_certifiable(&name.value).is_some()
            || name.value.parse::<IpAddr>().is_ok()
            || name.value.contains('*')
        {
            let finding = Finding::of(&name, format!("`{}` is no name of a host", name.value));
            field.ledger().error(finding.remedy("write a name alone, such as git.example"));
        } else {
            names.push(name.value);
        }
    }
    names
}

/// Says why a text is no name for a certificate.
pub(in crate::clusterfile) fn not_certifiable(name: &str) -> Option<&'static str> {
    if name.parse::<IpAddr>().is_ok() {
        return None;
    }
    if name.contains("://") {
        return Some("it is a URL");
    }
    if name.contains('/') {
        return Some("it is a network or a path");
    }
    if name.contains(':') {
        return Some("it has a port");
    }
    let bare = name.strip_prefix("*.").unwrap_or(name);
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let numeric = bare.chars().all(|c| c.is_ascii_digit() || c == '.');
    if numeric {
        return Some("it is no address");
    }
    (!bare.split('.').all(label)).then_some("it has characters that no name has")
}

/// Reads an address with its names, which stand in the field `names`.
pub(in crate::clusterfile) fn alias(field: &Field<'_>, names: &'static str) -> Option<HostAlias> {
    let fields = field.fields()?;
    let address = fields.need("ip", "an address").and_then(|field| address(&field));
    let listed = fields.need(names, "a list of names").map(|field| host_names(&field)).unwrap_or_default();
    fields.finish();
    Some(HostAlias { address: address?.value, names: listed })
}

/// Reads the names of applications, each with its place, once. sealer's way to write that there are none is an empty name.
pub(in crate::clusterfile) fn application_names(field: &Field<'_>) -> Vec<(String, String)> {
    let mut names: Vec<(String, String)> = vec![];
    for name in field.items().iter().filter_map(Field::text) {
        let place = field.ledger().position(name.place);
        let name = name.value.trim().to_owned();
        if !name.is_empty() && !names.iter().any(|(known, _)| *known == name) {
            names.push((name, place));
        }
    }
    names
}

/// What serves in place of a directory for the cluster's data.
pub(in crate::clusterfile) const IN_PLACE_OF_DATA_ROOT: &str = "leave it out, and mount the disk at /var/lib/sealift, /var/lib/containerd, /var/lib/kubelet or /var/lib/etcd";

/// Reads what is read and converted, and not acted on by this version.
pub(super) fn not_yet(spec: &Fields<'_>, rest: &mut Declared) {
    if let Some(field) = spec.get("dataRoot") {
        rest.data_root = field.word().and_then(|path| data_root(&field, &path));
        only_read(&field, IN_PLACE_OF_DATA_ROOT);
    }
}

/// Takes down that a field is read and nothing more.
pub(in crate::clusterfile) fn only_read(field: &Field<'_>, remedy: &str) {
    field.ledger().not_acted_on(field.finding("is not acted on by this version").remedy(remedy));
}

/// Reads an absolute path.
pub(in crate::clusterfile) fn data_root(field: &Field<'_>, path: &Located<String>) -> Option<PathBuf> {
    if !path.value.starts_with('/') || path.value.split('/').any(|part| part == "..") {
        let finding = field.finding(format!("must be an absolute path, not `{}`", path.value));
        field.ledger().error(finding.remedy("write it as /var/lib/NAME"));
        return None;
    }
    Some(PathBuf::from(&path.value))
}

/// Reads the registry that machines pull from.
pub(super) fn registry(field: &Field<'_>) -> Option<DraftRegistry> {
    let fields = field.fields()?;
    let kinds = [("own", RegistryKind::Own), ("external", RegistryKind::External)];
    let kind = fields.need("kind", "`own` or `external`").and_then(|field| field.one_of(&kinds));
    let kind_value = kind.as_ref().map_or(RegistryKind::Own, |kind| kind.value);
    let mut registry = DraftRegistry::read(field, &fields, kind_value);
    let (names, authority) = (fields.get("certSANs"), fields.get("ca"));
    match kind_value {
        RegistryKind::Own => {
            registry.certificate_names = names.map(|names| certificate_names(&names)).unwrap_or_default();
            misplaced(authority.as_ref(), "says what an external registry is proven by");
        }
        RegistryKind::External => {
            registry.authority = authority.and_then(|authority| registry::authority(&authority));
            misplaced(names.as_ref(), "is for the certificates of the cluster's own registry");
        }
    }
    fields.finish();
    kind.map(|_| registry)
}

/// Tells of a field that a registry of this kind cannot have.
fn misplaced(field: Option<&Field<'_>>, why: &str) {
    if let Some(field) = field {
        field.ledger().error(field.finding(why).remedy("leave it out, or change `kind`"));
    }
}
