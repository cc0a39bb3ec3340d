//! From which control plane a run commands the cluster: any that stays and answers, and another when that one falls silent.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::site::Site;
use crate::engine::{Acted, Progress};
use crate::error::{Class, Problem, Result};
use crate::model::{MachineName, MachineSpec, Role};
use crate::wire::{Ask, IsApiReady, NodeKey, Note, Touched};

/// How long a control plane may take to say whether its API server answers, connecting to it included.
const ANSWER_DEADLINE: Duration = Duration::from_secs(15);

/// How long none may answer. The only API server of a cluster is away while kubelet starts it anew.
const SILENCE_DEADLINE: Duration = Duration::from_secs(30);

/// How often they are all asked meanwhile.
const ASK_EVERY: Duration = Duration::from_secs(1);

impl Site {
    /// Returns the control plane that those ask which have no API server of their own yet: one that answered when it was
    /// looked at, else the one that will make the cluster.
    pub fn first(&self) -> Result<&MachineSpec> {
        let ready = |machine: &&MachineSpec| self.was_ready(machine);
        let found = self.control_planes().find(ready).or_else(|| self.desired.control_planes().next());
        found.ok_or_else(|| Problem::new(Class::Config, "the cluster has no control plane"))
    }

    /// Returns a control plane whose API server answers now.
    pub async fn commanding(&self) -> Result<&MachineSpec> {
        self.commanding_besides(&BTreeSet::new()).await
    }

    /// Asks a control plane something about the cluster.
    pub async fn command<A: Ask + Clone>(&self, order: A) -> Result<A::Reply> {
        self.command_besides(None, order, |_| {}).await
    }

    /// Asks a control plane something about `machine`, which may be one itself: then another is asked.
    pub async fn command_about<A: Ask + Clone>(
        &self,
        machine: &MachineSpec,
        order: A,
        progress: &Progress,
    ) -> Result<A::Reply> {
        let reply = self.command_besides(Some(&machine.name), order, heard_by(progress)).await;
        reply.map_err(|problem| about(machine, problem))
    }

    /// Returns how a machine's Node is found. One that does not answer cannot tell its machine-id any more.
    pub fn node_key(&self, machine: &MachineSpec) -> NodeKey {
        match self.observed.facts(&machine.name) {
            Some(facts) => NodeKey::MachineId(facts.machine_id.clone()),
            None => NodeKey::Address(machine.address),
        }
    }

    /// An order that failed because its control plane fell silent is given to the next: orders can be given twice.
    async fn command_besides<A: Ask + Clone>(
        &self,
        besides: Option<&MachineName>,
        order: A,
        hear: impl Fn(Note),
    ) -> Result<A::Reply> {
        let mut besides: BTreeSet<MachineName> = besides.into_iter().cloned().collect();
        loop {
            let machine = self.commanding_besides(&besides).await?;
            let asked = async { self.agent(machine).await?.ask_hearing(order.clone(), &hear).await };
            let problem = match asked.await {
                Ok(reply) => return Ok(reply),
                Err(problem) => problem.on(&machine.name),
            };
            if self.is_ready(machine).await.is_ok() {
                return Err(problem);
            }
            besides.insert(machine.name.clone());
            if self.candidates(&besides).is_empty() {
                return Err(problem);
            }
        }
    }

    async fn commanding_besides(&self, besides: &BTreeSet<MachineName>) -> Result<&MachineSpec> {
        let until = Instant::now() + SILENCE_DEADLINE;
        let candidates = self.candidates(besides);
        loop {
            let mut silent = Vec::new();
            for machine in &candidates {
                match self.is_ready(machine).await {
                    Ok(()) => {
                        self.remember(machine);
                        return Ok(machine);
                    }
                    Err(problem) => silent.push(problem.on(&machine.name)),
                }
            }
            if candidates.is_empty() || Instant::now() >= until {
                let problem = Problem::new(Class::Kubernetes, "no control plane answers that could be asked")
                    .remedy("look at `journalctl -u kubelet` there; the same command goes on from here");
                return Err(silent.into_iter().fold(problem, Problem::saw));
            }
            sleep(ASK_EVERY).await;
        }
    }

    /// Those that stay before those that leave, which serve only as long as nobody else does; then the one that was
    /// asked last and those that answered when they were looked at.
    fn candidates(&self, besides: &BTreeSet<MachineName>) -> Vec<&MachineSpec> {
        let last = self.last_commanding();
        let mut found: Vec<&MachineSpec> =
            self.control_planes().filter(|machine| !besides.contains(&machine.name)).collect();
        found.sort_by_key(|machine| {
            (self.is_leaving(&machine.name), last.as_ref() != Some(&machine.name), !self.was_ready(machine))
        });
        found
    }

    fn control_planes(&self) -> impl Iterator<Item = &MachineSpec> {
        let leaving = self.desired.leaving.iter().filter(|machine| machine.role == Role::ControlPlane);
        self.desired.control_planes().chain(leaving)
    }

