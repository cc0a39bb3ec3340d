//! What one reading may take: memory that the kernel sees to, and time that a watcher sees to.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, setrlimit};

/// The data of the whole process, in bytes: a hundred times what the largest input needs, and far below what a bomb of aliases,
/// brackets or repetitions would take. An allocation that goes beyond it ends the process.
const MEMORY: u64 = 2 << 30;

/// No input takes a second; one that has not ended by then does not end.
const PATIENCE: Duration = Duration::from_mins(2);

/// Reads one input after the other, in a thread of its own.
pub(crate) struct Bounds {
    inputs: Sender<(Vec<u8>, Check)>,
    outcomes: Receiver<Result<(), String>>,
    last: PathBuf,
}

/// Holds the loader to what it promises for an input.
pub(crate) type Check = fn(&[u8]) -> Result<(), String>;

impl Bounds {
    /// Sets the bounds of this process.
    pub(crate) fn new() -> Self {
        setrlimit(Resource::Data, Rlimit { current: Some(MEMORY), maximum: None }).unwrap();
        let (inputs, work) = channel::<(Vec<u8>, Check)>();
        let (tell, outcomes) = channel();
        thread::spawn(move || {
            for (input, check) in work {
                let outcome = std::panic::catch_unwind(|| check(&input));
                let outcome = outcome.unwrap_or_else(|_| Err("the loader panicked".to_owned()));
                if tell.send(outcome).is_err() {
                    break;
                }
            }
        });
        let last = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("last-input-of-the-loader.yaml");
        Self { inputs, outcomes, last }
    }

    /// Checks one input. Where the process ends by it, or it never ends, the input is in the file that is told.
    pub(crate) fn within(&self, input: Vec<u8>, check: Check) -> Result<(), String> {
        std::fs::write(&self.last, &input).unwrap();
        let text = String::from_utf8_lossy(&input).into_owned();
        self.inputs.send((input, check)).unwrap();
        match self.outcomes.recv_timeout(PATIENCE) {
            Ok(outcome) => outcome.map_err(|wrong| format!("{wrong}\n--- input\n{text}")),
            Err(RecvTimeoutError::Timeout) => panic!("it does not end: {}", self.last.display()),
            Err(RecvTimeoutError::Disconnected) => panic!("the reader is gone: {}", self.last.display()),
        }
    }
}
