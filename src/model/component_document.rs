//! Documents that kubeadm, kubelet and kube-proxy read.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::DeclaredDocument;

/// The API groups of the components of Kubernetes that have a configuration.
const GROUPS: [&str; 3] = ["kubeadm.k8s.io", "kubelet.config.k8s.io", "kubeproxy.config.k8s.io"];

/// Where the values of a document stand, `file:line:column` by JSON pointer.
#[derive(Clone, Default)]
pub struct Places(BTreeMap<String, String>);

impl Places {
    /// Returns where a value stands, or what it stands in.
    pub fn of(&self, pointer: &str) -> Option<&str> {
        let mut pointer = pointer;
        loop {
            match (self.0.get(pointer), pointer.rfind('/')) {
                (Some(place), _) => return Some(place),
                (None, Some(end)) => pointer = &pointer[..end],
                (None, None) => return None,
            }
        }
    }
}

impl FromIterator<(String, String)> for Places {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(places: I) -> Self {
        Self(places.into_iter().collect())
    }
}

/// Where a document stands is no part of what it says.
impl PartialEq for Places {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Places {}

impl fmt::Debug for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{}")
    }
}

/// A document of a Clusterfile that a component of Kubernetes reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComponentDocument {
    /// Its `apiVersion`.
    pub api_version: String,
    /// Its `kind`.
    pub kind: String,
    /// Its fields without those two, keys in their order.
    pub content: Value,
    /// Where it stands; nothing where it comes from what is kept of a cluster.
    #[serde(skip)]
    pub places: Places,
}

impl ComponentDocument {
    /// Takes one out of what was declared; none where no component of Kubernetes has such a kind.
    pub fn of(document: &DeclaredDocument) -> Option<Self> {
        let (group, _) = document.api_version.split_once('/')?;
        if !GROUPS.contains(&group) {
            return None;
        }
        let mut content = sorted(&document.content);
        if let Value::Object(fields) = &mut content {
            fields.retain(|key, _| key != "apiVersion" && key != "kind");
        }
        Some(Self {
            api_version: document.api_version.clone(),
            kind: document.kind.clone(),
            content,
            places: document.places.clone(),
        })
    }

    /// Returns it as a Clusterfile has it.
    pub fn declared(&self) -> DeclaredDocument {
        let mut whole = serde_json::json!({"apiVersion": self.api_version, "kind": self.kind});
        if let (Value::Object(whole), Value::Object(fields)) = (&mut whole, &self.content) {
            whole.extend(fields.clone());
        }
        DeclaredDocument {
            place: String::new(),
            api_version: self.api_version.clone(),
            kind: self.kind.clone(),
            content: whole,
            places: Places::default(),
        }
    }

    /// Returns a field's text, by its JSON pointer.
    pub fn text(&self, pointer: &str) -> Option<&str> {
        self.content.pointer(pointer)?.as_str()
    }
}

/// Returns a value with its keys in order: how a file orders them says nothing.
pub fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields: BTreeMap<&String, Value> =
                fields.iter().map(|(key, value)| (key, sorted(value))).collect();
            Value::Object(fields.into_iter().map(|(key, value)| (key.clone(), value)).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        scalar => scalar.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document(places: Places) -> DeclaredDocument {
        DeclaredDocument {
            place: "f:1:1".to_owned(),
            api_version: "kubeadm.k8s.io/v1beta3".to_owned(),
            kind: "ClusterConfiguration".to_owned(),
            content: json!({"kind": "ClusterConfiguration", "b": 1, "apiVersion": "kubeadm.k8s.io/v1beta3", "a": {"d": 1, "c": 2}}),
            places,
        }
    }

    #[test]
    fn a_document_is_kept_without_its_places_and_whatever_the_order_of_its_keys() {
        let places = [("/a".to_owned(), "f:4:3".to_owned())].into_iter().collect();
        let one = ComponentDocument::of(&document(places)).unwrap();
        assert_eq!(serde_json::to_string(&one.content).unwrap(), r#"{"a":{"c":2,"d":1},"b":1}"#);
        assert_eq!((one.places.of("/a/c/0"), one.places.of("/b")), (Some("f:4:3"), None));
        let kept: ComponentDocument = serde_json::from_value(serde_json::to_value(&one).unwrap()).unwrap();
        assert_eq!(kept, one);
        assert_eq!(ComponentDocument::of(&kept.declared()), Some(one));
        let foreign = DeclaredDocument {
            api_version: "apps.sealos.io/v1beta1".to_owned(),
            ..document(Places::default())
        };
        assert_eq!(ComponentDocument::of(&foreign), None);
    }
}
