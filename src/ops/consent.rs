//! What the operator has to agree to: machines that leave, and machines that are given up.

use serde::{Deserialize, Serialize};

use super::context::Context;
use super::pace::Pace;
use super::reporter::Question;
use crate::model::{ImageContract, MachineSpec, Observed};
use crate::plan::{self, Action, Consents, Desired, Plan, WithoutApi};
use crate::steps::{DrainPolicy, Site};
use crate::wire::Overdue;

/// What the command line agrees to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Consent {
    /// To machines leaving that are not declared any more.
    pub removal: Removal,
    /// To giving up machines that do not answer.
    pub force: Force,
}

/// How it is known that machines may leave.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Removal {
    /// The operator is asked, by their names.
    #[default]
    Ask,
    /// The command named them, or `--prune` was given.
    Agreed,
}

/// What becomes of a machine that should leave and does not answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Force {
    /// It is waited for: the run is refused.
    #[default]
    No,
    /// It is given up, with all that it holds.
    GiveUp,
}

/// Returns the consents as the plan takes them.
pub(super) fn consents(consent: Consent, desired: &Desired) -> Consents {
    match consent.force {
        Force::No => Consents::default(),
        Force::GiveUp => Consents {
            give_up: desired.leaving.iter().map(|machine| machine.name.clone()).collect(),
            without_api: WithoutApi::CleanLeaving,
        },
    }
}

/// Returns how Nodes of machines that leave are emptied: who gives machines up does not let pods hold them either.
pub(super) fn drain(consent: Consent, pace: &Pace) -> DrainPolicy {
    let overdue = match consent.force {
        Force::No => Overdue::Fails,
        Force::GiveUp => Overdue::Deleted,
    };
    DrainPolicy { seconds: pace.drain.as_secs(), overdue }
}

/// Tells what giving machines up costs, where the plan does that.
pub(super) fn tell_costs(context: &Context, consent: Consent, plan: &Plan, site: &Site) {
    if consent.force == Force::No {
        return;
    }
    let planned = plan.machines();
    let concerned = silent(&site.desired, &site.observed).filter(|one| planned.contains(&one.name));
    for machine in concerned {
        context.reporter.warn(&format!(
            "{0} does not answer and is given up: whatever still runs there goes on until it is switched off, what only \
             its disks hold is lost to the cluster, and nothing is cleaned on it; before it is used again, `sealift reset` \
             cannot help, reinstall it",
            machine.name
        ));
    }
}

/// Asks whether the machines may leave of which the command did not say so.
pub(super) fn about_removal(consent: Consent, plan: &Plan, desired: &Desired) -> Option<Question> {
    let planned = plan.machines();
    let leaving = desired.leaving.iter().filter(|machine| planned.contains(&machine.name));
    let names: Vec<&str> = leaving.map(|machine| machine.name.0.as_str()).collect();
    if names.is_empty() || consent.removal == Removal::Agreed {
        return None;
    }
    let text = match names.as_slice() {
        [one] => format!(
            "{one} is not declared any more: it leaves the cluster and is cleaned, with all its data."
        ),
        many => format!(
            "{} are not declared any more: they leave the cluster and are cleaned, with all their data.",
            many.join(", ")
        ),
    };
    let name = match names.as_slice() {
        [one] => (*one).to_owned(),
        _ => desired.cluster.name.clone(),
    };
    Some(Question::Removal { text, name, flag: "--prune".to_owned() })
}

/// Asks whether the applications may go of which the command did not say so.
pub(super) fn about_uninstall(consent: Consent, plan: &Plan, desired: &Desired) -> Option<Question> {
    let goes = |image: &&ImageContract| {
        plan::successor(desired, image).is_none()
            && plan.steps.iter().any(
                |step| matches!(&step.action, Action::Uninstall { image: planned } if *planned == image.name),
            )
    };
    let names: Vec<&str> = desired.parting.iter().filter(goes).map(|image| image.name.as_str()).collect();
    if names.is_empty() || consent.removal == Removal::Agreed {
        return None;
    }
    let (verb, name) = match names.as_slice() {
        [one] => ("is", (*one).to_owned()),
        _ => ("are", desired.cluster.name.clone()),
    };
    let text =
        format!("{} {verb} not declared any more, and will be taken off the cluster.", names.join(", "));
    Some(Question::Removal { text, name, flag: "--prune".to_owned() })
}

fn silent<'a>(desired: &'a Desired, observed: &'a Observed) -> impl Iterator<Item = &'a MachineSpec> {
    desired.leaving.iter().filter(|machine| observed.facts(&machine.name).is_none())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn pods_have_the_time_that_was_asked_for_and_are_deleted_only_by_force() {
        let pace = Pace { drain: Duration::from_secs(90), ..Pace::default() };
        let gentle = drain(Consent::default(), &pace);
        assert_eq!(gentle, DrainPolicy { seconds: 90, overdue: Overdue::Fails });
        let forced = drain(Consent { force: Force::GiveUp, ..Consent::default() }, &pace);
        assert_eq!(forced, DrainPolicy { seconds: 90, overdue: Overdue::Deleted });
    }
}
