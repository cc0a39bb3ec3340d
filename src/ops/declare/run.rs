//! What the flags of `run` declare: they add to what the cluster has, and take nothing away.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::last;
use crate::error::{Class, Problem, Problems, Result};
use crate::model::{
    Declared, DeclaredMachine, DeclaredMachines, DeclaredNetwork, Environment, HostList, ImageKind,
    ImageName, ImageWishes, MachineName, Role, SshAddress, Subnets,
};
use crate::ops::login::LoginRequest;
use crate::plan;
use crate::steps::{Provider, State};

/// Machines of one role, as asked for.
#[derive(Debug, Clone)]
pub enum Hosts {
    /// These.
    Listed(HostList),
    /// So many, made by a provider.
    Count(usize),
}

/// What `sealift run` is asked for.
#[derive(Debug, Clone)]
pub struct RunRequest {
    /// The cluster's name.
    pub name: String,
    /// The images, in the order they are launched.
    pub images: Vec<ImageName>,
    /// The control planes; none given are those of the last time.
    pub control_planes: Option<Hosts>,
    /// The workers.
    pub workers: Option<Hosts>,
    /// Where machines come from.
    pub provider: Provider,
    /// The machine image of a provider that makes containers.
    pub machine_image: Option<String>,
    /// How to log in.
    pub login: LoginRequest,
    /// Variables for the images.
    pub environment: Environment,
    /// In place of the first application's commands.
    pub command: Option<Vec<String>>,
    /// The pods' network.
    pub pods: Option<Subnets>,
    /// The Services' network.
    pub services: Option<Subnets>,
    /// The virtual address of the API servers.
    pub vip: Option<IpAddr>,
}

/// Lays the flags over what the cluster has.
pub(in crate::ops) fn run(request: &RunRequest, last: Option<&State>) -> Result<Declared, Problems> {
    let before = last.map(last::last).unwrap_or_default();
    let provider = last.map_or(request.provider, |state| state.provider);
    let asked = ImageWishes {
        environment: request.environment.clone(),
        command: request.command.clone(),
        ..ImageWishes::default()
    };
    let (images, mut wishes) = images(request, &before, last)?;
    let common = if of_applications_alone(request, last) {
        lay_over_each(&mut wishes, &request.images, &asked);
        ImageWishes::default()
    } else {
        asked
    };
    Ok(Declared {
        name: request.name.clone(),
        images,
        machines: match provider {
            Provider::BareMetal => DeclaredMachines::Given(given(request, last)?),
            Provider::Container => containers(request, last)?,
        },
        login: before.login,
        environment: laid_over(before.environment, common.environment),
        command: common.command.or(before.command),
        wishes,
        network: DeclaredNetwork {
            pods: request.pods.or(before.network.pods),
            services: request.services.or(before.network.services),
            vip: request.vip.or(before.network.vip),
            ..before.network
        },
        ..before
    })
}

/// Tells whether the command adds applications to a cluster that is there. Then its variables and its command are theirs
/// alone, and nothing else is done again for their sake.
fn of_applications_alone(request: &RunRequest, last: Option<&State>) -> bool {
    let Some(state) = last.filter(|state| state.authority.is_some()) else { return false };
    let is_base = |name: &ImageName| {
        state.images.iter().any(|image| image.name == *name && image.kind != ImageKind::Application)
    };
    !request.images.is_empty() && !request.images.iter().any(is_base)
}

/// A command is for the first of the images, as in the family; variables are for all of them.
fn lay_over_each(wishes: &mut BTreeMap<ImageName, ImageWishes>, images: &[ImageName], asked: &ImageWishes) {
    for (index, image) in images.iter().enumerate() {
        let wishes = wishes.entry(image.clone()).or_default();
        wishes.environment.extend(asked.environment.clone());
        if let Some(command) = asked.command.as_ref().filter(|_| index == 0) {
            wishes.command = Some(command.clone());
        }
    }
}

fn laid_over(under: Environment, over: Environment) -> Environment {
    under.into_iter().chain(over).collect()
}

