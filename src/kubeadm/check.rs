//! Whether a document has only what the program that reads it knows, and what it knows as it has to be.

use serde_json::Value;

use super::origin::Origin;
use super::schema::{self, Gates, Minors, Shape};
use super::tree::{Content, Tree};
use crate::error::{Class, Problem};
use crate::suggest;

/// What a document is checked against.
#[derive(Debug, Clone, Copy)]
pub(super) struct Against<'a> {
    /// Its `apiVersion`.
    pub(super) api: &'a str,
    /// Its `kind`.
    pub(super) kind: &'a str,
    /// The minor version of Kubernetes whose program reads it; none where it is only looked at as it was written, for
    /// whatever version has its API.
    pub(super) minor: Option<u64>,
}

/// Finds all that is unknown or of the wrong kind.
pub(super) fn check(document: &Tree, against: Against<'_>) -> Vec<Problem> {
    let mut checker = Checker { against, found: vec![] };
    checker.fields(document, against.kind, "");
    checker.found
}

/// Takes out what sealift itself put there and this version does not have: the meaning of built-in defaults is carried as far as
/// there is something to carry it.
pub(super) fn keep_known(document: &mut Tree, api: &str, kind: &str, minor: u64) {
    let Content::Map(fields) = &mut document.content else { return };
    fields.retain_mut(|(name, value)| {
        let Some(field) = schema::field(api, kind, name) else { return value.is_written() };
        let is_known = field.minors.contains(&schema::known(minor));
        keep_known_within(value, field.shape, api, minor);
        is_known || value.is_written()
    });
}

fn keep_known_within(value: &mut Tree, shape: &str, api: &str, minor: u64) {
    match (Shape::of(shape), &mut value.content) {
        (Shape::Fields(kind), Content::Map(_)) => keep_known(value, api, kind, minor),
        (Shape::List(shape), Content::List(items)) => {
            for item in items {
                keep_known_within(item, shape, api, minor);
            }
        }
        _ => {}
    }
}

impl Tree {
    /// Tells whether anything in it was written by somebody.
    fn is_written(&self) -> bool {
        self.written().is_some()
    }

    /// Returns where the first of what somebody wrote in it comes from.
    fn written(&self) -> Option<&Origin> {
        let inner = self.fields().iter().map(|(_, value)| value).chain(self.items());
        let has_inner = !self.fields().is_empty() || !self.items().is_empty();
        let own = (!has_inner && self.origin.is_written()).then_some(&self.origin);
        own.or_else(|| inner.into_iter().find_map(Self::written))
    }
}

struct Checker<'a> {
    against: Against<'a>,
    found: Vec<Problem>,
}

