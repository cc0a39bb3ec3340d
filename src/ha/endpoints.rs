//! Learns the control planes from the cluster: the addresses behind the Service `default/kubernetes`.
//!
//! Every API server keeps itself on that list and takes itself off when it ends. A kubelet's certificate may
//! `get` endpoints (the rules that Kubernetes gives to all nodes); should a later Kubernetes take that away,
//! the EndpointSlice of the same name says the same.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::Endpoints;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;
use tracing::{info, warn};
use zeroize::Zeroizing;

use super::config::EndpointRefresh;
use super::forward::Route;
use super::probe::jittered;
use super::tls;
use crate::error::{Class, Context, Problem, Result};

/// How often the list is read. 500 machines make 17 reads a second, of an object the API server has in memory.
const READ_EVERY: Duration = Duration::from_secs(30);

/// How often it is tried while that fails: kubelet's certificate appears in the middle of a join.
const TRY_EVERY: Duration = Duration::from_secs(5);

/// How long one read may take in all.
const READ_DEADLINE: Duration = Duration::from_secs(10);

/// The longest answer that is read; a list of nine control planes has 2 KiB.
const LONGEST_ANSWER: usize = 256 * 1024;

const ENDPOINTS: &str = "/api/v1/namespaces/default/endpoints/kubernetes";
const ENDPOINT_SLICE: &str = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes";

/// Reads the list again and again through `route` and sends what it says to `found`, until that is closed.
pub async fn learn(route: Arc<Route>, refresh: EndpointRefresh, found: mpsc::Sender<Vec<SocketAddr>>) {
    let mut failing = false;
    loop {
        let rhythm = match read(&route, &refresh).await {
            Ok(servers) => {
                if std::mem::take(&mut failing) {
                    info!("the control planes can be learned again");
                }
                if found.send(servers).await.is_err() {
                    return;
                }
                READ_EVERY
            }
            // Before the machine has joined there is nothing to tell.
            Err(_) if !refresh.client_cert.exists() => TRY_EVERY,
            Err(problem) => {
                if !std::mem::replace(&mut failing, true) {
                    warn!(%problem, "the control planes cannot be learned");
                }
                TRY_EVERY
            }
        };
        tokio::time::sleep(jittered(rhythm)).await;
    }
}

/// Reads the list once: the API servers that live, in the cluster's order.
pub async fn read(route: &Route, refresh: &EndpointRefresh) -> Result<Vec<SocketAddr>> {
    let reading = async {
        match get(route, refresh, ENDPOINTS).await? {
            (StatusCode::OK, body) => in_endpoints(&body),
            (StatusCode::FORBIDDEN | StatusCode::NOT_FOUND, _) => {
                match get(route, refresh, ENDPOINT_SLICE).await? {
                    (StatusCode::OK, body) => in_slice(&body),
                    (status, _) => Err(refused(ENDPOINT_SLICE, status)),
                }
            }
            (status, _) => Err(refused(ENDPOINTS, status)),
        }
    };
    timeout(READ_DEADLINE, reading)
        .await
        .problem(Class::Kubernetes, "the API server does not answer within 10 s")?
}

fn refused(path: &str, status: StatusCode) -> Problem {
    Problem::new(Class::Kubernetes, format!("the API server answers {status} to GET {path}"))
}

/// Asks whichever API server the balancer chooses, as this machine's kubelet.
async fn get(route: &Route, refresh: &EndpointRefresh, path: &str) -> Result<(StatusCode, Bytes)> {
    let unreadable = |file: &std::path::Path| format!("cannot read {}", file.display());
    let ca = tokio::fs::read(&refresh.ca).await.problem_with(Class::Machine, || unreadable(&refresh.ca))?;
    let identity = tokio::fs::read(&refresh.client_cert)
        .await
        .map(Zeroizing::new)
        .problem_with(Class::Machine, || unreadable(&refresh.client_cert))?;
    let config = tls::client_with_identity(&ca, &identity)?;
    let name = tls::server_name("kubernetes")?;

    let failed = || format!("cannot ask the API server for {path}");
    let (lease, stream) = route.connect().await.problem_with(Class::Connection, failed)?;
    let stream = tls::connect(stream, &config, &name)
        .await
        .problem_with(Class::Connection, failed)
        .map_err(|problem| problem.saw(lease.server))?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.problem_with(Class::Connection, failed)?;
    // How the connection ends shows in the answer.
    let _connection = AbortOnDropHandle::new(tokio::spawn(async { drop(connection.await) }));
    let request = Request::get(path)
        .header(http::header::HOST, "kubernetes")
        .header(http::header::ACCEPT, "application/json")
        .header(http::header::USER_AGENT, "sealift-care")
        .body(Empty::<Bytes>::new())
        .problem_with(Class::Internal, failed)?;
    let response = sender.send_request(request).await.problem_with(Class::Connection, failed)?;
    let status = response.status();
    let body = Limited::new(response.into_body(), LONGEST_ANSWER)
        .collect()
        .await
        .map_err(io::Error::other)
        .problem_with(Class::Connection, failed)?;
    Ok((status, body.to_bytes()))
}

