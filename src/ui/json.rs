//! What `--output json` prints: one event a line, and the schema of such a line.

use jiff::Timestamp;
use schemars::{JsonSchema, schema_for};
use serde::Serialize;
use serde_json::Value;

use crate::engine::Event;
use crate::error::Problem;
use crate::ops::{PlanView, Summary};
use crate::redact::Redactions;

/// One line of `sealift --output json`: an event and when it happened.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "sealift event")]
struct EventLine {
    /// When it happened: RFC 3339, in UTC, to the millisecond.
    #[schemars(extend("format" = "date-time"))]
    time: String,
    #[serde(flatten)]
    told: Told,
}

/// What happened.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum Told {
    /// In a run.
    Run(Event),
    /// Around it.
    Command(CommandEvent),
}

/// What a command tells apart from the events of its run.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "event")]
pub(super) enum CommandEvent {
    /// What is going on.
    Note {
        /// In a few words.
        text: String,
    },
    /// What should be known although the command goes on.
    Warning {
        /// In a sentence.
        text: String,
    },
    /// What would be done.
    Plan {
        /// The plan.
        plan: PlanView,
    },
    /// All that is wrong.
    Problems {
        /// At least one.
        problems: Vec<Problem>,
    },
    /// The operator asked to stop, and no new step will begin.
    Stopping,
    /// How the command ended.
    Summary {
        /// What it did.
        summary: Summary,
    },
    /// What the command was asked for.
    Result {
        /// Depends on the command.
        data: Value,
    },
}

/// Writes an event as one line with its end.
pub(super) fn line(time: Timestamp, told: Told, redactions: &Redactions) -> String {
    let line = EventLine { time: time.to_string(), told };
    // Every part of a line has text keys only, so this cannot fail; if it does, it is told as what it is.
    let mut value = serde_json::to_value(&line).unwrap_or_else(
        |error| serde_json::json!({ "time": line.time, "event": "warning", "text": error.to_string() }),
    );
    redactions.apply_to_json(&mut value);
    value.to_string() + "\n"
}

/// Returns the JSON Schema (2020-12) of one line of `--output json`, as `docs/schemas/events.schema.json` has it.
pub fn event_schema() -> String {
    let schema = schema_for!(EventLine);
    format!("{:#}\n", schema.as_value())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_name_is_in_the_schema_and_none_twice() {
        let schema: Value = serde_json::from_str(&event_schema()).unwrap();
        let mut names = vec![];
        collect_event_names(&schema, &mut names);
        names.sort();
        assert_eq!(
            names,
            [
                "note",
                "plan",
                "problems",
                "result",
                "run-finished",
                "run-started",
                "step-finished",
                "step-progress",
                "step-retried",
                "step-said",
                "step-started",
                "stopping",
                "summary",
                "warning",
            ]
        );
    }

    fn collect_event_names(value: &Value, names: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                if let Some(name) = map.get("event").and_then(|event| event.get("const")) {
                    names.push(name.as_str().unwrap().to_owned());
                }
                map.values().for_each(|value| collect_event_names(value, names));
            }
            Value::Array(values) => values.iter().for_each(|value| collect_event_names(value, names)),
            _ => {}
        }
    }
}
