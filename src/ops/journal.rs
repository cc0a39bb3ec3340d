//! The journal: every event of a run, one JSON line each, for people and reports. It decides nothing.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use super::context::Context;
use super::reporter::Reporter;
use crate::engine::{Event, Observer};
use crate::error::{Class, Context as _, Result};
use crate::fsx;
use crate::redact::Redactions;
use crate::steps::State;

/// Passes events on to the reporter and writes them down.
pub(super) struct Journal {
    reporter: Arc<dyn Reporter>,
    redactions: Redactions,
    file: Mutex<File>,
}

impl Journal {
    /// Begins the journal of a run of a cluster.
    pub(super) fn begin(context: &Context, cluster: &str) -> Result<Self> {
        let directory = State::directory(&context.home, cluster).join("runs");
        fsx::make_directory(&directory)?;
        let path = directory.join(format!("{}.jsonl", context.run));
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let file = file.problem_with(Class::Config, || format!("cannot write {}", path.display()))?;
        Ok(Self {
            reporter: context.reporter.clone(),
            redactions: context.redactions.clone(),
            file: Mutex::new(file),
        })
    }
}

impl Observer for Journal {
    fn event(&self, event: &Event) {
        self.reporter.event(event);
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
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // A full disk must not stop a run that is under way.
        let _ = writeln!(file, "{entry}");
    }
}
