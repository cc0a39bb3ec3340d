//! The state of a run as it is shown: what runs, how far it is, and what has just ended.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use unicode_width::UnicodeWidthStr;

use super::measure::count;
use crate::engine::{Event, Outcome, StepNumber};
use crate::error::Problem;
use crate::ops::PlanView;

/// Of more steps with one title than this, the ones that end well are told in one line.
const FOLD_ABOVE: usize = 8;

/// How many of the last lines a running step printed are kept.
const LINES_KEPT: usize = 3;

/// Over how much time the rate of a transfer is measured.
const RATE_WINDOW: Duration = Duration::from_secs(5);

/// How the steps of a run stand.
#[derive(Debug, Default)]
pub(super) struct Board {
    pub(super) cluster: String,
    pub(super) planned: usize,
    pub(super) began: Duration,
    pub(super) running: BTreeMap<StepNumber, Running>,
    pub(super) tally: Tally,
    pub(super) titles: HashMap<String, Title>,
    pub(super) phase: Phase,
    /// The columns that the longest name of a machine takes.
    pub(super) machine_columns: usize,
    unhappy: HashMap<StepNumber, String>,
}

/// Where the run is.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// It has not begun, or has ended.
    #[default]
    Idle,
    /// Its steps begin as they can.
    Running,
    /// No more steps begin.
    Stopping,
}

/// How many steps ended, and how.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) succeeded: usize,
    pub(super) failed: usize,
    pub(super) skipped: usize,
}

/// All steps of one title.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Title {
    /// How many the plan has; zero when it was not shown.
    pub(super) planned: usize,
    pub(super) tally: Tally,
    began: Option<Duration>,
}

/// A step that runs.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) machine: Option<String>,
    pub(super) title: String,
    pub(super) began: Duration,
    pub(super) transfer: Option<Transfer>,
    pub(super) said: VecDeque<String>,
    /// How often it was tried again, and why the last time.
    pub(super) retries: Option<(usize, String)>,
}

/// Bytes on their way.
#[derive(Debug, Default)]
pub(super) struct Transfer {
    pub(super) done: u64,
    pub(super) total: u64,
    samples: VecDeque<(Duration, u64)>,
}

/// What goes into the list above the running steps.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum News {
    /// A step ended.
    Ended { machine: Option<String>, title: String, tries: usize, seconds: f64, how: Mark },
    /// All steps of a title ended.
    Folded { title: String, counts: Title, duration: Duration },
    /// The engine says something that is not of a step; it gives the number 0 to that.
    Stray { line: String },
    /// An application's command printed a line.
    Said { source: String, line: String },
    /// A step is tried again.
    Retried { machine: Option<String>, title: String, problem: Problem },
}

/// How a step ended, as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Mark {
    Done,
    AlreadyDone,
    Failed(Problem),
    /// It was not tried, since the step with this title did not succeed.
    Skipped(String),
    /// It was let go while it ran.
    LetGo,
}

impl Board {
    /// Learns what is to come, so that columns stand still and steps of one title can be folded.
    pub(super) fn expect(&mut self, plan: &PlanView) {
        self.cluster.clone_from(&plan.cluster);
        self.titles.clear();
        for step in plan.steps() {
            self.titles.entry(step.title.clone()).or_default().planned += 1;
            self.widen(step.machine.as_deref());
        }
        let most = self.titles.values().map(|title| title.planned).max().unwrap_or(0);
        if most > FOLD_ABOVE {
            self.widen(Some(&count(most, "machine")));
        }
    }

    /// Takes an event that came `now` and returns what is new in the list.
    pub(super) fn take(&mut self, event: &Event, now: Duration) -> Vec<News> {
        match event {
            Event::RunStarted { cluster, steps, .. } => {
                self.begin(cluster, *steps, now);
                vec![]
            }
            Event::StepStarted { step, machine, title } => {
                self.start(*step, machine.as_ref(), title, now);
                vec![]
            }
            Event::StepProgress { step, done, total } => {
                if let Some(running) = self.running.get_mut(step) {
                    running.transfer.get_or_insert_default().advance(*done, *total, now);
                }
                vec![]
            }
            Event::StepSaid { step: 0, line, .. } => vec![News::Stray { line: line.clone() }],
            Event::StepSaid { line, source: Some(source), .. } => {
                vec![News::Said { source: source.clone(), line: line.clone() }]
            }
            Event::StepSaid { step, line, source: None } => {
                if let Some(running) = self.running.get_mut(step) {
                    running.say(line);
                }
                vec![]
            }
            Event::StepRetried { step, problem } => self.retry(*step, problem),
            Event::StepFinished { step, machine, title, seconds, outcome } => {
                self.end(*step, machine.as_ref(), title, *seconds, outcome, now)
            }
            Event::RunFinished { .. } => self.finish(now),
        }
    }