/// Returns the API servers in an Endpoints object.
fn in_endpoints(json: &[u8]) -> Result<Vec<SocketAddr>> {
    let endpoints: Endpoints =
        serde_json::from_slice(json).problem(Class::Kubernetes, "the Endpoints cannot be read")?;
    let mut servers = Vec::new();
    for subset in endpoints.subsets.unwrap_or_default() {
        let ports = subset.ports.unwrap_or_default();
        let named = ports.iter().find(|port| port.name.as_deref() == Some("https"));
        let Some(port) = named.map(|port| port.port) else { continue };
        let addresses = subset.addresses.unwrap_or_default();
        servers.extend(addresses.iter().filter_map(|address| server(&address.ip, port)));
    }
    Ok(servers)
}

/// Returns the API servers in an EndpointSlice.
fn in_slice(json: &[u8]) -> Result<Vec<SocketAddr>> {
    let slice: EndpointSlice =
        serde_json::from_slice(json).problem(Class::Kubernetes, "the EndpointSlice cannot be read")?;
    let ports = slice.ports.unwrap_or_default();
    let named = ports.iter().find(|port| port.name.as_deref() == Some("https"));
    let Some(port) = named.and_then(|port| port.port) else { return Ok(vec![]) };
    let ready = slice.endpoints.into_iter().flatten().filter(|endpoint| {
        // Absent means ready, says the API's reference.
        endpoint.conditions.as_ref().and_then(|conditions| conditions.ready) != Some(false)
    });
    Ok(ready.flat_map(|endpoint| endpoint.addresses).filter_map(|ip| server(&ip, port)).collect())
}

fn server(ip: &str, port: i32) -> Option<SocketAddr> {
    Some(SocketAddr::new(ip.parse().ok()?, u16::try_from(port).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_name_the_servers_that_live() {
        let json = br#"{"kind":"Endpoints","apiVersion":"v1","metadata":{"name":"kubernetes"},"subsets":[
            {"addresses":[{"ip":"10.0.0.1"},{"ip":"10.0.0.2"}],"notReadyAddresses":[{"ip":"10.0.0.3"}],
             "ports":[{"name":"metrics","port":1},{"name":"https","port":6443,"protocol":"TCP"}]},
            {"addresses":[{"ip":"fd00::1"}],"ports":[{"name":"https","port":7443}]}]}"#;
        let want: Vec<SocketAddr> =
            ["10.0.0.1:6443", "10.0.0.2:6443", "[fd00::1]:7443"].map(|a| a.parse().unwrap()).to_vec();
        assert_eq!(in_endpoints(json).unwrap(), want);
        assert_eq!(in_endpoints(br#"{"metadata":{"name":"kubernetes"}}"#).unwrap(), vec![]);
        assert!(in_endpoints(b"<html>").is_err());
    }

    #[test]
    fn slices_name_the_servers_that_live() {
        let json =
            br#"{"kind":"EndpointSlice","apiVersion":"discovery.k8s.io/v1","metadata":{"name":"kubernetes"},
            "addressType":"IPv4","ports":[{"name":"https","port":6443}],"endpoints":[
            {"addresses":["10.0.0.1"],"conditions":{"ready":true}},{"addresses":["10.0.0.2"]},
            {"addresses":["10.0.0.3"],"conditions":{"ready":false}}]}"#;
        let want: Vec<SocketAddr> = ["10.0.0.1:6443", "10.0.0.2:6443"].map(|a| a.parse().unwrap()).to_vec();
        assert_eq!(in_slice(json).unwrap(), want);
    }
}