    fn was_ready(&self, machine: &MachineSpec) -> bool {
        self.observed.facts(&machine.name).is_some_and(|facts| facts.api_ready)
    }

    async fn is_ready(&self, machine: &MachineSpec) -> Result<()> {
        let asked = async { self.agent(machine).await?.ask(IsApiReady {}).await };
        match timeout(ANSWER_DEADLINE, asked).await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err(Problem::new(Class::Kubernetes, "its API server does not answer")),
            Ok(Err(problem)) => Err(problem),
            Err(_) => Err(Problem::new(Class::Connection, "it does not answer")),
        }
    }
}

/// What goes wrong with an order is the trouble of the machine that it is about, not of the one that was asked.
fn about(machine: &MachineSpec, problem: Problem) -> Problem {
    let name = machine.name.to_string();
    match problem.machine.clone().filter(|asked| *asked != name) {
        Some(asked) => Problem { machine: Some(name), ..problem }.saw(format!("asked on {asked}")),
        None => problem.on(name),
    }
}

impl From<Touched> for Acted {
    fn from(touched: Touched) -> Self {
        match touched {
            Touched::Changed => Self::Changed,
            Touched::Unchanged => Self::Unchanged,
        }
    }
}

/// Passes what a machine tells on to those who watch the step.
pub(super) fn heard_by(progress: &Progress) -> impl Fn(Note) {
    |note| match note {
        Note::Line(line) => progress.said(line),
        Note::Path(path) => progress.said(path.display().to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::testing::{Stage, control_plane, site};
    use super::*;

    fn order() -> crate::wire::DeleteNode {
        crate::wire::DeleteNode { node: NodeKey::MachineId("x".to_owned()) }
    }

    fn set(which: &std::sync::Mutex<BTreeSet<String>>, names: &[&str]) {
        *which.lock().unwrap() = names.iter().map(|name| (*name).to_owned()).collect();
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_answers_is_asked_and_kept_to() {
        let stage = Arc::new(Stage::default());
        let site = site(&[1, 2, 3], &[], &stage);
        set(&stage.off, &["10.0.0.1"]);
        site.command(order()).await.unwrap();
        set(&stage.off, &[]);
        site.command(order()).await.unwrap();
        assert_eq!(*stage.asked.lock().unwrap(), ["10.0.0.2", "10.0.0.2"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_machine_that_leaves_serves_only_while_nobody_else_does() {
        let stage = Arc::new(Stage::default());
        let site = site(&[2], &[1], &stage);
        set(&stage.without_api, &["10.0.0.2"]);
        assert_eq!(site.commanding().await.unwrap().name.0, "10.0.0.1");
        set(&stage.without_api, &[]);
        assert_eq!(site.commanding().await.unwrap().name.0, "10.0.0.2");
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_asked_about_itself() {
        let stage = Arc::new(Stage::default());
        let site = site(&[2], &[1], &stage);
        set(&stage.without_api, &["10.0.0.2"]);
        let besides = control_plane(1).name;
        let problem = site.command_besides(Some(&besides), order(), |_| {}).await.unwrap_err();
        assert_eq!(problem.class, Class::Kubernetes);
        assert!(problem.to_string().contains("10.0.0.2"), "{problem}");
        assert!(stage.asked.lock().unwrap().is_empty());
    }

    #[test]
    fn a_problem_is_that_of_the_machine_it_is_about() {
        let worker = control_plane(5);
        let problem = about(&worker, Problem::new(Class::Kubernetes, "a budget holds a pod").on("10.0.0.1"));
        assert_eq!(problem.machine.as_deref(), Some("10.0.0.5"));
        assert_eq!(problem.seen, ["asked on 10.0.0.1"]);
        let silent = Problem::new(Class::Kubernetes, "nobody answers");
        assert_eq!(about(&worker, silent.clone()), silent.on("10.0.0.5"));
    }

    #[tokio::test(start_paused = true)]
    async fn another_takes_over_when_the_first_falls_silent() {
        let stage = Arc::new(Stage::default());
        let site = site(&[1, 2], &[], &stage);
        set(&stage.off, &["10.0.0.1 when asked"]);
        assert_eq!(site.command(order()).await.unwrap(), Touched::Changed);
        assert_eq!(*stage.asked.lock().unwrap(), ["10.0.0.1", "10.0.0.2"]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_api_server_that_is_away_for_a_moment_is_waited_for() {
        let stage = Arc::new(Stage::default());
        let site = site(&[1], &[], &stage);
        set(&stage.without_api, &["10.0.0.1"]);
        let back = async {
            sleep(Duration::from_secs(5)).await;
            set(&stage.without_api, &[]);
        };
        let (answer, ()) = tokio::join!(site.command(order()), back);
        assert_eq!(answer.unwrap(), Touched::Changed);
    }
}
