//! One member's gateway, which takes etcd's calls as JSON (https://etcd.io/docs/latest/dev-guide/api_grpc_gateway/).

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use crate::error::{Class, Context, Problem, Result};
use crate::ha::tls;

/// The port where a URL names none.
const CLIENT_PORT: u16 = 2379;

/// The longest answer that is read; a list of members is a few kilobytes.
const LONGEST_ANSWER: usize = 1024 * 1024;

/// The way to one member.
pub(super) struct Gateway<'a> {
    /// Where its clients come to.
    pub(super) url: &'a str,
    pub(super) tls: &'a Arc<ClientConfig>,
}

/// An answer that is still coming, and the connection it comes over.
pub(super) struct Coming {
    pub(super) response: Response<Incoming>,
    _connection: AbortOnDropHandle<()>,
}

impl Gateway<'_> {
    /// Calls one of etcd's methods.
    ///
    /// # Errors
    /// Class `Connection` if the member does not answer, `Kubernetes` with etcd's own words if it refuses.
    pub(super) async fn call(&self, path: &str, body: &Value, deadline: Duration) -> Result<Value> {
        let (status, answer) = self.ask(Method::POST, path, body.to_string().into(), deadline).await?;
        let answer: Value = serde_json::from_slice(&answer)
            .problem_with(Class::Kubernetes, || format!("etcd's answer to {path} cannot be read"))?;
        if status.is_success() {
            return Ok(answer);
        }
        let said = answer["message"].as_str().or(answer["error"].as_str()).unwrap_or(status.as_str());
        Err(Problem::new(Class::Kubernetes, format!("etcd refuses {path}")).saw(said))
    }

    /// Asks whether the member can decide something together with the others, as etcd's own `/health` has it.
    pub(super) async fn is_healthy(&self, deadline: Duration) -> Result<bool> {
        let (status, _) = self.ask(Method::GET, "/health", Bytes::new(), deadline).await?;
        Ok(status == StatusCode::OK)
    }

    /// Begins a call whose answer is long.
    pub(super) async fn begin(&self, method: Method, path: &str, body: Bytes) -> Result<Coming> {
        let unreachable = || format!("etcd does not answer at {}", self.url);
        let uri: Uri = self.url.parse().problem_with(Class::Kubernetes, unreachable)?;
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let port = uri.port_u16().unwrap_or(CLIENT_PORT);
        let stream = match host.parse() {
            Ok(address) => TcpStream::connect(SocketAddr::new(address, port)).await,
            Err(_) => TcpStream::connect((host.as_str(), port)).await,
        };
        let stream = stream.problem_with(Class::Connection, unreachable)?;
        let stream = tls::connect(stream, self.tls, &tls::server_name(&host)?).await;
        let stream = stream.problem_with(Class::Connection, unreachable)?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.problem_with(Class::Connection, unreachable)?;
        // How the connection ends shows in the answer.
        let connection = AbortOnDropHandle::new(tokio::spawn(async { drop(connection.await) }));
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, host)
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .problem_with(Class::Internal, unreachable)?;
        let response = sender.send_request(request).await.problem_with(Class::Connection, unreachable)?;
        Ok(Coming { response, _connection: connection })
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        deadline: Duration,
    ) -> Result<(StatusCode, Bytes)> {
        let asking = async {
            let coming = self.begin(method, path, body).await?;
            let status = coming.response.status();
            let body = Limited::new(coming.response.into_body(), LONGEST_ANSWER).collect().await;
            let body = body
                .map_err(io::Error::other)
                .problem_with(Class::Connection, || format!("etcd at {} broke off", self.url))?;
            Ok((status, body.to_bytes()))
        };
        let silent = || format!("etcd at {} does not answer within {} s", self.url, deadline.as_secs());
        timeout(deadline, asking).await.problem_with(Class::Connection, silent)?
    }
}
