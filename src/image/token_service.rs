//! Where somebody else's registry sends its clients for a token: looked at before anybody goes there with a password, and asked for
//! what the client for registries has no words for.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, HOST};
use http::uri::{Authority, Scheme};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Incoming;
use serde::Deserialize;

use crate::error::{Class, Context as _, Problem, Result};
use crate::ha::challenge::{self, Realm};
use crate::ha::intermediary::Intermediary;
use crate::model::{ExternalName, RegistryDoor};

/// The longest answer that is read.
const LONGEST_ANSWER: usize = 1024 * 1024;

/// Fails where the registry behind `door` would have passwords brought to a place that is not reached through TLS. One that does
/// not answer sends nobody anywhere.
pub async fn refuse_open_realm(door: &RegistryDoor) -> Result<()> {
    let Some(external) = &door.external else { return Ok(()) };
    match Asking::new(door, external)?.realm().await {
        Ok(Some((realm, _))) if realm.scheme != Scheme::HTTPS => Err(open(&realm)),
        _ => Ok(()),
    }
}

/// Returns a token for `scope` of the registry behind `door`; `None` where it gives none, but asks for the password itself.
///
/// Source: the distribution project's token authentication (`docs/content/spec/auth/token.md`).
pub(super) async fn token(
    door: &RegistryDoor,
    external: &ExternalName,
    scope: &str,
) -> Result<Option<String>> {
    let asking = Asking::new(door, external)?;
    let Some((realm, server)) = asking.realm().await? else { return Ok(None) };
    if realm.scheme != Scheme::HTTPS {
        return Err(open(&realm));
    }
    let service = realm.service.iter().map(|service| ("service", service.as_str()));
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(service.chain([("scope", scope)]))
        .finish();
    let joint = if realm.path.query().is_some() { '&' } else { '?' };
    let path = format!("{}{joint}{query}", realm.path);
    let user = format!("Basic {}", STANDARD.encode(format!("{}:{}", door.username, door.password)));
    let response = asking.ask(server, &realm.authority, &path, Some(user)).await?;
    match response.status() {
        StatusCode::OK => given(response).await.map(Some),
        status => {
            Err(Problem::new(Class::Machine, format!("{} gives no token for {scope}", realm.authority))
                .saw(format!("it answers {status}")))
        }
    }
}

/// A registry and its token service, spoken to.
struct Asking {
    way: Intermediary,
    host: Authority,
    servers: Vec<SocketAddr>,
}

impl Asking {
    fn new(door: &RegistryDoor, external: &ExternalName) -> Result<Self> {
        let host = format!("{}:{}", external.domain, door.at.port());
        Ok(Self {
            way: Intermediary::new(&door.authority, &external.domain)?,
            host: host.parse().problem_with(Class::Config, || format!("`{host}` is no host"))?,
            servers: [door.at].into_iter().chain(external.elsewhere.iter().copied()).collect(),
        })
    }

    /// Returns where the first of the registry's servers that answers sends somebody who has not said who that is, and which it is.
    async fn realm(&self) -> Result<Option<(Realm, SocketAddr)>> {
        let mut silent =
            Problem::new(Class::Connection, format!("the registry at {} has no address", self.host));
        for server in &self.servers {
            match self.ask(*server, &self.host, "/v2/", None).await {
                Ok(response) => {
                    let headers: &HeaderMap = response.headers();
                    return Ok(challenge::realm(headers).map(|realm| (realm, *server)));
                }
                Err(problem) => silent = problem,
            }
        }
        Err(silent)
    }

    async fn ask(
        &self,
        server: SocketAddr,
        host: &Authority,
        path: &str,
        user: Option<String>,
    ) -> Result<Response<Incoming>> {
        let unanswered = || format!("{host} does not answer");
        let mut sender = self.way.reach(host, server).await.problem_with(Class::Connection, unanswered)?;
        let request = Request::get(path).header(HOST, host.as_str());
        let request = user.into_iter().fold(request, |request, user| request.header(AUTHORIZATION, user));
        let request = request
            .body(Empty::<Bytes>::new())
            .problem_with(Class::Config, || format!("nothing can be asked of {host}"))?;
        sender.send_request(request).await.problem_with(Class::Connection, unanswered)
    }
}

/// What a token service answers: the token by either name, or by both.
#[derive(Deserialize)]
struct Given {
    token: Option<String>,
    access_token: Option<String>,
}

async fn given(response: Response<Incoming>) -> Result<String> {
    let unread = || Problem::new(Class::Machine, "the token service's answer cannot be read");
    let body = Limited::new(response.into_body(), LONGEST_ANSWER).collect().await;
    let body = body.map_err(|error| unread().saw(error))?.to_bytes();
    // What is wrong with it is not told: it may be a token.
    let given: Given = serde_json::from_slice(&body).map_err(|_| unread())?;
    given.token.or(given.access_token).ok_or_else(unread)
}

fn open(realm: &Realm) -> Problem {
    let Realm { scheme, authority, path, .. } = realm;
    let message = "the registry has its clients bring their password to where anybody on the way can read it";
    Problem::new(Class::Config, message)
        .saw(format!("it sends them for a token to {scheme}://{authority}{path}"))
        .remedy("have its token service listen with TLS, and the registry name that as its realm, `https://`")
}
