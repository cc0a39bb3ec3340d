//! Who belongs to etcd, who of them answers, and who leads.

use std::net::IpAddr;
use std::time::Duration;

use futures_util::future::join_all;
use http::Uri;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{ANSWER_DEADLINE, Etcd};
use crate::error::{Class, Problem, Result};
use crate::model::EtcdMember;

/// How long an election may take: kubeadm's etcd elects within a second or two.
const ELECTION_DEADLINE: Duration = Duration::from_secs(5);

/// How often the members are looked at meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// A member as its list has it and as it shows itself.
#[derive(Debug, Clone)]
pub(super) struct Seat {
    pub(super) member: EtcdMember,
    /// Where its clients come to; nowhere until it has started once.
    pub(super) client_urls: Vec<String>,
    pub(super) standing: Standing,
}

/// How a member shows itself.
#[derive(Debug, Clone)]
pub(super) enum Standing {
    /// It answers, and sees this one lead.
    Works { leader: u64 },
    /// It answers, but its votes do not suffice: some are missing, or there is an election.
    CannotDecide(Problem),
    /// It does not answer, or is not well.
    Silent(Problem),
}

impl Seat {
    /// Tells whether the other members reach it at this address.
    pub(super) fn is_at(&self, address: IpAddr) -> bool {
        self.member.peer_urls.iter().any(|url| address_of(url) == Some(address))
    }

    /// Returns who leads, as it sees it.
    pub(super) fn leader(&self) -> Option<u64> {
        match self.standing {
            Standing::Works { leader } => Some(leader),
            Standing::CannotDecide(_) | Standing::Silent(_) => None,
        }
    }

    /// Returns how people know it: its name once it has one.
    pub(super) fn called(&self) -> String {
        match self.member.name.as_str() {
            "" => format!("the member at {}", self.member.peer_urls.join(", ")),
            name => name.to_owned(),
        }
    }
}

/// Returns the address in a URL, if it names one.
fn address_of(url: &str) -> Option<IpAddr> {
    let uri: Uri = url.parse().ok()?;
    uri.host()?.trim_matches(['[', ']']).parse().ok()
}

impl Etcd {
    /// Returns the members, each with whether it answers.
    pub async fn members(&self) -> Result<Vec<EtcdMember>> {
        Ok(self.seats().await?.into_iter().map(|seat| seat.member).collect())
    }

    /// Looks at all members. While those that answer elect a leader nobody can tell who is well, so that is waited for.
    pub(super) async fn seats(&self) -> Result<Vec<Seat>> {
        let until = Instant::now() + ELECTION_DEADLINE;
        loop {
            let seats = self.look_at_all().await?;
            let elects = |seat: &Seat| matches!(&seat.standing, Standing::CannotDecide(_));
            if Instant::now() >= until || !seats.iter().any(elects) {
                return Ok(seats);
            }
            sleep(LOOK_EVERY).await;
        }
    }

    async fn look_at_all(&self) -> Result<Vec<Seat>> {
        let list = self.own().call("/v3/cluster/member/list", &json!({}), ANSWER_DEADLINE).await?;
        let mut seats = listed(&list)?;
        let looks = join_all(seats.iter().map(|seat| self.look(seat))).await;
        for (seat, look) in seats.iter_mut().zip(looks) {
            seat.standing = look.unwrap_or_else(Standing::Silent);
            seat.member.healthy = matches!(seat.standing, Standing::Works { .. });
        }
        Ok(seats)
    }

