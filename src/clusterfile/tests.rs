//! Files to declarations, and to what is told of them.

use super::*;
use crate::model::DeclaredMachines;

const SMALL: &str = "\
apiVersion: sealift.io/v1
kind: Cluster
metadata:
  name: small
spec:
  images: [kubernetes:v1.36.3, flannel:v0.28.4]
  ssh:
    user: admin
    password: env:PASSWORD
  hosts:
    - role: control-plane
      addresses: [10.0.0.1]
    - role: worker
      addresses: [10.0.0.2-10.0.0.4, '[fd00::1]:2222']
      labels: {disk: ssd}
      taints: [dedicated=gpu:NoSchedule]
";

pub(super) fn source(text: &str) -> Source {
    Source { name: "Clusterfile".to_owned(), text: text.as_bytes().to_vec() }
}

fn told(text: &str) -> Vec<String> {
    let problems = load(&[source(text)], &Overrides::default()).unwrap_err();
    problems.list().iter().map(|problem| problem.message.clone()).collect()
}

#[test]
fn a_small_file_is_read() {
    let text = SMALL.replace(", '[fd00::1]:2222'", "");
    let declared = load(&[source(&text)], &Overrides::default()).unwrap();
    assert_eq!(declared.name, "small");
    let DeclaredMachines::Given(machines) = &declared.machines else { panic!("{declared:?}") };
    assert_eq!(machines.len(), 4);
    assert_eq!(machines[3].node.labels["disk"], "ssd");
    assert_eq!(declared.warnings, []);
}

#[test]
fn all_problems_are_told_at_once_and_in_order() {
    let text = SMALL.replace("user: admin", "usr: admin").replace("NoSchedule", "NoShedule");
    assert_eq!(
        told(&text),
        [
            "Clusterfile:8:5: unknown field `usr` in `spec.ssh`",
            "Clusterfile:14:38: fd00::1 is of another address family than 10.0.0.1",
            "Clusterfile:16:16: `dedicated=gpu:NoShedule` is no taint: `NoShedule` is no effect",
        ]
    );
}
