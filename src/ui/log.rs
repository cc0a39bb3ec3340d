//! Where `tracing` writes to: above the moving part of the screen, without secrets and escape sequences.

use std::io::{self, Write};
use std::sync::Arc;

use tracing_subscriber::fmt::MakeWriter;

use super::progress::Progress;
use super::sanitise;

/// Makes a writer for each log record, for `tracing_subscriber::fmt().with_writer(...)`.
#[derive(Clone)]
pub struct LogWriter(pub(super) Arc<Progress>);

/// One record; it is printed when it is complete.
pub struct Record {
    progress: Arc<Progress>,
    text: Vec<u8>,
}

impl<'a> MakeWriter<'a> for LogWriter {
    type Writer = Record;

    fn make_writer(&'a self) -> Record {
        Record { progress: self.0.clone(), text: vec![] }
    }
}

impl Write for Record {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let text = sanitise::lines(&String::from_utf8_lossy(&self.text));
        if !text.trim().is_empty() {
            self.progress.print_above(&(text.trim_end().to_owned() + "\n"));
        }
    }
}
