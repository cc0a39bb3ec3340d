//! Both ends of the wire against each other.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::message::{Envelope, MissingLayer, MissingLayers, Note, ReachPorts, ReceiveLayer, Request};
use super::server::{CallContext, Handler, serve};
use super::{AgentClient, HoldPorts, Moment, SILENCE, Speaker, TERM};
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
    (AgentClient::start(from_agent, to_agent, Speaker::new("run-1")), abandoned)
}

/// Serves a stream that nobody speaks into unless the test does.
fn served(pipe: usize) -> (tokio::io::DuplexStream, tokio::task::JoinHandle<()>) {
    let (operator, agent) = tokio::io::duplex(pipe);
    let (from_operator, to_operator) = tokio::io::split(agent);
    let handler = Arc::new(Scripted { abandoned: CancellationToken::new() });
    (operator, tokio::spawn(serve(from_operator, to_operator, handler)))
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
    let client = AgentClient::start(from_agent, to_agent, Speaker::new("run-1"));
    let call = client.ask(MissingLayers { layers: vec![] });
    let (outcome, ()) = tokio::join!(call, async { drop(agent) });
    assert_eq!(outcome.unwrap_err().class, Class::Connection);
    assert_eq!(client.ask(MissingLayers { layers: vec![] }).await.unwrap_err().class, Class::Connection);
}

#[tokio::test(start_paused = true)]
async fn long_silence_between_calls_is_no_end() {
    let (agent, _) = connect();
    let work = agent.ask(HoldPorts { ports: vec![] });
    assert!(tokio::time::timeout(SILENCE * 20, work).await.is_err(), "it answers only when cancelled");
    assert!(agent.is_connected());
    assert_eq!(agent.ask(MissingLayers { layers: vec![] }).await.unwrap(), []);
}

#[tokio::test(start_paused = true)]
async fn an_operator_that_falls_silent_is_gone() {
    let (operator, served) = served(64 * 1024);
    served.await.unwrap();
    drop(operator);
}

#[tokio::test(start_paused = true)]
async fn an_operator_that_reads_nothing_any_more_is_gone_too() {
    let (mut operator, served) = served(16);
    let envelope = Envelope {
        run: "run-1".to_owned(),
        epoch: 0,
        request: MissingLayers { layers: vec![order(b"a").layer] }.into(),
    };
    let request = super::frame::Frame::Request(1, serde_json::to_vec(&envelope).unwrap().into()).encode();
    let mut frame = (request.len() as u32).to_be_bytes().to_vec();
    frame.extend(&request);
    tokio::io::AsyncWriteExt::write_all(&mut operator, &frame).await.unwrap();
    served.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_falls_silent_is_lost() {
    let (operator, _agent) = tokio::io::duplex(64 * 1024);
    let (from_agent, to_agent) = tokio::io::split(operator);
    let client = AgentClient::start(from_agent, to_agent, Speaker::new("run-1"));
    let problem = client.ask(HoldPorts { ports: vec![] }).await.unwrap_err();
    assert_eq!(problem.class, Class::Connection);
    assert!(!client.is_connected());
}

#[tokio::test]
async fn nothing_changes_under_a_lock_that_may_be_somebody_elses() {
    let speaker = Speaker::new("run-1");
    let (operator, _agent) = tokio::io::duplex(64 * 1024);
    let (from_agent, to_agent) = tokio::io::split(operator);
    let client = AgentClient::start(from_agent, to_agent, speaker.clone());
    speaker.tenure.hold(3, Moment::now().before(TERM + Duration::from_secs(1)));
    assert_eq!(client.ask(MissingLayers { layers: vec![] }).await.unwrap_err().class, Class::Connection);
    speaker.tenure.lose(Problem::new(Class::Busy, "bob has it"));
    assert_eq!(client.ask(MissingLayers { layers: vec![] }).await.unwrap_err().class, Class::Busy);
    let look = client.ask(ReachPorts { targets: vec![] });
    assert!(tokio::time::timeout(Duration::from_millis(1), look).await.is_err(), "looking is asked");
}

#[tokio::test]
async fn the_epoch_goes_with_every_message() {
    struct Epochs;
    impl Handler for Epochs {
        fn handle(&self, envelope: Envelope, _: CallContext) -> BoxFuture<'_, Result<serde_json::Value>> {
            Box::pin(async move { Ok(serde_json::json!({ "10.0.0.1:1": envelope.epoch.to_string() })) })
        }
    }
    let speaker = Speaker::new("run-1");
    let (operator, agent) = tokio::io::duplex(64 * 1024);
    let (from_operator, to_operator) = tokio::io::split(agent);
    tokio::spawn(serve(from_operator, to_operator, Arc::new(Epochs)));
    let (from_agent, to_agent) = tokio::io::split(operator);
    let client = AgentClient::start(from_agent, to_agent, speaker.clone());
    for epoch in [0, 3] {
        if epoch > 0 {
            speaker.tenure.hold(epoch, Moment::now());
        }
        let told = client.ask(ReachPorts { targets: vec![] }).await.unwrap();
        assert_eq!(told.into_values().collect::<Vec<_>>(), [epoch.to_string()]);
    }
}
