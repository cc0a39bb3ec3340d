//! `sealift registry passwd`: other credentials for a cluster's registries and for all that pull from them.
//!
//! Both are taken while machines change, so no node is ever unable to pull; that is why the user's name changes as well.

use secrecy::{ExposeSecret, SecretString};

use crate::error::{Class, Problem, Problems, Result};
use crate::model::{Cluster, MachineSpec, RegistryUser};
use crate::ops::consent::Consent;
use crate::ops::context::Context;
use crate::ops::execute::Purpose;
use crate::ops::login::LoginRequest;
use crate::ops::resolve::{Making, Wish};
use crate::ops::{converge, declare, known, run, secrets};
use crate::plan::{Plan, RegistryAccess};
use crate::steps::{Site, State};

/// What `sealift registry passwd` is asked for.
#[derive(Debug, Clone)]
pub struct PasswdRequest {
    /// The cluster's name.
    pub name: String,
    /// The new user; none is a name like the one that there is.
    pub username: Option<String>,
    /// The new password; none is a random one.
    pub password: Option<SecretString>,
    /// How flags say to log in.
    pub login: LoginRequest,
}

/// Gives registries and machines other credentials. Cut off, the same command goes on with it, and so does `sealift apply`.
pub async fn change_credentials(context: &Context, request: PasswdRequest) -> Result<(), Problems> {
    let last = known::cluster(context, &request.name)?;
    refuse_external(&last)?;
    let registry = changed(&last.registry, request.username, request.password.as_ref())?;
    let username = registry.username.clone();
    let last = State { registry, ..last };
    let declared = declare::last(&last);
    let wish = Wish::about(&last, &declared, &request.login, Making::Forbidden);
    let draft = Box::pin(converge::draw(context, &wish, Consent::default())).await?;
    refuse_unanswered(&draft.site, &draft.plan)?;
    refuse_silence(&draft.site)?;
    let title = format!("registry passwd --username {username}");
    let purpose = |cluster: &Cluster, plan: &Plan| Purpose {
        achieved: format!(
            "registries and machines of `{}` use other credentials, those of `{username}`",
            cluster.name
        ),
        next: vec![],
        ..run::purpose(context, cluster, plan, &title)
    };
    converge::carry_out(context, draft, Consent::default(), purpose, |_| Ok(())).await
}

/// Returns the credentials to come, with those that there are as the former ones.
fn changed(
    present: &RegistryAccess,
    username: Option<String>,
    password: Option<&SecretString>,
) -> Result<RegistryAccess, Problems> {
    if is_under_way(present, username.as_deref(), password) {
        return Ok(present.clone());
    }
    if present.former.is_some() {
        return Err(Problem::new(
            Class::Refused,
            "the credentials are being changed already, and not all machines have them",
        )
        .remedy("bring that to its end first: sealift registry passwd without any other credentials, or sealift apply")
        .into());
    }
    let username = username.unwrap_or_else(|| successor(&present.username));
    let password = match password {
        Some(password) => password.expose_secret().to_owned(),
        None => secrets::password(),
    };
    let mut problems = secrets::wrong_user(&username, &password);
    if username == present.username {
        problems.push(
            Problem::new(Class::Usage, format!("the user is called `{username}` already"))
                .saw("while machines change, registries have to take both users")
                .remedy("give the new user another name, or none: then one is made"),
        );
    }
    Problems::check(problems)?;
    let former =
        Some(RegistryUser { username: present.username.clone(), password: present.password.clone() });
    Ok(RegistryAccess { username, password, former, ..present.clone() })
}

/// Tells whether these credentials are those that there are to be anyway: then a change that was cut off goes on.
fn is_under_way(present: &RegistryAccess, username: Option<&str>, password: Option<&SecretString>) -> bool {
    let is_named = username.is_some_and(|username| username == present.username);
    let is_known = password.is_some_and(|password| password.expose_secret() == present.password);
    match (username, password) {
        (None, None) => present.former.is_some(),
        (Some(_), None) => is_named && present.former.is_some(),
        (None, Some(_)) => is_known && present.former.is_some(),
        (Some(_), Some(_)) => is_named && is_known,
    }
}

/// Returns `sealift2` for `sealift`, and `sealift3` for that.
fn successor(username: &str) -> String {
    let stem = username.trim_end_matches(|c: char| c.is_ascii_digit());
    let number: u64 = username[stem.len()..].parse().unwrap_or(1);
    format!("{stem}{}", number + 1)
}

/// Who may log in to somebody else's registry is decided there.
fn refuse_external(last: &State) -> Result<(), Problems> {
    let Some(external) = last.cluster.registry.external() else { return Ok(()) };
    let message = format!(
        "the cluster `{}` pulls from {}, whose users are not the cluster's",
        last.cluster.name, external.domain
    );
    let problem = Problem::new(Class::Refused, message);
    Err(problem
        .remedy("change the user there, write `username` and `password` of it below `spec.registry`, and run: sealift apply")
        .into())
}

