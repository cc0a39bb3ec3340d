//! Reaches every text in what is told, so that it can be cleaned before it is laid out.
//!
//! A secret that is wrapped or cut is no longer found in the output: it has to go before.

use std::borrow::Cow;

use super::sanitise;
use crate::engine::{Event, Outcome};
use crate::error::Problem;
use crate::model::{DocumentChange, FieldChange};
use crate::ops::{Ending, HalfDone, PlanGroup, PlanView, PlannedStep, StepTiming, Summary};
use crate::plan::FileChange;
use crate::redact::Redactions;

/// Something that holds texts. Implementations name every field, so that a new one is not forgotten.
pub(super) trait Texts: Clone {
    /// Hands each text to `change`.
    fn each_text(&mut self, change: &mut dyn FnMut(&mut String));

    /// Returns a copy that a terminal can show: without secrets, and with nothing that controls it.
    fn cleaned(&self, redactions: &Redactions) -> Self {
        let mut copy = self.clone();
        copy.each_text(&mut |text| {
            *text = sanitise::lines(text);
            if let Cow::Owned(masked) = redactions.apply(text) {
                *text = masked;
            }
        });
        copy
    }
}

impl Texts for String {
    fn each_text(&mut self, change: &mut dyn FnMut(&mut String)) {
        change(self);
    }
}

impl<T: Texts> Texts for Option<T> {
    fn each_text(&mut self, change: &mut dyn FnMut(&mut String)) {
        if let Some(inner) = self {
            inner.each_text(change);
        }
    }
}

impl<T: Texts> Texts for Vec<T> {
    fn each_text(&mut self, change: &mut dyn FnMut(&mut String)) {
        for inner in self {
            inner.each_text(change);
        }
    }
}

impl Texts for Problem {
    fn each_text(&mut self, change: &mut dyn FnMut(&mut String)) {
        let Self { class: _, machine, step, message, seen, remedies } = self;
        machine.each_text(change);
        step.each_text(change);
        message.each_text(change);
        seen.each_text(change);
        remedies.each_text(change);
    }
}

impl Texts for Outcome {
    fn each_text(&mut self, change: &mut dyn FnMut(&mut String)) {
        match self {
            Self::Failed { problem } => problem.each_text(change),
            Self::Done | Self::AlreadyDone | Self::Skipped { because: _ } | Self::Cancelled => {}
        }
    }
}

impl Texts for Event {
    fn each_text(&mut self, change: &mut dyn FnMut(&mut String)) {
        match self {
            Self::RunStarted { run, cluster, steps: _ } => {
                run.each_text(change);
                cluster.each_text(change);
            }
            Self::StepStarted { step: _, machine, title } => {
                machine.each_text(change);
                title.each_text(change);
            }
            Self::StepProgress { step: _, done: _, total: _ }
            | Self::RunFinished { seconds: _, succeeded: _, failed: _, left: _ } => {}
            Self::StepSaid { step: _, line, source } => {
                line.each_text(change);
                source.each_text(change);
            }
            Self::StepRetried { step: _, problem } => problem.each_text(change),
            Self::StepFinished { step: _, machine, title, seconds: _, outcome } => {
                machine.each_text(change);
                title.each_text(change);
                outcome.each_text(change);
            }
        }
    }
}

impl Texts for PlannedStep {
    fn each_text(&mut self, change: &mut dyn FnMut(&mut String)) {
        let Self { number: _, machine, title, reason, disruption: _, certainty: _ } = self;
        machine.each_text(change);
        title.each_text(change);
        reason.each_text(change);
    }
}

impl Texts for PlanGroup {
    fn each_text(&mut self, change: &mut dyn FnMut(&mut String)) {
        let Self { title, steps } = self;
        title.each_text(change);
        steps.each_text(change);
    }
}

impl Texts for PlanView {
    fn each_text(&mut self, change: &mut dyn FnMut(&mut String)) {
        let Self { title, cluster, machines: _, set_aside, groups, files, documents } = self;
        title.each_text(change);
        cluster.each_text(change);
        set_aside.each_text(change);
        groups.each_text(change);
        files.each_text(change);
        documents.each_text(change);
    }
}

impl Texts for DocumentChange {
    fn each_text(&mut self, change: &mut dyn FnMut(&mut String)) {
        let Self { kind, fields, note } = self;
        kind.each_text(change);
        fields.each_text(change);
        note.each_text(change);
    }
}

impl Texts for FieldChange {
    fn each_text(&mut self, change: &mut dyn FnMut(&mut String)) {
        let Self { field, before, after } = self;
        field.each_text(change);
        before.each_text(change);
        after.each_text(change);
    }
}

impl Texts for FileChange {
    fn each_text(&mut self, change: &mut dyn FnMut(&mut String)) {
        let Self { image, path, configs, template, machine, difference } = self;
        image.each_text(change);
        path.each_text(change);
        configs.each_text(change);
        template.each_text(change);
        if let Some(machine) = machine {
            machine.0.each_text(change);
        }
        difference.each_text(change);
    }
}

impl Texts for HalfDone {
    fn each_text(&mut self, change: &mut dyn FnMut(&mut String)) {
        let Self { machine, title } = self;
        machine.each_text(change);
        title.each_text(change);
    }
}

impl Texts for Ending {
    fn each_text(&mut self, change: &mut dyn FnMut(&mut String)) {
        match self {
            Self::Interrupted { half_done, again } => {
                half_done.each_text(change);
                again.each_text(change);
            }
            Self::Done | Self::NothingToDo | Self::Partial | Self::Failed => {}
        }
    }
}

impl Texts for StepTiming {
    fn each_text(&mut self, change: &mut dyn FnMut(&mut String)) {
        let Self { title, count: _, longest: _, slowest } = self;
        title.each_text(change);
        slowest.each_text(change);
    }
}

impl Texts for Summary {
    fn each_text(&mut self, change: &mut dyn FnMut(&mut String)) {
        let Self { what, ending, steps, set_aside, succeeded: _, planned: _, seconds: _, next } = self;
        what.each_text(change);
        ending.each_text(change);
        steps.each_text(change);
        set_aside.each_text(change);
        next.each_text(change);
    }
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;
    use crate::error::Class;

    #[test]
    fn a_secret_is_gone_before_it_can_be_wrapped_and_so_are_escapes() {
        let redactions = Redactions::default();
        redactions.hide(&SecretString::from("correct horse battery"));
        let problem = Problem::new(Class::Machine, "login failed for correct horse battery")
            .on("10.0.0.1\x1b[2J")
            .saw("\x1b[31mcorrect \x1b[32mhorse battery\x1b[0m")
            .remedy("do not use correct horse battery");
        let event = Event::StepFinished {
            step: 1,
            machine: None,
            title: "log in".to_owned(),
            seconds: 1.0,
            outcome: Outcome::Failed { problem },
        };
        let told = format!("{:?}", event.cleaned(&redactions));
        assert!(!told.contains("horse") && !told.contains("\\u{1b}"), "{told}");
        assert_eq!(told.matches("***").count(), 3);
    }
}
