//! Whether a server is fit for connections: the state machine of one server and the rule over all. Pure.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

/// Failures in a row that take a server out. One may be a lost packet or this machine's own stutter.
pub const FAILURES_TO_DOWN: u8 = 2;

/// Successes in a row that bring a server back. An API server that starts answers well once and then, while
/// its caches fill, badly again.
pub const SUCCESSES_TO_UP: u8 = 2;

/// How soon to look again while the answers contradict the verdict: a dead server is then out within
/// seconds, long before kubelet's lease of 40 s is lost.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// How often to look at a server that is down. 500 machines that wait for one API server must not keep it
/// busy with handshakes.
const LOOK_WHEN_DOWN: Duration = Duration::from_secs(3);

/// What is believed about a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nobody looked yet.
    Unproven,
    /// It answers.
    Up,
    /// It does not answer, or says that it is not ready.
    Down,
}

/// The outcome of one look at a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observation {
    /// It answered as a server does that can work.
    Alive,
    /// It did not, and why.
    Failed(String),
}

/// The health of one server: the verdict and the answers in a row that contradict it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Health {
    verdict: Verdict,
    contradictions: u8,
}

impl Default for Health {
    fn default() -> Self {
        Self { verdict: Verdict::Unproven, contradictions: 0 }
    }
}

impl Health {
    /// Returns what is believed now.
    pub fn verdict(self) -> Verdict {
        self.verdict
    }

    /// Takes an observation in; returns the new verdict when it changed.
    pub fn observe(&mut self, observation: &Observation) -> Option<Verdict> {
        let (claims, needed) = match (observation, self.verdict) {
            (Observation::Alive, Verdict::Unproven) => (Verdict::Up, 1),
            (Observation::Alive, _) => (Verdict::Up, SUCCESSES_TO_UP),
            (Observation::Failed(_), _) => (Verdict::Down, FAILURES_TO_DOWN),
        };
        if claims == self.verdict {
            self.contradictions = 0;
            return None;
        }
        self.contradictions += 1;
        if self.contradictions < needed {
            return None;
        }
        *self = Self { verdict: claims, contradictions: 0 };
        Some(claims)
    }

    /// Returns how long to wait before the next look; `calm` is the rhythm for a server that is well.
    pub fn next_look(self, calm: Duration) -> Duration {
        match (self.verdict, self.contradictions) {
            (Verdict::Up, 0) => calm,
            (Verdict::Down, 0) => LOOK_WHEN_DOWN,
            _ => LOOK_AGAIN,
        }
    }
}

/// Returns the servers that connections may use.
///
/// These are the servers that are up. When none is, the fault may as well be the observer's own (its network,
/// its CPU, a clock that makes every certificate invalid), so nothing that is in use is taken away; servers
/// nobody looked at yet join it, and without either all are used. Thus the result is empty only when
/// `servers` is.
pub fn keep_last(servers: &[(SocketAddr, Verdict)], in_use: &BTreeSet<SocketAddr>) -> BTreeSet<SocketAddr> {
    let those = |fits: &dyn Fn(&SocketAddr, Verdict) -> bool| -> BTreeSet<SocketAddr> {
        servers
            .iter()
            .filter(|(address, verdict)| fits(address, *verdict))
            .map(|(address, _)| *address)
            .collect()
    };
    let up = those(&|_, verdict| verdict == Verdict::Up);
    if !up.is_empty() {
        return up;
    }
    let kept = those(&|address, verdict| verdict == Verdict::Unproven || in_use.contains(address));
    if kept.is_empty() { those(&|_, _| true) } else { kept }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn after(observations: &str) -> Health {
        let mut health = Health::default();
        for letter in observations.chars() {
            health.observe(&observation(letter == '+'));
        }
        health
    }

    fn observation(alive: bool) -> Observation {
        if alive { Observation::Alive } else { Observation::Failed("refused".into()) }
    }

    #[test]
    fn verdicts_follow_answers_with_hysteresis() {
        for (observations, want) in [
            ("", Verdict::Unproven),
            ("+", Verdict::Up),
            ("-", Verdict::Unproven),
            ("--", Verdict::Down),
            ("-+", Verdict::Up),
            ("+-", Verdict::Up),
            ("+-+-+-", Verdict::Up),
            ("+--", Verdict::Down),
            ("+--+", Verdict::Down),
            ("+--+-+-", Verdict::Down),
            ("+--++", Verdict::Up),
            ("--++--", Verdict::Down),
        ] {
            assert_eq!(after(observations).verdict(), want, "after {observations:?}");
        }
    }

    #[test]
    fn doubt_is_looked_into_at_once_and_the_dead_are_not_hammered() {
        let calm = Duration::from_secs(5);
        for (observations, want) in
            [("", LOOK_AGAIN), ("+", calm), ("+-", LOOK_AGAIN), ("--", LOOK_WHEN_DOWN), ("--+", LOOK_AGAIN)]
        {
            assert_eq!(after(observations).next_look(calm), want, "after {observations:?}");
        }
    }

    fn server(number: u8) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, number], 6443))
    }

    #[test]
    fn the_last_server_is_kept() {
        use Verdict::{Down, Unproven, Up};
        for (verdicts, in_use, want) in [
            (vec![], vec![], vec![]),
            (vec![Unproven, Unproven], vec![], vec![0, 1]),
            (vec![Up, Unproven], vec![0, 1], vec![0]),
            (vec![Up, Up, Down], vec![0, 1, 2], vec![0, 1]),
            (vec![Down, Down, Down], vec![1], vec![1]),
            (vec![Down, Down], vec![], vec![0, 1]),
            (vec![Down, Unproven], vec![0], vec![0, 1]),
            (vec![Down, Down], vec![7], vec![0, 1]),
            (vec![Down, Up], vec![0], vec![1]),
        ] {
            let servers: Vec<_> =
                verdicts.iter().zip(0..).map(|(verdict, n)| (server(n), *verdict)).collect();
            let set = |numbers: &[u8]| numbers.iter().map(|n| server(*n)).collect::<BTreeSet<_>>();
            assert_eq!(keep_last(&servers, &set(&in_use)), set(&want), "{verdicts:?} with {in_use:?} in use");
        }
    }

    proptest! {
        /// Whatever is observed in whatever order, somebody is left, nobody unknown is used, and whoever is
        /// up is used.
        #[test]
        fn somebody_is_always_left(looks in prop::collection::vec((0..4u8, any::<bool>()), 0..200)) {
            let mut health = [Health::default(); 4];
            let mut in_use = BTreeSet::new();
            for (number, alive) in looks {
                health[usize::from(number)].observe(&observation(alive));
                let servers: Vec<_> = health.iter().zip(0..).map(|(h, n)| (server(n), h.verdict())).collect();
                let before = in_use.clone();
                in_use = keep_last(&servers, &in_use);
                prop_assert!(!in_use.is_empty());
                prop_assert!(in_use.iter().all(|used| servers.iter().any(|(known, _)| known == used)));
                let up: BTreeSet<_> =
                    servers.iter().filter(|(_, v)| *v == Verdict::Up).map(|(a, _)| *a).collect();
                if up.is_empty() {
                    prop_assert!(before.is_subset(&in_use), "taken away although nobody is up");
                } else {
                    prop_assert_eq!(&in_use, &up);
                }
            }
        }
    }
}
