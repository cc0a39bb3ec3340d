//! The API versions of kubeadm's documents: which kubeadm reads which, and how one becomes another.

use serde_json::{Value, json};

use super::schema;
use super::tree::Tree;
use crate::error::{Class, Problem, Result};
use crate::model::KubernetesVersion;

/// An API version of kubeadm's own documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum KubeadmApi {
    V1beta1,
    V1beta2,
    V1beta3,
    V1beta4,
}

impl KubeadmApi {
    const ALL: [Self; 4] = [Self::V1beta1, Self::V1beta2, Self::V1beta3, Self::V1beta4];

    /// Returns it as documents have it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::V1beta1 => "kubeadm.k8s.io/v1beta1",
            Self::V1beta2 => "kubeadm.k8s.io/v1beta2",
            Self::V1beta3 => "kubeadm.k8s.io/v1beta3",
            Self::V1beta4 => "kubeadm.k8s.io/v1beta4",
        }
    }

    /// Finds the one that a document is of.
    pub(super) fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|api| api.name() == name)
    }

    /// Returns the one that this version's kubeadm writes itself, and reads without a warning
    /// (https://kubernetes.io/docs/reference/config-api/kubeadm-config.v1beta4/; `cmd/kubeadm/app/apis/kubeadm/scheme`).
    pub(super) fn read_by(version: &KubernetesVersion) -> Result<Self> {
        match version.minor() {
            31.. => Ok(Self::V1beta4),
            22..=30 => Ok(Self::V1beta3),
            minor if minor >= *schema::minors().start() => Ok(Self::V1beta2),
            _ => Err(Problem::new(
                Class::Config,
                format!("Kubernetes {version} is older than sealift launches"),
            )
            .remedy(format!("use an image of Kubernetes v1.{} or later", schema::minors().start()))),
        }
    }
}

/// Brings a document of one version into the form of another; extra arguments are maps in all of them. Some fields stand in
/// another document there: so there may come out several, by kind. What has no counterpart stays where it is, for the check
/// of the result to find it.
pub(super) fn convert(
    kind: &str,
    mut document: Tree,
    from: KubeadmApi,
    to: KubeadmApi,
) -> Vec<(String, Tree)> {
    let mut others = vec![];
    if from < KubeadmApi::V1beta3 && to >= KubeadmApi::V1beta3 {
        drop_if(&mut document, &["useHyperKubeImage"], &json!(false));
        drop_if(&mut document, &["dns", "type"], &json!("CoreDNS"));
    }
    match (from == KubeadmApi::V1beta4, to == KubeadmApi::V1beta4) {
        (false, true) => others.extend(timeouts_of_their_own(kind, &mut document)),
        (true, false) => {
            without_new_defaults(&mut document);
            others.extend(timeouts_where_they_were(kind, &mut document));
        }
        _ => {}
    }
    std::iter::once((kind.to_owned(), document)).chain(others).collect()
}

/// v1beta4 has all timeouts in one place, where `kubeadm init` and `join` each read them.
fn timeouts_of_their_own(kind: &str, document: &mut Tree) -> Vec<(String, Tree)> {
    match kind {
        "ClusterConfiguration" => {
            let Some(timeout) = document.take(&["apiServer", "timeoutForControlPlane"]) else {
                return vec![];
            };
            let of = |kind: &str| {
                let mut other = Tree::map(timeout.origin.clone());
                other.set(&["timeouts", "controlPlaneComponentHealthCheck"], timeout.clone());
                (kind.to_owned(), other)
            };
            vec![of("InitConfiguration"), of("JoinConfiguration")]
        }
        "JoinConfiguration" => {
            if let Some(timeout) = document.take(&["discovery", "timeout"]) {
                document.set(&["timeouts", "discovery"], timeout);
            }
            vec![]
        }
        _ => vec![],
    }
}

/// Before v1beta4 the cluster has the timeout of its API servers, and a join that of its discovery.
fn timeouts_where_they_were(kind: &str, document: &mut Tree) -> Vec<(String, Tree)> {
    match kind {
        "InitConfiguration" => {
            let Some(timeout) = document.take(&["timeouts", "controlPlaneComponentHealthCheck"]) else {
                return vec![];
            };
            let mut cluster = Tree::map(timeout.origin.clone());
            cluster.set(&["apiServer", "timeoutForControlPlane"], timeout);
            vec![("ClusterConfiguration".to_owned(), cluster)]
        }
        "JoinConfiguration" => {
            if let Some(timeout) = document.take(&["timeouts", "discovery"]) {
                document.set(&["discovery", "timeout"], timeout);
            }
            vec![]
        }
        _ => vec![],
    }
}

