//! The registry that machines pull from: what all dialects say of it, and variables that say something else.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::draft::{Draft, DraftMachines};
use super::ledger::{Finding, Ledger};
use super::login;
use super::native::not_certifiable;
use super::place::{Located, Place};
use super::reader::{Field, Fields};
use crate::model::{DeclaredAuthority, DeclaredRegistry, Environment, RegistryKind, SecretReference};

/// The variables of images that say the same, in the words of sealos and in those of sealer.
const DOMAIN: [&str; 2] = ["registryDomain", "RegistryDomain"];
const PORT: [&str; 2] = ["registryPort", "RegistryPort"];
const USERNAME: [&str; 1] = ["registryUsername"];
const PASSWORD: [&str; 1] = ["registryPassword"];

/// A registry with the places of what is said of it.
#[derive(Debug)]
pub(super) struct DraftRegistry {
    /// Where it is described.
    pub(super) place: Place,
    /// Whose it is.
    pub(super) kind: RegistryKind,
    /// Its name.
    pub(super) domain: Option<Located<String>>,
    /// Its port.
    pub(super) port: Option<Located<u16>>,
    /// Who logs in.
    pub(super) username: Option<Located<String>>,
    /// With which password.
    pub(super) password: Option<Located<SecretReference>>,
    /// More names of its certificate.
    pub(super) certificate_names: Vec<String>,
    /// The authority of its certificate.
    pub(super) authority: Option<DeclaredAuthority>,
}

impl DraftRegistry {
    /// Reads the fields that every dialect has.
    pub(super) fn read(field: &Field<'_>, fields: &Fields<'_>, kind: RegistryKind) -> Self {
        let located = |name| fields.get(name).map(|field| (field.place(), field));
        Self {
            place: field.place(),
            kind,
            domain: fields.get("domain").and_then(|field| domain(&field)),
            port: located("port").and_then(|(place, field)| Some(Located::new(login::port(&field)?, place))),
            username: fields.get("username").and_then(|field| field.word()),
            password: located("password")
                .and_then(|(place, field)| Some(Located::new(login::secret(&field)?, place))),
            certificate_names: vec![],
            authority: None,
        }
    }

    /// Forgets the places but for the first, `position`.
    pub(super) fn into_declared(self, position: String) -> DeclaredRegistry {
        DeclaredRegistry {
            place: position,
            kind: self.kind,
            domain: self.domain.map(|domain| domain.value),
            port: self.port.map(|port| port.value),
            username: self.username.map(|username| username.value),
            password: self.password.map(|password| password.value),
            certificate_names: self.certificate_names,
            authority: self.authority,
        }
    }
}

/// Reads the certificate of an authority: PEM as it is, or `file:PATH`.
pub(super) fn authority(field: &Field<'_>) -> Option<DeclaredAuthority> {
    let text = field.text()?;
    let path = text.value.strip_prefix("file:").map(str::trim);
    if let Some(path) = path.filter(|path| !path.is_empty()) {
        return Some(DeclaredAuthority::File(path.into()));
    }
    if path.is_none() && text.value.contains(CERTIFICATE) {
        return Some(DeclaredAuthority::Text(text.value));
    }
    let finding = field.finding("is no certificate of an authority");
    field
        .ledger()
        .error(finding.remedy("write `file:PATH`, or the certificate itself, PEM, as a block: `ca: |`"));
    None
}

/// Finds what an external registry lacks to be used in place of the cluster's own.
fn check_external(ledger: &Ledger, registry: &DraftRegistry) {
    let missing = [
        ("domain", registry.domain.is_none(), "write the name that its certificate has"),
        ("username", registry.username.is_none(), LOGIN),
        ("password", registry.password.is_none(), LOGIN),
    ];
    for (field, is_missing, remedy) in missing {
        if is_missing {
            let message = format!("an external registry has no `{field}` here");
            ledger.error(Finding::at(registry.place, message).remedy(remedy));
        }
    }
}

/// Finds a port that `care` could not listen at for the registry.
fn check_port(ledger: &Ledger, registry: &DraftRegistry) {
    let Some(port) = registry.port.as_ref().filter(|port| TAKEN.contains(&port.value)) else { return };
    let message = format!(
        "port {} is Kubernetes' own on machines, where the registry is called by it, too",
        port.value
    );
    ledger.error(Finding::of(port, message).remedy(match registry.kind {
        RegistryKind::Own => "take another port, or leave it out for that of the images",
        RegistryKind::External => "let the registry listen at another port",
    }));
}

/// How every certificate begins that is written as text.
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----";

