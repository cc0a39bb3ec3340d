//! Every story with every fault at every point, on all processors, and the count of it.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use sealift::error::{Class, Problem};
use sealift::ops::Ending;
use serde_json::Value;

use crate::stories::Story;
use crate::world::{Command, End, Fault, Operator, Phase, Point, World};

const FAULTS: [Fault; 4] =
    [Fault::OperatorKilled, Fault::ConnectionCut, Fault::MachineRestarted, Fault::DiskFull];

/// After so long every machine is back and all work that was begun has ended.
const SETTLED: Duration = Duration::from_mins(10);

/// A story as it goes undisturbed.
struct Told<'a> {
    story: &'a Story,
    world: World,
    operator: Operator,
    points: Vec<Point>,
    shape: Value,
}

/// One cell of the matrix.
struct Case<'a> {
    told: &'a Told<'a>,
    fault: Fault,
    point: Point,
}

/// Plays all stories, each case in a world of its own; `words` choose cases by their names.
pub(crate) fn run(stories: &[Story], words: &[String]) -> ExitCode {
    let began = Instant::now();
    let told: Vec<Told<'_>> = stories.iter().map(tell).collect();
    let cases: Vec<Case<'_>> = told.iter().flat_map(cases).filter(|case| case.is_chosen(words)).collect();
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some((index, case)) = Some(next.fetch_add(1, Ordering::Relaxed))
                    .and_then(|index| Some((index, cases.get(index)?)))
                {
                    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| case.play()));
                    let outcome = outcome.unwrap_or_else(|_| Err("it panicked".to_owned()));
                    if let Err(why) = outcome {
                        failures.lock().unwrap().insert(index, why);
                    }
                }
            });
        }
    });
    report(&cases, &failures.into_inner().unwrap(), began.elapsed())
}

