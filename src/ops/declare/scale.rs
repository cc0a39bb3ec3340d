//! Machines added to what is declared, taken out of it, or put in the place of others.

use super::Hosts;
use super::last;
use crate::error::{Class, Problem, Problems, Result};
use crate::model::{Declared, DeclaredMachine, DeclaredMachines, HostList, MachineSpec, Role, SshAddress};
use crate::steps::State;

/// How a cluster's machines are to change.
#[derive(Debug, Clone)]
pub enum Change {
    /// These come; of machines that a provider makes, so many will be there.
    Up(ByRole),
    /// These go; of machines that a provider makes, so many will be left.
    Down(ByRole),
    /// The second of each pair comes in the place of the first.
    Replace(Vec<(SshAddress, SshAddress)>),
}

/// Machines of both roles; at least one of them is named.
#[derive(Debug, Clone)]
pub struct ByRole {
    /// Control planes.
    pub control_planes: Option<Hosts>,
    /// Workers.
    pub workers: Option<Hosts>,
}

impl ByRole {
    /// Tells whether machines are counted and not named.
    pub fn counts(&self) -> bool {
        self.iter().any(|(_, hosts)| matches!(hosts, Hosts::Count(_)))
    }

    fn iter(&self) -> impl Iterator<Item = (Role, &Hosts)> {
        let named = [(Role::ControlPlane, &self.control_planes), (Role::Worker, &self.workers)];
        named.into_iter().filter_map(|(role, hosts)| hosts.as_ref().map(|hosts| (role, hosts)))
    }
}

/// Lays the change over what the cluster has. A change that was made already changes nothing, so that the same
/// command can be given again after it was cut off.
pub(in crate::ops) fn scale(change: &Change, state: &State) -> Result<Declared, Problems> {
    let before = last::last(state);
    let machines = match (&before.machines, change) {
        (DeclaredMachines::Given(machines), Change::Up(hosts)) => {
            DeclaredMachines::Given(more(machines, hosts, state)?)
        }
        (DeclaredMachines::Given(machines), Change::Down(hosts)) => {
            DeclaredMachines::Given(fewer(machines, hosts, state)?)
        }
        (DeclaredMachines::Given(machines), Change::Replace(pairs)) => {
            DeclaredMachines::Given(replaced(machines, pairs, state)?)
        }
        (DeclaredMachines::Containers { control_planes, workers, image }, change) => {
            let [control_planes, workers] = counted([*control_planes, *workers], change)?;
            DeclaredMachines::Containers { control_planes, workers, image: image.clone() }
        }
        (DeclaredMachines::AlibabaCloud { .. }, _) => before.machines.clone(),
    };
    Ok(Declared { machines, ..before })
}

/// Returns the list that the operator wrote; a number is for a provider.
fn listed(hosts: &Hosts) -> Result<&HostList> {
    match hosts {
        Hosts::Listed(list) => Ok(list),
        Hosts::Count(_) => Err(Problem::new(
            Class::Usage,
            "the machines of this cluster are yours, and a number does not name any",
        )
        .remedy("name them: 10.0.0.6, or 10.0.0.6-10.0.0.9")),
    }
}

fn more(
    machines: &[DeclaredMachine],
    hosts: &ByRole,
    state: &State,
) -> Result<Vec<DeclaredMachine>, Problems> {
    let mut machines = machines.to_vec();
    let mut problems = Vec::new();
    for (role, hosts) in hosts.iter() {
        for ssh in &listed(hosts)?.0 {
            match find(&machines, ssh, state) {
                Some(index) if machines[index].role != role => {
                    problems.push(other_role(ssh, machines[index].role));
                }
                Some(_) => {}
                None => machines.push(DeclaredMachine::new(ssh.clone(), role)),
            }
        }
    }
    Problems::check(problems)?;
    Ok(machines)
}

fn fewer(
    machines: &[DeclaredMachine],
    hosts: &ByRole,
    state: &State,
) -> Result<Vec<DeclaredMachine>, Problems> {
    let mut machines = machines.to_vec();
    let mut problems = Vec::new();
    for (role, hosts) in hosts.iter() {
        for ssh in &listed(hosts)?.0 {
            match find(&machines, ssh, state) {
                Some(index) if machines[index].role != role => {
                    problems.push(other_role(ssh, machines[index].role));
                }
                Some(index) => drop(machines.remove(index)),
                None if is_leaving(ssh, state) || has_left(ssh, state) => {}
                None => problems.push(stranger(ssh, state)),
            }
        }
    }
    if problems.is_empty() && !machines.iter().any(|machine| machine.role == Role::ControlPlane) {
        problems.push(
            Problem::new(Class::Quorum, "no control plane would be left").remedy(format!(
                "remove the whole cluster with: sealift delete --name {}",
                state.cluster.name
            )),
        );
    }
    Problems::check(problems)?;
    Ok(machines)
}

