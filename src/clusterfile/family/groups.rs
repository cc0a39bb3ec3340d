//! `hosts` of sealer v2 and sealos: groups with `ips` and `roles`.

use crate::clusterfile::hosts::{Group, hosts};
use crate::clusterfile::ledger::Finding;
use crate::clusterfile::place::Located;
use crate::clusterfile::reader::{Field, Fields};
use crate::clusterfile::variables;
use crate::model::{DeclaredLogin, DeclaredMachine, Role};

/// What a role that is neither `master` nor `node` means in a dialect.
pub(super) type OtherRole = fn(&Field<'_>, &Located<String>, &mut Group);

/// How the dialects differ.
#[derive(Clone, Copy)]
pub(super) struct Form {
    /// Reads `ssh`.
    pub(super) login: fn(&Field<'_>) -> DeclaredLogin,
    /// Understands further roles.
    pub(super) other_role: OtherRole,
    /// Reads what else a group has.
    pub(super) more: fn(&Fields<'_>, &mut Group),
}

/// Reads all groups.
pub(super) fn groups(field: &Field<'_>, form: Form) -> Vec<Located<DeclaredMachine>> {
    field.items().iter().flat_map(|field| group(field, form)).collect()
}

fn group(field: &Field<'_>, form: Form) -> Vec<Located<DeclaredMachine>> {
    let Some(fields) = field.fields() else { return vec![] };
    let mut group = Group::of(Role::Worker);
    let listed = fields.need("roles", "a list with `master` or `node`");
    let role = listed.and_then(|field| roles(&field, form, &mut group));
    if let Some(ssh) = fields.get("ssh") {
        group.login = (form.login)(&ssh);
    }
    if let Some(env) = fields.get("env") {
        group.environment = variables::plain(&variables::list(&env));
    }
    (form.more)(&fields, &mut group);
    let ips = fields.need("ips", "a list of addresses").map(|field| field.items()).unwrap_or_default();
    let hosts = ips.iter().flat_map(hosts);
    let machines = hosts.map(|host| host.map(|ssh| group.machine(ssh))).collect();
    fields.finish();
    if role.is_some() { machines } else { vec![] }
}

/// Reads the roles of a group; `None` when they make no machine of the cluster.
fn roles(field: &Field<'_>, form: Form, group: &mut Group) -> Option<Role> {
    let ledger = field.ledger();
    let words = field.words();
    let is = |word: &str| words.iter().find(|role| role.value == word);
    let role = match (is("master"), is("node")) {
        (Some(_), Some(node)) => {
            let finding = Finding::of(node, "these machines are both `master` and `node`");
            ledger.error(finding.remedy(
                "keep `master`, and take the taint of control planes away if pods shall run there: node-role.kubernetes.io/control-plane:NoSchedule-",
            ));
            None
        }
        (Some(_), None) => Some(Role::ControlPlane),
        (None, Some(_)) => Some(Role::Worker),
        // What is wrong with the list is told already.
        (None, None) if words.is_empty() && !field.is_empty_list() => return None,
        (None, None) => {
            let finding = field.finding("has neither `master` nor `node`");
            let near = words.iter().find_map(|word| {
                let word = word.value.to_lowercase();
                match word.as_str() {
                    "masters" | "control-plane" | "controlplane" => Some("write `master`"),
                    "nodes" | "worker" | "workers" => Some("write `node`"),
                    _ => None,
                }
            });
            ledger.error(finding.remedy(
                near.unwrap_or("add one of them; every machine of a cluster has one of these roles"),
            ));
            return None;
        }
    };
    group.role = role.unwrap_or(group.role);
    for other in words.iter().filter(|word| !["master", "node"].contains(&word.value.as_str())) {
        (form.other_role)(field, other, group);
    }
    role
}
