//! `sealift run`: a cluster from images on machines. Desired, observed, checked, planned, confirmed, carried out.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use ipnet::IpNet;

use super::agents::Beside;
use super::context::Context;
use super::execute::{self, Purpose};
use super::login::LoginRequest;
use super::reporter::Question;
use super::{contract, intact, observe, reach, secrets};
use crate::cluster::Fleet;
use crate::error::{Class, Context as _, Problem, Problems, Result};
use crate::image::Store;
use crate::model::{
    Arch, Cluster, Digest, Environment, HostList, ImageContract, ImageKind, ImageName, MachineSpec, Network,
    Role, SshAddress,
};
use crate::plan::{self, Desired, Plan};
use crate::provider::container::{ContainerProvider, MACHINE_IMAGE, MadeMachine, SSH_USER};
use crate::remote::SshOptions;
use crate::steps::{Blobs, Provider, Site, State};

/// Networks that the family uses where nobody says otherwise; kubeadm's own service range holds the virtual address.
const PODS: &str = "100.64.0.0/10";
const SERVICES: &str = "10.96.0.0/22";
const VIP: &str = "10.103.97.2";
const DNS_DOMAIN: &str = "cluster.local";

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
pub struct LaunchRequest {
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
    pub pods: Option<IpNet>,
    /// The Services' network.
    pub services: Option<IpNet>,
    /// The virtual address of the API servers.
    pub vip: Option<IpAddr>,
}

/// Launches the cluster, or finishes a launch that was cut off, or finds nothing to do.
pub async fn launch(context: &Context, request: LaunchRequest) -> Result<(), Problems> {
    check_name(&request.name)?;
    let last = State::load(&context.home, &request.name)?;
    let store = Store::open(&context.home)?;
    let images = read_images(&store, &request, last.as_ref())?;
    let login = request.login.clone().or(&last.as_ref().map(|state| state.login.clone()).unwrap_or_default());

    let (machines, machine_logins) = machines(context, &request, last.as_ref(), &images, &login).await?;
    let cluster = cluster(&request, last.as_ref(), &images, machines)?;
    let state = State {
        cluster: cluster.clone(),
        images: images.clone(),
        provider: last.as_ref().map_or(request.provider, |state| state.provider),
        launch: last.as_ref().map_or_else(secrets::new_id, |state| state.launch.clone()),
        authority: last.as_ref().and_then(|state| state.authority.clone()),
        registry: match &last {
            Some(state) => state.registry.clone(),
            None => secrets::registry_access(&cluster.name)?,
        },
        login: login.login.clone(),
    };
    hide_secrets(context, &state, &login);
    let desired = Desired {
        cluster: cluster.clone(),
        images,
        registry: state.registry.clone(),
        launch: state.launch.clone(),
        leaving: vec![],
    };
    desired.version()?;

    context.reporter.note(&format!("looking at {} machines", cluster.machines.len()));
    let fleet = machine_logins.fleet(context, &cluster.machines, &login);
    let sight = observe::observe(&fleet, &desired).await;
    Problems::check(observe::unknown(&sight.observed))?;
    preflight(context, &fleet, &desired, &sight, state.authority.as_ref()).await?;
    let authority = state.authority.clone().or_else(|| observe::authority(&cluster.name, &sight.observed));

    let plan = plan::launch(&desired, &sight.observed, authority.as_ref())?;
    intact::check(&store, &desired.images, &plan).await?;
    let site = Arc::new(Site {
        desired,
        observed: sight.observed,
        fleet,
        blobs: Box::new(StoreBlobs(store)),
        home: context.home.clone(),
        state: Mutex::new(State { authority, ..state }),
        worker_secrets: tokio::sync::OnceCell::new(),
    });
    let purpose = purpose(context, &site, &request, &plan);
    execute::execute(context, &site, &plan, purpose).await
}

/// The name becomes part of paths, units and host names.
fn check_name(name: &str) -> Result<()> {
    let good = !name.is_empty()
        && name.len() <= 40
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('-')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if good {
        return Ok(());
    }
    Err(Problem::new(Class::Usage, format!("`{name}` cannot be a cluster's name"))
        .remedy("use lower-case letters, digits and hyphens, a letter first, 40 characters at most"))
}

