//! Whether etcd can lose or gain a member: who has a vote, who answers, and how many it takes to decide anything.
//!
//! A cluster of votes decides while more than half of them answer. Changing the members is itself a decision, of the
//! members as they were, and what is left has to be able to decide again. Learners only listen and have no vote.

use crate::error::{Class, Problem, Result};
use crate::model::EtcdMember;

/// The members that vote, now or after some of a plan's steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Votes {
    voters: Vec<Voter>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Voter {
    /// Its id; one that is only planned has none yet.
    id: Option<u64>,
    /// How people know it.
    name: String,
    answers: bool,
}

impl Votes {
    /// Counts the votes of etcd's own list.
    pub fn of(members: &[EtcdMember]) -> Self {
        let voters = members.iter().filter(|member| !member.learner);
        let voters =
            voters.map(|member| Voter { id: Some(member.id), name: name(member), answers: member.healthy });
        Self { voters: voters.collect() }
    }

    /// Returns how many votes there are.
    pub fn all(&self) -> usize {
        self.voters.len()
    }

    /// Returns how many of them answer.
    pub fn answering(&self) -> usize {
        self.voters.iter().filter(|voter| voter.answers).count()
    }

    /// Returns how many must answer for anything to be decided.
    pub fn needed(&self) -> usize {
        self.all() / 2 + 1
    }

    /// Tells whether anything can be decided.
    pub fn decide(&self) -> bool {
        self.answering() >= self.needed()
    }

    /// Returns how many more may fall silent until nothing can be decided any more.
    pub fn spare(&self) -> usize {
        self.answering().saturating_sub(self.needed())
    }

    /// Returns the votes once a member that was silent is back.
    #[must_use]
    pub fn with_answer_of(mut self, member: &EtcdMember) -> Self {
        for voter in self.voters.iter_mut().filter(|voter| voter.id == Some(member.id)) {
            voter.answers = true;
        }
        self
    }

    /// Returns the votes once `name` has joined.
    ///
    /// # Errors
    /// Class `Quorum` unless every vote answers: a new member that fails then costs nothing, and etcd itself refuses
    /// new votes while old ones are missing.
    pub fn with(mut self, name: &str) -> Result<Self> {
        if !self.decide() || self.answering() < self.all() {
            let message = format!(
                "it cannot join while etcd is not whole: {} of its {} members answer",
                self.answering(),
                self.all()
            );
            return Err(self
                .start_the_silent(Problem::new(Class::Quorum, message))
                .remedy("or take it out of the definition: what is dead goes before others join"));
        }
        self.voters.push(Voter { id: None, name: name.to_owned(), answers: true });
        Ok(self)
    }

    /// Returns the votes once `member` is removed. A learner's removal changes none.
    ///
    /// # Errors
    /// Class `Quorum` if nothing could be decided before or after it.
    pub fn without(self, member: &EtcdMember) -> Result<Self> {
        if member.learner {
            return Ok(self);
        }
        let others = self.voters.iter().filter(|voter| voter.id != Some(member.id));
        let after = Self { voters: others.cloned().collect() };
        if !self.decide() {
            let message = format!(
                "etcd cannot take a member out: {} of its {} members answer, and it needs {}",
                self.answering(),
                self.all(),
                self.needed()
            );
            return Err(self.start_the_silent(Problem::new(Class::Quorum, message)));
        }
        if after.all() == 0 {
            let message = "it is the last member of etcd: without it there is no cluster";
            return Err(Problem::new(Class::Quorum, message)
                .during("quorum")
                .remedy("let another control plane join first")
                .remedy("or remove the cluster as a whole: sealift delete"));
        }
        if !after.decide() {
            let message = format!(
                "without it etcd has {} members, of which {} answer, and it needs {}",
                after.all(),
                after.answering(),
                after.needed()
            );
            return Err(after.start_the_silent(Problem::new(Class::Quorum, message)).remedy(
                "or take those out of the definition that do not answer: --force gives them up with what they hold",
            ));
        }
        Ok(after)
    }

