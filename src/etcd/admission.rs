//! What comes before a new member: what joins left behind that were cut off goes, and all that is left must work.

use std::net::IpAddr;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::members::{Seat, evidence};
use super::{Etcd, Tell};
use crate::error::{Class, Problem, Result};

/// How often the members are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

impl Etcd {
    /// Makes sure that the machine at `address` can join: whatever was a member there is forgotten, and so are learners of
    /// machines whose join was cut off (`unfinished`), since etcd takes one learner at a time. Then it waits until every
    /// member votes and answers.
    ///
    /// # Errors
    /// Class `Refused` if a member at `address` votes and answers: then it has joined. Class `Quorum` if the others are not
    /// well after `deadline`.
    pub async fn admit(
        &self,
        address: IpAddr,
        unfinished: &[IpAddr],
        deadline: Duration,
        tell: Tell<'_>,
    ) -> Result<()> {
        for seat in self.seats().await? {
            if let Some(forgotten) = leftover(&seat, address, unfinished)? {
                self.remove(forgotten, tell).await?;
            }
        }
        self.await_whole(deadline, tell).await
    }

    /// Waits until every member votes and answers: then one of them may be interrupted, or another come.
    ///
    /// # Errors
    /// Class `Quorum` if they do not in time.
    pub async fn await_whole(&self, deadline: Duration, tell: Tell<'_>) -> Result<()> {
        let until = Instant::now() + deadline;
        let mut told = false;
        loop {
            let seats = self.seats().await;
            let whole =
                |seats: &Vec<Seat>| seats.iter().all(|seat| seat.member.healthy && !seat.member.learner);
            if seats.as_ref().is_ok_and(whole) {
                return Ok(());
            }
            let problem = Problem::new(
                Class::Quorum,
                "etcd's members are not all well, and until then none may come and none be interrupted",
            );
            let problem = match &seats {
                Ok(seats) => evidence(problem, seats),
                Err(seen) => problem.saw(seen),
            };
            if Instant::now() >= until {
                return Err(problem
                    .remedy("start the control planes that do not answer, and run the same command again")
                    .remedy("or take those out of the definition that are gone for good"));
            }
            if !std::mem::replace(&mut told, true) {
                tell(format!("waiting: {problem}"));
            }
            sleep(LOOK_EVERY).await;
        }
    }
}

/// Returns where a member has to be forgotten, if it is only what a join left behind.
fn leftover(seat: &Seat, address: IpAddr, unfinished: &[IpAddr]) -> Result<Option<IpAddr>> {
    if seat.is_at(address) {
        if seat.member.healthy && !seat.member.learner {
            return Err(Problem::new(Class::Refused, "etcd has a member on this machine that works")
                .saw(seat.called())
                .remedy("look why kubelet or the API server there does not run: journalctl -u kubelet"));
        }
        return Ok(Some(address));
    }
    let at = unfinished.iter().find(|address| seat.is_at(**address));
    Ok(at.filter(|_| seat.member.learner).copied())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::members::listed;
    use super::*;

    fn seat(learner: bool, healthy: bool) -> Seat {
        let member = json!({"ID": "1", "peerURLs": ["https://10.0.0.1:2380"], "isLearner": learner});
        let mut seat = listed(&json!({"members": [member]})).unwrap().remove(0);
        seat.member.healthy = healthy;
        seat
    }

    #[test]
    fn only_what_joins_left_behind_is_forgotten() {
        let own: IpAddr = [10, 0, 0, 1].into();
        let other: IpAddr = [10, 0, 0, 2].into();
        let forgotten = |learner, healthy, joining, unfinished: &[IpAddr]| {
            leftover(&seat(learner, healthy), joining, unfinished).unwrap()
        };
        assert_eq!(forgotten(true, false, own, &[]), Some(own));
        assert_eq!(forgotten(true, true, own, &[]), Some(own));
        assert_eq!(forgotten(false, false, own, &[]), Some(own));
        assert_eq!(forgotten(true, true, other, &[own]), Some(own));
        // A vote of another machine is never taken on the way, and somebody else's learner is waited for.
        assert_eq!(forgotten(false, false, other, &[own]), None);
        assert_eq!(forgotten(true, true, other, &[]), None);
        assert_eq!(leftover(&seat(false, true), own, &[]).unwrap_err().class, Class::Refused);
    }
}