/// Reads all images; a later run on the same cluster adds to those it has.
fn read_images(
    store: &Store,
    request: &LaunchRequest,
    last: Option<&State>,
) -> Result<Vec<ImageContract>, Problems> {
    let mut images: Vec<ImageContract> = last.map(|state| state.images.clone()).unwrap_or_default();
    let mut problems = Vec::new();
    for name in &request.images {
        match contract::read(store, name, Arch::THIS) {
            Ok(image) => match images.iter_mut().find(|present| present.name == image.name) {
                Some(present) => *present = image,
                None => images.push(image),
            },
            Err(problem) => problems.push(problem),
        }
    }
    Problems::check(problems)?;
    if images.is_empty() {
        return Err(Problem::new(Class::Usage, "no image is named")
            .remedy(
                "name the image that brings Kubernetes first: sealift run kubernetes:v1.36.3 --masters ...",
            )
            .into());
    }
    let bases = images.iter().filter(|image| image.kind == ImageKind::Rootfs).count();
    if bases > 1 {
        return Err(Problem::new(Class::Config, "more than one image brings Kubernetes")
            .saw(request.images.join(", "))
            .remedy("a cluster has one; changing its version is not a launch")
            .into());
    }
    Ok(images)
}

/// Names for machines, and how each is logged in to.
struct Logins {
    options: Vec<SshOptions>,
}

impl Logins {
    fn fleet(&self, context: &Context, machines: &[MachineSpec], login: &LoginRequest) -> Fleet {
        let machines = machines.iter().zip(&self.options).map(|(spec, options)| login.machine(spec, options));
        Fleet::new(machines.collect(), Arc::new(Beside), &context.run)
    }
}

async fn machines(
    context: &Context,
    request: &LaunchRequest,
    last: Option<&State>,
    images: &[ImageContract],
    login: &LoginRequest,
) -> Result<(Vec<MachineSpec>, Logins), Problems> {
    match last.map_or(request.provider, |state| state.provider) {
        Provider::BareMetal => {
            let machines = listed(request, last).await?;
            let options = login.options()?;
            let options = machines.iter().map(|_| options.clone()).collect();
            Ok((machines, Logins { options }))
        }
        Provider::Container => made(context, request, last, images, login).await,
    }
}

/// Makes machines as containers, as many as asked for or as there were.
async fn made(
    context: &Context,
    request: &LaunchRequest,
    last: Option<&State>,
    images: &[ImageContract],
    login: &LoginRequest,
) -> Result<(Vec<MachineSpec>, Logins), Problems> {
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
        let problem = Problem::new(
            Class::Refused,
            "the cluster has more machines than that, and `run` takes none away",
        );
        return Err(problem.saw(seen).into());
    }
    let network = network(request, last, images)?;
    let image = request.machine_image.as_deref().unwrap_or(MACHINE_IMAGE);
    context.reporter.note(&format!("making {} machines", control_planes + workers));
    let provider = ContainerProvider::connect(&context.home).await?.avoiding([
        network.pods,
        network.services,
        IpNet::from(network.vip),
    ]);
    let made = provider.ensure(&request.name, control_planes, workers, image).await?;
    let specs = made.iter().map(|machine| {
        let ssh = SshAddress { host: machine.address.to_string(), port: None };
        MachineSpec::new(ssh, machine.address, machine.role)
    });
    let common = login.options()?;
    let options = made.iter().map(|machine| login_of_made(machine, &common)).collect::<Result<_>>()?;
    Ok((specs.collect(), Logins { options }))
}

/// Returns how to log in to each of the cluster's machines, which a provider made; stopped ones are started.
pub(super) async fn logins_of_made(
    context: &Context,
    cluster: &Cluster,
    login: &LoginRequest,
) -> Result<Vec<SshOptions>, Problems> {
    let count = |role| cluster.with_role(role).count();
    let provider = ContainerProvider::connect(&context.home).await?;
    let made =
        provider.ensure(&cluster.name, count(Role::ControlPlane), count(Role::Worker), MACHINE_IMAGE).await?;
    let common = login.options()?;
    let of = |machine: &MachineSpec| match made.iter().find(|made| made.address == machine.address) {
        Some(made) => login_of_made(made, &common),
        None => Ok(common.clone()),
    };
    Ok(cluster.machines.iter().map(of).collect::<Result<_>>()?)
}