/// Images always log in.
const LOGIN: &str = "images' files always log in; for a registry that asks nobody, write any";

/// Ports that something of Kubernetes listens at on machines, at their loopback address, too.
const TAKEN: [u16; 9] = [2379, 2380, 6443, 10248, 10249, 10250, 10256, 10257, 10259];

/// Reads the name of a registry; images' names begin with it, so it has no port and is no address.
fn domain(field: &Field<'_>) -> Option<Located<String>> {
    let domain = field.word()?;
    let wrong = match domain.value.parse::<IpAddr>() {
        Ok(_) => Some("it is an address"),
        Err(_) if domain.value.contains('*') => Some("it stands for many names"),
        // Names of hosts have no case, but those of images are compared to the letter.
        Err(_) if domain.value.contains(|c: char| c.is_ascii_uppercase()) => Some("it has capital letters"),
        Err(_) => not_certifiable(&domain.value),
    };
    let Some(why) = wrong else { return Some(domain) };
    let finding = Finding::of(&domain, format!("`{}` is no name of a registry: {why}", domain.value));
    let remedy = match domain.value.to_ascii_lowercase() {
        small if not_certifiable(&small).is_none() && small != domain.value => format!("write {small}"),
        _ => "write its name alone, such as registry.example".to_owned(),
    };
    field.ledger().error(finding.remedy(remedy));
    // It is there, so that nobody is told that it is missing.
    Some(domain)
}

/// Tells of credentials among the variables of one machine or one image: the registry has one user, for all of them.
fn warn_of_single_credentials(ledger: &Ledger, draft: &Draft) {
    let machines = match &draft.machines {
        DraftMachines::Given(machines) => machines.as_slice(),
        DraftMachines::Made(_) => &[],
    };
    let of_machines = machines.iter().map(|machine| (machine.place, "machine", &machine.value.environment));
    let of_images = draft.images.iter().filter_map(|image| {
        let wishes = draft.rest.wishes.get(&image.value)?;
        Some((image.place, "image", &wishes.environment))
    });
    let mut told = BTreeSet::new();
    for (place, what, environment) in of_machines.chain(of_images) {
        for name in USERNAME.iter().chain(&PASSWORD).filter(|name| environment.contains_key(**name)) {
            // Machines that are written together have them together: the first stands for all.
            if told.insert((what, *name)) {
                let message = format!("the variable `{name}` of one {what} counts for nothing");
                ledger.warn(Finding::at(place, message).remedy(
                    "all log in to the registry as one user: write it below `spec.registry`, or among the variables of the cluster",
                ));
            }
        }
    }
}

/// Finds variables that say something else of the registry than its description: images would see the one, machines the other.
pub(super) fn check(ledger: &Ledger, draft: &Draft) {
    warn_of_single_credentials(ledger, draft);
    let Some(registry) = &draft.registry else { return };
    if registry.kind == RegistryKind::External {
        check_external(ledger, registry);
    }
    check_port(ledger, registry);
    let of_images = draft.rest.wishes.values().map(|wishes| &wishes.environment);
    let machines = match &draft.machines {
        DraftMachines::Given(machines) => machines.as_slice(),
        DraftMachines::Made(_) => &[],
    };
    let of_machines = machines.iter().map(|machine| &machine.value.environment);
    let all: Vec<&Environment> =
        std::iter::once(&draft.rest.environment).chain(of_images).chain(of_machines).collect();
    let says_otherwise = |name: &str, said: &str| {
        let found = all.iter().filter_map(|environment| environment.get(name));
        found.into_iter().find(|value| *value != said).cloned()
    };
    let port = registry.port.as_ref().map(|port| Located::new(port.value.to_string(), port.place));
    let plain = [(&registry.domain, &DOMAIN[..]), (&port, &PORT[..]), (&registry.username, &USERNAME[..])];
    for (said, names) in plain {
        let Some(said) = said else { continue };
        for name in names {
            if let Some(value) = says_otherwise(name, &said.value) {
                let message =
                    format!("the registry has `{}` here, and the variable `{name}` is `{value}`", said.value);
                ledger
                    .error(Finding::of(said, message).remedy(format!("leave `{name}` out of the variables")));
            }
        }
    }
    if let Some(password) = &registry.password {
        for name in PASSWORD {
            // Where the one or the other is to be found, only a run could compare them.
            if all.iter().any(|environment| environment.contains_key(name)) {
                let message =
                    format!("the registry's password stands here, and the variable `{name}` is one, too");
                ledger.error(
                    Finding::of(password, message).remedy(format!("leave `{name}` out of the variables")),
                );
            }
        }
    }
}
