//! Where text leaves the program: it hides secrets and survives a reader that goes away.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::redact::Redactions;

/// A stream to write to. Clones share it.
#[derive(Clone)]
pub(super) struct Sink {
    stream: Arc<Mutex<Box<dyn Write + Send>>>,
    redactions: Redactions,
}

impl Sink {
    /// Makes a sink that writes to `stream` what `redactions` leave.
    pub(super) fn new(stream: Box<dyn Write + Send>, redactions: Redactions) -> Self {
        Self { stream: Arc::new(Mutex::new(stream)), redactions }
    }

    /// Writes `text` in one piece. A reader that went away is no error: nobody is there to miss it.
    pub(super) fn write(&self, text: &str) -> io::Result<()> {
        self.write_redacted(&self.redactions.apply(text))
    }

    /// Writes what was redacted already, such as JSON: there, only values may be touched, or it falls apart.
    pub(super) fn write_redacted(&self, text: &str) -> io::Result<()> {
        let mut stream = self.lock();
        match stream.write_all(text.as_bytes()).and_then(|()| stream.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                *stream = Box::new(io::sink());
                Ok(())
            }
            outcome => outcome,
        }
    }

    /// Writes talk: what cannot be said is not worth ending a run for.
    pub(super) fn say(&self, text: &str) {
        let _ = self.write(text);
    }

    fn lock(&self) -> MutexGuard<'_, Box<dyn Write + Send>> {
        self.stream.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Sink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sink")
    }
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;

    struct Broken(io::ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn writing_to(stream: impl Write + Send + 'static) -> Sink {
        let redactions = Redactions::default();
        redactions.hide(&SecretString::from("hunter2"));
        Sink::new(Box::new(stream), redactions)
    }

    #[test]
    fn a_reader_that_went_away_is_no_error_but_a_full_disk_is() {
        assert!(writing_to(Broken(io::ErrorKind::BrokenPipe)).write("text").is_ok());
        assert!(writing_to(Broken(io::ErrorKind::StorageFull)).write("text").is_err());
    }

    #[test]
    fn a_secret_does_not_leave() {
        let (mut reader, writer) = io::pipe().unwrap();
        writing_to(writer).write("the password is hunter2\n").unwrap();
        let mut text = String::new();
        io::Read::read_to_string(&mut reader, &mut text).unwrap();
        assert_eq!(text, "the password is ***\n");
    }
}
