//! The registry that machines pull from: what is declared of it, as images read it and as its certificates and users need it.

use secrecy::ExposeSecret;

use crate::error::{Problems, Result};
use crate::model::{ClusterRegistry, Declared, DeclaredRegistry, SecretReference};
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
        let port = registry.port.map(|port| port.to_string());
        let named = [("registryDomain", registry.domain.clone()), ("registryPort", port)];
        let named = named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        declared.environment.extend(named);
    }
    declared
}

/// Returns the registry that the cluster is to have.
pub(super) fn wanted(declared: &Declared) -> ClusterRegistry {
    let names = declared.registry.as_ref().map(|registry| registry.certificate_names.clone());
    ClusterRegistry::Own { certificate_names: names.unwrap_or_default() }
}

/// Returns how machines log in. Credentials that are given make those of a new cluster; one that is there keeps its own.
pub(super) fn access(
    context: &Context,
    declared: &Declared,
    last: Option<&State>,
) -> Result<RegistryAccess, Problems> {
    let Some(state) = last else {
        let password = password(declared).map(|reference| read(context, &reference)).transpose()?;
        let given = Given { username: username(declared), password };
        return placed(declared, secrets::registry_access(&declared.name, given));
    };
    if are_others(context, declared, &state.registry) {
        context.reporter.warn(
            "the registry's user and password are declared otherwise than the cluster has them; `sealift registry passwd` alone changes them",
        );
    }
    Ok(state.registry.clone())
}

/// Returns the same for somebody who is only told about the cluster, and asks for no secret.
pub(super) fn access_untold(declared: &Declared, last: Option<&State>) -> Result<RegistryAccess, Problems> {
    if let Some(state) = last {
        return Ok(state.registry.clone());
    }
    let given = Given { username: username(declared), password: None };
    placed(declared, secrets::registry_access(&declared.name, given))
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
    use crate::model::{Environment, RegistryKind};

    fn declared(username: &str) -> Declared {
        let registry = DeclaredRegistry {
            place: "Clusterfile:9:3".to_owned(),
            kind: RegistryKind::Own,
            domain: Some("hub.example".to_owned()),
            port: Some(5001),
            username: Some(username.to_owned()),
            password: None,
            certificate_names: vec!["registry.example".to_owned()],
        };
        let environment = Environment::from([("a".to_owned(), "b".to_owned())]);
        Declared { name: "prod".to_owned(), registry: Some(registry), environment, ..Declared::default() }
    }

    #[test]
    fn what_is_declared_reaches_images_certificates_and_users() {
        let named = with_variables(&declared("team"));
        let variables = [("a", "b"), ("registryDomain", "hub.example"), ("registryPort", "5001")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(named.environment, Environment::from(variables));
        assert_eq!(wanted(&named).certificate_names(), ["registry.example"]);
        let access = access_untold(&named, None).unwrap();
        assert_eq!((access.username.as_str(), access.password.len()), ("team", 24));
        assert!(wanted(&Declared::default()).is_default());
        assert_eq!(with_variables(&Declared::default()), Declared::default());
    }

    #[test]
    fn it_is_said_where_a_user_is_declared_that_images_cannot_write() {
        let problems = access_untold(&declared("a team"), None).unwrap_err();
        assert_eq!(problems.list()[0].seen, ["the registry is described at Clusterfile:9:3"]);
    }
}