/// Without an API there is nowhere to keep both credentials.
fn refuse_unanswered(site: &Site, plan: &Plan) -> Result<(), Problems> {
    match site.observed.api() {
        Some(_) => Ok(()),
        None => Err(unanswered(&site.change_state(|_| {}), plan).into()),
    }
}

/// Says why there is no API.
fn unanswered(state: &State, plan: &Plan) -> Problem {
    let name = &state.cluster.name;
    if state.authority.is_none() {
        let message = format!("the credentials of `{name}` cannot be changed before it is made");
        return Problem::new(Class::Refused, message).remedy("make it first: sealift apply");
    }
    let message = format!("the credentials of `{name}` cannot be changed while its API does not answer");
    let problem = Problem::new(Class::Refused, message);
    if plan.only_puts_back() {
        return problem
            .saw("a change of its configuration was cut off, and what ran before is put aside on its machine")
            .remedy("have that put back first: sealift apply");
    }
    problem.remedy("see what its control planes lack: sealift status")
}

/// A control plane that is silent may serve its registry all the same, and would take the former credentials alone.
fn refuse_silence(site: &Site) -> Result<(), Problems> {
    let is_silent = |machine: &&MachineSpec| site.observed.facts(&machine.name).is_none();
    let silent = site.desired.control_planes().filter(is_silent).map(|machine| {
        Problem::new(
            Class::Connection,
            "its registry cannot be given the new credentials, since it does not answer",
        )
        .on(&machine.name)
        .remedy("start it, or replace it, and then change them")
    });
    Problems::check(silent.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(username: &str) -> RegistryAccess {
        let text = |text: &str| text.to_owned();
        RegistryAccess {
            username: text(username),
            password: text("before"),
            authority: text("ca"),
            authority_key: text("key"),
            former: None,
        }
    }

    #[test]
    fn who_comes_next_has_another_name_and_the_former_is_kept() {
        for (before, after) in [("sealift", "sealift2"), ("sealift2", "sealift3"), ("sealift9", "sealift10")]
        {
            let changed = changed(&access(before), None, None).unwrap();
            assert_eq!(changed.username, after);
            assert!(changed.password.len() == 24 && changed.password != "before");
            let former = changed.former.clone().unwrap();
            assert_eq!((former.username.as_str(), former.password.as_str()), (before, "before"));
            let again = super::changed(&changed, None, None).unwrap();
            assert!(again == changed, "what was cut off goes on");
            let problems = super::changed(&changed, Some("else".to_owned()), None).unwrap_err();
            assert_eq!(problems.class(), Class::Refused, "one change at a time");
        }
        let given = changed(&access("a"), Some("team".to_owned()), Some(&"longenough1".into())).unwrap();
        assert_eq!((given.username.as_str(), given.password.as_str()), ("team", "longenough1"));
        let done = RegistryAccess { former: None, ..given };
        let same = changed(&done, Some("team".to_owned()), Some(&"longenough1".into())).unwrap();
        assert!(same == done, "the same once more changes nothing");
    }

    #[test]
    fn why_there_is_no_api_is_told_as_it_is() {
        let mut state = crate::ops::testing::state();
        let mut plan: Plan = serde_json::from_value(serde_json::json!({
            "format": 1, "cluster": "prod", "fingerprint": crate::model::Digest::of(""),
            "steps": [{
                "number": 1, "machine": "10.0.0.1", "action": "put-back", "reason": "it was cut off",
                "disruption": "machine", "needs": [], "follows": [],
            }],
        }))
        .unwrap();
        let told = |state: &State, plan: &Plan| unanswered(state, plan).remedies.concat();
        assert_eq!(told(&state, &plan), "make it first: sealift apply");
        state.authority = Some(crate::model::Digest::of("authority"));
        assert!(unanswered(&state, &plan).seen[0].contains("put aside"));
        assert_eq!(told(&state, &plan), "have that put back first: sealift apply");
        plan.steps.clear();
        assert_eq!(told(&state, &plan), "see what its control planes lack: sealift status");
        assert!(!unanswered(&state, &plan).message.contains("made"));
    }

    #[test]
    fn what_images_cannot_write_is_refused_and_not_shown() {
        for (username, password, count) in [
            ("sealift", "longenough", 1),
            ("a b", "longenough", 1),
            ("", "longenough", 1),
            ("9a", "longenough", 1),
            ("team", "short", 1),
            ("team", "1234567890", 1),
            ("team", "with:colon", 1),
            ("te'am", "with\"quote", 2),
        ] {
            let problems =
                changed(&access("sealift"), Some(username.to_owned()), Some(&password.into())).unwrap_err();
            assert_eq!(problems.list().len(), count, "{username} {password}: {problems}");
            assert!(!problems.to_string().contains(password), "{problems}");
        }
    }
}
