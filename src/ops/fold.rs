//! Machines on which the same is done, told together: a plan for three hundred of them is read on one screen.

use std::collections::HashMap;

use super::view::{Certainty, Disruption, PlannedStep};

/// Machines that do the same are told together where more rows than this would tell of them.
const MOST_ROWS: usize = 8;

/// Steps of a group, as they are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told<'a> {
    /// One step.
    One(&'a PlannedStep),
    /// The steps of machines that do the same, machine by machine, each in order; there is at least one of both.
    Alike(Vec<Vec<&'a PlannedStep>>),
}

impl Told<'_> {
    fn number(&self) -> usize {
        match self {
            Self::One(step) => step.number,
            Self::Alike(machines) => {
                machines.iter().flatten().map(|step| step.number).min().unwrap_or_default()
            }
        }
    }
}

/// What a step is beside its machine and its number.
type Kind<'a> = (&'a str, Option<&'a str>, Disruption, Certainty);

/// Takes machines together that have the same steps, and leaves the rest as it is, in the order of the plan.
pub fn fold(steps: &[PlannedStep]) -> Vec<Told<'_>> {
    let mut machines: Vec<Vec<&PlannedStep>> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut told = Vec::new();
    for step in steps {
        let Some(machine) = step.machine.as_deref() else {
            told.push(Told::One(step));
            continue;
        };
        let place = *places.entry(machine).or_insert_with(|| {
            machines.push(vec![]);
            machines.len() - 1
        });
        machines[place].push(step);
    }
    let mut alike: HashMap<Vec<Kind<'_>>, Vec<Vec<&PlannedStep>>> = HashMap::new();
    for steps in machines {
        alike.entry(steps.iter().map(|step| kind(step)).collect()).or_default().push(steps);
    }
    for machines in alike.into_values() {
        let rows = machines.iter().map(Vec::len).sum::<usize>();
        if machines.len() > 1 && rows > MOST_ROWS {
            told.push(Told::Alike(machines));
        } else {
            told.extend(machines.into_iter().flatten().map(Told::One));
        }
    }
    told.sort_by_key(Told::number);
    told
}

fn kind(step: &PlannedStep) -> Kind<'_> {
    (&step.title, step.reason.as_deref(), step.disruption, step.certainty)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(number: usize, machine: Option<&str>, title: &str) -> PlannedStep {
        PlannedStep {
            number,
            machine: machine.map(str::to_owned),
            title: title.to_owned(),
            reason: None,
            disruption: Disruption::default(),
            certainty: Certainty::default(),
        }
    }

    #[test]
    fn only_machines_with_the_same_steps_are_taken_together() {
        let names: Vec<String> = (0..6).map(|number| format!("10.0.0.{number}")).collect();
        let mut steps = Vec::new();
        for name in &names {
            steps.push(step(steps.len() + 1, Some(name), "claim"));
            if name != "10.0.0.3" {
                steps.push(step(steps.len() + 1, Some(name), "send"));
            }
        }
        steps.push(step(steps.len() + 1, None, "wait"));
        let told = fold(&steps);
        let [Told::Alike(machines), Told::One(odd), Told::One(last)] = told.as_slice() else {
            panic!("{told:#?}");
        };
        assert_eq!(machines.len(), 5);
        assert!(machines.iter().all(|steps| steps.len() == 2), "{machines:?}");
        assert_eq!((odd.machine.as_deref(), last.title.as_str()), (Some("10.0.0.3"), "wait"));
    }

    #[test]
    fn a_few_machines_are_told_one_by_one_in_the_order_of_the_plan() {
        let steps: Vec<PlannedStep> =
            (1..=8).map(|number| step(number, Some(&format!("m{}", number % 4)), "claim")).collect();
        let numbers: Vec<usize> = fold(&steps).iter().map(Told::number).collect();
        assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7, 8]);
    }
}
