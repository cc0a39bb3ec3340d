//! The form of a plan as JSON, for programs that read one.

use schemars::schema_for;

use super::step::Plan;

/// Returns the JSON Schema (2020-12) of a plan, as `docs/schemas/plan.schema.json` has it.
pub fn schema() -> String {
    let schema = schema_for!(Plan);
    format!("{:#}\n", schema.as_value())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};

    use super::super::testing::*;
    use super::super::*;
    use super::*;
    use crate::error::{Class, Problem};
    use crate::model::*;

    /// Returns every kind of step that the schema knows.
    fn actions(schema: &Value) -> BTreeSet<String> {
        let kinds = schema.pointer("/$defs/PlannedStep/oneOf").and_then(Value::as_array).unwrap();
        kinds.iter().map(|kind| kind["properties"]["action"]["const"].to_string()).collect()
    }

    /// Every kind of step is in one of these.
    fn plans() -> Vec<Plan> {
        let launched = desired(3, 2);
        let launch = apply(&launched, &observed(&launched, fresh), None, &Consents::default()).unwrap();

        let mut changed = without(&desired(3, 3), &["10.0.0.1", "10.0.0.103"]);
        changed.images[0].commands = vec!["cp -f opt/helm /usr/bin/helm".to_owned()];
        let flannel = changed.images[1].clone();
        changed.parting = vec![ImageContract { name: "gone:v1".to_owned(), ..flannel }];
        changed.cluster.hooks = vec![Hook {
            name: "look".to_owned(),
            phase: HookPhase::AfterJoin,
            on: vec![HookScope::All],
            run: HookRun::Shell("true".to_owned()),
            seconds: 60,
        }];
        let arguments = &mut changed.cluster.machines[1].node;
        arguments.kubelet_arguments.insert("max-pods".to_owned(), "50".to_owned());
        arguments.labels.insert("zone".to_owned(), "a".to_owned());
        let before = desired(3, 3);
        changed.former = Some(Former {
            documents: vec![],
            kubeadm_file: None,
            certificate_names: vec![],
            version: None,
            made_with: before.configuration(),
        });
        let document = |kind: &str, api_version: &str, content: Value| ComponentDocument {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            content,
            places: Places::default(),
        };
        changed.cluster.documents = vec![
            document(
                "ClusterConfiguration",
                "kubeadm.k8s.io/v1beta4",
                json!({"apiServer": {"certSANs": ["a.b"]}}),
            ),
            document("KubeletConfiguration", "kubelet.config.k8s.io/v1beta1", json!({"maxPods": 88})),
            document(
                "KubeProxyConfiguration",
                "kubeproxy.config.k8s.io/v1alpha1",
                json!({"mode": "iptables"}),
            ),
        ];
        let mut seen = observed(&before, |spec| member(&before, spec));
        if let Some(Seen::Known(api)) = &mut seen.api {
            api.applications.insert("gone:v1".to_owned(), Launched::of(Digest::of("gone")));
        }
        let silent = Problem::new(Class::Connection, "it does not answer").saw("no route to host");
        seen.machines.insert(MachineName("10.0.0.102".to_owned()), Seen::Unknown(silent));
        let change = apply(&changed, &seen, None, &Consents::default()).unwrap();

        let made = Desired { origin: Origin::Made, ..changed };
        let change_of_made = apply(&made, &seen, None, &Consents::default()).unwrap();
        let removal_of_made = remove(&made, &seen, Definition::Forgotten, FailedHooks::Stop);

        let mut renewed = before.clone();
        let RegistryAccess { username, password, .. } = before.registry.clone();
        renewed.registry.username = "other".to_owned();
        renewed.registry.former = Some(RegistryUser { username, password });
        let seen = observed(&before, |spec| member(&before, spec));
        let renewal = apply(&renewed, &seen, None, &Consents::default()).unwrap();

        let mut dark = seen;
        dark.api = Some(Seen::Unknown(Problem::new(Class::Kubernetes, "connection refused")));
        for facts in dark.machines.values_mut() {
            if let Seen::Known(facts) = facts {
                facts.api_ready = false;
                facts.holdings.put_aside = [Part::ControlPlane].into();
            }
        }
        let recovery = apply(&before, &dark, None, &Consents::default()).unwrap();
        let mut elsewhere = desired(1, 1);
        elsewhere.cluster.registry = ClusterRegistry::External(ExternalRegistry {
            domain: "hub.example".to_owned(),
            port: 443,
            addresses: vec!["192.0.2.7".parse().unwrap()],
            authority: None,
        });
        let elsewhere = apply(&elsewhere, &observed(&elsewhere, fresh), None, &Consents::default()).unwrap();
        vec![launch, change, change_of_made, removal_of_made, renewal, recovery, elsewhere]
    }

    #[test]
    fn plans_are_as_the_schema_says_and_nothing_else_is() {
        let schema: Value = serde_json::from_str(&schema()).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let mut told = BTreeSet::new();
        for plan in plans() {
            let json = serde_json::to_value(&plan).unwrap();
            let wrong: Vec<String> = validator.iter_errors(&json).map(|error| error.to_string()).collect();
            assert_eq!(wrong, Vec::<String>::new(), "{json:#}");
            assert_eq!(serde_json::from_value::<Plan>(json).unwrap(), plan, "it reads back as it was");
            let action =
                |step: &PlannedStep| serde_json::to_value(&step.action).unwrap()["action"].to_string();
            told.extend(plan.steps.iter().map(action));
        }
        assert_eq!(told, actions(&schema), "each kind of step is in one of the plans, and each has its form");

        let whole = serde_json::to_value(&plans()[0]).unwrap();
        for (place, wrong) in [
            ("/steps/0/action", json!("explode")),
            ("/steps/0/number", json!("one")),
            ("/steps/0/needs", Value::Null),
            ("/steps/0/disruption", json!("some")),
            ("/fingerprint", json!("sha256:abc")),
            ("/format", json!(-1)),
        ] {
            let mut plan = whole.clone();
            *plan.pointer_mut(place).unwrap() = wrong;
            assert!(!validator.is_valid(&plan), "{place}");
        }
    }
}
