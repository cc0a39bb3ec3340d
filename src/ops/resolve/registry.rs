//! The registry that machines pull from: what is declared of it, as images read it and as its certificates and users need it.

use std::net::IpAddr;

use secrecy::ExposeSecret;

use crate::error::{Class, Problem, Problems, Result};
use crate::fsx;
use crate::ha::tls;
use crate::model::{
    ClusterRegistry, Declared, DeclaredAuthority, DeclaredRegistry, ExternalRegistry, RegistryKind,
    SecretReference,
};
use crate::ops::context::Context;
use crate::ops::login::Secrets;
use crate::ops::secrets::{self, Given};
use crate::plan::RegistryAccess;
use crate::steps::State;

/// Returns the declaration with the registry's name and port among its variables, where the images' templates and scripts look
/// for them.
pub(super) fn with_variables(declared: &Declared) -> Declared {
    let mut declared = declared.clone();
    if let Some(registry) = &declared.registry {
        let port = match registry.kind {
            RegistryKind::Own => registry.port.map(|port| port.to_string()),
            RegistryKind::External => Some(port(registry).to_string()),
        };
        let named = [("registryDomain", registry.domain.clone()), ("registryPort", port)];
        let named = named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        declared.environment.extend(named);
    }
    declared
}

/// Returns the registry that the cluster is to have.
pub(super) async fn wanted(declared: &Declared, last: Option<&State>) -> Result<ClusterRegistry, Problems> {
    let Some(registry) = &declared.registry else { return Ok(ClusterRegistry::default()) };
    let names = &registry.certificate_names;
    match registry.kind {
        RegistryKind::Own => Ok(ClusterRegistry::Own { certificate_names: names.clone() }),
        RegistryKind::External => {
            placed(declared, external(declared, registry, last).await.map_err(Problems::from))
        }
    }
}

async fn external(
    declared: &Declared,
    registry: &DeclaredRegistry,
    last: Option<&State>,
) -> Result<ClusterRegistry> {
    let (domain, port) = (registry.domain.clone().unwrap_or_default(), port(registry));
    let known = last.and_then(|state| state.cluster.registry.external());
    let known = known.filter(|known| (&known.domain, known.port) == (&domain, port));
    let addresses = addresses(declared, registry, &domain, port, known).await?;
    let authority = registry.authority.as_ref().map(authority).transpose()?;
    Ok(ClusterRegistry::External(ExternalRegistry { domain, port, addresses, authority }))
}

/// The port of a registry in images' names that have none.
const PORT: u16 = 443;

fn port(registry: &DeclaredRegistry) -> u16 {
    registry.port.unwrap_or(PORT)
}

/// Returns where an external registry listens: as the cluster's host aliases say, or DNS. As long as one of the addresses that the
/// machines know is still its own, they are left with these: DNS has others at every other question.
async fn addresses(
    declared: &Declared,
    registry: &DeclaredRegistry,
    domain: &str,
    port: u16,
    known: Option<&ExternalRegistry>,
) -> Result<Vec<IpAddr>> {
    let aliases = declared.host_aliases.iter();
    let aliased = aliases.filter(|alias| alias.names.iter().any(|name| name.eq_ignore_ascii_case(domain)));
    let mut found: Vec<IpAddr> = aliased.map(|alias| alias.address).collect();
    if !found.is_empty() {
        return Ok(found);
    }
    if let Some(known) = known.filter(|_| is_kept(registry)) {
        return Ok(known.addresses.clone());
    }
    let looked_up = tokio::net::lookup_host((domain, port)).await;
    // On a machine of the cluster the name is care's.
    let elsewhere = looked_up.into_iter().flatten().map(|address| address.ip());
    found.extend(elsewhere.filter(|address| !address.is_loopback()));
    found.sort_unstable();
    found.dedup();
    match known {
        Some(known) if found.is_empty() || known.addresses.iter().any(|address| found.contains(address)) => {
            Ok(known.addresses.clone())
        }
        _ if found.is_empty() => {
            let message = format!("the name `{domain}` of the registry is not known here");
            Err(Problem::new(Class::Connection, message)
                .remedy("add it to DNS, or write its address and name below `spec.hostAliases`"))
        }
        _ => Ok(found),
    }
}

/// Tells whether this is what was kept of a cluster, and not what somebody declares now.
fn is_kept(registry: &DeclaredRegistry) -> bool {
    registry.place.is_empty()
}

fn authority(authority: &DeclaredAuthority) -> Result<String> {
    let text = match authority {
        DeclaredAuthority::Text(text) => text.clone(),
        DeclaredAuthority::File(path) => fsx::read_text(path)?,
    };
    tls::client(text.as_bytes(), tls::Protocols::Unspoken).map_err(|problem| {
        problem.saw("`spec.registry.ca`").remedy("give the certificate of its authority, PEM")
    })?;
    Ok(text)
}

