//! Lists of hosts: addresses, ranges, ports and names, and the machines of a group.

use std::net::Ipv4Addr;

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
            second_address: None,
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
            field.ledger().error(match mistake(&text.value) {
                Some((why, remedy)) => {
                    Finding::of(&text, format!("`{}` is not a host: {why}", text.value)).remedy(remedy)
                }
                None => {
                    problem.remedies.into_iter().fold(Finding::of(&text, problem.message), Finding::remedy)
                }
            });
            vec![]
        }
    }
}

/// Recognises what is often written in place of a host, and says what to write.
fn mistake(text: &str) -> Option<(&'static str, &'static str)> {
    if text.contains("://") {
        return Some(("it is a URL", "write the host alone, with its port as 10.0.0.1:2222"));
    }
    if text.contains('@') {
        return Some(("a user stands in it", "write the host alone, and the user in `ssh`, as `user: NAME`"));
    }
    if text.contains('/') {
        return Some(("it is a network or a path", "write a range as 10.0.0.1-10.0.0.9"));
    }
    let host = text.split_once(':').map_or(text, |(host, _)| host);
    if !host.is_empty()
        && host.chars().all(|c| c.is_ascii_digit() || c == '.')
        && host.parse::<Ipv4Addr>().is_err()
    {
        return Some(("it is no IP address", "write four numbers from 0 to 255, as 10.0.0.1"));
    }
    if !text.contains(['[', '-']) && text.matches(':').count() > 1 {
        return Some(("it is no IPv6 address", "write it as fd00::1, and with a port as [fd00::1]:2222"));
    }
    None
}