/// What v1beta4 can say and older versions do by themselves needs no counterpart.
fn without_new_defaults(document: &mut Tree) {
    for (path, value) in [
        (["dns", "disabled"].as_slice(), json!(false)),
        (&["proxy", "disabled"], json!(false)),
        (&["encryptionAlgorithm"], json!("RSA-2048")),
        (&["certificateValidityPeriod"], json!("8760h0m0s")),
        (&["caCertificateValidityPeriod"], json!("87600h0m0s")),
        (&["dryRun"], json!(false)),
        (&["nodeRegistration", "imagePullSerial"], json!(true)),
    ] {
        drop_if(document, path, &value);
    }
}

fn drop_if(document: &mut Tree, path: &[&str], value: &Value) {
    if document.get(path).is_some_and(|present| present.to_value() == *value) {
        document.take(path);
    }
}

#[cfg(test)]
mod tests {
    use super::super::origin::Origin;
    use super::*;
    use KubeadmApi::*;

    fn converted(kind: &str, document: &Value, from: KubeadmApi, to: KubeadmApi) -> Vec<(String, Value)> {
        let documents = convert(kind, Tree::of(document, &Origin::Image), from, to);
        documents.into_iter().map(|(kind, tree)| (kind, tree.to_value())).collect()
    }

    #[test]
    fn what_moved_is_found_where_the_other_version_has_it() {
        let cluster = "ClusterConfiguration".to_owned();
        let init = "InitConfiguration".to_owned();
        let join = "JoinConfiguration".to_owned();
        let health = json!({"timeouts": {"controlPlaneComponentHealthCheck": "6m"}});
        let server = json!({"apiServer": {"timeoutForControlPlane": "6m"}});
        assert_eq!(
            converted(&cluster, &server, V1beta2, V1beta4),
            [(cluster.clone(), json!({})), (init.clone(), health.clone()), (join.clone(), health.clone())]
        );
        assert_eq!(
            converted(&init, &health, V1beta4, V1beta3),
            [(init, json!({})), (cluster.clone(), server.clone())]
        );
        let old = json!({"discovery": {"timeout": "5m0s"}});
        let new = json!({"timeouts": {"discovery": "5m0s"}});
        assert_eq!(converted(&join, &old, V1beta1, V1beta4), [(join.clone(), new.clone())]);
        assert_eq!(converted(&join, &new, V1beta4, V1beta2), [(join, old)]);
        assert_eq!(converted(&cluster, &server, V1beta1, V1beta3), [(cluster, server)]);
    }

    #[test]
    fn what_says_only_what_is_done_anyway_needs_no_counterpart() {
        let cluster = "ClusterConfiguration";
        let old = json!({"useHyperKubeImage": false, "dns": {"type": "CoreDNS", "imageTag": "1"}});
        assert_eq!(converted(cluster, &old, V1beta2, V1beta3)[0].1, json!({"dns": {"imageTag": "1"}}));
        let kept = json!({"useHyperKubeImage": true, "dns": {"type": "kube-dns"}});
        assert_eq!(converted(cluster, &kept, V1beta2, V1beta4)[0].1, kept);
        let new = json!({"encryptionAlgorithm": "RSA-2048", "dns": {"disabled": false}, "proxy": {"disabled": true}});
        assert_eq!(converted(cluster, &new, V1beta4, V1beta3)[0].1, json!({"proxy": {"disabled": true}}));
    }

    #[test]
    fn every_version_has_one_that_its_kubeadm_reads() {
        for (version, want) in [
            ("v1.19.8", V1beta2),
            ("v1.21.0", V1beta2),
            ("v1.22.1", V1beta3),
            ("v1.30.9", V1beta3),
            ("v1.31.0", V1beta4),
            ("v1.40.0", V1beta4),
        ] {
            assert_eq!(KubeadmApi::read_by(&version.parse().unwrap()).unwrap(), want, "{version}");
        }
        assert!(KubeadmApi::read_by(&"v1.18.0".parse().unwrap()).is_err());
    }
}