fn login_of_made(machine: &MadeMachine, common: &SshOptions) -> Result<SshOptions> {
    Ok(SshOptions {
        user: Some(SSH_USER.to_owned()),
        identities: vec![machine.ssh_key.clone()],
        pins: vec![machine.host_key.parse()?],
        ..common.clone()
    })
}

/// Reads the lists of machines; what is wrong with them is told all at once.
async fn listed(request: &LaunchRequest, last: Option<&State>) -> Result<Vec<MachineSpec>, Problems> {
    let mut machines: Vec<MachineSpec> = Vec::new();
    let mut problems = Vec::new();
    for (hosts, role) in [(&request.control_planes, Role::ControlPlane), (&request.workers, Role::Worker)] {
        let list = match hosts {
            Some(Hosts::Listed(list)) => list.0.clone(),
            Some(Hosts::Count(_)) => {
                let problem =
                    Problem::new(Class::Usage, "a number of machines needs a provider that makes them");
                return Err(problem.remedy("name the machines, or add --provider container").into());
            }
            None => {
                machines.extend(last.iter().flat_map(|state| state.cluster.with_role(role).cloned()));
                continue;
            }
        };
        for ssh in list {
            match resolve(&ssh).await {
                Ok(address) => add(&mut machines, &mut problems, ssh, address, role),
                Err(problem) => problems.push(problem),
            }
        }
    }
    if let Some(state) = last {
        let gone =
            state.cluster.machines.iter().filter(|old| !machines.iter().any(|new| new.name == old.name));
        problems.extend(gone.map(|old| {
            Problem::new(Class::Refused, "it is a machine of this cluster, but not in the lists")
                .on(&old.name)
                .remedy("name all machines of the cluster, or none: `run` takes none away")
        }));
    }
    if machines.iter().all(|machine| machine.role != Role::ControlPlane) && problems.is_empty() {
        problems.push(
            Problem::new(Class::Usage, "a cluster needs a control plane")
                .remedy("name one: --masters 10.0.0.1"),
        );
    }
    Problems::check(problems)?;
    Ok(machines)
}

fn add(
    machines: &mut Vec<MachineSpec>,
    problems: &mut Vec<Problem>,
    ssh: SshAddress,
    address: IpAddr,
    role: Role,
) {
    if let Some(twin) = machines.iter().find(|machine| machine.address == address) {
        let message = if twin.role == role {
            format!("it is in the list twice, as {} and as {}", twin.ssh, ssh)
        } else {
            "it is in both lists, of control planes and of workers".to_owned()
        };
        problems.push(Problem::new(Class::Usage, message).on(&ssh).remedy("name every machine once"));
        return;
    }
    machines.push(MachineSpec::new(ssh, address, role));
}

/// Returns the address that the machines of the cluster use for a host.
async fn resolve(ssh: &SshAddress) -> Result<IpAddr> {
    if let Some(address) = ssh.ip() {
        return Ok(address);
    }
    let unknown = || format!("the name `{}` is not known", ssh.host);
    let mut found = tokio::net::lookup_host((ssh.host.as_str(), ssh.port_or_default()))
        .await
        .problem_with(Class::Connection, unknown)
        .map_err(|problem| {
            problem.remedy("name the machine by its address, or add it to DNS or /etc/hosts")
        })?;
    found.next().map(|address| address.ip()).ok_or_else(|| Problem::new(Class::Connection, unknown()))
}

