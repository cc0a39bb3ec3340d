//! The operator's own machines: names become addresses, and every machine gets a way to log in.

use std::collections::HashMap;
use std::net::IpAddr;

use futures_util::future::join_all;

use super::{Reached, Wish};
use crate::error::{Class, Context as _, Problem, Problems, Result};
use crate::model::{DeclaredMachine, MachineName, MachineSpec, Role, SshAddress};
use crate::ops::context::Context;
use crate::ops::login::Secrets;

/// Resolves machines; what is wrong with any of them is told at once.
pub(super) async fn given(
    context: &Context,
    wish: &Wish<'_>,
    declared: &[DeclaredMachine],
) -> Result<Vec<Reached>, Problems> {
    let mut secrets = Secrets::new(context);
    each(wish, declared, |one, spec| {
        let options = super::options(&mut secrets, wish, &one.ssh.host, &one.login)?;
        Ok(Reached { spec, options })
    })
    .await
}

/// Resolves machines of which only is told; none is logged in to.
pub(super) async fn told(
    wish: &Wish<'_>,
    declared: &[DeclaredMachine],
) -> Result<Vec<MachineSpec>, Problems> {
    each(wish, declared, |_, spec| Ok(spec)).await
}

async fn each<T>(
    wish: &Wish<'_>,
    declared: &[DeclaredMachine],
    mut make: impl FnMut(&DeclaredMachine, MachineSpec) -> Result<T>,
) -> Result<Vec<T>, Problems> {
    let addresses = join_all(declared.iter().map(|machine| address_of(machine, wish))).await;
    let mut machines: Vec<T> = Vec::new();
    let mut taken: HashMap<IpAddr, &DeclaredMachine> = HashMap::new();
    let mut problems = Vec::new();
    for (one, address) in declared.iter().zip(addresses) {
        let made = address.and_then(|address| {
            if let Some(twin) = taken.insert(address, one) {
                return Err(is_twin(twin, one));
            }
            make(one, spec(one, address))
        });
        match made {
            Ok(machine) => machines.push(machine),
            // A secret that all machines share is missed once.
            Err(problem) if problems.contains(&problem) => {}
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() && declared.iter().all(|machine| machine.role != Role::ControlPlane) {
        problems.push(Problem::new(Class::Config, "a cluster needs a control plane"));
    }
    Problems::check(problems)?;
    Ok(machines)
}

fn spec(declared: &DeclaredMachine, address: IpAddr) -> MachineSpec {
    MachineSpec {
        environment: declared.environment.clone(),
        node: declared.node.clone(),
        login: declared.login.kept(),
        second_address: declared.second_address,
        ..MachineSpec::new(declared.ssh.clone(), address, declared.role)
    }
}

fn is_twin(twin: &DeclaredMachine, one: &DeclaredMachine) -> Problem {
    let message = if twin.role == one.role {
        format!("it is in the list twice, as {} and as {}", twin.ssh, one.ssh)
    } else {
        "it is in both lists, of control planes and of workers".to_owned()
    };
    Problem::new(Class::Usage, message).on(&one.ssh).remedy("name every machine once")
}

/// Returns the address that the machines of the cluster use for a machine. One it has had before is kept for as
/// long as its name still leads there.
async fn address_of(machine: &DeclaredMachine, wish: &Wish<'_>) -> Result<IpAddr> {
    if let Some(address) = machine.address.or(machine.ssh.ip()) {
        return Ok(address);
    }
    let found = lookup(&machine.ssh).await?;
    let name = MachineName(machine.ssh.host.clone());
    let before = wish.last.and_then(|state| state.cluster.machines.iter().find(|old| old.name == name));
    let before = before.map(|machine| machine.address).filter(|address| found.contains(address));
    before.or_else(|| found.first().copied()).ok_or_else(|| unknown(&machine.ssh))
}

/// Returns the address of a machine of which nothing else is known.
pub(in crate::ops) async fn address(ssh: &SshAddress) -> Result<IpAddr> {
    match ssh.ip() {
        Some(address) => Ok(address),
        None => lookup(ssh).await?.first().copied().ok_or_else(|| unknown(ssh)),
    }
}

async fn lookup(ssh: &SshAddress) -> Result<Vec<IpAddr>> {
    let found = tokio::net::lookup_host((ssh.host.as_str(), ssh.port_or_default()))
        .await
        .problem(Class::Connection, unknown(ssh).message)
        .map_err(|problem| unknown(ssh).remedies.into_iter().fold(problem, Problem::remedy))?;
    Ok(found.map(|address| address.ip()).collect())
}

fn unknown(ssh: &SshAddress) -> Problem {
    Problem::new(Class::Connection, format!("the name `{}` is not known", ssh.host))
        .remedy("name the machine by its address, or add it to DNS or /etc/hosts")
}
