//! The framing: many calls on one connection, each frame with its call's number.
//!
//! A frame is a big-endian `u32` length, one byte that says what it is, the call's number as a big-endian
//! `u32`, and the body. Bodies are JSON, but for data, which is bytes.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::codec::{FramedRead, FramedWrite, LengthDelimitedCodec};

use crate::error::{Class, Problem, Result};

/// The number of a call, chosen by the operator's end.
pub(super) type CallNumber = u32;

/// The largest frame. Data goes in pieces of [`DATA_PIECE`]; the rest is documents.
const LARGEST_FRAME: usize = 32 * 1024 * 1024;

/// How many bytes a data frame carries at most.
pub(super) const DATA_PIECE: usize = 256 * 1024;

/// How many bytes of data may be on their way to a call that has not taken them yet.
pub(super) const DATA_WINDOW: usize = 8 * 1024 * 1024;

/// What a frame is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Frame {
    /// Operator to agent: begin this call. The body is an [`super::Envelope`].
    Request(CallNumber, Bytes),
    /// Operator to agent: bytes of the call.
    Data(CallNumber, Bytes),
    /// Operator to agent: the bytes are all sent.
    DataEnd(CallNumber),
    /// Operator to agent: nobody waits for this call any more.
    Cancel(CallNumber),
    /// Agent to operator: this many bytes of data were taken, as many more may come.
    Credit(CallNumber, u32),
    /// Agent to operator: something on the way, a [`super::Note`].
    Note(CallNumber, Bytes),
    /// Agent to operator: the call's end, a `Result` of reply and problem.
    Reply(CallNumber, Bytes),
    /// Either way: this end is there and has nothing to say.
    Beat,
}

impl Frame {
    pub(super) fn encode(self) -> Bytes {
        let (kind, call, body) = match self {
            Self::Request(call, body) => (0, call, body),
            Self::Data(call, body) => (1, call, body),
            Self::DataEnd(call) => (2, call, Bytes::new()),
            Self::Cancel(call) => (3, call, Bytes::new()),
            Self::Credit(call, bytes) => (4, call, Bytes::copy_from_slice(&bytes.to_be_bytes())),
            Self::Note(call, body) => (5, call, body),
            Self::Reply(call, body) => (6, call, body),
            Self::Beat => (7, 0, Bytes::new()),
        };
        let mut frame = BytesMut::with_capacity(5 + body.len());
        frame.put_u8(kind);
        frame.put_u32(call);
        frame.put(body);
        frame.freeze()
    }

    pub(super) fn decode(mut frame: Bytes) -> Result<Self> {
        let broken = || Problem::new(Class::Connection, "the other end sent a frame that cannot be read");
        if frame.len() < 5 {
            return Err(broken());
        }
        let (kind, call) = (frame.get_u8(), frame.get_u32());
        Ok(match kind {
            0 => Self::Request(call, frame),
            1 => Self::Data(call, frame),
            2 => Self::DataEnd(call),
            3 => Self::Cancel(call),
            4 if frame.len() == 4 => Self::Credit(call, frame.get_u32()),
            5 => Self::Note(call, frame),
            6 => Self::Reply(call, frame),
            7 => Self::Beat,
            _ => return Err(broken()),
        })
    }
}

fn codec() -> LengthDelimitedCodec {
    LengthDelimitedCodec::builder().max_frame_length(LARGEST_FRAME).new_codec()
}

pub(super) fn reader<R: AsyncRead>(stream: R) -> FramedRead<R, LengthDelimitedCodec> {
    FramedRead::with_capacity(stream, codec(), DATA_PIECE)
}

pub(super) fn writer<W: AsyncWrite>(stream: W) -> FramedWrite<W, LengthDelimitedCodec> {
    FramedWrite::new(stream, codec())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn frames_read_what_they_write(call: u32, body: Vec<u8>, credit: u32) {
            let body = Bytes::from(body);
            for frame in [
                Frame::Request(call, body.clone()), Frame::Data(call, body.clone()), Frame::DataEnd(call),
                Frame::Cancel(call), Frame::Credit(call, credit), Frame::Note(call, body.clone()),
                Frame::Reply(call, body.clone()), Frame::Beat,
            ] {
                prop_assert_eq!(Frame::decode(frame.clone().encode()).unwrap(), frame);
            }
        }

        #[test]
        fn rubbish_is_refused_or_read_but_never_panics(bytes: Vec<u8>) {
            let _ = Frame::decode(Bytes::from(bytes));
        }
    }
}
