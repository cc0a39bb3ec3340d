//! The dialects of sealer and sealos, and what they have in common.

pub(super) mod sealer_v1;
pub(super) mod sealer_v2;
pub(super) mod sealos;

mod groups;
mod login;
mod well_known;

use super::draft::Draft;
use super::reader::{Field, Fields};

/// Fields of `metadata` that Kubernetes' machinery writes; they say nothing about the cluster.
pub(super) const WRITTEN: [&str; 10] = [
    "annotations",
    "labels",
    "creationTimestamp",
    "deletionTimestamp",
    "namespace",
    "generateName",
    "generation",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// Reads a Cluster document around its `spec`.
///
/// `elsewhere` says how a field of another dialect is called in this one.
fn read(
    document: &Field<'_>,
    spec: impl FnOnce(&Fields<'_>, &mut Draft),
    elsewhere: fn(&str) -> Option<&'static str>,
) -> Draft {
    let mut draft = Draft::at(document.place());
    let Some(top) = document.fields() else { return draft };
    let _ = (top.get("apiVersion"), top.get("kind"));
    if let Some(metadata) = top.get("metadata").and_then(|field| field.fields()) {
        draft.name = metadata.get("name").and_then(|field| field.word());
        for name in WRITTEN {
            let _ = metadata.get(name);
        }
        metadata.finish();
    }
    if let Some(fields) = top.need("spec", "the image and machines").and_then(|field| field.fields()) {
        draft.place = fields.head();
        spec(&fields, &mut draft);
        fields.finish_with(elsewhere);
    }
    // What the other tool has written down about its own work.
    let _ = top.get("status");
    top.finish();
    draft
}

/// Takes down that there is no name, in a dialect that has no default for it.
fn need_name(document: &Field<'_>, draft: &Draft) {
    if draft.name.is_none() {
        let finding = super::ledger::Finding::at(draft.place, "the cluster has no name");
        document.ledger().error(finding.remedy("write `name:` below `metadata:`"));
    }
}

/// Takes down that a field has no effect.
fn no_effect(field: &Field<'_>, why: &str) {
    field.ledger().warn(field.finding(format!("has no effect: {why}")).remedy("leave it out"));
}