    /// Tells whether the steps of this title are shown in one line.
    pub(super) fn folds(&self, title: &str) -> bool {
        self.titles.get(title).is_some_and(|title| title.planned > FOLD_ABOVE)
    }

    /// Returns how many steps have ended in any way.
    pub(super) fn ended(&self) -> usize {
        self.tally.ended()
    }

    fn begin(&mut self, cluster: &str, steps: usize, now: Duration) {
        cluster.clone_into(&mut self.cluster);
        self.planned = steps;
        self.began = now;
        self.phase = Phase::Running;
        self.tally = Tally::default();
    }

    fn start(&mut self, step: StepNumber, machine: Option<&String>, title: &str, now: Duration) {
        self.widen(machine.map(String::as_str));
        self.titles.entry(title.to_owned()).or_default().began.get_or_insert(now);
        self.running.insert(
            step,
            Running {
                machine: machine.cloned(),
                title: title.to_owned(),
                began: now,
                transfer: None,
                said: VecDeque::new(),
                retries: None,
            },
        );
    }

    fn retry(&mut self, step: StepNumber, problem: &Problem) -> Vec<News> {
        let Some(running) = self.running.get_mut(&step) else { return vec![] };
        let times = running.retries.as_ref().map_or(0, |(times, _)| *times);
        running.retries = Some((times + 1, problem.message.clone()));
        running.transfer = None;
        vec![News::Retried {
            machine: running.machine.clone(),
            title: running.title.clone(),
            problem: problem.clone(),
        }]
    }

    fn end(
        &mut self,
        step: StepNumber,
        machine: Option<&String>,
        title: &str,
        seconds: f64,
        outcome: &Outcome,
        now: Duration,
    ) -> Vec<News> {
        let running = self.running.remove(&step);
        let tries =
            1 + running.as_ref().and_then(|running| running.retries.as_ref()).map_or(0, |(times, _)| *times);
        let folds = self.folds(title);
        let how = match outcome {
            Outcome::Done => Mark::Done,
            Outcome::AlreadyDone => Mark::AlreadyDone,
            Outcome::Failed { problem } => Mark::Failed(problem.clone()),
            Outcome::Skipped { because } => {
                Mark::Skipped(self.unhappy.get(because).cloned().unwrap_or_else(|| format!("step {because}")))
            }
            Outcome::Cancelled if running.is_some() => Mark::LetGo,
            // What never began is counted at the end; hundreds of lines about it help nobody.
            Outcome::Cancelled => return vec![],
        };
        if !matches!(how, Mark::Done | Mark::AlreadyDone) {
            self.unhappy.insert(step, title.to_owned());
        }
        let counts = self.titles.entry(title.to_owned()).or_default();
        counts.tally.count(&how);
        self.tally.count(&how);
        let mut news = vec![];
        if !folds || matches!(how, Mark::Failed(_) | Mark::LetGo) {
            let machine = machine.cloned();
            news.push(News::Ended { machine, title: title.to_owned(), tries, seconds, how });
        }
        if folds && counts.tally.ended() == counts.planned {
            news.push(fold(title, counts, now));
        }
        news
    }

    /// Tells the folded steps that did not all come to an end.
    fn finish(&mut self, now: Duration) -> Vec<News> {
        self.phase = Phase::Idle;
        self.running.clear();
        let mut titles: Vec<(&String, &Title)> = self
            .titles
            .iter()
            .filter(|(_, title)| {
                title.planned > FOLD_ABOVE && (1..title.planned).contains(&title.tally.ended())
            })
            .collect();
        titles.sort_by_key(|(name, title)| (title.began, *name));
        titles.into_iter().map(|(name, title)| fold(name, title, now)).collect()
    }

    fn widen(&mut self, machine: Option<&str>) {
        self.machine_columns = self.machine_columns.max(machine.map_or(0, UnicodeWidthStr::width));
    }
}

fn fold(title: &str, counts: &Title, now: Duration) -> News {
    let duration = counts.began.map_or(Duration::ZERO, |began| now.saturating_sub(began));
    News::Folded { title: title.to_owned(), counts: counts.clone(), duration }
}

impl Tally {
    fn count(&mut self, how: &Mark) {
        match how {
            Mark::Done | Mark::AlreadyDone => self.succeeded += 1,
            Mark::Failed(_) => self.failed += 1,
            Mark::Skipped(_) | Mark::LetGo => self.skipped += 1,
        }
    }

    /// Returns how many steps have ended in any way.
    pub(super) fn ended(self) -> usize {
        self.succeeded + self.failed + self.skipped
    }
}

