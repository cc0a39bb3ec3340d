//! Which dialect a document is of, by its `apiVersion` and `kind`.

use super::draft::Draft;
use super::family::{sealer_v1, sealer_v2, sealos};
use super::ledger::{Finding, Ledger, listed};
use super::native;
use super::node::Node;
use super::place::Place;
use super::reader::{Field, Manner};
use crate::suggest;

/// A dialect of Clusterfiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// sealift's own.
    Native,
    /// sealer's first.
    SealerV1,
    /// sealer's second.
    SealerV2,
    /// sealos'.
    Sealos,
}

/// What a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It describes a cluster.
    Cluster(Dialect),
    /// It stands beside one.
    Beside(Beside),
}

/// A kind of document beside the one that describes the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beside {
    /// A file of the image is changed.
    Config(Dialect),
    /// Something is run at a certain time.
    Plugin,
    /// Applications are launched in a certain way.
    Application,
    /// sealer's frame around kubeadm's configuration.
    KubeadmConfig,
    /// A document that kubeadm, the kubelet or kube-proxy reads.
    Component,
}

/// The apiVersions of the family, each with the kinds it has.
const FAMILY: [(&str, Dialect, &[&str]); 6] = [
    ("sealift.io/v1", Dialect::Native, &["Cluster", "Config"]),
    ("sealer.cloud/v2", Dialect::SealerV2, SEALER_KINDS),
    ("sealer.io/v2", Dialect::SealerV2, SEALER_KINDS),
    ("sealer.aliyun.com/v1alpha1", Dialect::SealerV1, SEALER_KINDS),
    ("zlink.aliyun.com/v1alpha1", Dialect::SealerV1, SEALER_KINDS),
    ("apps.sealos.io/v1beta1", Dialect::Sealos, &["Cluster", "Config"]),
];

const SEALER_KINDS: &[&str] = &["Cluster", "Config", "Plugin", "Application", "KubeadmConfig"];

/// The apiVersions of Kubernetes' components, each with the kinds that are read.
const COMPONENTS: [(&str, &[&str]); 6] = [
    ("kubeadm.k8s.io/v1beta1", KUBEADM_KINDS),
    ("kubeadm.k8s.io/v1beta2", KUBEADM_KINDS),
    ("kubeadm.k8s.io/v1beta3", KUBEADM_KINDS),
    ("kubeadm.k8s.io/v1beta4", KUBEADM_KINDS),
    ("kubelet.config.k8s.io/v1beta1", &["KubeletConfiguration"]),
    ("kubeproxy.config.k8s.io/v1alpha1", &["KubeProxyConfiguration"]),
];

const KUBEADM_KINDS: &[&str] = &["InitConfiguration", "ClusterConfiguration", "JoinConfiguration"];

/// How a Clusterfile begins.
pub(super) const BEGINNING: &str =
    "a Clusterfile begins with `apiVersion: sealift.io/v1` and `kind: Cluster`";

impl Dialect {
    /// Reads a document of this dialect that describes a cluster.
    pub(super) fn read(self, document: &Field<'_>) -> Draft {
        match self {
            Self::Native => native::read(document),
            Self::SealerV1 => sealer_v1::read(document),
            Self::SealerV2 => sealer_v2::read(document),
            Self::Sealos => sealos::read(document),
        }
    }

    /// Returns how exactly its values are written.
    pub(super) fn manner(self) -> Manner {
        match self {
            Self::Native => Manner::Exact,
            Self::SealerV1 | Self::SealerV2 | Self::Sealos => Manner::Lenient,
        }
    }
}

/// Tells what a document is; one that is nothing we know is told.
pub(super) fn classify(ledger: &Ledger, document: &Node) -> Option<Kind> {
    let begin = Place { end: document.place.start, ..document.place };
    if document.is_scalar_or_list() {
        let message =
            format!("this document is {}, no mapping with `apiVersion` and `kind`", document.kind());
        ledger.error(Finding::at(begin, message).remedy(BEGINNING));
        return None;
    }
    let version = needed(ledger, document, "apiVersion", begin);
    let kind = needed(ledger, document, "kind", begin);
    let (version, kind) = (version?, kind?);
    let place = |key| document.entry(key).map_or(begin, |entry| entry.value.place);
    let family = FAMILY
        .iter()
        .find(|(known, ..)| *known == version)
        .map(|(_, dialect, kinds)| (Some(*dialect), *kinds));
    let component = COMPONENTS.iter().find(|(known, _)| *known == version).map(|(_, kinds)| (None, *kinds));
    let Some((dialect, kinds)) = family.or(component) else {
        unknown_version(ledger, version, place("apiVersion"));
        return None;
    };
    if !kinds.contains(&kind) {
        let finding = Finding::at(place("kind"), format!("`{version}` has no kind `{kind}`"));
        ledger.error(finding.suggest(kind, kinds));
        return None;
    }
    Some(match (dialect, kind) {
        (Some(dialect), "Cluster") => Kind::Cluster(dialect),
        (Some(dialect), "Config") => Kind::Beside(Beside::Config(dialect)),
        (_, "Plugin") => Kind::Beside(Beside::Plugin),
        (_, "Application") => Kind::Beside(Beside::Application),
        (_, "KubeadmConfig") => Kind::Beside(Beside::KubeadmConfig),
        _ => Kind::Beside(Beside::Component),
    })
}

fn needed<'a>(ledger: &Ledger, document: &'a Node, key: &str, begin: Place) -> Option<&'a str> {
    match (document.entry(key), document.text_of(key)) {
        (_, Some(text)) if !text.is_empty() => Some(text),
        (Some(entry), _) => {
            let finding = Finding::at(entry.place, format!("`{key}` must be a text"));
            ledger.error(finding.remedy(BEGINNING));
            None
        }
        (None, _) => {
            ledger.error(Finding::at(begin, format!("this document has no `{key}`")).remedy(BEGINNING));
            None
        }
    }
}

fn unknown_version(ledger: &Ledger, version: &str, place: Place) {
    let finding = Finding::at(place, format!("the apiVersion `{version}` is not read"));
    let family = FAMILY.map(|(known, ..)| known);
    let known: Vec<&str> = family.into_iter().chain(COMPONENTS.map(|(known, _)| known)).collect();
    let group = version.split('/').next().unwrap_or_default();
    let of_group: Vec<&str> =
        known.iter().filter(|known| known.split('/').next() == Some(group)).copied().collect();
    if !of_group.is_empty() {
        return ledger.error(finding.remedy(format!("of `{group}`, what is read is {}", listed(&of_group))));
    }
    // Alike is what belongs to a group that is spelt alike; that versions are, says nothing.
    let groups: Vec<&str> = family.iter().filter_map(|known| known.split('/').next()).collect();
    let alike = suggest::near(group, groups);
    let alike: Vec<&str> = family
        .into_iter()
        .filter(|known| alike.first().is_some_and(|group| known.starts_with(group)))
        .collect();
    ledger.error(finding.remedy(if alike.is_empty() || !version.contains('/') {
        format!("Clusterfiles are read of {}", listed(&family))
    } else {
        format!("did you mean {}?", listed(&alike))
    }));
}
