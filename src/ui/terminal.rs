//! Tells everything a command says, in the way that was decided on: the `Reporter` of the command line.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use secrecy::SecretString;

use super::board::{Board, Phase};
use super::clock::{Clock, SystemClock};
use super::column::Columns;
use super::json::{self, CommandEvent, Told};
use super::line::{Line, Tone, render_all};
use super::lines::{TransferPace, sentences, stamped};
use super::live::{self, Frame};
use super::log::LogWriter;
use super::printer::{Assent, Audience, Output, Printer, Talk, Verbosity};
use super::progress::{Painter, Progress, Ticking};
use super::texts::Texts;
use super::{listing, plan, problems, question, report, sanitise};
use crate::engine::{Event, Observer};
use crate::error::{Class, Context, Problem, Problems, Result};
use crate::ops::{Data, Ending, PlanView, Question, Reporter, Summary};

/// The operator's terminal, or what stands in its place.
pub struct Terminal {
    printer: Printer,
    clock: Arc<dyn Clock>,
    scene: Arc<Mutex<Scene>>,
    pace: TransferPace,
    progress: Arc<Progress>,
}

/// What the moving part of the screen shows.
#[derive(Default)]
struct Scene {
    board: Board,
    note: Option<(String, Duration)>,
}

impl Terminal {
    /// Makes a terminal that speaks as `printer` decided.
    pub fn new(printer: Printer) -> Self {
        Self::with(printer, Arc::new(SystemClock::start()), Ticking::Steady)
    }

    pub(super) fn with(printer: Printer, clock: Arc<dyn Clock>, ticking: Ticking) -> Self {
        let scene = Arc::new(Mutex::new(Scene::default()));
        let progress = Progress::new(
            printer.stderr.clone(),
            printer.size.clone(),
            printer.palette,
            painter(&printer, scene.clone(), clock.clone()),
            ticking,
        );
        Self { printer, clock, scene, pace: TransferPace::default(), progress: Arc::new(progress) }
    }

    /// Returns the writer for log records.
    pub fn log_writer(&self) -> LogWriter {
        LogWriter(self.progress.clone())
    }

    fn scene(&self) -> MutexGuard<'_, Scene> {
        lock(&self.scene)
    }

    /// Says something that is not part of a run, if so much is to be said.
    fn say(&self, from: Verbosity, text: &str) {
        if self.printer.verbosity >= from {
            self.clear_note();
            self.progress.print_above(text);
        }
    }

    fn say_line(&self, from: Verbosity, line: Line) {
        let line = match self.printer.talk {
            Talk::Lines => stamped(&self.clock.local(), line),
            Talk::Live | Talk::Events => line,
        };
        self.say(from, &render_all(&[line], self.printer.palette));
    }

    /// Takes the note from the screen: whatever comes next says more.
    fn clear_note(&self) {
        let had_note = self.scene().note.take().is_some();
        if had_note && self.scene().board.phase == Phase::Idle {
            self.progress.hide();
        }
    }

    fn tell(&self, told: Told) {
        let line = json::line(self.clock.timestamp(), told, &self.printer.redactions);
        // As with all talk: what cannot be said is not worth ending a run for.
        let _ = self.printer.stdout.write_redacted(&line);
    }

    /// Tells an event of the command to a program; to a person, what `otherwise` says.
    fn tell_or(&self, event: impl FnOnce() -> CommandEvent, otherwise: impl FnOnce()) {
        match self.printer.talk {
            Talk::Events => self.tell(Told::Command(event())),
            Talk::Live | Talk::Lines => otherwise(),
        }
    }

    fn clean<T: Texts>(&self, told: &T) -> T {
        told.cleaned(&self.printer.redactions)
    }

    fn draw_event(&self, event: &Event) {
        let (rows, idle) = {
            let mut scene = self.scene();
            let news = scene.board.take(event, self.clock.elapsed());
            let columns = Columns::new(self.printer.width(), scene.board.machine_columns, self.printer.signs);
            let verbosity = self.printer.verbosity;
            let told = news.iter().filter(|news| listing::is_told(news, verbosity));
            let rows: Vec<Line> = told.flat_map(|news| listing::rows(news, &columns)).collect();
            (rows, scene.board.phase == Phase::Idle)
        };
        // The scene is free again here: to draw is to look at it.
        self.progress.print_above(&render_all(&rows, self.printer.palette));
        if idle {
            self.progress.hide();
        } else {
            self.progress.show();
        }
    }

    fn write_event(&self, event: &Event) {
        let now = self.clock.elapsed();
        let lines = {
            let mut scene = self.scene();
            let is_due = match event {
                Event::StepProgress { step, .. } => self.pace.is_due(*step, now),
                _ => true,
            };
            scene.board.take(event, now);
            if is_due { sentences(event, &scene.board, self.printer.verbosity) } else { vec![] }
        };
        let time = self.clock.local();
        let lines: Vec<Line> = lines.into_iter().map(|line| stamped(&time, line)).collect();
        self.progress.print_above(&render_all(&lines, self.printer.palette));
    }

    fn refuse(question: &str, remedy: &str) -> Problem {
        Problem::new(Class::Refused, format!("this has to be confirmed, and nobody can be asked: {question}"))
            .remedy(remedy)
    }
}

