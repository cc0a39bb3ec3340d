//! The way to somebody else's registry: HTTP that is passed on through TLS, with what the registry says of where it is put so that
//! clients find it from here.
//!
//! Clients on this machine speak plain HTTP to care, and a registry that sends them to its own name for a token, or for anything
//! else, takes it that they can speak TLS with that name. So what it says of itself leads them back to care, which goes there for them.

use std::collections::BTreeSet;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::uri::{Authority, PathAndQuery, Scheme, Uri};
use http::{Method, Request, Response, StatusCode, Version};
use http_body_util::{Either, Empty, Full};
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1::SendRequest;
use hyper::server::conn::http1 as server;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::DuplexStream;
use tokio::time::timeout;
use tracing::{debug, warn};

use super::challenge::{Realm, replace_realms};
use super::forward::{Dial, Duplex, connect_tcp};
use super::tls::{self, Protocols, Trust};
use crate::error::Result;

/// Below this path of the registry clients find where it sends them for a token.
const REALMS: &str = "/sealift.io/realm/";

/// The port of what is reached through TLS and says none.
const PORT: u16 = 443;

/// How many bytes may wait between a client and care on either way.
const BUFFER: usize = 64 * 1024;

/// How long a connection to another host than the registry's may take.
const REACH_DEADLINE: Duration = Duration::from_secs(10);

/// What is about one connection and not about what it carries (RFC 9110, section 7.6.1). How a body is framed is told anew.
const OF_THE_CONNECTION: [HeaderName; 5] =
    [header::CONNECTION, header::TE, header::TRAILER, header::TRANSFER_ENCODING, header::UPGRADE];

type Body = Either<Incoming, Full<Bytes>>;
type Sender = SendRequest<Body>;

/// What requests bring along.
trait Content: hyper::body::Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static {}

impl<B: hyper::body::Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static> Content
    for B
{
}

/// Connects to servers of one registry, and passes on what is asked there.
#[derive(Debug, Clone)]
pub struct Intermediary(Arc<Registry>);

#[derive(Debug)]
struct Registry {
    name: String,
    trust: Trust,
    /// Where it has sent clients: nobody is led anywhere else.
    realms: Mutex<BTreeSet<(String, String)>>,
}

impl Intermediary {
    /// Makes the way to the registry `name` by authorities in `ca_pem`, or without any by those of this machine.
    pub fn new(ca_pem: &str, name: &str) -> Result<Self> {
        tls::server_name(name)?;
        let trust = Trust::declared(ca_pem);
        trust.client(Protocols::Unspoken)?;
        Ok(Self(Arc::new(Registry { name: name.to_owned(), trust, realms: Mutex::default() })))
    }

    /// Connects to a host through TLS, for a request of our own: where `server` is, if that has the registry's name.
    pub async fn reach(&self, host: &Authority, server: SocketAddr) -> io::Result<SendRequest<Empty<Bytes>>> {
        self.0.reach(host, server).await
    }
}