    fn start_the_silent(&self, problem: Problem) -> Problem {
        let problem = problem.during("quorum").remedy(format!("start {} first", list(self.silent())));
        self.silent().fold(problem, |problem, name| problem.saw(does_not_answer(name)))
    }

    fn silent(&self) -> impl Iterator<Item = &str> {
        self.voters.iter().filter(|voter| !voter.answers).map(|voter| voter.name.as_str())
    }
}

/// A member has a name once it has started; before, it is known by where it will be.
fn name(member: &EtcdMember) -> String {
    match member.name.as_str() {
        "" => member.peer_urls.join(", "),
        name => name.to_owned(),
    }
}

fn does_not_answer(name: &str) -> String {
    format!("{name} does not answer")
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(" and ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes members out of `+` that answer, `-` that do not, and `l` that learn.
    fn members(text: &str) -> Vec<EtcdMember> {
        let member = |(index, kind)| EtcdMember {
            id: index as u64,
            name: format!("m{index}"),
            peer_urls: vec![format!("https://10.0.0.{index}:2380")],
            learner: kind == 'l',
            healthy: kind != '-',
        };
        text.chars().enumerate().map(member).collect()
    }

    #[test]
    fn votes_are_counted() {
        for (text, all, answering, needed, spare, decide) in [
            ("", 0, 0, 1, 0, false),
            ("+", 1, 1, 1, 0, true),
            ("++", 2, 2, 2, 0, true),
            ("+-", 2, 1, 2, 0, false),
            ("+++", 3, 3, 2, 1, true),
            ("++-", 3, 2, 2, 0, true),
            ("+l", 1, 1, 1, 0, true),
            ("+++++", 5, 5, 3, 2, true),
            ("+++--", 5, 3, 3, 0, true),
            ("++---", 5, 2, 3, 0, false),
        ] {
            let votes = Votes::of(&members(text));
            let counted = (votes.all(), votes.answering(), votes.needed(), votes.spare(), votes.decide());
            assert_eq!(counted, (all, answering, needed, spare, decide), "{text}");
        }
    }

    #[test]
    fn a_member_goes_only_if_the_others_can_decide() {
        for (text, removed, says) in [
            ("+", 0, Some("last member")),
            ("++", 0, None),
            ("+-", 1, Some("cannot take a member out")),
            ("+++", 0, None),
            ("++-", 2, None),
            ("++-", 0, Some("has 2 members, of which 1 answer, and it needs 2")),
            ("+++-", 0, None),
            ("+++--", 4, None),
            ("+++--", 0, Some("has 4 members, of which 2 answer, and it needs 3")),
            ("+l", 1, None),
        ] {
            let members = members(text);
            let after = Votes::of(&members).without(&members[removed]);
            match (says, after) {
                (None, Ok(after)) => assert!(after.decide(), "{text}"),
                (Some(says), Err(problem)) => {
                    assert_eq!(problem.class, Class::Quorum);
                    assert!(problem.message.contains(says), "{text}: {problem}");
                    assert!(!problem.remedies.is_empty());
                }
                (_, after) => panic!("{text} without {removed}: {after:?}"),
            }
        }
    }

    #[test]
    fn a_member_joins_only_a_whole_etcd() {
        assert_eq!(Votes::of(&members("+")).with("new").unwrap().all(), 2);
        assert_eq!(Votes::of(&members("++l")).with("new").unwrap().all(), 3);
        let problem = Votes::of(&members("++-")).with("new").unwrap_err();
        assert!(problem.to_string().contains("m2 does not answer"), "{problem}");
        assert!(problem.remedies[0].contains("m2"), "{problem:?}");
    }

    #[test]
    fn who_is_back_counts_again() {
        let members = members("++-");
        let votes = Votes::of(&members).with_answer_of(&members[2]);
        assert_eq!((votes.answering(), votes.spare()), (3, 1));
    }
}
