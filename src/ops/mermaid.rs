//! A plan drawn as a graph, in the words of Mermaid (https://mermaid.js.org/syntax/flowchart.html).

use std::fmt::Write as _;

use super::view::PlanView;
use crate::plan::Plan;

/// Returns the plan's flowchart: solid arrows where a step needs another, dotted ones where it only comes after it.
pub(super) fn graph(plan: &Plan, shown: &PlanView) -> String {
    let mut text = "flowchart TD\n".to_owned();
    for (index, group) in shown.groups.iter().enumerate() {
        let _ = writeln!(text, "  subgraph g{index}[\"{}\"]", quoted(&group.title));
        for step in &group.steps {
            let whole = match &step.machine {
                Some(machine) => format!("{machine}: {}", step.title),
                None => step.title.clone(),
            };
            let _ = writeln!(text, "    s{}[\"{}\"]", step.number, quoted(&whole));
        }
        text.push_str("  end\n");
    }
    for step in &plan.steps {
        for need in &step.needs {
            let _ = writeln!(text, "  s{need} --> s{}", step.number);
        }
        for before in &step.follows {
            let _ = writeln!(text, "  s{before} -.-> s{}", step.number);
        }
    }
    text
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
        let shown = PlanView { title: String::new(), cluster: String::new(), groups };
        let plan = Plan {
            format: FORMAT,
            cluster: String::new(),
            fingerprint: Digest::of(""),
            steps,
            set_aside: vec![],
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
