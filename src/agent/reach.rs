//! Whether machines reach each other's ports.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::wire::Note;

/// How long a packet may take before a firewall is the likelier reason.
const DEADLINE: Duration = Duration::from_secs(5);

/// Listens until the call is cancelled. A port that is taken is listened on by somebody, which serves as well.
pub(super) async fn hold(ports: &[u16], note: impl Fn(Note), cancelled: &CancellationToken) -> Vec<u16> {
    let mut held = Vec::new();
    for port in ports {
        // The unspecified IPv6 address takes IPv4 as well, where IPv6 is there.
        let listener = match TcpListener::bind(("::", *port)).await {
            Ok(listener) => Ok(listener),
            Err(_) => TcpListener::bind(("0.0.0.0", *port)).await,
        };
        held.extend(listener);
    }
    note(Note::Line("listening".to_owned()));
    cancelled.cancelled().await;
    held.iter().filter_map(|listener| Some(listener.local_addr().ok()?.port())).collect()
}

/// Tries every target at once and returns those that did not answer.
pub(super) async fn reach(targets: &[SocketAddr]) -> BTreeMap<SocketAddr, String> {
    let tries = targets.iter().map(|target| async move {
        let failed = match tokio::time::timeout(DEADLINE, TcpStream::connect(target)).await {
            Ok(Ok(_)) => return None,
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer in {} s", DEADLINE.as_secs()),
        };
        Some((*target, failed))
    });
    futures_util::future::join_all(tries).await.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_does_not_answer_is_told() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let open = listener.local_addr().unwrap();
        let closed = {
            let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
            gone.local_addr().unwrap()
        };
        let failed = reach(&[open, closed]).await;
        assert_eq!(failed.keys().collect::<Vec<_>>(), [&closed]);
    }
}
