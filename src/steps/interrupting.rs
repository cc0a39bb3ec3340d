//! Any step of which the plan says that its machine is of no use to others meanwhile.

use std::time::Duration;

use crate::engine::{Acted, Availability, Lane, Progress, Since, Step};
use crate::error::{Problem, Result};
use crate::model::BoxFuture;

pub(super) struct Interrupting(pub(super) Box<dyn Step>);

impl Step for Interrupting {
    fn title(&self) -> String {
        self.0.title()
    }

    fn machine(&self) -> Option<&str> {
        self.0.machine()
    }

    fn lane(&self) -> Lane {
        self.0.lane()
    }

    fn availability(&self) -> Availability {
        Availability::Interrupted
    }

    fn deadline(&self) -> Duration {
        self.0.deadline()
    }

    fn since(&self) -> Since {
        self.0.since()
    }

    fn may_pass(&self, problem: &Problem) -> bool {
        self.0.may_pass(problem)
    }

    fn act<'a>(&'a self, progress: &'a Progress) -> BoxFuture<'a, Result<Acted>> {
        self.0.act(progress)
    }
}
