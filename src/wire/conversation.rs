//! Both ends of the wire against each other.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::message::{Envelope, MissingLayer, MissingLayers, Note, ReachPorts, ReceiveLayer, Request};
use super::server::{CallContext, Handler, serve};
use super::{AgentClient, HoldPorts};
use crate::error::{Class, Problem, Result};
use crate::model::{BoxFuture, Compression, Digest, LayerOrder};

/// Answers as the tests want it.
struct Scripted {
    abandoned: CancellationToken,
}

impl Handler for Scripted {
    fn handle(
        &self,
        envelope: Envelope,
        mut context: CallContext,
    ) -> BoxFuture<'_, Result<serde_json::Value>> {
        Box::pin(async move {
            assert_eq!(envelope.run, "run-1");
            match envelope.request {
                Request::MissingLayers(ask) => {
                    let missing = |layer: LayerOrder| MissingLayer { diff_id: layer.diff_id, partial: 0 };
                    Ok(serde_json::to_value(ask.layers.into_iter().map(missing).collect::<Vec<_>>()).unwrap())
                }
                Request::ReachPorts(_) => Err(Problem::new(Class::Machine, "no route").remedy("plug it in")),
                Request::HoldPorts(_) => {
                    context.notes()(Note::Line("listening".to_owned()));
                    context.cancelled.cancelled().await;
                    self.abandoned.cancel();
                    Ok(serde_json::json!([]))
                }
                Request::ReceiveLayer(ask) => {
                    let digest = tokio::task::spawn_blocking(move || {
                        let mut content = Vec::new();
                        context.data.read_to_end(&mut content).map(|_| Digest::of(content))
                    });
                    match digest.await.unwrap() {
                        Ok(digest) if digest == ask.layer.digest => Ok(serde_json::Value::Null),
                        Ok(_) => Err(Problem::new(Class::Machine, "corrupt layer")),
                        Err(error) => Err(Problem::new(Class::Machine, error.to_string())),
                    }
                }
                other => panic!("{other:?}"),
            }
        })
    }
}

fn connect() -> (AgentClient, CancellationToken) {
    let abandoned = CancellationToken::new();
    let (operator, agent) = tokio::io::duplex(64 * 1024);
    let (from_operator, to_operator) = tokio::io::split(agent);
    tokio::spawn(serve(from_operator, to_operator, Arc::new(Scripted { abandoned: abandoned.clone() })));
    let (from_agent, to_agent) = tokio::io::split(operator);
    (AgentClient::start(from_agent, to_agent, "run-1"), abandoned)
}

fn order(content: &[u8]) -> ReceiveLayer {
    let digest = Digest::of(content);
    ReceiveLayer {
        layer: LayerOrder {
            diff_id: digest.clone(),
            digest,
            size: content.len() as u64,
            compression: Compression::None,
        },
        from: 0,
    }
}

#[tokio::test]
async fn replies_and_problems_come_back_to_their_calls() {
    let (agent, _) = connect();
    let layers = vec![order(b"a").layer, order(b"b").layer];
    let (reply, problem) = tokio::join!(
        agent.ask(MissingLayers { layers: layers.clone() }),
        agent.ask(ReachPorts { targets: vec![] }),
    );
    let missing: Vec<Digest> = reply.unwrap().into_iter().map(|layer| layer.diff_id).collect();
    assert_eq!(missing, [Digest::of("a"), Digest::of("b")]);
    let problem: Result<BTreeMap<_, _>> = problem;
    assert_eq!(problem.unwrap_err().remedies, ["plug it in"]);
}

#[tokio::test]
async fn content_larger_than_the_window_arrives_whole() {
    let (agent, _) = connect();
    let content: Vec<u8> = (0..20_000_000_u32).map(|n| (n % 251) as u8).collect();
    let mut sent = 0;
    agent.ask_sending(order(&content), content.as_slice(), |bytes| sent = bytes).await.unwrap();
    assert_eq!(sent, content.len() as u64);
}

#[tokio::test]
async fn content_that_differs_is_refused() {
    let (agent, _) = connect();
    let problem = agent.ask_sending(order(b"right"), b"wrong".as_slice(), |_| {}).await.unwrap_err();
    assert_eq!(problem.message, "corrupt layer");
}

#[tokio::test]
async fn a_call_that_is_dropped_is_cancelled_there() {
    let (agent, abandoned) = connect();
    let (heard, mut hearing) = tokio::sync::mpsc::unbounded_channel();
    let call = agent.ask_hearing(HoldPorts { ports: vec![] }, move |note| heard.send(note).unwrap());
    tokio::select! {
        _ = call => panic!("it answers only when cancelled"),
        note = hearing.recv() => assert_eq!(note, Some(Note::Line("listening".to_owned()))),
    }
    abandoned.cancelled().await;
}

#[tokio::test]
async fn a_lost_connection_ends_every_call() {
    let (operator, agent) = tokio::io::duplex(1024);
    let (from_agent, to_agent) = tokio::io::split(operator);
    let client = AgentClient::start(from_agent, to_agent, "run-1");
    let call = client.ask(MissingLayers { layers: vec![] });
    let (outcome, ()) = tokio::join!(call, async { drop(agent) });
    assert_eq!(outcome.unwrap_err().class, Class::Connection);
    assert_eq!(client.ask(MissingLayers { layers: vec![] }).await.unwrap_err().class, Class::Connection);
}