fn network(request: &LaunchRequest, last: Option<&State>, images: &[ImageContract]) -> Result<Network> {
    let before = last.map(|state| state.cluster.network.clone());
    let asked_vip = || images.iter().find_map(|image| image.vip);
    let builtin =
        |text: &str| text.parse::<IpNet>().problem(Class::Internal, "a built-in network cannot be read");
    let network = match before {
        Some(before) => before,
        None => Network {
            pods: builtin(PODS)?,
            services: builtin(SERVICES)?,
            vip: asked_vip()
                .map_or_else(|| VIP.parse().problem(Class::Internal, "a built-in address"), Ok)?,
            dns_domain: DNS_DOMAIN.to_owned(),
        },
    };
    let wanted = Network {
        pods: request.pods.unwrap_or(network.pods),
        services: request.services.unwrap_or(network.services),
        vip: request.vip.unwrap_or(network.vip),
        dns_domain: network.dns_domain.clone(),
    };
    if last.is_some_and(|state| state.authority.is_some()) && wanted != network {
        return Err(Problem::new(Class::Refused, "a cluster's networks cannot be changed once it is made")
            .saw(format!(
                "pods {}, Services {}, virtual address {}",
                network.pods, network.services, network.vip
            ))
            .remedy("leave --pod-cidr, --service-cidr and --vip out"));
    }
    Ok(wanted)
}

fn cluster(
    request: &LaunchRequest,
    last: Option<&State>,
    images: &[ImageContract],
    mut machines: Vec<MachineSpec>,
) -> Result<Cluster> {
    machines.sort_by_key(|machine| machine.role);
    let mut environment = last.map(|state| state.cluster.environment.clone()).unwrap_or_default();
    environment.extend(request.environment.clone());
    Ok(Cluster {
        name: request.name.clone(),
        images: images.iter().map(|image| image.name.clone()).collect(),
        machines,
        environment,
        command: request.command.clone().or_else(|| last.and_then(|state| state.cluster.command.clone())),
        network: network(request, last, images)?,
    })
}

fn hide_secrets(context: &Context, state: &State, login: &LoginRequest) {
    context.reporter.hide(&state.registry.password.clone().into());
    context.reporter.hide(&state.registry.authority_key.clone().into());
    if let Some(password) = &login.password {
        context.reporter.hide(password);
    }
}

/// Every problem of every machine, before anything is touched.
async fn preflight(
    context: &Context,
    fleet: &Fleet,
    desired: &Desired,
    sight: &observe::Sight,
    authority: Option<&Digest>,
) -> Result<(), Problems> {
    let mut found = plan::preflight(desired, &sight.observed, &sight.clocks, authority);
    found.problems.extend(reach::check(fleet, &desired.cluster.machines, &sight.observed).await);
    if desired.control_planes().count().is_multiple_of(2) {
        context.reporter.warn(&format!(
            "{} control planes tolerate no more failures than {}",
            desired.control_planes().count(),
            desired.control_planes().count() - 1
        ));
    }
    for warning in &found.warnings {
        context.reporter.warn(&warning.to_string());
    }
    Problems::check(found.problems)
}

fn purpose(context: &Context, site: &Site, request: &LaunchRequest, plan: &Plan) -> Purpose {
    let cluster = site.cluster();
    let count = |role, one: &str| {
        let count = cluster.with_role(role).count();
        if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
    };
    let machines =
        format!("{}, {}", count(Role::ControlPlane, "control plane"), count(Role::Worker, "worker"));
    let kubeconfig = State::directory(&context.home, &cluster.name).join("kubeconfig");
    Purpose {
        title: format!("run {}", request.images.join(" ")),
        question: Question::Proceed {
            text: format!("Carry out these {} steps for the cluster `{}`?", plan.steps.len(), cluster.name),
        },
        achieved: format!("the cluster `{}` is up: {machines}", cluster.name),
        next: vec![
            format!("export KUBECONFIG={}", kubeconfig.display()),
            "kubectl get nodes".to_owned(),
            format!("sealift delete --name {}", cluster.name),
        ],
    }
}

/// The store as the steps see it.
pub(super) struct StoreBlobs(pub(super) Store);

impl Blobs for StoreBlobs {
    fn open(&self, digest: &Digest) -> Result<std::fs::File> {
        self.0.open_blob(digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_labels() {
        for good in ["default", "a", "prod-1"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", "A", "1a", "a-", "a_b", "../x", "a b", &"a".repeat(41)] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
