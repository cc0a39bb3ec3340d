//! People and machines that do not answer: a worker without power, an operator who sleeps, a home that is gone.

use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::kubernetes::kubectl;
use crate::machines::{FLANNEL, KUBERNETES, Machine, Machines};
use crate::operator::{Ended, Operator};
use crate::story::Matters::{ToAllAfter, ToNobody};
use crate::story::{self, Stage};

mod drained;
mod elsewhere;
mod operators;
mod partial;

const NAME: &str = "unanswered";

/// A label that a stage wishes to see on the first worker: the least that there can be to do.
const LABEL: &str = "example.com/wish";

const STAGES: [Stage<Cluster>; 13] = [
    ("a_worker_loses_power_while_the_cluster_is_made", ToAllAfter, Cluster::lose_worker),
    ("apply_goes_on_without_it", ToNobody, Cluster::apply_without_it),
    ("status_tells_of_it", ToNobody, Cluster::tell_of_silence),
    ("fail_fast_begins_nothing_beside_it", ToNobody, Cluster::fail_fast),
    ("no_more_machines_are_unavailable_than_may_be", ToNobody, Cluster::count_it_as_unavailable),
    ("apply_heals_it_when_it_has_power", ToAllAfter, Cluster::heal),
    ("status_tells_of_drift", ToNobody, Cluster::tell_of_drift),
    ("get_fetches_the_cluster_from_a_worker", ToNobody, Cluster::get),
    ("apply_goes_on_where_nothing_is_kept", ToNobody, Cluster::apply_from_nothing),
    ("what_was_changed_from_elsewhere_is_not_undone_unseen", ToNobody, Cluster::change_from_elsewhere),
    ("a_second_operator_is_told_who_is_at_work", ToAllAfter, Cluster::refuse_second),
    ("an_operator_who_sleeps_is_replaced", ToAllAfter, Cluster::replace_sleeper),
    ("pods_have_the_time_that_they_are_given", ToNobody, Cluster::drain_in_time),
];

pub(crate) fn trials() -> Vec<Trial> {
    story::tell("unanswered", Cluster::begin, &STAGES)
}

/// One control plane and three workers, the last of which has no power for a while.
struct Cluster {
    machines: Machines,
    operator: Operator,
    sleeper: Option<operators::AtWork>,
}

impl Cluster {
    fn begin() -> Self {
        Self { machines: Machines::make(NAME, 1, 3), operator: Operator::new(), sleeper: None }
    }

    fn control_plane(&self) -> Machine<'_> {
        self.machines.control_plane(0)
    }

    /// The worker that loses its power.
    fn dark(&self) -> Machine<'_> {
        self.machines.worker(2)
    }

    fn lit(&self) -> [Machine<'_>; 3] {
        [self.control_plane(), self.machines.worker(0), self.machines.worker(1)]
    }

    /// A Clusterfile of an operator's, with this label for the first worker and with these fields beside.
    fn clusterfile(&self, operator: &Operator, label: Option<&str>, fields: &Value) -> String {
        let hosts = |role: &str, machines: &[Machine<'_>]| json!({"role": role, "addresses": machines.iter().map(|one| one.address()).collect::<Vec<_>>()});
        let mut first = hosts("worker", &[self.machines.worker(0)]);
        if let Some(label) = label {
            first["labels"] = json!({ LABEL: label });
        }
        let others = hosts("worker", &[self.machines.worker(1), self.machines.worker(2)]);
        let mut spec = json!({
            "images": [KUBERNETES, FLANNEL],
            "hosts": [hosts("control-plane", &[self.control_plane()]), first, others],
        });
        spec.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let file = json!({"apiVersion": "sealift.io/v1", "kind": "Cluster", "metadata": {"name": NAME}, "spec": spec});
        operator.file("Clusterfile", &file.to_string())
    }

    /// The words of an `apply` of that file.
    fn apply_words(&self, operator: &Operator, label: Option<&str>, fields: &Value) -> Vec<String> {
        let file = self.clusterfile(operator, label, fields);
        let words = ["apply", "-f", &file, "--yes"].map(str::to_owned);
        words.into_iter().chain(self.machines.login()).collect()
    }

    /// The first operator applies the file with this label.
    fn apply(&self, label: Option<&str>) -> Ended {
        self.operator.types(self.apply_words(&self.operator, label, &json!({})))
    }

    /// Returns the label that the first worker has.
    fn label(&self) -> String {
        let field = LABEL.replace('.', "\\\\.");
        let worker = self.machines.worker(0);
        kubectl(
            self.control_plane(),
            &format!("get node {} -o jsonpath={{.metadata.labels.{field}}}", worker.hostname()),
        )
    }
}
