//! Tells systemd how this service does (the protocol of `sd_notify(3)`): a datagram to `$NOTIFY_SOCKET`.

use std::ffi::OsString;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use tracing::warn;

/// The way to the service manager; leads nowhere when there is none.
#[derive(Debug)]
pub struct Notifier(Option<OsString>);

impl Notifier {
    /// Returns the way to the service manager that started this process.
    pub fn from_environment() -> Self {
        Self(std::env::var_os("NOTIFY_SOCKET"))
    }

    /// Says that the service is ready, and how it does in one line.
    pub fn ready(&self, status: &str) {
        self.send(&format!("READY=1\nSTATUS={status}\n"));
    }

    /// Says how the service does in one line; `systemctl status` shows it.
    pub fn status(&self, status: &str) {
        self.send(&format!("STATUS={status}\n"));
    }

    fn send(&self, message: &str) {
        let Some(socket) = &self.0 else { return };
        if let Err(error) = send_to(socket, message) {
            warn!(%error, "cannot tell the service manager");
        }
    }
}

fn send_to(socket: &OsString, message: &str) -> io::Result<()> {
    // A name that begins with `@` is in the abstract namespace.
    let address = match socket.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(socket)?,
    };
    UnixDatagram::unbound()?.send_to_addr(message.as_bytes(), &address).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(notifier: &Notifier, listener: &UnixDatagram) -> String {
        notifier.ready("api 3/3");
        let mut buffer = [0; 100];
        let length = listener.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    #[test]
    fn the_manager_hears_it_by_path_and_by_abstract_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let listener = UnixDatagram::bind(&path).unwrap();
        assert_eq!(said(&Notifier(Some(path.into())), &listener), "READY=1\nSTATUS=api 3/3\n");

        let name = format!("sealift-care-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let listener = UnixDatagram::bind_addr(&address).unwrap();
        assert_eq!(said(&Notifier(Some(format!("@{name}").into())), &listener), "READY=1\nSTATUS=api 3/3\n");
    }

    #[test]
    fn without_a_manager_nothing_happens() {
        Notifier(None).ready("fine");
        Notifier(Some("/nowhere/at/all".into())).ready("fine");
    }
}