impl Running {
    fn say(&mut self, line: &str) {
        if line.trim().is_empty() {
            return;
        }
        if self.said.len() == LINES_KEPT {
            self.said.pop_front();
        }
        self.said.push_back(line.to_owned());
    }
}

impl Transfer {
    fn advance(&mut self, done: u64, total: u64, now: Duration) {
        self.done = done;
        self.total = total;
        self.samples.push_back((now, done));
        while self.samples.len() > 2 && self.samples[1].0 + RATE_WINDOW < now {
            self.samples.pop_front();
        }
    }

    /// Returns the bytes per second over the last seconds.
    pub(super) fn rate(&self) -> u64 {
        let (Some((first, before)), Some((last, after))) = (self.samples.front(), self.samples.back()) else {
            return 0;
        };
        let seconds = last.saturating_sub(*first).as_secs_f64();
        if seconds > 0.0 { (after.saturating_sub(*before) as f64 / seconds) as u64 } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Class;
    use crate::ops::{PlanGroup, PlannedStep};

    fn plan_of(machines: usize, title: &str) -> PlanView {
        let steps = (1..=machines)
            .map(|number| PlannedStep {
                number,
                machine: Some(format!("10.0.0.{number}")),
                title: title.to_owned(),
                reason: None,
                disruption: crate::ops::Disruption::Adds,
                certainty: crate::ops::Certainty::Known,
            })
            .collect();
        PlanView {
            title: "apply".to_owned(),
            cluster: "demo".to_owned(),
            machines: crate::ops::Affected::default(),
            set_aside: vec![],
            groups: vec![PlanGroup { title: "all".to_owned(), steps }],
            files: vec![],
            documents: vec![],
        }
    }

    fn started(step: usize) -> Event {
        Event::StepStarted { step, machine: Some(format!("10.0.0.{step}")), title: "install".to_owned() }
    }

    fn ended(step: usize, outcome: Outcome) -> Event {
        Event::StepFinished {
            step,
            machine: Some(format!("10.0.0.{step}")),
            title: "install".to_owned(),
            seconds: 1.0,
            outcome,
        }
    }

    const AT: Duration = Duration::from_secs(7);

    #[test]
    fn many_steps_of_one_title_end_in_one_line_but_each_failure_in_its_own() {
        let mut board = Board::default();
        board.expect(&plan_of(9, "install"));
        let mut news = vec![];
        for step in 1..=9 {
            board.take(&started(step), Duration::from_secs(1));
            let problem = Problem::new(Class::Machine, "broken");
            let outcome = if step == 4 { Outcome::Failed { problem } } else { Outcome::Done };
            news.extend(board.take(&ended(step, outcome), AT));
        }
        assert!(matches!(&news[0], News::Ended { how: Mark::Failed(_), .. }));
        let News::Folded { counts, duration, .. } = &news[1] else { panic!("{news:?}") };
        assert_eq!((counts.tally.succeeded, counts.tally.failed, counts.planned), (8, 1, 9));
        assert_eq!(*duration, Duration::from_secs(6));
        assert_eq!(news.len(), 2);
    }

    #[test]
    fn a_run_that_stops_tells_how_far_the_folded_steps_came() {
        let mut board = Board::default();
        board.expect(&plan_of(20, "install"));
        board.take(&started(1), AT);
        assert_eq!(board.take(&ended(1, Outcome::Done), AT), []);
        assert_eq!(board.take(&ended(2, Outcome::Cancelled), AT), []);
        let news = board.take(&Event::RunFinished { seconds: 1.0, succeeded: 1, failed: 0, left: 19 }, AT);
        assert!(
            matches!(&news[..], [News::Folded { counts, .. }] if counts.tally.succeeded == 1),
            "{news:?}"
        );
    }

    #[test]
    fn few_steps_are_told_one_by_one() {
        let mut board = Board::default();
        board.expect(&plan_of(8, "install"));
        assert_eq!(board.take(&ended(1, Outcome::AlreadyDone), AT).len(), 1);
        let skipped = board.take(&ended(2, Outcome::Skipped { because: 77 }), AT);
        assert!(matches!(&skipped[..], [News::Ended { how: Mark::Skipped(why), .. }] if why == "step 77"));
    }

    #[test]
    fn the_rate_is_that_of_the_last_seconds() {
        let mut transfer = Transfer::default();
        for second in 0..60 {
            let done = if second < 30 { second * 100 } else { 2_900 + (second - 29) * 1_000 };
            transfer.advance(done, 100_000, Duration::from_secs(second));
        }
        assert_eq!(transfer.rate(), 1_000);
    }
}
