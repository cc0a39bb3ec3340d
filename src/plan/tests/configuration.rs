//! A cluster that runs and is configured otherwise: what is planned, what is refused, and that it is planned once.

use serde_json::{Value, json};

use super::super::testing::*;
use super::super::*;
use super::{launch, read};
use crate::error::{Class, Problem};
use crate::model::*;

fn document(kind: &str, content: Value) -> ComponentDocument {
    let api = match kind {
        "ClusterConfiguration" => "kubeadm.k8s.io/v1beta4",
        "KubeletConfiguration" => "kubelet.config.k8s.io/v1beta1",
        _ => "kubeproxy.config.k8s.io/v1alpha1",
    };
    let place = |pointer: &str| (pointer.to_owned(), format!("Clusterfile:{pointer}"));
    let fields = content.as_object().into_iter().flatten().map(|(key, _)| place(&format!("/{key}")));
    let places = std::iter::once(place("")).chain(fields).collect();
    ComponentDocument { api_version: api.to_owned(), kind: kind.to_owned(), content, places }
}

/// Returns a cluster that was made without any document, and is to have these.
fn changed(mut desired: Desired, documents: Vec<ComponentDocument>) -> Desired {
    desired.former = Some(Former {
        documents: vec![],
        kubeadm_file: None,
        certificate_names: vec![],
        version: None,
        made_with: desired.configuration(),
    });
    desired.cluster.documents = documents;
    desired
}

fn whole() -> Vec<ComponentDocument> {
    vec![
        document(
            "ClusterConfiguration",
            json!({"apiServer": {"certSANs": ["api.example"], "extraArgs": [{"name": "profiling", "value": "true"}]}}),
        ),
        document("KubeletConfiguration", json!({"maxPods": 88})),
        document("KubeProxyConfiguration", json!({"metricsBindAddress": "127.0.0.1:10249"})),
    ]
}

fn seen(desired: &Desired) -> Observed {
    observed(desired, |spec| member(desired, spec))
}

fn api(seen: &mut Observed) -> &mut ApiFacts {
    let Some(Seen::Known(api)) = &mut seen.api else { panic!() };
    api
}

fn facts<'a>(seen: &'a mut Observed, machine: &str) -> &'a mut MachineFacts {
    let Some(Seen::Known(facts)) = seen.machines.get_mut(&MachineName(machine.to_owned())) else { panic!() };
    facts
}

fn give(seen: &mut Observed, machine: &str, part: Part, digest: &Digest) {
    facts(seen, machine).holdings.receipts.insert(part.name().to_owned(), Receipt::of(digest.clone()));
}

/// Gives the machines and the cluster receipts of all that is wished.
fn settle(desired: &Desired, seen: &mut Observed) {
    let wanted = desired.configuration();
    api(seen).configured.clone_from(&wanted);
    for spec in &desired.cluster.machines {
        for (part, digest) in configuration_of(desired, spec.role) {
            give(seen, &spec.name.0, part, &digest);
        }
    }
}

#[test]
fn control_planes_one_after_the_other_and_workers_side_by_side() {
    let desired = changed(desired(3, 2), whole());
    let plan = launch(&desired, &seen(&desired), None).unwrap();
    insta::assert_snapshot!(read(&plan));
    let fields: Vec<String> = plan
        .documents
        .iter()
        .flat_map(|document| document.fields.iter().map(|change| format!("{}: {change:?}", document.kind)))
        .collect();
    insta::assert_snapshot!(fields.join("\n"));
    let costs = |action: &Action| {
        matches!(
            action,
            Action::ReconfigureControlPlane { .. } | Action::ReconfigureKubelet | Action::ReconfigureProxy
        )
    };
    let disruptive = plan.steps.iter().filter(|step| costs(&step.action));
    assert!(
        disruptive.clone().count() == 9
            && disruptive.clone().all(|step| step.disruption == Disruption::Machine)
    );
}

