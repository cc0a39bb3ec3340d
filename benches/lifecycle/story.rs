//! 3+3 from nothing; then, as often as asked for: nothing to do, the first control plane replaced, 3+1, and back to 3+3.

use std::time::Duration;

use anyhow::Result;
use sealift::model::Role;

use crate::arguments::Arguments;
use crate::client::{Seat, Writer, Written};
use crate::common::{computer, say};
use crate::operator::{Applied, Declared, Operator};
use crate::scene::{Scene, process};

/// Where workers find the API servers, all of them.
const VIP: &str = "https://10.103.97.2:6443";
/// The control plane that stays whatever happens.
const STAYS: usize = 2;

/// What was measured in one repetition.
pub(crate) struct Repetition {
    /// `apply` with nothing to do, for six machines.
    pub(crate) idle: Vec<Duration>,
    /// The first control plane's place taken by another machine.
    pub(crate) replace: Duration,
    /// Two of three workers leave.
    pub(crate) shrink: Duration,
    /// A client that finds the API servers as workers do.
    pub(crate) through_vip: Written,
    /// A client of the control plane that stays.
    pub(crate) pinned: Written,
    /// The load average of the minute before it.
    pub(crate) load_before: f64,
}

pub(crate) fn tell(arguments: &Arguments, scene: &Scene) -> Result<Vec<Repetition>> {
    let operator = Operator { sealift: &arguments.sealift, scene };
    let mut declared = Declared { control_planes: vec![0, 1, STAYS], workers: vec![0, 1, 2] };
    say("launching 3+3");
    operator.apply(&declared)?.expect("done")?;
    let mut measured = Vec::new();
    for number in 1..=arguments.repetitions {
        let load_before = computer::load();
        let idle = (0..arguments.idle)
            .map(|_| operator.apply(&declared)?.expect("nothing-to-do"))
            .collect::<Result<_>>()?;
        let [through_vip, pinned] = clients(&operator)?;
        declared.control_planes[0] = if declared.control_planes[0] == 0 { 3 } else { 0 };
        let replace = operator.apply(&declared)?.expect("done")?;
        declared.workers = vec![0];
        let shrink = operator.apply(&declared)?.expect("done")?;
        let server = server(&operator, STAYS)?;
        let (through_vip, pinned) = (through_vip.end(&server)?, pinned.end(&server)?);
        say(&format!(
            "repetition {number}: errors for {:.1} s, {:.1} s where nothing changed",
            through_vip.error_time.as_secs_f64(),
            pinned.error_time.as_secs_f64()
        ));
        measured.push(Repetition { idle, replace, shrink, through_vip, pinned, load_before });
        if number < arguments.repetitions {
            declared.workers = vec![0, 1, 2];
            operator.apply(&declared)?.expect("done")?;
        }
    }
    Ok(measured)
}

/// Two that write from now on: one through the virtual address on a worker that stays, one to an API server that stays.
fn clients(operator: &Operator<'_>) -> Result<[Writer; 2]> {
    let kubeconfig = operator.kubeconfig()?;
    let seat = |name, server, network_of| Seat { name, kubeconfig: kubeconfig.clone(), server, network_of };
    let inside = process(operator.scene.machine(Role::Worker, 0)?)?;
    let through_vip = Writer::begin(seat("through-vip", VIP.to_owned(), Some(inside)))?;
    Ok([through_vip, Writer::begin(seat("pinned", server(operator, STAYS)?, None))?])
}

fn server(operator: &Operator<'_>, index: usize) -> Result<String> {
    Ok(format!("https://{}:6443", operator.scene.machine(Role::ControlPlane, index)?.address))
}

impl Applied {
    /// Returns how long it took, if it ended like this.
    fn expect(self, ending: &str) -> Result<Duration> {
        anyhow::ensure!(self.ending == ending, "it ended with `{}`, not `{ending}`", self.ending);
        Ok(self.took)
    }
}
