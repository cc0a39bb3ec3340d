//! Machines that sealift makes: as many as are declared, and how they are logged in to.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{Making, Reached, Wish, common_login};
use crate::error::{Class, Problem, Problems, Result};
use crate::model::{Cluster, DeclaredLogin, MachineName, MachineSpec, Network, Role, SshAddress};
use crate::ops::context::Context;
use crate::ops::login::Secrets;
use crate::provider::container::{ContainerProvider, ForeseenMachine, MACHINE_IMAGE, MadeMachine, SSH_USER};
use crate::remote::SshOptions;

/// How many machines of each role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) control_planes: usize,
    pub(super) workers: usize,
}

impl Counts {
    fn of(cluster: &Cluster) -> Self {
        let count = |role| cluster.with_role(role).count();
        Self { control_planes: count(Role::ControlPlane), workers: count(Role::Worker) }
    }
}

/// Says that the machines of a cloud are not made.
pub(super) fn no_cloud() -> Problem {
    Problem::new(Class::Config, "this version makes no machines at Alibaba Cloud")
        .remedy("make the machines yourself and list them")
}

/// Makes the machines that are missing, starts those that stand still, and returns all. Where none may be made, those that
/// are missing are foreseen.
pub(super) async fn made(
    context: &Context,
    wish: &Wish<'_>,
    counts: Counts,
    image: Option<&str>,
    network: &Network,
) -> Result<(Vec<Reached>, Vec<Foreseen>), Problems> {
    let Counts { control_planes, workers } = counts;
    let name = &wish.declared.name;
    let taken = network.pods.each().chain(network.services.each()).chain([IpNet::from(network.vip)]);
    let provider = ContainerProvider::connect(&context.home).await?.avoiding(taken);
    let made = match (all_running(&provider, name, counts).await?, wish.making) {
        (Some(running), _) => running,
        (None, Making::Allowed) => {
            context.reporter.note(&format!("making sure of {} machines", control_planes + workers));
            provider.ensure(name, control_planes, workers, image.unwrap_or(MACHINE_IMAGE)).await?
        }
        (None, Making::Forbidden) => match wish.last.filter(|last| counts == Counts::of(&last.cluster)) {
            // They were there once: one that does not run now is silent.
            Some(last) => return Ok((known(context, wish, last.cluster.machines.clone()).await?, vec![])),
            None => return foresee(context, wish, counts, &provider).await,
        },
    };
    let common = Secrets::new(context).options(name, &common_login(wish), &DeclaredLogin::default(), None)?;
    let reached = made.iter().map(|machine| reached(wish, machine, &common));
    Ok((reached.collect::<Result<_>>()?, vec![]))
}

/// A machine that is still to be made, with the host name it will have.
pub(in crate::ops) struct Foreseen {
    pub(in crate::ops) name: MachineName,
    pub(in crate::ops) hostname: String,
}

/// Returns the machines that are there, whether they run or not, and those that would be made.
async fn foresee(
    context: &Context,
    wish: &Wish<'_>,
    counts: Counts,
    provider: &ContainerProvider,
) -> Result<(Vec<Reached>, Vec<Foreseen>), Problems> {
    let name = &wish.declared.name;
    let Counts { control_planes, workers } = counts;
    let foreseen = provider.foresee(name, control_planes, workers).await?;
    let bare = |machine: &ForeseenMachine| before(wish, machine.address, machine.role);
    let mut specs = Vec::new();
    for (role, count) in [(Role::ControlPlane, control_planes), (Role::Worker, workers)] {
        let there = provider.list(name).await?.into_iter().filter(|machine| machine.role == role);
        let addresses = there.take(count).filter_map(|machine| machine.address);
        specs.extend(addresses.map(|address| before(wish, address, role)));
        specs.extend(foreseen.iter().filter(|machine| machine.role == role).map(bare));
    }
    let told = foreseen
        .iter()
        .map(|machine| Foreseen { name: bare(machine).name, hostname: machine.hostname.clone() });
    Ok((known(context, wish, specs).await?, told.collect()))
}

/// Returns machines as they are or would be made, of which only is told.
pub(super) async fn told(
    context: &Context,
    wish: &Wish<'_>,
    counts: Counts,
    network: &Network,
) -> Result<Vec<MachineSpec>, Problems> {
    if let Some(last) = wish.last.filter(|last| counts == Counts::of(&last.cluster)) {
        return Ok(last.cluster.machines.clone());
    }
    let (made, _) = made(context, wish, counts, None, network).await?;
    Ok(made.into_iter().map(|machine| machine.spec).collect())
}

/// Returns the machines where all of them run already: then there is nothing to make.
async fn all_running(
    provider: &ContainerProvider,
    name: &str,
    counts: Counts,
) -> Result<Option<Vec<MadeMachine>>> {
    let there = provider.list(name).await?;
    let running = provider.running(name).await?;
    let mut wanted = Vec::new();
    for (role, count) in [(Role::ControlPlane, counts.control_planes), (Role::Worker, counts.workers)] {
        let kept: Vec<_> = there.iter().filter(|machine| machine.role == role).take(count).collect();
        let up =
            kept.iter().filter_map(|machine| running.iter().find(|up| up.container == machine.container));
        wanted.extend(up.cloned());
        if wanted.iter().filter(|machine| machine.role == role).count() < count {
            return Ok(None);
        }
    }
    Ok(Some(wanted))
}

fn reached(wish: &Wish<'_>, made: &MadeMachine, common: &SshOptions) -> Result<Reached> {
    Ok(Reached { spec: before(wish, made.address, made.role), options: login(made, common)? })
}

/// Returns a machine as it was declared before, or as one of which nothing is said.
fn before(wish: &Wish<'_>, address: IpAddr, role: Role) -> MachineSpec {
    let bare = MachineSpec::new(SshAddress { host: address.to_string(), port: None }, address, role);
    let known = wish.last.and_then(|state| state.cluster.machines.iter().find(|old| old.name == bare.name));
    known.cloned().unwrap_or(bare)
}

/// Returns machines that are known from before. What does not run is not started, and does not answer.
pub(super) async fn known(
    context: &Context,
    wish: &Wish<'_>,
    machines: Vec<MachineSpec>,
) -> Result<Vec<Reached>, Problems> {
    let name = &wish.declared.name;
    let running = ContainerProvider::connect(&context.home).await?.running(name).await?;
    let common = Secrets::new(context).options(name, &common_login(wish), &DeclaredLogin::default(), None)?;
    let reached = machines.into_iter().map(|spec| {
        let options = match running.iter().find(|made| made.address == spec.address) {
            Some(made) => login(made, &common)?,
            None => common.clone(),
        };
        Ok(Reached { spec, options })
    });
    Ok(reached.collect::<Result<_>>()?)
}

fn login(machine: &MadeMachine, common: &SshOptions) -> Result<SshOptions> {
    Ok(SshOptions {
        user: Some(SSH_USER.to_owned()),
        identities: vec![machine.ssh_key.clone()],
        pins: vec![machine.host_key.parse()?],
        ..common.clone()
    })
}