    /// Asks a member who leads. One that learns can say no more; one that votes has to be able to decide as well.
    async fn look(&self, seat: &Seat) -> Result<Standing> {
        let url = seat.client_urls.first();
        let url = url.ok_or_else(|| Problem::new(Class::Kubernetes, "it has not started yet"))?;
        let status = self.member(url).call("/v3/maintenance/status", &json!({}), ANSWER_DEADLINE).await?;
        let Some(leader) = number(&status["leader"]) else {
            return Ok(Standing::CannotDecide(Problem::new(Class::Kubernetes, "it knows no leader")));
        };
        let errors = status["errors"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let errors: Vec<&str> = errors.collect();
        if !errors.is_empty() {
            return Err(Problem::new(Class::Kubernetes, "it reports errors").saw(errors.join("; ")));
        }
        if !seat.member.learner && !self.member(url).is_healthy(ANSWER_DEADLINE).await? {
            let problem = "it cannot decide anything together with the others";
            return Ok(Standing::CannotDecide(Problem::new(Class::Kubernetes, problem)));
        }
        Ok(Standing::Works { leader })
    }
}

/// Reads the answer to a call that lists the members.
pub(super) fn listed(answer: &Value) -> Result<Vec<Seat>> {
    let members = answer["members"].as_array().into_iter().flatten();
    let seats: Option<Vec<Seat>> = members.map(seat).collect();
    seats
        .filter(|seats| !seats.is_empty())
        .ok_or_else(|| Problem::new(Class::Kubernetes, "etcd's list of members cannot be read").saw(answer))
}

fn seat(member: &Value) -> Option<Seat> {
    let texts = |field: &str| -> Vec<String> {
        member[field].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let member = EtcdMember {
        id: number(&member["ID"])?,
        name: member["name"].as_str().unwrap_or_default().to_owned(),
        peer_urls: texts("peerURLs"),
        learner: member["isLearner"].as_bool().unwrap_or_default(),
        healthy: false,
    };
    let standing = Standing::Silent(Problem::new(Class::Kubernetes, "it was not asked"));
    Some(Seat { client_urls: texts("clientURLs"), member, standing })
}

/// Numbers of 64 bits are texts in protobuf's JSON, and zero is left out.
pub(super) fn number(value: &Value) -> Option<u64> {
    let number = value.as_str().and_then(|text| text.parse().ok()).or(value.as_u64());
    number.filter(|number| *number != 0)
}

/// Tells a problem that says why each of these members is not as it should be.
pub(super) fn evidence<'a>(problem: Problem, seats: impl IntoIterator<Item = &'a Seat>) -> Problem {
    seats.into_iter().fold(problem, |problem, seat| match &seat.standing {
        Standing::CannotDecide(why) | Standing::Silent(why) => {
            problem.saw(format!("{}: {why}", seat.called()))
        }
        Standing::Works { .. } if seat.member.learner => {
            problem.saw(format!("{}: it learns and has no vote yet", seat.called()))
        }
        Standing::Works { .. } => problem,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_as_the_gateway_writes_it() {
        let seats = listed(&json!({"header": {"cluster_id": "1"}, "members": [
            {"ID": "14841639068965178418", "name": "cp-1", "peerURLs": ["https://10.0.0.1:2380"],
             "clientURLs": ["https://10.0.0.1:2379"]},
            {"ID": "7", "peerURLs": ["https://[fd00::2]:2380"], "isLearner": true},
        ]}))
        .unwrap();
        assert_eq!(seats[0].member.id, 14_841_639_068_965_178_418);
        assert!(!seats[0].member.learner && seats[1].member.learner);
        assert!(seats[0].is_at([10, 0, 0, 1].into()) && !seats[0].is_at([10, 0, 0, 11].into()));
        assert!(seats[1].is_at("fd00:0:0:0::2".parse().unwrap()));
        assert_eq!((seats[0].called().as_str(), seats[1].client_urls.len()), ("cp-1", 0));
        assert_eq!(seats[1].called(), "the member at https://[fd00::2]:2380");
    }

    #[test]
    fn a_list_that_names_nobody_is_no_list() {
        for answer in [json!({}), json!({"members": []}), json!({"members": [{"name": "x"}]}), json!("x")] {
            assert!(listed(&answer).is_err(), "{answer}");
        }
    }
}
