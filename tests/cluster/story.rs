//! Tests that are stages of one story: each asks for those before it, and is told once.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use libtest_mimic::{Failed, Trial};

/// A stage's name, whom its failure stops, and what happens in it.
pub(crate) type Stage<S> = (&'static str, Matters, fn(&mut S));

/// Whom a stage's failure stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Matters {
    /// Every stage after it stands on it.
    ToAllAfter,
    /// The story goes on without it.
    ToNobody,
}

/// Returns a test for each stage of the story. The scene goes with the last of them.
pub(crate) fn tell<S: Send + 'static>(
    title: &'static str,
    begin: fn() -> S,
    stages: &'static [Stage<S>],
) -> Vec<Trial> {
    let story = Arc::new(Mutex::new(Told { scene: None, outcomes: vec![] }));
    let trial = |(index, (name, ..)): (usize, &Stage<S>)| {
        let story = story.clone();
        Trial::test(format!("{title}::{name}"), move || {
            story.lock().unwrap_or_else(PoisonError::into_inner).until(index, title, begin, stages)
        })
    };
    stages.iter().enumerate().map(trial).collect()
}

/// How far the story has been told.
struct Told<S> {
    scene: Option<S>,
    outcomes: Vec<Result<(), String>>,
}

impl<S> Told<S> {
    fn until(
        &mut self,
        index: usize,
        title: &str,
        begin: fn() -> S,
        stages: &[Stage<S>],
    ) -> Result<(), Failed> {
        while self.outcomes.len() <= index {
            let (name, _, stage) = stages[self.outcomes.len()];
            let began = Instant::now();
            let outcome = if let Some(broken) = self.broken(stages) {
                Err(format!("the stage `{broken}` before it failed"))
            } else {
                let scene = &mut self.scene;
                let told = catch_unwind(AssertUnwindSafe(|| stage(scene.get_or_insert_with(begin))));
                told.map_err(|panic| words(panic.as_ref()))
            };
            report(&format!("{title}: {name}: {:.1} minutes", began.elapsed().as_secs_f64() / 60.0));
            self.outcomes.push(outcome);
        }
        Ok(self.outcomes[index].clone()?)
    }

    fn broken(&self, stages: &[Stage<S>]) -> Option<&'static str> {
        let broken = |(outcome, stage): (&Result<_, _>, &Stage<S>)| {
            (outcome.is_err() && stage.1 == Matters::ToAllAfter).then_some(stage.0)
        };
        self.outcomes.iter().zip(stages).find_map(broken)
    }
}

/// Returns what a panic said.
fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked").to_owned()
}

#[expect(clippy::print_stderr, reason = "each stage tells its minutes")]
pub(crate) fn report(line: &str) {
    eprintln!("{line}");
}