impl Checker<'_> {
    fn fields(&mut self, tree: &Tree, kind: &str, path: &str) {
        for (name, value) in tree.fields() {
            let place = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            let known = self.against.minor.map(schema::known);
            match schema::field(self.against.api, kind, name) {
                None => self.unknown(value, kind, name, &place),
                Some(field) if known.is_some_and(|minor| !field.minors.contains(&minor)) => {
                    self.elsewhen(value, &place, &field.minors);
                }
                Some(field) => {
                    self.value(value, field.shape, &place);
                    self.gates(name, value);
                }
            }
        }
    }

    fn value(&mut self, tree: &Tree, shape: &str, path: &str) {
        if tree.is_null() {
            return;
        }
        let wanted = Shape::of(shape);
        match (wanted, &tree.content) {
            (Shape::Any, _)
            | (Shape::Text | Shape::Duration, Content::Scalar(Value::String(_)))
            | (Shape::Truth, Content::Scalar(Value::Bool(_)))
            | (Shape::Number, Content::Scalar(Value::Number(_))) => {}
            (Shape::Integer, Content::Scalar(Value::Number(number))) if !number.is_f64() => {}
            (Shape::List(shape), Content::List(items)) => {
                for (index, item) in items.iter().enumerate() {
                    if item.is_null() {
                        self.wrong(
                            item,
                            &format!("{path}[{index}]"),
                            "is empty",
                            "write a value after `-`, or take the line out",
                        );
                    }
                    self.value(item, shape, &format!("{path}[{index}]"));
                }
            }
            (Shape::Map(shape), Content::Map(fields)) => {
                for (name, value) in fields {
                    // Arguments that are given more than once have a list for as long as layers are merged.
                    let values = if path.ends_with("xtraArgs") { value.items() } else { &[] };
                    if values.is_empty() {
                        self.value(value, shape, &format!("{path}.{name}"));
                    }
                    for value in values {
                        self.value(value, shape, &format!("{path}.{name}"));
                    }
                }
            }
            (Shape::Fields(kind), Content::Map(_)) => self.fields(tree, kind, path),
            _ => {
                let (must, remedy) = words(wanted);
                self.wrong(tree, path, &format!("must be {must}"), remedy);
            }
        }
    }

    fn wrong(&mut self, tree: &Tree, path: &str, message: &str, remedy: &str) {
        let told = format!("{}: `{path}` {message}", tree.origin);
        let problem = Problem::new(Class::Config, told).remedy(remedy);
        self.found.push(match &tree.content {
            Content::Scalar(value) if !value.is_null() => problem.saw(value),
            _ => problem,
        });
    }

    fn unknown(&mut self, tree: &Tree, kind: &str, name: &str, path: &str) {
        let Against { api, minor, .. } = self.against;
        let origin = tree.written().unwrap_or(&tree.origin);
        // As it was written it was known.
        if let Some(minor) = minor {
            let message = format!(
                "{origin}: `{path}` has no counterpart in {api}, which kubeadm of Kubernetes v1.{minor} reads"
            );
            self.found.push(Problem::new(Class::Config, message).remedy("leave it out"));
            return;
        }
        let message = format!("{origin}: unknown field `{path}` in {} of {api}", self.against.kind);
        let names = schema::names(api, kind);
        let hint = suggest::did_you_mean(name, names.iter().copied())
            .unwrap_or_else(|| format!("known here: {}", names.join(", ")));
        self.found.push(Problem::new(Class::Config, message).remedy(hint));
    }

    /// The field belongs to other versions than this one.
    fn elsewhen(&mut self, tree: &Tree, path: &str, minors: &Minors) {
        let origin = tree.written().unwrap_or(&tree.origin);
        let minor = self.against.minor.map(schema::known).unwrap_or_default();
        let when = when(minors, minor);
        let message = format!("{origin}: Kubernetes v1.{minor} has no `{path}`: it {when}");
        self.found.push(Problem::new(Class::Config, message).remedy("leave it out"));
    }

    /// Looks at feature gates, where a field has some.
    fn gates(&mut self, name: &str, value: &Tree) {
        let Some(minor) = self.against.minor else { return };
        match name {
            "featureGates" => {
                let of = if self.against.kind == "ClusterConfiguration" {
                    Gates::Kubeadm
                } else {
                    Gates::Kubernetes
                };
                for (gate, value) in value.fields() {
                    self.gate(of, gate, &value.origin, minor);
                }
            }
            "extraArgs" | "kubeletExtraArgs" => {
                let Some(value) = value.get(&["feature-gates"]) else { return };
                let texts = std::iter::once(value).chain(value.items());
                for (text, origin) in texts.filter_map(|tree| Some((tree.text()?, &tree.origin))) {
                    for gate in text.split(',').filter_map(|gate| gate.split('=').next()) {
                        self.gate(Gates::Kubernetes, gate.trim(), origin, minor);
                    }
                }
            }
            _ => {}
        }
    }

    fn gate(&mut self, of: Gates, gate: &str, origin: &Origin, minor: u64) {
        let known = schema::gate(of, gate);
        if gate.is_empty() || known.as_ref().is_some_and(|minors| minors.contains(&schema::known(minor))) {
            return;
        }
        let whose = if of == Gates::Kubeadm { "kubeadm" } else { "Kubernetes" };
        let message = format!("{origin}: {whose} v1.{minor} has no feature gate `{gate}`");
        let problem = Problem::new(Class::Config, message);
        self.found.push(match known {
            Some(minors) => problem.saw(format!("it {}", when(&minors, minor))).remedy("leave it out"),
            None => problem.remedy(
                suggest::did_you_mean(gate, schema::gate_names(of, minor))
                    .unwrap_or_else(|| "leave it out".to_owned()),
            ),
        });
    }
}

