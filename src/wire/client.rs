//! The operator's end of the wire: calls go out, notes and replies come back.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::StreamExt;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::sync::{Semaphore, mpsc};

use super::beat::{attentive, write_frames};
use super::frame::{self, CallNumber, DATA_PIECE, DATA_WINDOW, Frame};
use super::message::{Ask, Effect, Envelope, Note, Request};
use super::tenure::Speaker;
use crate::error::{Class, Context, Problem, Result};

/// What comes back for a call.
enum Answer {
    Note(Note),
    Reply(Bytes),
}

struct Pending {
    answers: mpsc::UnboundedSender<Answer>,
    credit: Arc<Semaphore>,
}

type Calls = Arc<Mutex<Option<HashMap<CallNumber, Pending>>>>;

/// A connected agent. Clones share the connection; it ends when the last clone is dropped.
#[derive(Clone)]
pub struct AgentClient {
    outgoing: mpsc::Sender<Frame>,
    /// `None` once the connection is lost.
    calls: Calls,
    next: Arc<AtomicU32>,
    speaker: Speaker,
}

impl AgentClient {
    /// Starts to speak with an agent that has greeted. The speaker's run and epoch go with every call.
    pub fn start(
        from_agent: impl AsyncRead + Send + Unpin + 'static,
        to_agent: impl AsyncWrite + Send + Unpin + 'static,
        speaker: Speaker,
    ) -> Self {
        let (outgoing, queue) = mpsc::channel(64);
        let calls: Calls = Arc::new(Mutex::new(Some(HashMap::new())));
        tokio::spawn(write_frames(queue, to_agent));
        tokio::spawn(read_frames(from_agent, calls.clone()));
        Self { outgoing, calls, next: Arc::new(AtomicU32::new(1)), speaker }
    }

    /// Tells whether the connection was not lost yet, as far as this end knows.
    pub fn is_connected(&self) -> bool {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).is_some() && !self.outgoing.is_closed()
    }

    /// Asks and waits for the reply.
    pub async fn ask<A: Ask>(&self, ask: A) -> Result<A::Reply> {
        self.ask_hearing(ask, |_| {}).await
    }

    /// Asks, passes each note on as it comes, and waits for the reply.
    pub async fn ask_hearing<A: Ask>(&self, ask: A, mut hear: impl FnMut(Note)) -> Result<A::Reply> {
        let mut call = self.begin(ask).await?;
        call.reply::<A>(&mut hear).await
    }

    /// Asks, sends `content` along, and waits for the reply; `sent` hears how many bytes have gone.
    pub async fn ask_sending<A: Ask>(
        &self,
        ask: A,
        mut content: impl AsyncRead + Unpin,
        mut sent: impl FnMut(u64),
    ) -> Result<A::Reply> {
        let mut call = self.begin(ask).await?;
        let credit = call.credit.clone();
        let number = call.number;
        let send = async {
            let mut total = 0;
            loop {
                let mut piece = bytes::BytesMut::with_capacity(DATA_PIECE);
                let count = content
                    .read_buf(&mut piece)
                    .await
                    .problem(Class::Machine, "cannot read what is to be sent")?;
                if count == 0 {
                    self.send(Frame::DataEnd(number)).await?;
                    // The reply decides; until it comes this branch waits.
                    return std::future::pending::<Result<()>>().await;
                }
                credit.acquire_many(count as u32).await.map_err(|_| lost())?.forget();
                self.send(Frame::Data(number, piece.freeze())).await?;
                total += count as u64;
                sent(total);
            }
        };
        let mut ignore = |_| {};
        tokio::select! {
            sending = send => Err(sending.err().unwrap_or_else(lost)),
            // An agent that fails early answers while bytes are still to come.
            reply = call.reply::<A>(&mut ignore) => reply,
        }
    }

    async fn begin<A: Ask>(&self, ask: A) -> Result<Call> {
        let request: Request = ask.into();
        if request.effect() == Effect::Changes {
            // The machine would refuse it too, but not one that the new holder has not spoken to yet.
            self.speaker.tenure.permits_change()?;
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, answers) = mpsc::unbounded_channel();
        let credit = Arc::new(Semaphore::new(DATA_WINDOW));
        {
            let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
            let calls = calls.as_mut().ok_or_else(lost)?;
            calls.insert(number, Pending { answers: sender, credit: credit.clone() });
        }
        let envelope =
            Envelope { run: self.speaker.run.to_string(), epoch: self.speaker.tenure.epoch(), request };
        let body = serde_json::to_vec(&envelope).problem(Class::Internal, "cannot write a message")?;
        let call =
            Call { number, answers, credit, calls: self.calls.clone(), outgoing: self.outgoing.clone() };
        self.send(Frame::Request(number, body.into())).await?;
        Ok(call)
    }

    async fn send(&self, frame: Frame) -> Result<()> {
        self.outgoing.send(frame).await.map_err(|_| lost())
    }
}

/// A call under way. Dropping it tells the agent that nobody waits any more.
struct Call {
    number: CallNumber,
    answers: mpsc::UnboundedReceiver<Answer>,
    credit: Arc<Semaphore>,
    calls: Calls,
    outgoing: mpsc::Sender<Frame>,
}

impl Call {
    async fn reply<A: Ask>(&mut self, hear: &mut impl FnMut(Note)) -> Result<A::Reply> {
        loop {
            match self.answers.recv().await {
                Some(Answer::Note(note)) => hear(note),
                Some(Answer::Reply(body)) => {
                    return serde_json::from_slice::<Result<A::Reply>>(&body)
                        .problem(Class::Internal, "the agent's reply cannot be read")?;
                }
                None => return Err(lost()),
            }
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        if calls.as_mut().and_then(|calls| calls.remove(&self.number)).is_some() {
            // Best effort: a full queue means the connection is stuck and the agent will see its end.
            let _ = self.outgoing.try_send(Frame::Cancel(self.number));
        }
    }
}

fn lost() -> Problem {
    Problem::new(Class::Connection, "the connection to the machine was lost")
        .remedy("run the same command again: work that was begun goes on there and is picked up")
}

async fn read_frames(from_agent: impl AsyncRead + Unpin, calls: Calls) {
    let mut reader = frame::reader(attentive(from_agent));
    while let Some(Ok(bytes)) = reader.next().await {
        let Ok(frame) = Frame::decode(bytes.freeze()) else { break };
        let mut calls = calls.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(calls) = calls.as_mut() else { break };
        match frame {
            Frame::Credit(number, bytes) => {
                if let Some(call) = calls.get(&number) {
                    call.credit.add_permits(bytes as usize);
                }
            }
            Frame::Note(number, body) => {
                if let (Some(call), Ok(note)) = (calls.get(&number), serde_json::from_slice(&body)) {
                    let _ = call.answers.send(Answer::Note(note));
                }
            }
            Frame::Reply(number, body) => {
                if let Some(call) = calls.remove(&number) {
                    let _ = call.answers.send(Answer::Reply(body));
                }
            }
            Frame::Beat => {}
            Frame::Request(..) | Frame::Data(..) | Frame::DataEnd(_) | Frame::Cancel(_) => break,
        }
    }
    // Dropping the senders tells every waiting call that the connection is gone.
    calls.lock().unwrap_or_else(PoisonError::into_inner).take();
}