impl Dial for Intermediary {
    fn dial(&self, server: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Duplex>>> {
        Box::pin(async move {
            let sender = self.0.open(server, &self.0.name).await?;
            let (client, here) = tokio::io::duplex(BUFFER);
            tokio::spawn(
                Carried { registry: self.0.clone(), server, sender: Mutex::new(Some(sender)) }.serve(here),
            );
            Ok(Box::new(client) as Box<dyn Duplex>)
        })
    }
}

impl Registry {
    async fn open<B: Content>(&self, server: SocketAddr, name: &str) -> io::Result<SendRequest<B>> {
        let name = tls::server_name(name).map_err(io::Error::other)?;
        let client = self.trust.client(Protocols::Unspoken).map_err(io::Error::other)?;
        let stream = tls::connect(connect_tcp(server).await?, &client, &name).await?;
        let (sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        // It ends with its sender; how does not matter.
        tokio::spawn(async { drop(connection.await) });
        Ok(sender)
    }

    async fn reach<B: Content>(&self, host: &Authority, server: SocketAddr) -> io::Result<SendRequest<B>> {
        let opened = timeout(REACH_DEADLINE, self.open_at(host, server)).await;
        opened
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            .map_err(|error| io::Error::new(error.kind(), format!("{host}: {error}")))
    }

    async fn open_at<B: Content>(&self, host: &Authority, server: SocketAddr) -> io::Result<SendRequest<B>> {
        let (name, port) = (name_of(host), host.port_u16().unwrap_or(PORT));
        if name.eq_ignore_ascii_case(&self.name) {
            return self.open(SocketAddr::new(server.ip(), port), name).await;
        }
        let mut last = io::Error::new(io::ErrorKind::NotFound, "its name has no address");
        for address in tokio::net::lookup_host((name, port)).await? {
            match self.open(address, name).await {
                Ok(sender) => return Ok(sender),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Has what the registry says lead its clients to `here`, as they call care.
    fn lead(&self, headers: &mut HeaderMap, here: &str, server: SocketAddr) {
        replace_realms(headers, |realm| {
            let known = (realm.scheme == Scheme::HTTPS).then(|| noted(&realm.authority, &realm.path));
            self.realms.lock().unwrap_or_else(PoisonError::into_inner).insert(known?);
            let Realm { authority, path, .. } = realm;
            Some(format!("http://{here}{REALMS}{authority}{path}"))
        });
        let location =
            headers.get(header::LOCATION).and_then(|value| value.to_str().ok()?.parse::<Uri>().ok());
        let own = location.filter(|location| {
            location.scheme() == Some(&Scheme::HTTPS)
                && location.host().is_some_and(|name| name.eq_ignore_ascii_case(&self.name))
                && location.port_u16().unwrap_or(PORT) == server.port()
        });
        let path = own.as_ref().map(|location| location.path_and_query().map_or("/", PathAndQuery::as_str));
        if let Some(Ok(value)) = path.map(|path| HeaderValue::try_from(format!("http://{here}{path}"))) {
            headers.insert(header::LOCATION, value);
        }
    }

    /// Returns what a request for a token is for: where that is, and what is asked there.
    fn realm_in(&self, asked: &Uri) -> Option<(Authority, PathAndQuery)> {
        let rest = asked.path_and_query()?.as_str().strip_prefix(REALMS)?;
        let (authority, path) = rest.split_at(rest.find('/')?);
        let (authority, path): (Authority, PathAndQuery) = (authority.parse().ok()?, path.parse().ok()?);
        let realms = self.realms.lock().unwrap_or_else(PoisonError::into_inner);
        realms.contains(&noted(&authority, &path)).then_some((authority, path))
    }
}

fn noted(authority: &Authority, path: &PathAndQuery) -> (String, String) {
    (authority.to_string(), path.path().to_owned())
}

/// One client's connection.
struct Carried {
    registry: Arc<Registry>,
    server: SocketAddr,
    /// The connection to the registry, as long as nothing is on its way there.
    sender: Mutex<Option<Sender>>,
}

impl Carried {
    /// Answers what the client asks, one after the other, until it has gone.
    async fn serve(self, client: DuplexStream) {
        let service = service_fn(async |request| self.answer(request).await);
        // A client that goes in the middle of something says nothing of the registry.
        drop(server::Builder::new().serve_connection(TokioIo::new(client), service).await);
    }

    /// Returns what the client is told. An error tells it nothing and ends its connection.
    async fn answer(&self, request: Request<Incoming>) -> io::Result<Response<Body>> {
        let here = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).map(str::to_owned);
        match self.pass(request).await {
            Ok(mut response) => {
                if let Some(here) = here.filter(|here| here.parse::<Authority>().is_ok()) {
                    self.registry.lead(response.headers_mut(), &here, self.server);
                }
                Ok(response.map(Either::Left))
            }
            Err(Unanswered::Ended(error)) => {
                debug!(registry = self.registry.name, server = %self.server, %error, "a connection ended");
                Err(io::Error::other(error))
            }
            Err(Unanswered::Failed(error)) => {
                warn!(registry = self.registry.name, server = %self.server, %error, "cannot pass a request on");
                let mut response =
                    Response::new(Either::Right(Full::from(format!("sealift-care: {error}\n"))));
                *response.status_mut() = StatusCode::BAD_GATEWAY;
                Ok(response)
            }
        }
    }

    async fn pass(&self, request: Request<Incoming>) -> Result<Response<Incoming>, Unanswered> {
        let mut response = match self.registry.realm_in(request.uri()) {
            None => {
                let request = directed(request, &authority(&self.registry.name, self.server.port())?, None)?;
                self.ask(request).await?
            }
            Some((realm, path)) => {
                let mut sender = self.registry.reach(&realm, self.server).await?;
                sender.send_request(directed(request, &realm, Some(path))?).await.map_err(io::Error::other)?
            }
        };
        free(response.headers_mut());
        Ok(response)
    }

    /// Asks the registry, by another connection if the last one has ended meanwhile, or ends before there is an answer.
    async fn ask(&self, request: Request<Incoming>) -> Result<Response<Incoming>, Unanswered> {
        let (head, body) = request.into_parts();
        let again = (asks_only(&head.method) && body.is_end_stream()).then(|| head.clone());
        let mut request = Request::from_parts(head, Either::Left(body));
        if let Some(mut sender) = self.still_open().await {
            match sender.try_send_request(request).await {
                Ok(response) => return Ok(self.keep(sender, response)),
                Err(mut unsent) => {
                    let nothing = || Either::Right(Full::default());
                    let asked = again.map(|head| Request::from_parts(head, nothing()));
                    let Some(same) = unsent.take_message().or(asked) else {
                        return Err(Unanswered::Ended(unsent.into_error()));
                    };
                    request = same;
                }
            }
        }
        let mut sender = self.registry.open(self.server, &self.registry.name).await?;
        let response = sender.send_request(request).await.map_err(io::Error::other)?;
        Ok(self.keep(sender, response))
    }

    async fn still_open(&self) -> Option<Sender> {
        let mut sender = self.kept().take()?;
        sender.ready().await.is_ok().then_some(sender)
    }

    fn keep(&self, sender: Sender, response: Response<Incoming>) -> Response<Incoming> {
        *self.kept() = Some(sender);
        response
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Option<Sender>> {
        self.sender.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why the registry answered nothing.
enum Unanswered {
    /// It ended a connection that it had kept, and may have taken what was asked: the client knows whether that can be asked again.
    Ended(hyper::Error),
    Failed(io::Error),
}

impl From<io::Error> for Unanswered {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

/// Tells whether a request of this kind changes nothing, however often it comes.
fn asks_only(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// Returns what a host is looked up by and proves: the brackets around an IPv6 address are the URL's.
fn name_of(host: &Authority) -> &str {
    host.host().trim_matches(['[', ']'])
}

/// Returns how a server is called that listens at `port`.
fn authority(name: &str, port: u16) -> io::Result<Authority> {
    format!("{name}:{port}").parse().map_err(io::Error::other)
}

/// Returns the request as it goes to the server that is called `to`, for `path` in place of its own.
fn directed(
    mut request: Request<Incoming>,
    to: &Authority,
    path: Option<PathAndQuery>,
) -> io::Result<Request<Incoming>> {
    let host = if to.port_u16() == Some(PORT) { to.host() } else { to.as_str() };
    let host = HeaderValue::try_from(host).map_err(io::Error::other)?;
    free(request.headers_mut());
    request.headers_mut().insert(header::HOST, host);
    let path = path.or_else(|| request.uri().path_and_query().cloned());
    *request.uri_mut() = path.map_or(Uri::from_static("/"), Uri::from);
    *request.version_mut() = Version::HTTP_11;
    Ok(request)
}

/// Takes out what is about the connection that a message came by.
fn free(headers: &mut HeaderMap) {
    for name in &OF_THE_CONNECTION {
        headers.remove(name);
    }
}
