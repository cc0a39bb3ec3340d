//! Lists of hosts: addresses, ranges, ports and names, and the machines of a group.

use super::ledger::Finding;
use super::place::Located;
use super::reader::Field;
use crate::model::{DeclaredLogin, DeclaredMachine, Environment, HostList, NodeWishes, Role, SshAddress};

/// What all machines of a group have in common.
#[derive(Debug, Clone)]
pub(super) struct Group {
    /// What they do.
    pub(super) role: Role,
    /// How they are logged in to, where that differs.
    pub(super) login: DeclaredLogin,
    /// Their variables.
    pub(super) environment: Environment,
    /// What their Nodes are to be like.
    pub(super) node: NodeWishes,
}

impl Group {
    /// Makes a group of which nothing but the role is said.
    pub(super) fn of(role: Role) -> Self {
        Self {
            role,
            login: DeclaredLogin::default(),
            environment: Environment::new(),
            node: NodeWishes::default(),
        }
    }

    /// Makes one of its machines.
    pub(super) fn machine(&self, ssh: SshAddress) -> DeclaredMachine {
        DeclaredMachine {
            ssh,
            address: None,
            role: self.role,
            login: self.login.clone(),
            environment: self.environment.clone(),
            node: self.node.clone(),
        }
    }
}

/// Reads one item of a list of hosts: an address, a name, a range, or several with commas between them.
pub(super) fn hosts(field: &Field<'_>) -> Vec<Located<SshAddress>> {
    let Some(text) = field.word() else { return vec![] };
    match text.value.parse::<HostList>() {
        Ok(list) if list.0.is_empty() => {
            field
                .ledger()
                .error(field.finding("names no host").remedy("write an address, a name or a range"));
            vec![]
        }
        Ok(list) => list.0.into_iter().map(|host| Located::new(host, text.place)).collect(),
        Err(problem) => {
            let finding = Finding::of(&text, problem.message);
            field.ledger().error(problem.remedies.into_iter().fold(finding, Finding::remedy));
            vec![]
        }
    }
}
