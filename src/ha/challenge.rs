//! What a registry says of whom it lets in: where its clients get a token.
//!
//! Source: the distribution project's token authentication (`docs/content/spec/auth/token.md`); RFC 9110, section 11.6.1.

use http::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use http::uri::{Authority, PathAndQuery, Scheme, Uri};
use http_auth::{ChallengeRef, ParamValue, parse_challenges};

/// Where a registry's clients get a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Realm {
    /// By which protocol.
    pub scheme: Scheme,
    /// At which host and port.
    pub authority: Authority,
    /// By which path, and the part of the query that comes first.
    pub path: PathAndQuery,
    /// What the registry is called there.
    pub service: Option<String>,
}

impl Realm {
    fn of(challenge: &ChallengeRef<'_>) -> Option<Self> {
        let parts = parameter(challenge, "realm")?.to_unescaped().parse::<Uri>().ok()?.into_parts();
        Some(Self {
            scheme: parts.scheme?,
            authority: parts.authority?,
            path: parts.path_and_query.unwrap_or(PathAndQuery::from_static("/")),
            service: parameter(challenge, "service").map(ParamValue::to_unescaped),
        })
    }
}

/// Returns where the answer with these headers sends a client for a token, if it does.
pub fn realm(headers: &HeaderMap) -> Option<Realm> {
    headers
        .get_all(WWW_AUTHENTICATE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .find_map(|value| parse_challenges(value).ok()?.iter().find_map(Realm::of))
}

/// Has the answer with these headers send clients where `elsewhere` says, and says nothing of realms that stay.
pub fn replace_realms(headers: &mut HeaderMap, elsewhere: impl Fn(&Realm) -> Option<String>) {
    let replaced: Vec<HeaderValue> = headers
        .get_all(WWW_AUTHENTICATE)
        .iter()
        .map(|value| replaced(value, &elsewhere).unwrap_or_else(|| value.clone()))
        .collect();
    headers.remove(WWW_AUTHENTICATE);
    for value in replaced {
        headers.append(WWW_AUTHENTICATE, value);
    }
}

fn replaced(value: &HeaderValue, elsewhere: impl Fn(&Realm) -> Option<String>) -> Option<HeaderValue> {
    let text = value.to_str().ok()?;
    let challenges = parse_challenges(text).ok()?;
    let mut changed = text.to_owned();
    for challenge in &challenges {
        let other = Realm::of(challenge).as_ref().and_then(&elsewhere);
        if let Some((said, other)) = parameter(challenge, "realm").zip(other) {
            changed = changed.replace(said.as_escaped(), &other);
        }
    }
    HeaderValue::try_from(changed).ok()
}

/// Returns what a challenge to come with a token says. The realm of another kind is a name for people.
fn parameter<'a>(challenge: &'a ChallengeRef<'_>, name: &str) -> Option<&'a ParamValue<'a>> {
    let found = challenge.params.iter().find(|(said, _)| said.eq_ignore_ascii_case(name));
    found.filter(|_| challenge.scheme.eq_ignore_ascii_case("bearer")).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(WWW_AUTHENTICATE, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn a_realm_is_read_from_whatever_challenge_has_one() {
        for (values, want) in [
            (
                &[r#"Bearer realm="https://hub.example/service/token",service="harbor""#][..],
                Some("https hub.example /service/token"),
            ),
            (
                &[r#"bearer service="a b",REALM="https://hub.example:5001/?a=b""#],
                Some("https hub.example:5001 /?a=b"),
            ),
            (&[r#"Basic realm="a registry""#, r#"Bearer realm="http://10.0.0.1""#], Some("http 10.0.0.1 /")),
            (&[r#"Basic realm="https://hub.example/""#], None),
            (&[r#"Bearer realm="token""#], None),
            (&["Bearer"], None),
            (&[], None),
        ] {
            let found = realm(&headers(values));
            let found = found.map(|realm| format!("{} {} {}", realm.scheme, realm.authority, realm.path));
            assert_eq!(found.as_deref(), want, "{values:?}");
        }
    }

    #[test]
    fn a_realm_is_replaced_and_nothing_beside_it() {
        let mut told = headers(&[
            r#"Basic realm="https://hub.example/""#,
            r#"Bearer realm="https://hub.example/token?a=b",service="hub.example",scope="repository:a:pull,push""#,
            r#"Bearer realm="http://other.example/token""#,
        ]);
        replace_realms(&mut told, |realm| {
            (realm.scheme == Scheme::HTTPS).then(|| format!("http://here/{}{}", realm.authority, realm.path))
        });
        assert_eq!(
            told,
            headers(&[
                r#"Basic realm="https://hub.example/""#,
                r#"Bearer realm="http://here/hub.example/token?a=b",service="hub.example",scope="repository:a:pull,push""#,
                r#"Bearer realm="http://other.example/token""#,
            ])
        );
    }
}
