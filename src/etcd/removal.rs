//! One member taken out: the lead handed over first, the votes counted once more, the list looked at afterwards.

use std::net::IpAddr;
use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep};

use super::members::{Seat, evidence, listed};
use super::{ANSWER_DEADLINE, Etcd, Tell};
use crate::error::{Class, Problem, Result};
use crate::model::EtcdMember;
use crate::quorum::Votes;
use crate::wire::Touched;

/// How long the members may take to agree on a removal. Members that were cut off from each other need seconds.
const AGREEMENT_DEADLINE: Duration = Duration::from_secs(30);

/// How long a change of the members may take to be answered.
const CHANGE_DEADLINE: Duration = Duration::from_secs(10);

/// How often it is looked at or tried again.
const AGAIN_EVERY: Duration = Duration::from_millis(500);

impl Etcd {
    /// Takes out the member that the others reach at `address`, and waits until those that stay work without it. One that
    /// is not in the list is out.
    ///
    /// # Errors
    /// Class `Quorum` if nothing could be decided before or after it, with nothing changed.
    pub async fn remove(&self, address: IpAddr, tell: Tell<'_>) -> Result<Touched> {
        let seats = self.seats().await?;
        let Some(seat) = seats.iter().find(|seat| seat.is_at(address)) else { return Ok(Touched::Unchanged) };
        count(&seats).without(&seat.member)?;
        self.hand_over(seat, &seats, tell).await;
        self.take_out(seat).await?;
        tell(format!("{} is out of etcd's members", seat.called()));
        self.await_work(seat.member.id).await?;
        Ok(Touched::Changed)
    }

    /// Another leads before the leader goes, so that nobody waits for an election. If that fails there is one.
    async fn hand_over(&self, seat: &Seat, seats: &[Seat], tell: Tell<'_>) {
        let leads = |id: u64| seats.iter().any(|seat| seat.leader() == Some(id));
        let heir = seats
            .iter()
            .find(|other| other.member.id != seat.member.id && other.member.healthy && !other.member.learner);
        let (true, Some(heir), Some(url)) = (leads(seat.member.id), heir, seat.client_urls.first()) else {
            return;
        };
        let target = json!({"targetID": heir.member.id.to_string()});
        let leader = self.member(url);
        let moved = leader.call("/v3/maintenance/transfer-leadership", &target, CHANGE_DEADLINE).await;
        tell(match moved {
            Ok(_) => format!("{} leads etcd in place of {}", heir.called(), seat.called()),
            Err(problem) => format!("{} keeps the lead until it is out: {problem}", seat.called()),
        });
    }

    /// etcd itself refuses while its members have not been in touch with each other for a few seconds.
    async fn take_out(&self, seat: &Seat) -> Result<()> {
        let until = Instant::now() + AGREEMENT_DEADLINE;
        let target = json!({"ID": seat.member.id.to_string()});
        loop {
            let removed = self.own().call("/v3/cluster/member/remove", &target, CHANGE_DEADLINE).await;
            let problem = match removed {
                Ok(answer) if !has(&listed(&answer)?, seat.member.id) => return Ok(()),
                Ok(_) => Problem::new(Class::Kubernetes, "etcd still lists the member"),
                Err(problem) => problem,
            };
            // An answer that was lost on its way may have been a yes.
            let list = self.own().call("/v3/cluster/member/list", &json!({}), ANSWER_DEADLINE).await;
            if list.and_then(|list| listed(&list)).is_ok_and(|seats| !has(&seats, seat.member.id)) {
                return Ok(());
            }
            if Instant::now() >= until {
                return Err(Problem::new(
                    Class::Kubernetes,
                    format!("etcd does not let {} go", seat.called()),
                )
                .saw(problem)
                .remedy("look at etcd's log: crictl logs on a control plane; the same command tries again"));
            }
            sleep(AGAIN_EVERY).await;
        }
    }

    /// Waits until the votes that are left decide again: an election may be on its way.
    async fn await_work(&self, removed: u64) -> Result<()> {
        let until = Instant::now() + AGREEMENT_DEADLINE;
        loop {
            let seats = self.seats().await;
            let works = |seats: &Vec<Seat>| !has(seats, removed) && count(seats).decide();
            if seats.as_ref().is_ok_and(works) {
                return Ok(());
            }
            if Instant::now() >= until {
                let problem = Problem::new(Class::Quorum, "etcd does not work after a member was taken out");
                return Err(match seats {
                    Ok(seats) => evidence(problem, &seats),
                    Err(seen) => problem.saw(seen),
                });
            }
            sleep(AGAIN_EVERY).await;
        }
    }
}

pub(super) fn count(seats: &[Seat]) -> Votes {
    let members: Vec<EtcdMember> = seats.iter().map(|seat| seat.member.clone()).collect();
    Votes::of(&members)
}

fn has(seats: &[Seat], id: u64) -> bool {
    seats.iter().any(|seat| seat.member.id == id)
}