fn lock(scene: &Mutex<Scene>) -> MutexGuard<'_, Scene> {
    scene.lock().unwrap_or_else(PoisonError::into_inner)
}

fn painter(printer: &Printer, scene: Arc<Mutex<Scene>>, clock: Arc<dyn Clock>) -> Painter {
    let (size, signs, verbosity) = (printer.size.clone(), printer.signs, printer.verbosity);
    Arc::new(move || {
        let scene = lock(&scene);
        let size = size();
        let frame = Frame {
            columns: Columns::new(usize::from(size.width), scene.board.machine_columns, signs),
            height: usize::from(size.height),
            verbosity,
            now: clock.elapsed(),
        };
        match &scene.note {
            Some((note, since)) => vec![live::note(note, *since, &frame)],
            None => live::rows(&scene.board, &frame),
        }
    })
}

impl Observer for Terminal {
    fn event(&self, event: &Event) {
        if self.printer.talk == Talk::Events {
            self.tell(Told::Run(event.clone()));
            return;
        }
        let event = self.clean(event);
        match self.printer.talk {
            _ if self.printer.verbosity == Verbosity::Quiet => {}
            Talk::Live => {
                self.scene().note = None;
                self.draw_event(&event);
            }
            Talk::Lines | Talk::Events => self.write_event(&event),
        }
    }
}

impl Reporter for Terminal {
    fn note(&self, text: &str) {
        self.tell_or(
            || CommandEvent::Note { text: text.to_owned() },
            || {
                let text = self.clean(&text.to_owned());
                match (self.printer.talk, self.printer.verbosity) {
                    (_, Verbosity::Quiet) => {}
                    (Talk::Live, Verbosity::Normal) if self.scene().board.phase == Phase::Idle => {
                        self.scene().note = Some((text, self.clock.elapsed()));
                        self.progress.show();
                    }
                    _ => self.say_line(Verbosity::Normal, Line::of(Tone::Dim, text)),
                }
            },
        );
    }

    fn warn(&self, text: &str) {
        self.tell_or(
            || CommandEvent::Warning { text: text.to_owned() },
            || {
                let text = self.clean(&text.to_owned());
                self.say_line(Verbosity::Quiet, Line::of(Tone::Caution, "warning: ").plain(text));
            },
        );
    }

    fn problems(&self, problems: &Problems) {
        self.tell_or(
            || CommandEvent::Problems { problems: problems.list().to_vec() },
            || {
                let list = self.clean(&problems.list().to_vec());
                self.say(Verbosity::Quiet, &problems::table(&list, &self.printer));
            },
        );
    }

    fn problem(&self, problem: &Problem) {
        self.problems(&Problems::from(problem.clone()));
    }

