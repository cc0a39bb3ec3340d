//! The lines that `--output json` prints: each is held against the published schema, and read back as an event.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use sealift::engine::{Event, Outcome, StepNumber};
use serde_json::Value;

/// A line that was printed.
pub(crate) struct Line {
    pub(crate) value: Value,
    /// The event of a run; notes, plans and summaries around it are none.
    pub(crate) event: Option<Event>,
}

impl Line {
    /// Reads a line, and fails if the schema does not know it.
    pub(crate) fn read(line: &str) -> Self {
        let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let name = value["event"].as_str().unwrap_or_else(|| panic!("no event: {line}"));
        assert!(value["time"].as_str().is_some_and(|time| time.parse::<jiff::Timestamp>().is_ok()), "{line}");
        let shape = SHAPES.get(name).unwrap_or_else(|| panic!("the schema knows no event `{name}`: {line}"));
        for field in &shape.required {
            assert!(!value[field].is_null() || shape.nullable(field), "`{field}` is missing: {line}");
        }
        let event = shape.of_a_run.then(|| serde_json::from_value(value.clone()).unwrap());
        Self { value, event }
    }
}

/// What the schema says of an event.
struct Shape {
    required: Vec<String>,
    properties: Value,
    of_a_run: bool,
}

impl Shape {
    fn nullable(&self, field: &str) -> bool {
        self.properties[field]["type"].as_array().is_some_and(|types| types.contains(&Value::from("null")))
    }
}

static SHAPES: LazyLock<BTreeMap<String, Shape>> = LazyLock::new(|| {
    let schema: Value = serde_json::from_str(include_str!("../../docs/schemas/events.schema.json")).unwrap();
    let shapes = ["Event", "CommandEvent"].into_iter().flat_map(|family| {
        let one_of = schema["$defs"][family]["oneOf"].as_array().cloned().unwrap();
        one_of.into_iter().map(move |event| {
            let name = event["properties"]["event"]["const"].as_str().unwrap().to_owned();
            let required =
                event["required"].as_array().unwrap().iter().map(|field| field.as_str().unwrap().to_owned());
            let shape = Shape {
                required: required.collect(),
                properties: event["properties"].clone(),
                of_a_run: family == "Event",
            };
            (name, shape)
        })
    });
    shapes.collect()
});

/// A step of a run: when it began and ended, counted in lines.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) title: String,
    pub(crate) machine: Option<String>,
    pub(crate) began: usize,
    pub(crate) ended: usize,
    pub(crate) outcome: Outcome,
}

/// Returns the steps of a run that ended, in the order in which they began.
pub(crate) fn steps(lines: &[Line]) -> Vec<Ran> {
    let mut began: BTreeMap<StepNumber, usize> = BTreeMap::new();
    let mut steps = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        match &line.event {
            Some(Event::StepStarted { step, .. }) => {
                assert_eq!(began.insert(*step, index), None, "step {step} began twice");
            }
            Some(Event::StepFinished { step, machine, title, outcome, .. }) => steps.push(Ran {
                title: title.clone(),
                machine: machine.clone(),
                began: began.get(step).copied().unwrap_or(index),
                ended: index,
                outcome: outcome.clone(),
            }),
            _ => {}
        }
    }
    steps.sort_by_key(|step| step.began);
    steps
}

/// Returns the only step of this title, on this machine if one is named.
#[track_caller]
pub(crate) fn step<'a>(steps: &'a [Ran], title: &str, machine: Option<&str>) -> &'a Ran {
    let is_it = |step: &&Ran| {
        step.title.starts_with(title)
            && machine.is_none_or(|machine| step.machine.as_deref() == Some(machine))
    };
    let found: Vec<&Ran> = steps.iter().filter(is_it).collect();
    assert_eq!(found.len(), 1, "`{title}` on {machine:?}: {steps:#?}");
    found[0]
}

/// Fails unless each of these ended before the next began.
#[track_caller]
pub(crate) fn in_order(steps: &[&Ran]) {
    for pair in steps.windows(2) {
        assert!(pair[0].ended < pair[1].began, "{:?} did not end before {:?}", pair[0], pair[1]);
    }
}
