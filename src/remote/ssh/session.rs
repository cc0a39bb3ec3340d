//! A command that runs on the machine, as a [`Process`].

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use russh::client::Msg;
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Disconnect};
use tokio::io::AsyncWrite;
use tokio::sync::mpsc;

use super::connect::Connection;
use crate::error::{Class, Problem, Result};
use crate::remote::process::{Ending, Output, PIECES, Process};

/// The number of standard error among a channel's extended data, after RFC 4254, section 5.2.
const STDERR: u32 = 1;

/// Runs `command` in the user's login shell. The connection lives as long as somebody reads its output.
pub(super) async fn run(connection: Connection, command: &str) -> Result<Process> {
    let refused = |error: russh::Error| {
        Problem::new(Class::Connection, "the machine lets us in but gives no session")
            .saw(error)
            .remedy("look at MaxSessions in the machine's sshd_config, and at the limits of the user")
    };
    let channel = connection.handle.channel_open_session().await.map_err(refused)?;
    channel.exec(true, command).await.map_err(refused)?;
    let (read, write) = channel.split();
    let write = Arc::new(write);
    let input = Input { writer: Box::pin(write.make_writer()), channel: write.clone() };
    let (sender, output) = mpsc::channel(PIECES);
    tokio::spawn(watch(connection, read, write, sender));
    Ok(Process { output, input: Box::new(input) })
}

/// Passes on what the command says until it ends or nobody listens, then hangs up.
async fn watch(
    connection: Connection,
    mut read: ChannelReadHalf,
    write: Arc<ChannelWriteHalf<Msg>>,
    sender: mpsc::Sender<Output>,
) {
    let mut ending = None;
    loop {
        let message = tokio::select! {
            message = read.wait() => message,
            () = sender.closed() => break,
        };
        let output = match message {
            Some(ChannelMsg::Data { data }) => Output::Stdout(data),
            Some(ChannelMsg::ExtendedData { data, ext: STDERR }) => Output::Stderr(data),
            Some(ChannelMsg::ExitStatus { exit_status }) => {
                ending = Some(Ending::Exited(exit_status));
                continue;
            }
            Some(ChannelMsg::ExitSignal { signal_name, .. }) => {
                ending = Some(Ending::Killed(format!("{signal_name:?}")));
                continue;
            }
            Some(ChannelMsg::Failure) => {
                Output::Ended(Ending::Lost("the machine refuses to run a command".into()))
            }
            Some(ChannelMsg::Close) | None => {
                Output::Ended(ending.take().unwrap_or_else(|| Ending::Lost(connection.last_words())))
            }
            Some(_) => continue,
        };
        let ended = matches!(output, Output::Ended(_));
        if sender.send(output).await.is_err() || ended {
            break;
        }
    }
    // Whoever is gone already need not be told.
    let _ = write.close().await;
    let _ = connection.handle.disconnect(Disconnect::ByApplication, "", "").await;
}

/// Standard input of the command; the command is told when it is dropped.
struct Input {
    writer: Pin<Box<dyn AsyncWrite + Send>>,
    channel: Arc<ChannelWriteHalf<Msg>>,
}

impl AsyncWrite for Input {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.writer.as_mut().poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer.as_mut().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer.as_mut().poll_shutdown(context)
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        let channel = self.channel.clone();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                // When it fails, the channel is closed, and that is an end as well.
                let _ = channel.eof().await;
            });
        }
    }
}
