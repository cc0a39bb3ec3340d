//! How each end knows that the other one lives: both say something every few seconds, and silence is an end.
//!
//! Neither TCP nor SSH tells of a peer that is suspended, asleep or cut off; an agent that holds a lock has to know.

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::SinkExt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio_io_timeout::TimeoutReader;

use super::frame::{self, Frame};

/// How often an end that has nothing to say says so.
pub(super) const BEAT_EVERY: Duration = Duration::from_secs(5);

/// After so long without a single byte the other end is gone. Bytes count, not frames: a slow line may take longer
/// than this for a frame of data.
pub const SILENCE: Duration = Duration::from_secs(30);

/// Returns the stream with an end where the other end falls silent: an error of kind `TimedOut`.
pub(super) fn attentive<R: AsyncRead>(stream: R) -> Pin<Box<TimeoutReader<R>>> {
    let mut reader = TimeoutReader::new(stream);
    reader.set_timeout(Some(SILENCE));
    Box::pin(reader)
}

/// Writes frames as they come, and beats between them, until the queue or the stream ends.
pub(super) async fn write_frames(mut queue: mpsc::Receiver<Frame>, stream: impl AsyncWrite + Unpin) {
    let mut writer = frame::writer(stream);
    loop {
        let frame = match tokio::time::timeout(BEAT_EVERY, queue.recv()).await {
            Ok(Some(frame)) => frame,
            Ok(None) => break,
            Err(_) => Frame::Beat,
        };
        if writer.feed(frame.encode()).await.is_err() {
            return;
        }
        // Flushed when nothing more waits: data frames leave in large writes.
        if queue.is_empty() && SinkExt::<Bytes>::flush(&mut writer).await.is_err() {
            return;
        }
    }
    let _ = SinkExt::<Bytes>::close(&mut writer).await;
}
