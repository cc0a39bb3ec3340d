//! What the components of a cluster are told, as digests: by these it is known what machines and the cluster were given.

use std::collections::BTreeSet;

use serde_json::Value;

use super::receipts::digest;
use crate::kubeadm::NOT_OF_A_FILE;
use crate::model::{ComponentDocument, Configuration, Digest, KubernetesVersion, Part, sorted};
use crate::yaml;

/// Where kubeadm is told a version, which is the image's in any case.
const VERSION: &str = "kubernetesVersion";

/// What the operator and the images tell the components. What sealift adds is not in it: another version of it, with other defaults,
/// changes nothing of a cluster that runs.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    /// The operator's documents.
    pub documents: &'a [ComponentDocument],
    /// The images' `etc/kubeadm.yml`.
    pub kubeadm_file: Option<&'a str>,
    /// More names of the API servers' certificates.
    pub certificate_names: &'a [String],
    /// The version that the images bring.
    pub version: Option<&'a KubernetesVersion>,
}

impl Told<'_> {
    /// Returns the digests of what each part is told. A file's order of keys says nothing, and neither does a version that is the
    /// images' or, in the images' file, what sealift decides for every cluster.
    pub fn configuration(&self) -> Configuration {
        let own: Vec<ComponentDocument> = self.documents.iter().map(|one| self.essence(one)).collect();
        let of_images: Vec<Value> = self.of_images().iter().map(essence_of_image).collect();
        self.digests(&own, &of_images)
    }

    /// Returns the digests that former versions of sealift wrote of the same: of documents as they stand in the file, now or, where
    /// the cluster `runs` another version, in the image that was made for that.
    pub(super) fn configurations_of_former_versions(&self, runs: Option<&str>) -> Vec<Configuration> {
        let of_images = self.of_images();
        let written_for = |version: &str| {
            let mut earlier = of_images.clone();
            for present in earlier.iter_mut().filter_map(|document| document.get_mut(VERSION)) {
                *present = Value::from(version);
            }
            earlier
        };
        let now = self.digests(self.documents, &of_images);
        let earlier = runs.map(|version| self.digests(self.documents, &written_for(version)));
        std::iter::once(now).chain(earlier).collect()
    }

    fn digests(&self, own: &[ComponentDocument], of_images: &[Value]) -> Configuration {
        let names: BTreeSet<&String> = self.certificate_names.iter().collect();
        let told = |part: Part| -> Digest {
            let own: Vec<_> = own.iter().filter(|document| document.kind == part.kind()).collect();
            let of_images: Vec<_> =
                of_images.iter().filter(|document| document["kind"] == part.kind()).collect();
            let names = (part == Part::ControlPlane).then_some(&names);
            digest(&(part, own, of_images, names))
        };
        Part::ALL.into_iter().map(|part| (part, told(part))).collect()
    }

    fn of_images(&self) -> Vec<Value> {
        let read = self.kubeadm_file.map(|text| yaml::documents("the image's etc/kubeadm.yml", text));
        // What cannot be read is told of elsewhere.
        read.and_then(Result::ok).unwrap_or_default()
    }

    fn essence(&self, document: &ComponentDocument) -> ComponentDocument {
        let mut document = document.clone();
        let written = document.text("/kubernetesVersion").and_then(|text| text.parse().ok());
        // Another one than the images' is wrong, and has to be seen.
        if written.is_some() && written.as_ref() == self.version {
            remove(&mut document.content, &[VERSION]);
        }
        document
    }
}

fn essence_of_image(document: &Value) -> Value {
    let mut document = sorted(document);
    let of_kind = NOT_OF_A_FILE.iter().filter(|(kind, _)| document["kind"] == *kind).map(|(_, path)| *path);
    for path in of_kind.collect::<Vec<_>>() {
        remove(&mut document, path);
    }
    document
}

/// Takes a field out, and what nothing else was in.
fn remove(value: &mut Value, path: &[&str]) {
    let (Value::Object(fields), [first, rest @ ..]) = (value, path) else { return };
    if let ([_, ..], Some(below)) = (rest, fields.get_mut(*first)) {
        remove(below, rest);
        if !below.as_object().is_some_and(serde_json::Map::is_empty) {
            return;
        }
    }
    fields.shift_remove(*first);
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: v1.36.2\n\
                        networking:\n  podSubnet: 10.1.0.0/16\nscheduler:\n  extraArgs: [{name: v, value: '2'}]\n";

    fn told<'a>(file: &'a str, version: &'a KubernetesVersion) -> Told<'a> {
        Told { documents: &[], kubeadm_file: Some(file), certificate_names: &[], version: Some(version) }
    }

    fn document(version: &str) -> ComponentDocument {
        serde_json::from_value(serde_json::json!({
            "api_version": "kubeadm.k8s.io/v1beta4",
            "kind": "ClusterConfiguration",
            "content": {"kubernetesVersion": version},
        }))
        .unwrap()
    }

    #[test]
    fn neither_the_order_of_keys_nor_what_sealift_decides_makes_a_difference() {
        let version: KubernetesVersion = "v1.36.3".parse().unwrap();
        let want = told(FILE, &version).configuration();
        for same in [
            "kind: ClusterConfiguration\nscheduler:\n  extraArgs: [{value: '2', name: v}]\napiVersion: kubeadm.k8s.io/v1beta4\n",
            &FILE.replace("v1.36.2", "v1.36.3"),
            &FILE.replace("podSubnet: 10.1", "podSubnet: 10.2"),
        ] {
            assert_eq!(told(same, &version).configuration(), want, "{same}");
        }
        for other in [
            FILE.replace("'2'", "'4'"),
            FILE.replace("v1beta4", "v1beta3"),
            format!("{FILE}imageRepository: example.com\n"),
        ] {
            assert_ne!(told(&other, &version).configuration(), want, "{other}");
        }
    }

    #[test]
    fn the_operators_version_counts_where_it_is_not_the_images() {
        let version: KubernetesVersion = "v1.36.3".parse().unwrap();
        let configuration = |version_written: &str| {
            let documents = [document(version_written)];
            Told { documents: &documents, ..told(FILE, &version) }.configuration()
        };
        assert_eq!(configuration("v1.36.3"), configuration("1.36.3"));
        assert_ne!(configuration("v1.36.3"), configuration("v1.36.2"));
    }
}