#[test]
fn only_what_changes_is_made_anew() {
    for (content, want) in [
        (json!({"apiServer": {"certSANs": ["api.example"]}}), vec![Remade::Certificate]),
        (json!({"scheduler": {"extraArgs": [{"name": "v", "value": "4"}]}}), vec![Remade::Scheduler]),
        (
            json!({"etcd": {"local": {"extraArgs": [{"name": "quota-backend-bytes", "value": "1"}]}}}),
            vec![Remade::Etcd],
        ),
        (json!({"certificateValidityPeriod": "100h0m0s"}), vec![]),
    ] {
        let desired = changed(desired(1, 1), vec![document("ClusterConfiguration", content.clone())]);
        let plan = launch(&desired, &seen(&desired), None).unwrap();
        let remade = plan.steps.iter().find_map(|step| match &step.action {
            Action::ReconfigureControlPlane { remade } => Some(remade.clone()),
            _ => None,
        });
        assert_eq!(remade, Some(want), "{content}");
        assert!(plan.steps.iter().all(|step| step.action != Action::ReconfigureKubelet), "{}", read(&plan));
    }
}

#[test]
fn what_was_done_is_not_done_again() {
    let desired = changed(desired(3, 2), whole());
    let mut seen = seen(&desired);
    settle(&desired, &mut seen);
    let plan = launch(&desired, &seen, None).unwrap();
    assert!(plan.is_empty() && plan.documents.is_empty(), "{}", read(&plan));
}

#[test]
fn what_was_cut_off_goes_on_where_it_was_also_back_to_what_was_before() {
    let desired = changed(desired(2, 1), whole());
    let mut seen = seen(&desired);
    settle(&desired, &mut seen);
    let under_way = Digest::of("under way");
    give(&mut seen, "10.0.0.2", Part::ControlPlane, &under_way);
    let left = |desired: &Desired, seen: &Observed| -> Vec<Action> {
        let plan = launch(desired, seen, None).unwrap();
        plan.steps
            .into_iter()
            .map(|step| step.action)
            .take_while(|action| *action != Action::AwaitReady)
            .collect()
    };
    assert!(matches!(left(&desired, &seen).as_slice(), [Action::ReconfigureControlPlane { .. }]));

    let mut back = desired.clone();
    back.cluster.documents.clear();
    let mut untouched = self::seen(&back);
    give(&mut untouched, "10.0.0.2", Part::ControlPlane, &under_way);
    assert!(matches!(left(&back, &untouched).as_slice(), [Action::ReconfigureControlPlane { .. }]));
    api(&mut untouched).configured.insert(Part::Kubelet, under_way);
    assert!(matches!(
        left(&back, &untouched).as_slice(),
        [Action::UploadConfiguration { .. }, Action::ReconfigureControlPlane { .. }]
    ));
}

#[test]
fn who_joins_gets_the_new_configuration_at_once() {
    let desired = changed(desired(2, 2), whole());
    let new = ["10.0.0.2", "10.0.0.102"];
    let mut seen = observed(&desired, |spec| {
        if new.contains(&spec.name.0.as_str()) { fresh(spec) } else { member(&desired, spec) }
    });
    api(&mut seen).configured.clear();
    let plan = launch(&desired, &seen, None).unwrap();
    let upload =
        plan.steps.iter().find(|step| matches!(step.action, Action::UploadConfiguration { .. })).unwrap();
    for step in &plan.steps {
        let joins = matches!(step.action, Action::JoinControlPlane | Action::JoinWorker);
        assert!(!joins || step.needs.contains(&upload.number), "{}", read(&plan));
        let anew = matches!(step.action, Action::ReconfigureControlPlane { .. } | Action::ReconfigureKubelet);
        let is_new = step.machine.as_ref().is_some_and(|machine| new.contains(&machine.0.as_str()));
        assert!(!(anew && is_new), "{}", read(&plan));
    }
}

#[test]
fn a_machine_that_was_off_is_configured_when_it_answers() {
    let desired = changed(desired(1, 2), whole());
    let mut seen = seen(&desired);
    settle(&desired, &mut seen);
    facts(&mut seen, "10.0.0.102").holdings.receipts.remove(Part::Kubelet.name());
    let plan = launch(&desired, &seen, None).unwrap();
    let first = &plan.steps[0];
    assert_eq!(first.action, Action::ReconfigureKubelet, "{}", read(&plan));
    assert_eq!(first.machine.as_ref().unwrap().0, "10.0.0.102");
}

