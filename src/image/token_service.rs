//! Where somebody else's registry sends its clients for a token, looked at before anybody goes there with a password.

use std::io;

use bytes::Bytes;
use http::header::HOST;
use http::uri::Scheme;
use http::{HeaderMap, Request};
use http_body_util::Empty;
use hyper_util::rt::TokioIo;

use crate::error::{Class, Problem, Result};
use crate::ha::challenge::{self, Realm};
use crate::ha::forward::{Dial as _, Duplex};
use crate::ha::tunnel::Tunnel;
use crate::model::RegistryDoor;

/// Fails where the registry behind `door` would have passwords brought to a place that is not reached through TLS. One that does
/// not answer sends nobody anywhere.
pub async fn refuse_open_realm(door: &RegistryDoor) -> Result<()> {
    let Some(external) = &door.external else { return Ok(()) };
    let tunnel = Tunnel::new(&door.authority, &external.domain)?;
    for server in [door.at].iter().chain(&external.elsewhere) {
        let Ok(connection) = tunnel.dial(*server).await else { continue };
        let host = format!("{}:{}", external.domain, door.at.port());
        let Ok(headers) = greeted(connection, &host).await else { continue };
        return challenge::realm(&headers)
            .filter(|realm| realm.scheme != Scheme::HTTPS)
            .map_or(Ok(()), refused);
    }
    Ok(())
}

/// Returns what the registry answers somebody who has not said who that is.
async fn greeted(connection: Box<dyn Duplex>, host: &str) -> io::Result<HeaderMap> {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(connection)).await.map_err(io::Error::other)?;
    // It ends with its sender.
    tokio::spawn(async { drop(connection.await) });
    let request =
        Request::get("/v2/").header(HOST, host).body(Empty::<Bytes>::new()).map_err(io::Error::other)?;
    let response = sender.send_request(request).await.map_err(io::Error::other)?;
    Ok(response.into_parts().0.headers)
}

fn refused(realm: Realm) -> Result<()> {
    let Realm { scheme, authority, path } = realm;
    let message = "the registry has its clients bring their password to where anybody on the way can read it";
    Err(Problem::new(Class::Config, message)
        .saw(format!("it sends them for a token to {scheme}://{authority}{path}"))
        .remedy(
            "have its token service listen with TLS, and the registry name that as its realm, `https://`",
        ))
}