/// Says when something came or went, seen from a minor that has it not.
fn when(minors: &Minors, minor: u64) -> String {
    if minor < *minors.start() {
        format!("came with v1.{}", minors.start())
    } else {
        format!("went with v1.{}", minors.end() + 1)
    }
}

/// Returns what a value has to be, and what its author can do.
fn words(shape: Shape<'_>) -> (&'static str, &'static str) {
    match shape {
        Shape::Text => ("a text", "write it in quotes"),
        Shape::Truth => ("true or false", "write true or false, without quotes"),
        Shape::Integer => ("a whole number", "write a number without quotes"),
        Shape::Number => ("a number", "write a number without quotes"),
        Shape::Duration => ("a duration", "write it as 5m0s"),
        Shape::List(_) => ("a list", "begin each of its values with `- `, in lines of their own"),
        Shape::Map(_) | Shape::Fields(_) | Shape::Any => {
            ("a mapping", "write its fields as `name: value`, indented below it")
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn problems(api: &str, kind: &str, minor: Option<u64>, document: &Value) -> Vec<String> {
        let tree = Tree::read(document, &|pointer| Origin::Clusterfile(format!("f:{pointer}")));
        let against = Against { api, kind, minor };
        check(&tree, against).iter().map(Problem::brief).collect()
    }

    #[test]
    fn what_a_version_does_not_know_is_told_with_its_place() {
        let kubelet = "kubelet.config.k8s.io/v1beta1";
        for (api, kind, minor, document, want) in [
            (
                kubelet,
                "KubeletConfiguration",
                None,
                json!({"maxPod": 1}),
                "f:/maxPod: unknown field `maxPod` in KubeletConfiguration of kubelet.config.k8s.io/v1beta1; did you mean `maxPods`",
            ),
            (
                kubelet,
                "KubeletConfiguration",
                Some(26),
                json!({"maxParallelImagePulls": 1}),
                "f:/maxParallelImagePulls: Kubernetes v1.26 has no `maxParallelImagePulls`: it came with v1.27; leave it out",
            ),
            (
                kubelet,
                "KubeletConfiguration",
                Some(28),
                json!({"maxPods": "110"}),
                "f:/maxPods: `maxPods` must be a whole number; write a number without quotes",
            ),
            (
                kubelet,
                "KubeletConfiguration",
                Some(28),
                json!({"featureGates": {"EphemeralContainers": true}}),
                "f:/featureGates/EphemeralContainers: Kubernetes v1.28 has no feature gate `EphemeralContainers`; leave it out",
            ),
            (
                "kubeadm.k8s.io/v1beta3",
                "ClusterConfiguration",
                Some(28),
                json!({"featureGates": {"EtcdLernerMode": true}}),
                "f:/featureGates/EtcdLernerMode: kubeadm v1.28 has no feature gate `EtcdLernerMode`; did you mean `EtcdLearnerMode`?",
            ),
            (
                "kubeadm.k8s.io/v1beta3",
                "ClusterConfiguration",
                Some(28),
                json!({"apiServer": {"extraArgs": {"audit-log-maxage": 7}}}),
                "f:/apiServer/extraArgs/audit-log-maxage: `apiServer.extraArgs.audit-log-maxage` must be a text; write it in quotes",
            ),
            (
                "kubeadm.k8s.io/v1beta3",
                "ClusterConfiguration",
                Some(28),
                json!({"scheduler": {"extraArgs": {"feature-gates": "AllAlpha=true,Nothing=false"}}}),
                "f:/scheduler/extraArgs/feature-gates: Kubernetes v1.28 has no feature gate `Nothing`",
            ),
        ] {
            let told = problems(api, kind, minor, &document);
            assert!(told.len() == 1 && told[0].starts_with(want), "{told:#?}\n{want}");
        }
        assert_eq!(
            problems(kubelet, "KubeletConfiguration", Some(36), &json!({"maxPods": 1, "cgroupDriver": null})),
            Vec::<String>::new()
        );
    }
}
