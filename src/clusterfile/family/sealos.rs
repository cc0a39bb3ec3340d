//! `apps.sealos.io/v1beta1`

use super::groups::{Form, groups};
use super::{login, read as read_document};
use crate::clusterfile::draft::{Draft, DraftMachines};
use crate::clusterfile::hosts::Group;
use crate::clusterfile::ledger::Finding;
use crate::clusterfile::native::texts;
use crate::clusterfile::place::Located;
use crate::clusterfile::reader::{Field, Fields};
use crate::clusterfile::variables;
use crate::model::Role;

/// The name of a cluster that has none.
const DEFAULT_NAME: &str = "default";

/// Reads a Cluster document.
pub(in crate::clusterfile) fn read(document: &Field<'_>) -> Draft {
    let mut draft = read_document(document, spec, |name| match name {
        "masters" | "nodes" => Some("list machines in `hosts:`, in groups with `ips` and `roles`"),
        "cmd" => Some("write `command:`"),
        _ => None,
    });
    if draft.name.is_none() {
        draft.name = Some(Located::new(DEFAULT_NAME.to_owned(), draft.place));
    }
    draft
}

fn spec(spec: &Fields<'_>, draft: &mut Draft) {
    if let Some(images) = spec.need("image", "a list, the image that brings Kubernetes first") {
        draft.images = images.words();
    }
    let form = Form { login: login::sealos, other_role, more: |_, _| {} };
    let machines = spec.get("hosts").map(|hosts| groups(&hosts, form)).unwrap_or_default();
    draft.machines = DraftMachines::Given(machines);
    if let Some(ssh) = spec.get("ssh") {
        draft.rest.login = login::sealos(&ssh);
    }
    if let Some(env) = spec.get("env") {
        draft.rest.environment = variables::plain(&variables::list(&env));
    }
    draft.rest.command = spec.get("command").map(|field| texts(&field));
}

/// sealos has roles for architectures, which sealift sees itself, and for the registry, which is on all control planes.
fn other_role(field: &Field<'_>, role: &Located<String>, group: &mut Group) {
    let ledger = field.ledger();
    match role.value.as_str() {
        "amd64" | "arm64" => {}
        "registry" if group.role == Role::ControlPlane => {}
        "registry" => {
            let finding =
                Finding::of(role, "the role `registry` has no effect: the registry is on the control planes");
            ledger.warn(finding.remedy("leave it out"));
        }
        other => {
            let finding = Finding::of(role, format!("`{other}` is no role"));
            ledger.error(finding.suggest(other, &["master", "node", "registry", "amd64", "arm64"]));
        }
    }
}