    fn plan(&self, plan: &PlanView) {
        self.tell_or(
            || CommandEvent::Plan { plan: plan.clone() },
            || {
                let plan = self.clean(plan);
                self.scene().board.expect(&plan);
                let rows =
                    plan::rows(&plan, self.printer.width(), self.printer.signs, self.printer.verbosity);
                self.say(Verbosity::Normal, &(render_all(&rows, self.printer.palette) + "\n"));
            },
        );
    }

    fn confirm(&self, question: &Question) -> Result<bool> {
        self.clear_note();
        let screen = &self.printer.stderr;
        match (question, self.printer.audience) {
            (Question::Proceed { .. }, _) if self.printer.assent == Assent::Yes => Ok(true),
            (Question::Proceed { text }, Audience::Nobody) => {
                Err(Self::refuse(text, "if that is what you want, say so with `--yes`"))
            }
            (Question::Removal { text, flag, .. }, Audience::Nobody) => {
                Err(Self::refuse(text, &format!("if that is what you want, say so with `{flag}`")))
            }
            (Question::Proceed { text }, Audience::Person) => {
                self.progress.paused(|| question::yes_or_no(&self.clean(text), screen))
            }
            (Question::Removal { text, name, .. }, Audience::Person) => self.progress.paused(|| {
                screen.say(&(self.clean(text) + "\n"));
                question::name(&self.clean(name), screen)
            }),
        }
    }

    fn secret(&self, prompt: &str) -> Result<SecretString> {
        self.clear_note();
        if self.printer.audience == Audience::Nobody {
            return Err(Problem::new(
                Class::Refused,
                format!("a secret is needed, and nobody can be asked: {prompt}"),
            )
            .remedy("give it by reference, in a file or an environment variable"));
        }
        let prompt = self.clean(&prompt.to_owned());
        let secret = self.progress.paused(|| question::secret(&prompt, &self.printer.stderr))?;
        self.hide(&secret);
        Ok(secret)
    }

    fn hide(&self, secret: &SecretString) {
        self.printer.redactions.hide(secret);
    }

    fn stopping(&self) {
        self.tell_or(
            || CommandEvent::Stopping,
            || {
                if self.scene().board.phase == Phase::Running {
                    self.scene().board.phase = Phase::Stopping;
                }
                let line = Line::of(Tone::Caution, self.printer.signs.stopped());
                let text = " stopping: no new step begins; press Ctrl-C again to leave at once";
                self.say_line(Verbosity::Quiet, line.with(Tone::Caution, text));
            },
        );
    }

    fn finished(&self, summary: &Summary) {
        self.tell_or(
            || CommandEvent::Summary { summary: summary.clone() },
            || {
                self.progress.hide();
                let from = match summary.ending {
                    Ending::Done | Ending::NothingToDo => Verbosity::Normal,
                    Ending::Partial | Ending::Failed | Ending::Interrupted { .. } => Verbosity::Quiet,
                };
                let text = report::summary(&self.clean(summary), &self.printer);
                self.say(from, &format!("\n{text}"));
            },
        );
    }

    fn result(&self, data: &Data) -> Result<()> {
        self.clear_note();
        let stdout = &self.printer.stdout;
        let written = match self.printer.output {
            Output::Text if data.text.ends_with('\n') || data.text.is_empty() => {
                stdout.write(&sanitise::data(&data.text))
            }
            Output::Text => stdout.write(&(sanitise::data(&data.text) + "\n")),
            Output::Document => {
                let mut document = data.json.clone();
                self.printer.redactions.apply_to_json(&mut document);
                stdout.write_redacted(&format!("{document:#}\n"))
            }
            Output::Events => {
                let told = Told::Command(CommandEvent::Result { data: data.json.clone() });
                stdout.write_redacted(&json::line(self.clock.timestamp(), told, &self.printer.redactions))
            }
        };
        written.problem(Class::Config, "standard output cannot be written")
    }
}
