//! Where a run can be hit, and what can hit it there.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use sealift::model::MachineName;
use tokio_util::sync::CancellationToken;

use super::state::World;

/// How long a machine takes to come back.
pub const BOOT: Duration = Duration::from_secs(20);

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// The operator's process ends at once, and every connection with it.
    OperatorKilled,
    /// One machine's connections are cut. It can be reached anew at once.
    ConnectionCut,
    /// One machine loses power, and comes back.
    MachineRestarted,
    /// Nothing can be written on one machine any more.
    DiskFull,
}

/// How far something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// The engine begins a step.
    StepBegins,
    /// A request is at the machine, which has not begun with it.
    Arrived,
    /// The machine is about to do the so manieth thing of it.
    Working(usize),
    /// The machine has done it, and has not answered.
    Done,
    /// The engine has ended a step.
    StepEnds,
}

/// A moment of a run that comes again when the run is repeated.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Point {
    pub machine: String,
    pub what: String,
    pub phase: Phase,
    /// The so manieth time, from 1.
    pub time: usize,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {:?} #{}", self.machine, self.what, self.phase, self.time)
    }
}

/// What is to go wrong, and what was passed so far.
#[derive(Default)]
pub struct Faults {
    /// The points passed since the last command began, in order.
    pub trace: Vec<Point>,
    /// How often something was to be changed on a machine since.
    pub changes: usize,
    times: HashMap<(String, String, Phase), usize>,
    armed: Option<(Point, Fault)>,
    /// Ends the operator's process.
    pub kill: CancellationToken,
}

impl Faults {
    /// Begins anew to count points, with a living operator.
    pub fn begin(&mut self) {
        self.trace.clear();
        self.times.clear();
        self.changes = 0;
        self.kill = CancellationToken::new();
    }

    pub fn arm(&mut self, point: Point, fault: Fault) {
        self.armed = Some((point, fault));
    }

    /// Tells whether what was armed has struck; from then on nothing goes wrong.
    pub fn has_struck(&self) -> bool {
        self.armed.is_none()
    }

    fn strikes(&mut self, machine: &str, what: &str, phase: Phase) -> Option<Fault> {
        let times = self.times.entry((machine.to_owned(), what.to_owned(), phase)).or_default();
        *times += 1;
        let point = Point { machine: machine.to_owned(), what: what.to_owned(), phase, time: *times };
        let fault = self.armed.take_if(|(armed, _)| *armed == point).map(|(_, fault)| fault);
        self.trace.push(point);
        fault
    }
}

/// Whether what has come to a point goes on from there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    On,
    /// It was hit, and nobody will hear of it any more.
    Gone,
}

impl World {
    /// Comes to a point, and lets happen there what is to happen.
    pub fn pass(&self, machine: &str, what: &str, phase: Phase) -> Passage {
        let mut state = self.state();
        let Some(fault) = state.faults.strikes(machine, what, phase) else { return Passage::On };
        let name = MachineName(machine.to_owned());
        let works = matches!(phase, Phase::Working(_));
        match fault {
            Fault::OperatorKilled => {
                state.faults.kill.cancel();
                state.machines.values_mut().for_each(super::machine::Machine::cut);
                if works { Passage::On } else { Passage::Gone }
            }
            Fault::ConnectionCut => {
                state.machine(&name).cut();
                if works { Passage::On } else { Passage::Gone }
            }
            Fault::MachineRestarted => {
                state.machine(&name).restart(BOOT);
                Passage::Gone
            }
            Fault::DiskFull => {
                state.machine(&name).disk_is_full = true;
                Passage::On
            }
        }
    }
}