fn replaced(
    machines: &[DeclaredMachine],
    pairs: &[(SshAddress, SshAddress)],
    state: &State,
) -> Result<Vec<DeclaredMachine>, Problems> {
    let mut machines = machines.to_vec();
    let mut problems = Vec::new();
    for (old, new) in pairs {
        match (find(&machines, old, state), find(&machines, new, state)) {
            (Some(place), None) => {
                // What is wanted of the one is wanted of the other; its own address is not.
                machines[place] = DeclaredMachine {
                    ssh: new.clone(),
                    address: None,
                    second_address: None,
                    ..machines[place].clone()
                };
            }
            (Some(_), Some(_)) => problems.push(
                Problem::new(Class::Usage, "it is a machine of the cluster already")
                    .on(new)
                    .remedy(format!("to take {old} out alone: sealift scale down")),
            ),
            (None, Some(_)) if is_leaving(old, state) => {}
            (None, Some(_)) if state.cluster.machines.iter().all(|machine| !is(machine, old)) => {}
            (None, _) => problems.push(stranger(old, state)),
        }
    }
    Problems::check(problems)?;
    Ok(machines)
}

/// Finds a machine by what the operator calls it now: its name, or its address.
fn find(machines: &[DeclaredMachine], ssh: &SshAddress, state: &State) -> Option<usize> {
    let known = state.cluster.machines.iter().find(|machine| is(machine, ssh));
    let name = known.map_or(ssh.host.as_str(), |machine| machine.ssh.host.as_str());
    machines.iter().position(|machine| machine.ssh.host == name)
}

fn is(machine: &MachineSpec, ssh: &SshAddress) -> bool {
    machine.name.0 == ssh.host || ssh.ip() == Some(machine.address)
}

fn is_leaving(ssh: &SshAddress, state: &State) -> bool {
    state.leaving.iter().any(|machine| is(machine, ssh))
}

fn has_left(ssh: &SshAddress, state: &State) -> bool {
    state.left.iter().any(|name| name.0 == ssh.host)
}

fn other_role(ssh: &SshAddress, role: Role) -> Problem {
    Problem::new(Class::Usage, format!("it is a {role} of the cluster"))
        .on(ssh)
        .remedy("a machine changes its role by leaving the cluster first, and coming again")
}

fn stranger(ssh: &SshAddress, state: &State) -> Problem {
    let names: Vec<&str> = state.cluster.machines.iter().map(|machine| machine.name.0.as_str()).collect();
    Problem::new(Class::Usage, format!("it is no machine of the cluster `{}`", state.cluster.name))
        .on(ssh)
        .saw(format!("its machines are {}", names.join(", ")))
}

/// Returns how many there are afterwards of machines that sealift makes.
fn counted(were: [usize; 2], change: &Change) -> Result<[usize; 2]> {
    let (hosts, up) = match change {
        Change::Up(hosts) => (hosts, true),
        Change::Down(hosts) => (hosts, false),
        Change::Replace(_) => {
            return Err(Problem::new(
                Class::Usage,
                "sealift makes the machines of this cluster itself, so none of yours can take a place",
            )
            .remedy("add one and take one out: sealift scale up, then sealift scale down"));
        }
    };
    let count = |hosts: &Option<Hosts>, were: usize| match hosts {
        None => Ok(were),
        Some(Hosts::Count(count)) if (*count >= were) == up || *count == were => Ok(*count),
        Some(Hosts::Count(_)) => {
            let (not, instead) = if up { ("more", "down") } else { ("less", "up") };
            Err(Problem::new(Class::Usage, format!("that is not {not} than the {were} that are there"))
                .remedy(format!("say how many there should be afterwards, or use: sealift scale {instead}")))
        }
        Some(Hosts::Listed(_)) => {
            Err(Problem::new(Class::Usage, "sealift makes the machines of this cluster itself")
                .remedy("say how many there should be afterwards: --nodes 3"))
        }
    };
    let after = [count(&hosts.control_planes, were[0])?, count(&hosts.workers, were[1])?];
    if after[0] == 0 {
        return Err(Problem::new(Class::Quorum, "no control plane would be left"));
    }
    Ok(after)
}
