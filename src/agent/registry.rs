//! The registry that this machine pulls from: tried, listed, and given images that an operator sends.

use std::io::Read as _;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, stream};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::blocking::blocking;
use super::ownership;
use crate::error::{Class, Problem, Result};
use crate::image::{ServedRegistry, refuse_open_realm};
use crate::model::{Digest, RegistryDoor, ServedRepository};
use crate::wire::{LacksBlobs, LayerBytes, ListRegistry, PutBlob, PutManifest, Touched, TryRegistry};

/// The bytes that are passed on at once, and how many of such pieces may wait.
const PIECE: usize = 256 * 1024;
const WAITING: usize = 4;

/// How long a registry may take to let somebody in. One that hangs takes connections and never answers.
const ATTEMPT_DEADLINE: Duration = Duration::from_secs(30);

pub(super) async fn attempt(order: &TryRegistry) -> Result<()> {
    let registry = ServedRegistry::behind(&order.door)?;
    let tried = timeout(ATTEMPT_DEADLINE, async {
        refuse_open_realm(&order.door).await?;
        registry.lets_pull().await
    });
    let late = |_| {
        let message = format!("the registry does not answer within {} s", ATTEMPT_DEADLINE.as_secs());
        Problem::new(Class::Connection, message)
    };
    if tried.await.map_err(late)?? {
        return Ok(());
    }
    Err(Problem::new(Class::Config, "the registry does not let this user in")
        .remedy("give the user and the password that it knows, below `spec.registry`"))
}

pub(super) async fn list(order: &ListRegistry) -> Result<Vec<ServedRepository>> {
    ServedRegistry::behind(&order.door)?.list().await
}

pub(super) async fn lacks(order: &LacksBlobs) -> Result<Vec<Digest>> {
    ServedRegistry::behind(&order.door)?.missing(&order.repository, &order.blobs).await
}

pub(super) async fn put_blob(order: PutBlob, data: LayerBytes) -> Result<()> {
    let registry = of_cluster(&order.cluster, &order.door).await?;
    registry.put_blob(&order.repository, &order.blob, order.size, passed_on(data)).await
}

pub(super) async fn put_manifest(order: &PutManifest) -> Result<Touched> {
    let registry = of_cluster(&order.cluster, &order.door).await?;
    let changed = registry.put_manifest(&order.manifest).await?;
    Ok(if changed { Touched::Changed } else { Touched::Unchanged })
}

/// Only a machine of the cluster takes its images.
async fn of_cluster(cluster: &str, door: &RegistryDoor) -> Result<ServedRegistry> {
    let cluster = cluster.to_owned();
    blocking(move || ownership::require(&cluster).map(drop)).await?;
    ServedRegistry::behind(door)
}

/// Passes bytes on as they come; reading them blocks, so it has a thread of its own.
fn passed_on(mut data: LayerBytes) -> impl Stream<Item = std::io::Result<Bytes>> + Send + 'static {
    let (sender, receiver) = mpsc::channel(WAITING);
    tokio::task::spawn_blocking(move || {
        let mut piece = vec![0; PIECE];
        loop {
            let read = match data.read(&mut piece) {
                Ok(0) => return,
                Ok(count) => Ok(Bytes::copy_from_slice(&piece[..count])),
                Err(error) => Err(error),
            };
            let was_cut_off = read.is_err();
            if sender.blocking_send(read).is_err() || was_cut_off {
                return;
            }
        }
    });
    stream::unfold(receiver, |mut receiver| async { receiver.recv().await.map(|piece| (piece, receiver)) })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::TryStreamExt as _;

    use super::*;
    use crate::error::Context as _;
    use crate::model::BoxFuture;
    use crate::wire::{AgentClient, CallContext, Envelope, Handler, Moment, Request, Speaker, serve};

    /// Passes what comes on to nobody, and compares it.
    struct Compares;

    impl Handler for Compares {
        fn handle(
            &self,
            envelope: Envelope,
            context: CallContext,
        ) -> BoxFuture<'_, Result<serde_json::Value>> {
            Box::pin(async move {
                let Request::PutBlob(order) = envelope.request else { panic!() };
                let pieces: Vec<Bytes> = passed_on(context.data)
                    .try_collect()
                    .await
                    .problem(Class::Connection, "it was cut off")?;
                match Digest::of(pieces.concat()) {
                    digest if digest == order.blob => Ok(serde_json::Value::Null),
                    _ => Err(Problem::new(Class::Machine, "other bytes came")),
                }
            })
        }
    }

    #[tokio::test]
    async fn a_blob_is_passed_on_whole() {
        let (operator, agent) = tokio::io::duplex(64 * 1024);
        let (from_operator, to_operator) = tokio::io::split(agent);
        tokio::spawn(serve(from_operator, to_operator, Arc::new(Compares)));
        let (from_agent, to_agent) = tokio::io::split(operator);
        let speaker = Speaker::new("run-1");
        speaker.tenure.hold(1, Moment::now());
        let agent = AgentClient::start(from_agent, to_agent, speaker);
        // More than may wait anywhere on the way, so that it only ends if each piece makes room for the next.
        for size in [0, 1, PIECE, 5_000_000] {
            let content: Vec<u8> = (0..size).map(|index| (index % 251) as u8).collect();
            let order = PutBlob {
                cluster: "prod".to_owned(),
                door: RegistryDoor {
                    at: "127.0.0.1:1".parse().unwrap(),
                    authority: String::new(),
                    username: String::new(),
                    password: String::new(),
                    external: None,
                },
                repository: "x".to_owned(),
                blob: Digest::of(&content),
                size: size as u64,
            };
            agent.ask_sending(order, content.as_slice(), |_| {}).await.unwrap();
        }
    }
}