#[test]
fn what_a_cluster_is_made_with_is_refused_with_its_place() {
    for (kind, content, field) in [
        ("ClusterConfiguration", json!({"clusterName": "other"}), "clusterName"),
        ("ClusterConfiguration", json!({"etcd": {"local": {"dataDir": "/srv/etcd"}}}), "etcd.local.dataDir"),
        ("ClusterConfiguration", json!({"imageRepository": "example.com"}), "imageRepository"),
        ("ClusterConfiguration", json!({"dns": {"imageTag": "v1"}}), "dns.imageTag"),
        ("KubeletConfiguration", json!({"cgroupDriver": "cgroupfs"}), "cgroupDriver"),
        ("KubeProxyConfiguration", json!({"clusterCIDR": "10.1.0.0/16"}), "clusterCIDR"),
    ] {
        let desired = changed(desired(1, 1), vec![document(kind, content)]);
        let problems = launch(&desired, &seen(&desired), None).unwrap_err();
        let [problem] = problems.list() else { panic!("{problems:?}") };
        assert_eq!(problem.class, Class::Refused, "{problem}");
        assert!(problem.message.starts_with("Clusterfile:/") && problem.message.contains(field), "{problem}");
        assert!(!problem.seen.is_empty() && !problem.remedies.is_empty(), "{problem}");
    }
}

#[test]
fn it_does_not_change_along_with_the_version() {
    let desired = changed(desired(1, 1), whole());
    let mut seen = seen(&desired);
    api(&mut seen).version = "v1.35.0".to_owned();
    let problems = launch(&desired, &seen, None).unwrap_err();
    assert_eq!(problems.list()[0].class, Class::Refused);
    assert!(problems.to_string().contains("v1.35.0"), "{problems}");
}

/// Returns what an image of this version has in `etc/kubeadm.yml`.
fn of_image(version: &str) -> String {
    format!(
        "kind: ClusterConfiguration\nkubernetesVersion: {version}\napiVersion: kubeadm.k8s.io/v1beta4\n\
         scheduler: {{extraArgs: [{{name: v, value: '2'}}]}}\n"
    )
}

/// Returns a cluster of v1.36.2 that is to be of an image of v1.36.3, and what is seen of it.
fn of_another_patch() -> (Desired, Observed) {
    let mut desired = desired(1, 1);
    desired.kubeadm_file = Some(of_image("v1.36.2"));
    desired.former = Some(Former {
        documents: vec![],
        kubeadm_file: desired.kubeadm_file.clone(),
        certificate_names: vec![],
        version: "v1.36.2".parse().ok(),
        made_with: desired.configuration(),
    });
    let mut seen = seen(&desired);
    api(&mut seen).version = "v1.36.2".to_owned();
    desired.kubeadm_file = Some(of_image("v1.36.3"));
    (desired, seen)
}

#[test]
fn an_image_of_another_patch_version_is_not_another_configuration() {
    let (desired, mut seen) = of_another_patch();
    settle(&desired, &mut seen);
    let plan = launch(&desired, &seen, None).unwrap();
    assert!(plan.documents.is_empty(), "{}", read(&plan));
}

#[test]
fn what_a_former_version_wrote_of_an_image_of_another_patch_version_is_not_another_configuration() {
    let (mut desired, mut seen) = of_another_patch();
    let file = of_image("v1.36.2");
    let written = Told { kubeadm_file: Some(&file), ..desired.told() };
    let written = written.configurations_of_former_versions(None).remove(0);
    assert_ne!(written, desired.configuration());
    desired.former.as_mut().unwrap().made_with.clone_from(&written);
    api(&mut seen).configured.clone_from(&written);
    give(&mut seen, "10.0.0.1", Part::ControlPlane, &written[&Part::ControlPlane]);
    let plan = launch(&desired, &seen, None).unwrap();
    assert!(plan.documents.is_empty(), "{}", read(&plan));
}

