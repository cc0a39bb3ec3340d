//! Looks at the arguments of all processes while a command runs: secrets must not be among them.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often it looks.
const EVERY: Duration = Duration::from_millis(200);

/// A look that goes on until it is ended. The machines' processes are among this machine's.
pub(crate) struct Watch {
    stop: Arc<AtomicBool>,
    seen: JoinHandle<BTreeSet<String>>,
}

impl Watch {
    pub(crate) fn begin() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let seen = std::thread::spawn(move || {
            let mut seen = BTreeSet::new();
            while !stopped.load(Ordering::Relaxed) {
                look(&mut seen);
                std::thread::sleep(EVERY);
            }
            seen
        });
        Self { stop, seen }
    }

    /// Ends it and returns every command line that was seen.
    pub(crate) fn end(self) -> BTreeSet<String> {
        self.stop.store(true, Ordering::Relaxed);
        self.seen.join().unwrap()
    }
}

fn look(seen: &mut BTreeSet<String>) {
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let is_process = entry.file_name().to_string_lossy().bytes().all(|byte| byte.is_ascii_digit());
        // A process may end while it is looked at.
        if let Some(words) = is_process.then(|| fs::read(entry.path().join("cmdline")).ok()).flatten() {
            seen.insert(String::from_utf8_lossy(&words).replace('\0', " "));
        }
    }
}
