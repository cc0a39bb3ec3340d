//! Secrets of a new cluster: its registry's credentials and authority.

use std::time::SystemTime;

use rand::RngExt;
use rand::distr::Alphanumeric;
use secrecy::ExposeSecret;

use crate::error::{Class, Problem, Problems, Result};
use crate::ha::authority::registry_authority;
use crate::model::Environment;
use crate::plan::RegistryAccess;
use crate::steps::State;

/// The registry's user. Images read it from `registryUsername`.
const USERNAME: &str = "sealift";

/// Characters in a password: 24 letters and digits are 142 bits.
const PASSWORD_LENGTH: usize = 24;

/// What an operator gives of a registry's credentials.
#[derive(Clone, Default)]
pub(super) struct Given {
    /// Who logs in.
    pub(super) username: Option<String>,
    /// With which password.
    pub(super) password: Option<String>,
}

/// Makes the credentials of a cluster's registry, as far as the operator gives none.
pub(super) fn registry_access(cluster: &str, given: Given) -> Result<RegistryAccess, Problems> {
    let username = given.username.unwrap_or_else(|| USERNAME.to_owned());
    let password = given.password.unwrap_or_else(self::password);
    Problems::check(wrong_user(&username, &password))?;
    let authority = registry_authority(cluster, SystemTime::now())?;
    Ok(RegistryAccess {
        username,
        password,
        authority: authority.certificate_pem,
        authority_key: authority.key_pem.expose_secret().to_owned(),
        former: None,
    })
}

/// The variables by which images are told who logs in to the registry.
pub(super) const USERNAME_VARIABLE: &str = "registryUsername";
pub(super) const PASSWORD_VARIABLE: &str = "registryPassword";

/// Returns variables without the registry's credentials, which are kept by themselves: definitions are shown.
pub(super) fn without_credentials(environment: &Environment) -> Environment {
    let is_one = |name: &str| [USERNAME_VARIABLE, PASSWORD_VARIABLE].contains(&name);
    let others = environment.iter().filter(|(name, _)| !is_one(name));
    others.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Takes the registry's credentials out of all variables that are kept: of single machines, of single images, and of those that
/// images were built with. None has others than the cluster, and nothing is kept of what somebody wrote there.
pub(super) fn withdraw_credentials(state: &mut State) {
    let cluster = &mut state.cluster;
    let machines = cluster.machines.iter_mut().chain(&mut state.leaving);
    let images = state.images.iter_mut().chain(&mut state.parting);
    let kept = machines
        .map(|machine| &mut machine.environment)
        .chain(images.map(|image| &mut image.environment))
        .chain(cluster.wishes.values_mut().map(|wishes| &mut wishes.environment))
        .chain([&mut cluster.environment]);
    for environment in kept {
        *environment = without_credentials(environment);
    }
}

/// Finds what images would stumble over: they put both into files of many formats, without quotes.
pub(super) fn wrong_user(username: &str, password: &str) -> Vec<Problem> {
    let plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric());
    let has_letter = |text: &str| text.contains(|c: char| c.is_ascii_alphabetic());
    let mut problems = vec![];
    if !plain(username) || !username.starts_with(|c: char| c.is_ascii_alphabetic()) || username.len() > 64 {
        problems.push(
            Problem::new(Class::Usage, format!("a registry's user cannot be called `{username}`")).remedy(
                "take letters and digits, a letter first: images put the name into files without quotes",
            ),
        );
    }
    // bcrypt reads 72 bytes.
    if !plain(password) || !has_letter(password) || !(8..=72).contains(&password.len()) {
        problems.push(Problem::new(Class::Usage, "this cannot be the password of a registry").remedy(
            "take 8 to 72 letters and digits, not digits alone: images put it into files without quotes",
        ));
    }
    problems
}

/// Finds what images could not write of somebody else's credentials. Those are as they are, so less is asked of them: templates
/// put them into YAML and TOML, and scripts between quotes.
pub(super) fn unwritable_user(username: &str, password: &str) -> Vec<Problem> {
    let plain = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.contains(|c: char| !c.is_ascii_digit())
            && text.chars().all(|c| c.is_ascii_graphic() && !"'\"`\\".contains(c))
            && !text.ends_with(':')
    };
    let mut problems = vec![];
    let remedy = "take another user of it, of printable characters without blanks, quotes and backslashes, a letter or digit first and not digits alone: images put both into files without quotes";
    if !plain(username) || username.contains(':') {
        problems.push(
            Problem::new(Class::Usage, format!("images cannot log in to the registry as `{username}`"))
                .remedy(remedy),
        );
    }
    if !plain(password) {
        problems.push(
            Problem::new(Class::Usage, "images cannot log in to the registry with this password")
                .remedy(remedy),
        );
    }
    problems
}

/// Makes a password of letters and digits only: images put it into files without quotes.
pub(super) fn password() -> String {
    rand::rng().sample_iter(Alphanumeric).take(PASSWORD_LENGTH).map(char::from).collect()
}

/// Makes an id that no other run or launch has: when, and 32 random bits.
pub fn new_id() -> String {
    let now = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
    format!("{now}-{:08x}", rand::rng().random::<u32>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ImageContract, ImageKind, ImageWishes};
    use crate::ops::files::tests::image;
    use crate::ops::testing::state;

    #[test]
    fn no_machine_and_no_image_is_kept_with_credentials() {
        let variables = [("registryUsername", "admin"), ("registryPassword", "passw0rd"), ("a", "b")];
        let variables = Environment::from(variables.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let image = |name: &str| ImageContract {
            environment: variables.clone(),
            ..image(name, ImageKind::Application, vec![])
        };
        let mut state = state();
        state.cluster.environment.clone_from(&variables);
        state.cluster.machines[0].environment.clone_from(&variables);
        state.leaving.clone_from(&state.cluster.machines);
        let wishes = ImageWishes { environment: variables.clone(), ..ImageWishes::default() };
        state.cluster.wishes.insert("a:v1".to_owned(), wishes);
        state.images.push(image("a:v1"));
        state.parting.push(image("b:v1"));
        withdraw_credentials(&mut state);
        let kept = state.to_json().unwrap();
        assert!(!kept.contains("passw0rd") && !kept.contains("registryUsername"), "{kept}");
        assert_eq!(kept.matches(r#""a": "b""#).count(), 6, "{kept}");
    }

    #[test]
    fn an_operators_own_credentials_are_taken_and_stand_nowhere_else() {
        let variables = |entries: &[(&str, &str)]| -> Environment {
            entries.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let given =
            variables(&[("registryUsername", "team"), ("registryPassword", "longenough"), ("a", "b")]);
        let own = Given { username: Some("team".to_owned()), password: Some("longenough".to_owned()) };
        let access = registry_access("prod", own).unwrap();
        assert_eq!((access.username.as_str(), access.password.as_str()), ("team", "longenough"));
        assert_eq!(without_credentials(&given), variables(&[("a", "b")]));
        let random = registry_access("prod", Given::default()).unwrap();
        assert_eq!((random.username.as_str(), random.password.len()), ("sealift", PASSWORD_LENGTH));
        let wrong = Given { username: None, password: Some("a b".to_owned()) };
        let problems = registry_access("prod", wrong).unwrap_err();
        assert!(!problems.to_string().contains("a b"), "{problems}");
    }
}