/// Fails where a cluster that is made would pull from another kind of registry than its machines do.
pub(super) fn refuse_other_kind(declared: &Declared, last: Option<&State>) -> Result<(), Problems> {
    let Some(made) = last.filter(|state| state.authority.is_some()) else { return Ok(()) };
    let was = match made.cluster.registry.external() {
        Some(_) => RegistryKind::External,
        None => RegistryKind::Own,
    };
    let is = declared.registry.as_ref().map_or(RegistryKind::Own, |registry| registry.kind);
    if was == is {
        return Ok(());
    }
    let message = format!("the cluster `{}` pulls from {}", made.cluster.name, in_words(was));
    let problem = Problem::new(Class::Refused, message).saw(format!("declared is {}", in_words(is)));
    let problem = problem.remedy(match made.cluster.registry.external() {
        Some(external) => format!(
            "leave `spec.registry` as it was: `kind: external`, `domain: {}`, `port: {}`; the other kind takes a new cluster",
            external.domain, external.port
        ),
        None => "leave `spec.registry` out, or `kind: own`; the other kind takes a new cluster".to_owned(),
    });
    placed(declared, Err(problem.into()))
}

fn in_words(kind: RegistryKind) -> &'static str {
    match kind {
        RegistryKind::Own => "the images' own registry",
        RegistryKind::External => "an external registry",
    }
}

/// Returns how machines log in to `registry`. Credentials that are given make those of a new cluster with a registry of its own;
/// one that is there keeps them. Somebody else's registry has those that it has.
pub(super) fn access(
    context: &Context,
    declared: &Declared,
    registry: &ClusterRegistry,
    last: Option<&State>,
) -> Result<RegistryAccess, Problems> {
    let read = |reference: SecretReference| read(context, &reference);
    if let Some(external) = registry.external() {
        let given =
            Given { username: username(declared), password: password(declared).map(read).transpose()? };
        return placed(declared, access_to(external, given, last));
    }
    let Some(present) = of_its_own(last) else {
        let given =
            Given { username: username(declared), password: password(declared).map(read).transpose()? };
        return placed(declared, secrets::registry_access(&declared.name, given));
    };
    if are_others(context, declared, present) {
        context.reporter.warn(
            "the registry's user and password are declared otherwise than the cluster has them; `sealift registry passwd` alone changes them",
        );
    }
    Ok(present.clone())
}

/// Returns the same for somebody who is only told about the cluster, and asks for no secret.
pub(super) fn access_untold(
    declared: &Declared,
    registry: &ClusterRegistry,
    last: Option<&State>,
) -> Result<RegistryAccess, Problems> {
    let given = Given { username: username(declared), password: None };
    let outcome = match (registry.external(), of_its_own(last)) {
        (Some(external), _) => {
            let password = Some(secrets::password());
            access_to(external, Given { password, ..given }, None)
        }
        (None, Some(present)) => return Ok(present.clone()),
        (None, None) => secrets::registry_access(&declared.name, given),
    };
    placed(declared, outcome)
}

/// Returns how machines log in to somebody else's registry: as is given, or as they did.
fn access_to(
    external: &ExternalRegistry,
    given: Given,
    last: Option<&State>,
) -> Result<RegistryAccess, Problems> {
    let last = last.filter(|state| state.cluster.registry.external().is_some()).map(|state| &state.registry);
    let username = given.username.or_else(|| last.map(|last| last.username.clone())).unwrap_or_default();
    let password = given.password.or_else(|| last.map(|last| last.password.clone())).unwrap_or_default();
    Problems::check(secrets::unwritable_user(&username, &password))?;
    Ok(RegistryAccess {
        username,
        password,
        authority: external.authority.clone().unwrap_or_default(),
        authority_key: String::new(),
        former: None,
    })
}

/// Returns the credentials of a registry that is the cluster's own.
fn of_its_own(last: Option<&State>) -> Option<&RegistryAccess> {
    last.filter(|state| state.cluster.registry.external().is_none()).map(|state| &state.registry)
}

fn described(declared: &Declared) -> Option<&DeclaredRegistry> {
    declared.registry.as_ref()
}

fn username(declared: &Declared) -> Option<String> {
    let described = described(declared).and_then(|registry| registry.username.clone());
    described.or_else(|| declared.environment.get(secrets::USERNAME_VARIABLE).cloned())
}

fn password(declared: &Declared) -> Option<SecretReference> {
    let described = described(declared).and_then(|registry| registry.password.clone());
    let variable = || declared.environment.get(secrets::PASSWORD_VARIABLE).cloned();
    described.or_else(|| variable().map(|password| SecretReference::Literal(password.into())))
}

fn read(context: &Context, reference: &SecretReference) -> Result<String> {
    let secret = Secrets::new(context).read(reference, "password of the registry")?;
    Ok(secret.expose_secret().to_owned())
}

