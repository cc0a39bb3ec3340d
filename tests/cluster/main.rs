//! Real clusters on real machines: one cluster's whole life, an image of another tool's, launches that are cut off, people and
//! machines that do not answer, and input that is refused.
//!
//! Machines are containers, but sealift is told of them as of anybody's: by address, key and host key. As tests share
//! machines they run one after the other; a stage that is asked for alone brings those before it with it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bad_input;
mod client;
mod cut_off;
mod events;
mod external;
mod families;
mod foreseen;
mod kubernetes;
mod labring;
mod left_behind;
mod life;
mod machines;
mod made;
mod operator;
mod running;
mod runtimes;
mod sealer;
mod secrets;
mod snapshot;
mod story;
#[path = "../tokens/mod.rs"]
mod tokens;
mod unanswered;
mod watch;

use std::process::ExitCode;

use libtest_mimic::Arguments;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let trials = [
        bad_input::trials(),
        foreseen::trials(),
        life::trials(),
        made::trials(),
        labring::trials(),
        sealer::trials(),
        external::trials(),
        families::trials(),
        runtimes::trials(),
        cut_off::trials(),
        unanswered::trials(),
    ];
    libtest_mimic::run(&arguments, trials.into_iter().flatten().collect()).exit_code()
}
