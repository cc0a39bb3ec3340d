//! The agent's end of the wire: each request becomes a task of its own.

use std::collections::HashMap;
use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use futures_util::StreamExt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::beat::{attentive, write_frames};
use super::frame::{self, CallNumber, Frame};
use super::message::{Envelope, Note};
use crate::error::{Class, Context, Result};
use crate::model::BoxFuture;

/// What an agent does with a request. The value is the reply as JSON.
pub trait Handler: Send + Sync + 'static {
    /// Carries out one request.
    fn handle(&self, envelope: Envelope, context: CallContext) -> BoxFuture<'_, Result<serde_json::Value>>;
}

/// What a request's handler can hear and say meanwhile.
pub struct CallContext {
    number: CallNumber,
    outgoing: mpsc::Sender<Frame>,
    /// Cancelled when nobody waits for the reply any more.
    pub cancelled: CancellationToken,
    /// The bytes sent along with the request.
    pub data: LayerBytes,
}

impl CallContext {
    /// Returns a way to tell the operator something before the reply.
    pub fn notes(&self) -> impl Fn(Note) + Send + Sync + Clone + 'static {
        let (number, outgoing) = (self.number, self.outgoing.clone());
        move |note| {
            if let Ok(body) = serde_json::to_vec(&note) {
                // A note is dropped rather than letting a slow operator stop the work.
                let _ = outgoing.try_send(Frame::Note(number, body.into()));
            }
        }
    }
}

/// The bytes of one call, for a blocking reader; reading gives the sender credit for more.
pub struct LayerBytes {
    number: CallNumber,
    pieces: mpsc::UnboundedReceiver<Option<Bytes>>,
    current: Bytes,
    complete: bool,
    outgoing: mpsc::Sender<Frame>,
}

impl Read for LayerBytes {
    /// Must be called from a thread that may block.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() && !self.complete {
            match self.pieces.blocking_recv() {
                Some(Some(piece)) => {
                    let _ = self.outgoing.blocking_send(Frame::Credit(self.number, piece.len() as u32));
                    self.current = piece;
                }
                Some(None) => self.complete = true,
                None => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the operator was cut off")),
            }
        }
        let count = self.current.len().min(buffer.len());
        self.current.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}

/// A call under way, as the reader of frames sees it.
struct Active {
    pieces: mpsc::UnboundedSender<Option<Bytes>>,
    cancelled: CancellationToken,
}

/// How long calls may take to end once the operator is gone. What lasts longer ends with the process.
const FAREWELL: Duration = Duration::from_secs(10);

/// Serves one operator until the connection ends or nothing is heard of it for [`super::SILENCE`]; calls still under way
/// are then cancelled.
pub async fn serve(
    from_operator: impl AsyncRead + Send + Unpin + 'static,
    to_operator: impl AsyncWrite + Send + Unpin + 'static,
    handler: Arc<dyn Handler>,
) {
    let (outgoing, queue) = mpsc::channel(256);
    let mut writer = tokio::spawn(write_frames(queue, to_operator));
    let mut reader = frame::reader(attentive(from_operator));
    let mut active: HashMap<CallNumber, Active> = HashMap::new();
    let mut calls = JoinSet::new();
    while let Some(Ok(bytes)) = reader.next().await {
        while let Some(Ok(number)) = calls.try_join_next() {
            active.remove(&number);
        }
        match Frame::decode(bytes.freeze()) {
            Ok(Frame::Request(number, body)) => {
                let (pieces, receiver) = mpsc::unbounded_channel();
                let cancelled = CancellationToken::new();
                active.insert(number, Active { pieces, cancelled: cancelled.clone() });
                let context = CallContext {
                    number,
                    outgoing: outgoing.clone(),
                    cancelled,
                    data: LayerBytes {
                        number,
                        pieces: receiver,
                        current: Bytes::new(),
                        complete: false,
                        outgoing: outgoing.clone(),
                    },
                };
                calls.spawn(answer(number, body, context, handler.clone(), outgoing.clone()));
            }
            Ok(Frame::Data(number, piece)) => {
                if let Some(call) = active.get(&number) {
                    let _ = call.pieces.send(Some(piece));
                }
            }
            Ok(Frame::DataEnd(number)) => {
                if let Some(call) = active.get(&number) {
                    let _ = call.pieces.send(None);
                }
            }
            Ok(Frame::Cancel(number)) => {
                if let Some(call) = active.remove(&number) {
                    call.cancelled.cancel();
                }
            }
            Ok(Frame::Beat) => {}
            _ => break,
        }
    }
    for call in active.values() {
        call.cancelled.cancel();
    }
    drop((active, outgoing));
    let farewell = async {
        while calls.join_next().await.is_some() {}
        let _ = (&mut writer).await;
    };
    if tokio::time::timeout(FAREWELL, farewell).await.is_err() {
        // An operator that is suspended reads nothing, so there is no end to writing.
        writer.abort();
    }
}

async fn answer(
    number: CallNumber,
    body: Bytes,
    context: CallContext,
    handler: Arc<dyn Handler>,
    outgoing: mpsc::Sender<Frame>,
) -> CallNumber {
    let result = match serde_json::from_slice::<Envelope>(&body) {
        Ok(envelope) => handler.handle(envelope, context).await,
        Err(error) => Err(error).problem(Class::Internal, "the operator's message cannot be read"),
    };
    if let Ok(body) = serde_json::to_vec(&result) {
        let _ = outgoing.send(Frame::Reply(number, body.into())).await;
    }
    number
}
