//! The part of `docs/benchmarks.md` that tells of a cluster's life.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::Result;

use crate::arguments::Arguments;
use crate::common::computer;
use crate::common::spread::{median, spread};
use crate::story::Repetition;

/// What is promised, in seconds.
const IDLE_LIMIT: f64 = 2.0;
const ERROR_LIMIT: f64 = 5.0;

const INTRODUCTION: &str = "\
## Lifecycle

A cluster of three control planes and three workers, changed by editing its Clusterfile and `sealift apply`, while two clients write to its API once a second: one on a worker, through the virtual
address, as kubelets do, and one that is tied to an API server which stays. A write without an answer within 2 s, or with an error, is tried again every 100 ms; from its first try until it is acknowledged is error
time. All acknowledged writes are found afterwards, or there is no figure. With the first client's error time less the second's, what etcd and this computer's few processors make both wait for does not count.
Machines are containers, all on this computer. With nothing to do, `apply` looks at all six machines and asks the API.
";

/// Returns what was measured, on what, and what came out.
pub(crate) fn text(arguments: &Arguments, measured: &[Repetition]) -> Result<String> {
    let loads: Vec<f64> = measured.iter().map(|repetition| repetition.load_before).collect();
    let mut text = String::from(INTRODUCTION);
    write!(
        text,
        "\n- {}\n- load average of the minute before a repetition: {}\n- {}, {}\n- `dev/bench.sh --only lifecycle`: {} repetitions\n\n",
        computer::describe()?,
        spread(&loads, ""),
        computer::output(&arguments.sealift, &["--version"])?,
        jiff::Zoned::now().strftime("%Y-%m-%d"),
        arguments.repetitions,
    )?;
    let of = |figure: fn(&Repetition) -> f64| measured.iter().map(figure).collect::<Vec<f64>>();
    let idle: Vec<f64> =
        measured.iter().flat_map(|repetition| &repetition.idle).map(Duration::as_secs_f64).collect();
    let more = of(|one| one.through_vip.error_time.saturating_sub(one.pinned.error_time).as_secs_f64());
    text += "| | seconds | |\n|---|---|---|\n";
    for (what, seconds, limit) in [
        ("`apply` with nothing to do, six machines", &idle, Some(IDLE_LIMIT)),
        ("the first control plane replaced", &of(|one| one.replace.as_secs_f64()), None),
        ("3+3 to 3+1", &of(|one| one.shrink.as_secs_f64()), None),
        (
            "error time through the virtual address, both changes",
            &of(|one| one.through_vip.error_time.as_secs_f64()),
            None,
        ),
        ("error time at an API server that stays", &of(|one| one.pinned.error_time.as_secs_f64()), None),
        ("the one less the other", &more, Some(ERROR_LIMIT)),
    ] {
        let judgement = limit.map_or_else(String::new, |limit| judge(median(seconds), limit));
        writeln!(text, "| {what} | {} | {judgement} |", spread(seconds, ""))?;
    }
    let writes: usize =
        measured.iter().map(|one| one.through_vip.acknowledged.len() + one.pinned.acknowledged.len()).sum();
    writeln!(text, "| acknowledged writes, all of them found | {writes} | |")?;
    Ok(text)
}

fn judge(seconds: f64, limit: f64) -> String {
    let judgement = if seconds < limit { "under" } else { "**over**" };
    format!("{judgement} {limit:.0} s")
}