/// Tells whether other credentials are declared than the cluster has, where they change nothing any more. Nobody is asked for
/// them, and where they cannot be read they are taken for the same.
fn are_others(context: &Context, declared: &Declared, present: &RegistryAccess) -> bool {
    let quiet = password(declared).filter(|reference| *reference != SecretReference::Prompt);
    let password = quiet.and_then(|reference| read(context, &reference).ok());
    username(declared).is_some_and(|username| username != present.username)
        || password.is_some_and(|password| password != present.password)
}

/// Says where the registry is described that something is wrong with.
fn placed<T>(declared: &Declared, outcome: Result<T, Problems>) -> Result<T, Problems> {
    let Some(place) = described(declared).map(|registry| &registry.place).filter(|place| !place.is_empty())
    else {
        return outcome;
    };
    outcome.map_err(|problems| {
        problems.each(|problem| problem.saw(format!("the registry is described at {place}")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Environment, HostAlias};

    fn declared(username: &str) -> Declared {
        let registry = DeclaredRegistry {
            place: "Clusterfile:9:3".to_owned(),
            kind: RegistryKind::Own,
            domain: Some("hub.example".to_owned()),
            port: Some(5001),
            username: Some(username.to_owned()),
            password: None,
            certificate_names: vec!["registry.example".to_owned()],
            authority: None,
        };
        let environment = Environment::from([("a".to_owned(), "b".to_owned())]);
        Declared { name: "prod".to_owned(), registry: Some(registry), environment, ..Declared::default() }
    }

    #[tokio::test]
    async fn what_is_declared_reaches_images_certificates_and_users() {
        let named = with_variables(&declared("team"));
        let variables = [("a", "b"), ("registryDomain", "hub.example"), ("registryPort", "5001")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(named.environment, Environment::from(variables));
        let own = wanted(&named, None).await.unwrap();
        assert_eq!(own.certificate_names(), ["registry.example"]);
        let access = access_untold(&named, &own, None).unwrap();
        assert_eq!((access.username.as_str(), access.password.len()), ("team", 24));
        assert!(wanted(&Declared::default(), None).await.unwrap().is_default());
        assert_eq!(with_variables(&Declared::default()), Declared::default());
    }

    #[test]
    fn it_is_said_where_a_user_is_declared_that_images_cannot_write() {
        let problems = access_untold(&declared("a team"), &ClusterRegistry::default(), None).unwrap_err();
        assert_eq!(problems.list()[0].seen, ["the registry is described at Clusterfile:9:3"]);
    }

    fn elsewhere() -> Declared {
        let mut declared = declared("team");
        let registry = declared.registry.as_mut().unwrap();
        registry.kind = RegistryKind::External;
        registry.port = None;
        registry.certificate_names.clear();
        let names = vec!["other.example".to_owned(), "hub.example".to_owned()];
        declared.host_aliases = vec![HostAlias { address: "192.0.2.7".parse().unwrap(), names }];
        declared
    }

    #[tokio::test]
    async fn an_external_registry_is_where_the_aliases_say_and_has_its_own_users() {
        let declared = elsewhere();
        assert_eq!(with_variables(&declared).environment["registryPort"], "443");
        let wanted = wanted(&declared, None).await.unwrap();
        let external = wanted.external().unwrap();
        assert_eq!(external.servers().collect::<Vec<_>>(), ["192.0.2.7:443".parse().unwrap()]);
        let given = |password: &str| Given {
            username: Some("robot$team".to_owned()),
            password: Some(password.to_owned()),
        };
        let access = access_to(external, given("S3cret-of/the.robot"), None).unwrap();
        assert!(access.authority_key.is_empty() && access.username == "robot$team");
        for wrong in ["", "with blank", "with'quote", "#begins", "12345678"] {
            let problems = access_to(external, given(wrong), None).unwrap_err();
            assert!(wrong.is_empty() || !problems.to_string().contains(wrong), "{problems}");
        }
    }

    #[test]
    fn an_authority_that_is_empty_is_not_whatever_machines_trust() {
        let problem = authority(&DeclaredAuthority::Text(String::new())).unwrap_err();
        assert!(problem.to_string().contains("no certificate"), "{problem}");
        assert_eq!(problem.seen, ["`spec.registry.ca`"]);
    }

    #[tokio::test]
    async fn a_name_that_nobody_knows_is_told_with_what_to_do() {
        let mut declared = elsewhere();
        declared.host_aliases.clear();
        declared.registry.as_mut().unwrap().domain = Some("hub.invalid".to_owned());
        let problems = wanted(&declared, None).await.unwrap_err();
        assert_eq!(problems.class(), Class::Connection);
        assert!(problems.list()[0].remedies[0].contains("spec.hostAliases"), "{problems:?}");
    }
}