#[test]
fn of_what_a_former_version_wrote_only_what_changes_is_made_anew() {
    let mut desired = desired(1, 1);
    desired.kubeadm_file = Some(of_image("v1.36.3"));
    desired.former = Some(Former {
        documents: vec![],
        kubeadm_file: desired.kubeadm_file.clone(),
        certificate_names: vec![],
        version: None,
        made_with: desired.told().configurations_of_former_versions(None).remove(0),
    });
    desired.cluster.documents =
        vec![document("ClusterConfiguration", json!({"apiServer": {"certSANs": ["api.example"]}}))];
    let plan = launch(&desired, &seen(&desired), None).unwrap();
    let remade = Action::ReconfigureControlPlane { remade: vec![Remade::Certificate] };
    assert!(plan.steps.iter().any(|step| step.action == remade), "{}", read(&plan));
}

#[test]
fn an_older_state_says_nothing_and_nothing_is_planned() {
    let mut desired = desired(1, 1);
    desired.cluster.documents = whole();
    let seen = seen(&desired);
    assert!(launch(&desired, &seen, None).unwrap().is_empty());
    desired.former = Some(Former {
        documents: desired.cluster.documents.clone(),
        kubeadm_file: None,
        certificate_names: vec![],
        version: None,
        made_with: desired.configuration(),
    });
    assert!(launch(&desired, &seen, None).unwrap().is_empty());
}

#[test]
fn what_a_change_that_was_cut_off_has_left_down_comes_back_before_anything_else() {
    let desired = changed(desired(2, 1), whole());
    let mut seen = seen(&desired);
    seen.api = Some(Seen::Unknown(Problem::new(Class::Kubernetes, "connection refused")));
    for machine in ["10.0.0.1", "10.0.0.2"] {
        facts(&mut seen, machine).api_ready = false;
    }
    assert_eq!(launch(&desired, &seen, None).unwrap_err().class(), Class::Kubernetes);
    facts(&mut seen, "10.0.0.2").holdings.put_aside.insert(Part::ControlPlane);
    let plan = launch(&desired, &seen, None).unwrap();
    let steps: Vec<_> =
        plan.steps.iter().map(|step| (step.machine.as_ref().unwrap().0.as_str(), &step.action)).collect();
    assert_eq!(steps, [("10.0.0.2", &Action::PutBack)]);
    assert!(plan.only_puts_back() && plan.set_aside.is_empty());
    // Somebody else's machine is left alone.
    facts(&mut seen, "10.0.0.2").marker = None;
    assert_eq!(launch(&desired, &seen, None).unwrap_err().class(), Class::Kubernetes);
}

#[test]
fn an_api_that_answers_is_configured_on_whatever_is_put_aside() {
    let desired = changed(desired(1, 0), whole());
    let mut seen = seen(&desired);
    facts(&mut seen, "10.0.0.1").holdings.put_aside.insert(Part::ControlPlane);
    let plan = launch(&desired, &seen, None).unwrap();
    assert!(plan.steps.iter().all(|step| step.action != Action::PutBack), "{}", read(&plan));
}

#[test]
fn where_there_is_no_kube_proxy_none_is_made() {
    let desired = changed(desired(1, 1), vec![document("KubeProxyConfiguration", json!({"mode": "ipvs"}))]);
    let mut seen = seen(&desired);
    api(&mut seen).lacks_proxy = true;
    // The definition is another one, so it is written down.
    api(&mut seen).definition = None;
    let plan = launch(&desired, &seen, None).unwrap();
    assert!(plan.steps.iter().all(|step| step.action != Action::ReconfigureProxy), "{}", read(&plan));
    let [document] = plan.documents.as_slice() else { panic!("{:?}", plan.documents) };
    assert!(document.note.as_ref().is_some_and(|note| note.contains("no kube-proxy")), "{document:?}");
    let mut then = desired.clone();
    then.former.as_mut().unwrap().documents.clone_from(&desired.cluster.documents);
    let plan = launch(&then, &seen, None).unwrap();
    assert!(plan.documents.is_empty(), "it was told once: {:?}", plan.documents);
}
