//! The journal: every event of a run, one JSON line each, for people and reports. It decides nothing.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::context::Context;
use crate::engine::{Event, Observer};
use crate::error::{Class, Context as _, Result};
use crate::fsx;
use crate::redact::Redactions;
use crate::steps::State;

/// Passes events on and writes them down.
pub struct Journal {
    listener: Arc<dyn Observer>,
    redactions: Redactions,
    file: Mutex<File>,
}

impl Journal {
    /// Begins the journal of a run of a cluster.
    pub(super) fn begin(context: &Context, cluster: &str) -> Result<Self> {
        let directory = State::directory(&context.home, cluster).join("runs");
        fsx::make_directory(&directory)?;
        let path = directory.join(format!("{}.jsonl", context.run));
        Self::at(&path, context.reporter.clone(), context.redactions.clone())
    }

    /// Begins one in a file, or goes on with it; `listener` hears every event first, `redactions` are kept out of the file.
    pub fn at(path: &Path, listener: Arc<dyn Observer>, redactions: Redactions) -> Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path);
        let file = file.problem_with(Class::Config, || format!("cannot write {}", path.display()))?;
        Ok(Self { listener, redactions, file: Mutex::new(file) })
    }
}

impl Observer for Journal {
    fn event(&self, event: &Event) {
        self.listener.event(event);
        // Progress is only for the moment.
        if matches!(event, Event::StepProgress { .. }) {
            return;
        }
        let mut entry = serde_json::json!({"time": jiff::Timestamp::now().to_string()});
        if let (Some(entry), Ok(serde_json::Value::Object(fields))) =
            (entry.as_object_mut(), serde_json::to_value(event))
        {
            entry.extend(fields);
        }
        self.redactions.apply_to_json(&mut entry);
        // One write a line: what is cut off in the middle is the last line at most.
        let line = format!("{entry}\n");
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // A full disk must not stop a run that is under way.
        let _ = file.write_all(line.as_bytes());
    }
}
