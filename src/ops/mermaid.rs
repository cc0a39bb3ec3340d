//! A plan drawn as a graph, in the words of Mermaid (https://mermaid.js.org/syntax/flowchart.html).

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::fold::{Told, fold};
use super::view::{Disruption, PlanView, PlannedStep};
use crate::engine::StepNumber;
use crate::model::ranges;
use crate::plan::Plan;

/// Returns the plan's flowchart: solid arrows where a step needs another, dotted ones where it only comes after it. Machines
/// that do the same share their boxes, and what interrupts or removes something has a colour.
pub fn graph(plan: &Plan, shown: &PlanView) -> String {
    let mut text = "flowchart TD\n".to_owned();
    // The box of each step.
    let mut boxes: Vec<StepNumber> = (0..=plan.steps.len()).collect();
    let mut disruptive = [BTreeSet::new(), BTreeSet::new()];
    for (index, group) in shown.groups.iter().enumerate() {
        let _ = writeln!(text, "  subgraph g{index}[\"{}\"]", quoted(&group.title));
        let mut draw = |steps: &[&PlannedStep]| {
            let Some(first) = steps.first() else { return };
            for step in steps {
                boxes[step.number] = first.number;
            }
            match first.disruption {
                Disruption::Adds => {}
                Disruption::Interrupts => drop(disruptive[0].insert(first.number)),
                Disruption::Removes => drop(disruptive[1].insert(first.number)),
            }
            let _ = writeln!(text, "    s{}[\"{}\"]", first.number, quoted(&label(steps, first)));
        };
        for told in fold(&group.steps) {
            match told {
                Told::One(step) => draw(&[step]),
                Told::Alike(machines) => {
                    for place in 0..machines[0].len() {
                        draw(&machines.iter().map(|steps| steps[place]).collect::<Vec<_>>());
                    }
                }
            }
        }
        text.push_str("  end\n");
    }
    let mut arrows = BTreeSet::new();
    for step in &plan.steps {
        let needs = step.needs.iter().map(|before| (*before, "-->"));
        let follows = step.follows.iter().map(|before| (*before, "-.->"));
        for (before, arrow) in needs.chain(follows) {
            let (from, to) = (boxes[before], boxes[step.number]);
            if from != to && arrows.insert((from, to, arrow)) {
                let _ = writeln!(text, "  s{from} {arrow} s{to}");
            }
        }
    }
    for (numbers, name, colour) in
        [(&disruptive[0], "interrupts", "#f0ad4e"), (&disruptive[1], "removes", "#d9534f")]
    {
        if !numbers.is_empty() {
            let names: Vec<String> = numbers.iter().map(|number| format!("s{number}")).collect();
            let _ = writeln!(text, "  classDef {name} stroke:{colour},stroke-width:3px");
            let _ = writeln!(text, "  class {} {name}", names.join(","));
        }
    }
    text
}

fn label(steps: &[&PlannedStep], first: &PlannedStep) -> String {
    let machines = ranges(steps.iter().filter_map(|step| step.machine.as_deref()));
    match (machines.as_slice(), steps.len()) {
        ([], _) => first.title.clone(),
        (names, 1) => format!("{}: {}", names.join(", "), first.title),
        // A box is no place for a hundred names.
        ([one, two, _, ..], number) => format!("{one}, {two}... ({number} machines): {}", first.title),
        (names, number) => format!("{} ({number} machines): {}", names.join(", "), first.title),
    }
}

/// Mermaid ends a label at a quotation mark, and has names for characters of its own.
fn quoted(label: &str) -> String {
    label.replace('#', "#35;").replace('"', "#quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Digest, MachineName};
    use crate::ops::view::{self, PlanGroup, PlannedStep};
    use crate::plan::{Action, Disruption, FORMAT, PlannedStep as Step};

    #[test]
    fn arrows_tell_needs_from_order() {
        let step = |number, machine: &str, needs: &[usize], follows: &[usize]| Step {
            number,
            machine: Some(MachineName(machine.to_owned())),
            action: Action::Claim,
            reason: String::new(),
            disruption: Disruption::None,
            needs: needs.to_vec(),
            follows: follows.to_vec(),
        };
        let steps = vec![step(1, "a", &[], &[]), step(2, "b", &[1], &[]), step(3, "c", &[2], &[1])];
        let shown = steps.iter().map(|step| PlannedStep {
            number: step.number,
            machine: step.machine.as_ref().map(ToString::to_string),
            title: "say \"hi\"".to_owned(),
            reason: None,
            disruption: view::Disruption::default(),
            certainty: view::Certainty::default(),
        });
        let groups = vec![PlanGroup { title: "machines".to_owned(), steps: shown.collect() }];
        let shown = PlanView {
            title: String::new(),
            cluster: String::new(),
            machines: view::Affected::default(),
            set_aside: vec![],
            groups,
            files: vec![],
            documents: vec![],
        };
        let plan = Plan {
            format: FORMAT,
            cluster: String::new(),
            fingerprint: Digest::of(""),
            steps,
            set_aside: vec![],
            files: vec![],
            documents: vec![],
        };
        insta::assert_snapshot!(graph(&plan, &shown), @r#"
        flowchart TD
          subgraph g0["machines"]
            s1["a: say #quot;hi#quot;"]
            s2["b: say #quot;hi#quot;"]
            s3["c: say #quot;hi#quot;"]
          end
          s1 --> s2
          s2 --> s3
          s1 -.-> s3
        "#);
    }
}