#[expect(clippy::print_stdout, reason = "the count is what people want to see")]
fn report(cases: &[Case<'_>], failures: &BTreeMap<usize, String>, took: Duration) -> ExitCode {
    for (index, why) in failures {
        println!("FAILED {}\n{why}\n", cases[*index].name());
    }
    let mut counts: BTreeMap<(&str, Fault), usize> = BTreeMap::new();
    for case in cases {
        *counts.entry((case.told.story.name, case.fault)).or_default() += 1;
    }
    for ((story, fault), count) in counts {
        println!("{story:14} {fault:?}: {count}");
    }
    let failed = failures.len();
    let word = if failed == 0 { "ok" } else { "FAILED" };
    println!("\nkill matrix: {} cases in {:.1} s", cases.len(), took.as_secs_f64());
    println!("\ntest result: {word}. {} passed; {failed} failed; 0 ignored", cases.len() - failed);
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Tells a story undisturbed.
fn tell(story: &Story) -> Told<'_> {
    let world = World::of(story.machines.iter().copied());
    let operator = Operator::new(&world);
    in_a_runtime(async {
        for command in &story.before {
            expect_done(operator.carry_out(command).await).unwrap();
        }
        settle().await;
        let (world, operator) = (world.fork(), operator.twin(&world));
        let (start, beginner) = (world.fork(), operator.twin(&world));
        let operator = operator.twin(&world);
        expect_done(operator.carry_out(&story.command).await).unwrap();
        let points = world.state().faults.trace.clone();
        settle().await;
        let shape = world.shape(operator.home());
        expect_nothing_to_do(&world, &operator, &story.command).await.unwrap();
        Told { story, world: start, operator: beginner, points, shape }
    })
}

fn cases<'a>(told: &'a Told<'a>) -> impl Iterator<Item = Case<'a>> {
    let fits = |fault: Fault, point: &Point| {
        let at_machine = !matches!(point.phase, Phase::StepBegins | Phase::StepEnds);
        fault == Fault::OperatorKilled || at_machine
    };
    FAULTS.into_iter().flat_map(move |fault| {
        let points = told.points.iter().filter(move |point| fits(fault, point));
        points.map(move |point| Case { told, fault, point: point.clone() })
    })
}

impl Case<'_> {
    fn name(&self) -> String {
        format!("{}: {:?} at {}", self.told.story.name, self.fault, self.point)
    }

    fn is_chosen(&self, words: &[String]) -> bool {
        words.iter().all(|word| self.name().contains(word.as_str()))
    }

    fn play(&self) -> Result<(), String> {
        let world = self.told.world.fork();
        let operator = self.told.operator.twin(&world);
        in_a_runtime(async {
            self.strike(&world, &operator).await?;
            self.expect_done(operator.carry_out(&self.told.story.command).await)?;
            settle().await;
            self.compare(&world.shape(operator.home()))?;
            expect_nothing_to_do(&world, &operator, &self.told.story.command).await
        })
    }

    /// Lets the command run into the fault, and mends what a person would mend.
    async fn strike(&self, world: &World, operator: &Operator) -> Result<(), String> {
        world.state().faults.arm(self.point.clone(), self.fault);
        let end = operator.carry_out(&self.told.story.command).await;
        if !world.state().faults.has_struck() {
            return Err(format!("the run did not come to this point: {end:?}"));
        }
        match (self.fault, end) {
            // The next command comes at once, whatever still goes on at machines.
            (Fault::OperatorKilled, End::Killed) => Ok(()),
            // What was hit was the last thing of all.
            (Fault::OperatorKilled, End::Well(_)) if self.point.phase == Phase::StepEnds => Ok(()),
            (Fault::OperatorKilled, end) => Err(format!("killed, and still: {end:?}")),
            (_, End::Killed) => Err("nobody killed it".to_owned()),
            (_, End::Badly(problems)) => {
                self.is_told_of(&problems)?;
                settle().await;
                world.free_disks();
                Ok(())
            }
            (_, End::Well(_)) => {
                settle().await;
                world.free_disks();
                Ok(())
            }
        }
    }

    /// What went wrong is told with the machine where it did and the step that it did in. A control plane that restarts may
    /// take the API and etcd's quorum along, and it is these that are missed then.
    fn is_told_of(&self, problems: &[Problem]) -> Result<(), String> {
        let before_steps =
            !self.told.points.iter().take_while(|point| **point != self.point).any(begins_a_step);
        let machine = &self.point.machine;
        let seen = |problem: &Problem| problem.seen.iter().any(|line| line.contains(machine.as_str()));
        let missed = |problem: &Problem| {
            self.fault == Fault::MachineRestarted
                && matches!(problem.class, Class::Kubernetes | Class::Quorum)
        };
        let told = problems.iter().any(|problem| {
            let of_it = problem.machine.as_ref() == Some(machine) || seen(problem);
            missed(problem) || of_it && (before_steps || problem.step.is_some())
        });
        if told {
            Ok(())
        } else {
            Err(format!("no problem names {} and the step: {problems:#?}", self.point.machine))
        }
    }

    /// The same command again ends well. Of a cluster that is deleted already it says that there is none.
    fn expect_done(&self, end: End) -> Result<(), String> {
        match &end {
            End::Badly(problems) if is_unknown(problems, &self.told.story.command) => Ok(()),
            _ => expect_done(end),
        }
    }

    fn compare(&self, shape: &Value) -> Result<(), String> {
        if *shape == self.told.shape {
            return Ok(());
        }
        let text = |value: &Value| serde_json::to_string_pretty(value).unwrap();
        let (left, right) = (text(&self.told.shape), text(shape));
        let differences = similar::TextDiff::from_lines(&left, &right);
        Err(format!("it is another state:\n{}", differences.unified_diff().context_radius(4)))
    }
}

fn begins_a_step(point: &Point) -> bool {
    point.phase == Phase::StepBegins
}

fn expect_done(end: End) -> Result<(), String> {
    match end {
        End::Well(Some(Ending::Done | Ending::NothingToDo)) => Ok(()),
        other => Err(format!("the same command again: {other:#?}")),
    }
}

/// A cluster that was deleted is not known any more.
fn is_unknown(problems: &[Problem], command: &Command) -> bool {
    *command == Command::Delete && problems.iter().any(|problem| problem.message.contains("no cluster"))
}

/// A further run finds nothing, and changes nothing.
async fn expect_nothing_to_do(world: &World, operator: &Operator, command: &Command) -> Result<(), String> {
    let end = operator.carry_out(command).await;
    let found_nothing = match (&end, command) {
        (End::Badly(problems), command) => is_unknown(problems, command),
        (End::Well(Some(Ending::NothingToDo)), _) => true,
        _ => false,
    };
    let changed = world.state().faults.changes;
    if found_nothing && changed == 0 {
        return Ok(());
    }
    Err(format!("a further run asked for {changed} changes: {end:#?}"))
}

async fn settle() {
    tokio::time::sleep(SETTLED).await;
}

/// Runs on a clock of its own, which goes on to the next event at once.
fn in_a_runtime<T>(story: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.unwrap().block_on(story)
}