/// A later run on the same cluster adds to the images it has.
/// Adds what is asked for. Another version of an application takes the place of the first, with what was wanted of it.
fn images(
    request: &RunRequest,
    before: &Declared,
    last: Option<&State>,
) -> Result<(Vec<ImageName>, BTreeMap<ImageName, ImageWishes>)> {
    let (mut images, mut wishes) = (before.images.clone(), before.wishes.clone());
    let is_application = |name: &ImageName| {
        let known = last.into_iter().flat_map(|state| &state.images).find(|image| image.name == *name);
        known.is_some_and(|image| image.kind == ImageKind::Application)
    };
    for name in request.images.iter().filter(|name| !before.images.contains(name)) {
        let former = |other: &ImageName| is_application(other) && plan::is_another_version(other, name);
        match images.iter().position(former) {
            Some(place) => {
                if let Some(kept) = wishes.remove(&images[place]) {
                    wishes.insert(name.clone(), kept);
                }
                images[place].clone_from(name);
            }
            None if images.contains(name) => {}
            None => images.push(name.clone()),
        }
    }
    if images.is_empty() {
        return Err(Problem::new(Class::Usage, "no image is named").remedy(
            "name the image that brings Kubernetes first: sealift run kubernetes:v1.36.3 --masters ...",
        ));
    }
    Ok((images, wishes))
}

/// The operator's own machines; what is wrong with the lists is told all at once.
fn given(request: &RunRequest, last: Option<&State>) -> Result<Vec<DeclaredMachine>, Problems> {
    let mut machines: Vec<DeclaredMachine> = Vec::new();
    let kept: Vec<_> = last
        .iter()
        .flat_map(|state| &state.cluster.machines)
        .map(|machine| (&machine.name, last::machine(machine)))
        .collect();
    for (hosts, role) in [(&request.control_planes, Role::ControlPlane), (&request.workers, Role::Worker)] {
        match hosts {
            Some(Hosts::Listed(list)) => machines.extend(list.0.iter().map(|ssh| {
                let known = kept.iter().find(|(name, machine)| name.0 == ssh.host && machine.role == role);
                known.map_or_else(
                    || DeclaredMachine::new(ssh.clone(), role),
                    |(_, machine)| again(machine, ssh),
                )
            })),
            Some(Hosts::Count(_)) => {
                let problem =
                    Problem::new(Class::Usage, "a number of machines needs a provider that makes them");
                return Err(problem.remedy("name the machines, or add --provider container").into());
            }
            None => machines.extend(
                kept.iter().map(|(_, machine)| machine).filter(|machine| machine.role == role).cloned(),
            ),
        }
    }
    let mut problems: Vec<Problem> = kept
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| !machines.iter().any(|machine| machine.ssh.host == name.0))
        .map(taken_away)
        .collect();
    if machines.iter().all(|machine| machine.role != Role::ControlPlane) && problems.is_empty() {
        problems.push(
            Problem::new(Class::Usage, "a cluster needs a control plane")
                .remedy("name one: --masters 10.0.0.1"),
        );
    }
    Problems::check(problems)?;
    Ok(machines)
}

fn taken_away(name: &MachineName) -> Problem {
    Problem::new(Class::Refused, "it is a machine of this cluster, but not in the lists")
        .on(name)
        .remedy("name all machines of the cluster, or none: `run` takes none away")
}

/// A machine that is named once more; its port may be new.
fn again(machine: &DeclaredMachine, ssh: &SshAddress) -> DeclaredMachine {
    let ssh = SshAddress { host: ssh.host.clone(), port: ssh.port.or(machine.ssh.port) };
    DeclaredMachine { ssh, ..machine.clone() }
}

/// Machines that sealift makes, as many as asked for or as there were.
fn containers(request: &RunRequest, last: Option<&State>) -> Result<DeclaredMachines> {
    let were = |role| last.map_or(0, |state| state.cluster.with_role(role).count());
    let count = |hosts: &Option<Hosts>, role| match hosts {
        None => Ok(were(role)),
        Some(Hosts::Count(count)) => Ok(*count),
        Some(Hosts::Listed(_)) => {
            Err(Problem::new(Class::Usage, "`--provider container` makes the machines itself")
                .remedy("say how many: --masters 1 --nodes 2"))
        }
    };
    let control_planes = count(&request.control_planes, Role::ControlPlane)?;
    let workers = count(&request.workers, Role::Worker)?;
    if control_planes < were(Role::ControlPlane) || workers < were(Role::Worker) {
        let seen = format!("{} control planes and {} workers", were(Role::ControlPlane), were(Role::Worker));
        return Err(Problem::new(
            Class::Refused,
            "the cluster has more machines than that, and `run` takes none away",
        )
        .saw(seen)
        .remedy("take machines out with: sealift scale down"));
    }
    Ok(DeclaredMachines::Containers { control_planes, workers, image: request.machine_image.clone() })
}
