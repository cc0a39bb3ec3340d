//! A Node emptied: closed to new pods, those that run there asked to leave, and waited for until they have.

mod evict;
mod pods;
#[cfg(test)]
mod refused;

use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::{Api, ListParams};
use kube::{Client, ResourceExt};
use tokio::time::Instant;

use self::evict::{Answer, Dialect};
use self::pods::{Kubelet, Leaving};
use super::nodes;
use crate::error::{Class, Context, Problem, Result};
use crate::wire::{Drain, Overdue, Touched};

/// How often the pods are looked at: one list of one Node.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How often a pod that may not go yet is asked again.
const ASK_EVERY: Duration = Duration::from_secs(2);

/// How long deleted pods have to end in their own time, and then, killed, to be gone.
const DELETED_DEADLINE: Duration = Duration::from_mins(1);

/// Hears how far it is.
pub(super) type Tell<'a> = &'a (dyn Fn(String) + Send + Sync);

/// By which means pods are made to go, the gentlest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Means {
    /// Eviction: their budgets decide when.
    Evict,
    /// Deletion, with the time that each wants for its end.
    Delete,
    /// Deletion without any.
    Kill,
}

/// Empties the Node of a machine. One that is not there is empty.
///
/// # Errors
/// Class `Kubernetes` with every pod that is left and what holds it, after the deadline.
pub(super) async fn drain(client: &Client, order: &Drain, tell: Tell<'_>) -> Result<Touched> {
    let Some(node) = nodes::find(client, &order.node).await? else { return Ok(Touched::Unchanged) };
    let node = node.name_any();
    let version = client.apiserver_version().await.map(|version| version.git_version);
    let closed = nodes::cordon(client, &order.node).await?;
    if closed == Touched::Changed {
        tell(format!("no new pods are put on {node}"));
    }
    let dialect = Dialect::of(&version.unwrap_or_default());
    let mut draining = Draining {
        client,
        node,
        dialect,
        leaving: Leaving::default(),
        effect: closed,
        last_failure: None,
        tell,
    };
    draining.empty(order).await?;
    Ok(draining.effect)
}

struct Draining<'a> {
    client: &'a Client,
    node: String,
    dialect: Dialect,
    leaving: Leaving,
    effect: Touched,
    last_failure: Option<Problem>,
    tell: Tell<'a>,
}

impl Draining<'_> {
    /// Makes the pods go and waits until they are gone. An API that falls silent meanwhile may come back.
    async fn empty(&mut self, order: &Drain) -> Result<()> {
        let mut means = Means::Evict;
        let mut until = Instant::now() + Duration::from_secs(order.seconds);
        let mut ask = Instant::now();
        loop {
            match self.look().await {
                Ok(kubelet) if self.leaving.is_over(kubelet) => return Ok(()),
                Ok(_) if Instant::now() >= ask => {
                    self.ask(means).await;
                    ask = Instant::now() + ASK_EVERY;
                }
                Ok(_) => {}
                Err(problem) => self.last_failure = Some(problem),
            }
            if Instant::now() >= until {
                means = next(means, order.overdue).ok_or_else(|| self.overdue(order))?;
                self.say(match means {
                    Means::Kill => "pods that have not ended are killed",
                    _ => "pods that were not let go are deleted, whatever their budgets say",
                });
                until = Instant::now() + DELETED_DEADLINE;
                ask = Instant::now();
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Looks at the Node and its pods, and tells what is new.
    async fn look(&mut self) -> Result<Kubelet> {
        let node = Api::<Node>::all(self.client.clone()).get_opt(&self.node).await;
        let node = node.problem(Class::Kubernetes, "the API does not answer")?;
        let here = ListParams::default().fields(&format!("spec.nodeName={}", self.node));
        let pods = Api::<Pod>::all(self.client.clone()).list(&here).await;
        let pods = pods.problem(Class::Kubernetes, "the API does not list the Node's pods")?;
        let change = self.leaving.look(&pods.items);
        for pod in &change.without_controller {
            self.say(&format!("{pod} has no controller: nothing makes it again elsewhere"));
        }
        for pod in &change.gone {
            self.say(&format!("{pod} is gone"));
        }
        let answers = node.as_ref().is_some_and(|node| nodes::facts(node).ready);
        Ok(if answers { Kubelet::Answers } else { Kubelet::Silent })
    }

    /// Asks every pod that is still to be asked.
    async fn ask(&mut self, means: Means) {
        let pods = if means == Means::Kill { self.leaving.all() } else { self.leaving.here() };
        for pod in pods {
            let answer = match means {
                Means::Evict => evict::evict(self.client, self.dialect, &pod).await,
                Means::Delete => evict::delete(self.client, &pod, None).await,
                Means::Kill => evict::delete(self.client, &pod, Some(0)).await,
            };
            match answer {
                Ok(Answer::Goes) => {
                    self.effect = Touched::Changed;
                    self.leaving.told(&pod);
                }
                Ok(Answer::NotNow(why)) => {
                    if self.leaving.refused(&pod, &why) {
                        self.say(&format!("{pod} waits: {why}"));
                    }
                }
                Err(problem) => self.last_failure = Some(problem),
            }
        }
    }

    fn say(&self, line: &str) {
        (self.tell)(line.to_owned());
    }

    fn overdue(&self, order: &Drain) -> Problem {
        let left = self.leaving.told_by_pod();
        let message = format!("after {} s pods are still on the Node {}", order.seconds, self.node);
        let problem = Problem::new(Class::Kubernetes, message);
        let problem = left.into_iter().fold(problem, Problem::saw);
        let problem = self.last_failure.iter().fold(problem, Problem::saw);
        problem
            .remedy("make room for them elsewhere, or loosen their PodDisruptionBudgets, and run the same command again")
            .remedy("or add --force, which deletes them whatever their budgets say")
    }
}

/// What comes after a deadline; `None` is the end.
fn next(means: Means, overdue: Overdue) -> Option<Means> {
    match (means, overdue) {
        (_, Overdue::Fails) | (Means::Kill, Overdue::Deleted) => None,
        (Means::Evict, Overdue::Deleted) => Some(Means::Delete),
        (Means::Delete, Overdue::Deleted) => Some(Means::Kill),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_deleted_unless_it_was_agreed_to() {
        for means in [Means::Evict, Means::Delete, Means::Kill] {
            assert_eq!(next(means, Overdue::Fails), None);
        }
        assert_eq!(next(Means::Evict, Overdue::Deleted), Some(Means::Delete));
        assert_eq!(next(Means::Delete, Overdue::Deleted), Some(Means::Kill));
        assert_eq!(next(Means::Kill, Overdue::Deleted), None);
    }
}
