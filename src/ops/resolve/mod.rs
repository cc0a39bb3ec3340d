//! From what is declared to what is desired: names become addresses, images are read, defaults are filled in.

mod applications;
mod former;
mod images;
mod kubeadm_file;
mod leaving;
mod machines;
mod made;
mod name;
mod network;
mod registry;

use std::collections::HashMap;
use std::path::PathBuf;

use super::context::Context;
use super::files::Files;
use super::login::{LoginRequest, Secrets};
use super::{agents::Beside, secrets};
use kubeadm_file::{Settled, settle};

use crate::cluster::Fleet;
use crate::error::{Class, Problem, Problems, Result};
use crate::image::Store;
use crate::model::{
    Cluster, ClusterRegistry, ComponentDocument, Declared, DeclaredLogin, DeclaredMachines, ImageContract,
    MachineName, MachineSpec, Network,
};
use crate::plan::{self, Desired, Origin};
use crate::remote::SshOptions;
use crate::steps::{Provider, State};

pub(super) use images::Renewal;
pub(super) use machines::address;
pub(super) use made::Foreseen;

/// What a command works on.
#[derive(Clone)]
pub(super) struct Wish<'a> {
    /// What is declared.
    pub(super) declared: &'a Declared,
    /// How flags say to log in; they win.
    pub(super) login: &'a LoginRequest,
    /// What was kept of the cluster the last time.
    pub(super) last: Option<&'a State>,
    /// Which images are looked up again.
    pub(super) renewal: Renewal,
    /// The files that declare the cluster from now on; `None` leaves it as it was.
    pub(super) files: Option<Vec<PathBuf>>,
    /// Whether missing machines are made.
    pub(super) making: Making,
}

impl<'a> Wish<'a> {
    /// Returns the wish of a command that is about a cluster as it is kept: its images stay what they were, and so do the files that
    /// declare it.
    pub(super) fn about(
        last: &'a State,
        declared: &'a Declared,
        login: &'a LoginRequest,
        making: Making,
    ) -> Self {
        Self { declared, login, last: Some(last), renewal: Renewal::Nothing, files: None, making }
    }
}

/// Whether a provider may make and start machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Making {
    /// It may.
    Allowed,
    /// The command only looks.
    Forbidden,
}

/// What is wanted, with all that it takes to get there.
pub(super) struct Resolved {
    /// The cluster as it should be.
    pub(super) desired: Desired,
    /// What will be kept of it.
    pub(super) state: State,
    /// Its machines that are there, and those that leave, each with how it is logged in to.
    pub(super) machines: Vec<Reached>,
    /// Its machines that are still to be made.
    pub(super) foreseen: Vec<Foreseen>,
    /// Where its images are.
    pub(super) store: Store,
    /// What lies in its images, with the Configs that change it.
    pub(super) files: Files,
}

/// A machine with how it is logged in to.
pub(super) struct Reached {
    /// The machine.
    pub(super) spec: MachineSpec,
    /// How it is logged in to.
    pub(super) options: SshOptions,
}

/// Resolves a wish. Whatever is wrong with it is told before any machine is spoken to.
pub(super) async fn resolve(context: &Context, wish: &Wish<'_>) -> Result<Resolved, Problems> {
    let named = registry::with_variables(wish.declared);
    let wish = &Wish { declared: &named, ..wish.clone() };
    let Wish { declared, last, .. } = *wish;
    Problems::check(declared.not_acted_on.clone())?;
    for warning in &declared.warnings {
        context.reporter.warn(&warning.brief());
    }
    name::check(&declared.name)?;
    let store = Store::open(&context.home)?;
    let images = images::read(&store, declared, last, &wish.renewal)?;
    let (images, declared) = applications::selected(images, declared)?;
    let wish = &Wish { declared: &declared, ..wish.clone() };
    let Wish { declared, last, .. } = *wish;
    images::require_pod_network(&images, declared.network.pod_network.as_deref())?;
    let documents: Vec<_> = declared.documents.iter().filter_map(ComponentDocument::of).collect();
    let files = Files::read(&store, &images, &declared.configs)?;
    let Settled { network, kubeadm_file } = settle(declared, &documents, last, &images, &files)?;
    let former = former::former(last, &images, &files, kubeadm_file.as_deref())?;
    refuse_other_provider(declared, last)?;
    registry::refuse_other_kind(declared, last)?;
    let pulled_from = Box::pin(registry::wanted(declared, last)).await?;
    let ((mut machines, foreseen), provider) = match &declared.machines {
        DeclaredMachines::Given(given) => {
            ((machines::given(context, wish, given).await?, vec![]), Provider::BareMetal)
        }
        DeclaredMachines::Containers { control_planes, workers, image } => {
            let counts = made::Counts { control_planes: *control_planes, workers: *workers };
            (made::made(context, wish, counts, image.as_deref(), &network).await?, Provider::Container)
        }
        DeclaredMachines::AlibabaCloud { .. } => return Err(made::no_cloud().into()),
    };
    machines.sort_by_key(|machine| machine.spec.role);
    let leaving = leaving::leaving(context, wish, &machines).await?;
    let specs = machines.iter().map(|machine| machine.spec.clone()).collect();
    let parting = images::parting(&images, last);
    let mut cluster = cluster(wish, &images, specs, network, documents, &files, pulled_from);
    if let Some(last) = last {
        plan::keep_wishes(&mut cluster, &parting, &last.cluster);
        images::leave(&mut cluster, &parting, declared);
    }
    let applied = former::applied(former.as_ref(), &cluster, &images, kubeadm_file.clone());
    let access = registry::access(context, declared, &cluster.registry, last)?;
    let mut state = State {
        cluster,
        images,
        provider,
        launch: last.map_or_else(secrets::new_id, |state| state.launch.clone()),
        authority: last.and_then(|state| state.authority.clone()),
        registry: access,
        login: common_login(wish).kept(),
        leaving: leaving.iter().map(|machine| machine.spec.clone()).collect(),
        parting,
        left: last.map(|state| left(state, &machines)).unwrap_or_default(),
        files: wish
            .files
            .clone()
            .unwrap_or_else(|| last.map(|state| state.files.clone()).unwrap_or_default()),
        history: last.map(|state| state.history.clone()).unwrap_or_default(),
        applied: Some(applied),
    };
    secrets::withdraw_credentials(&mut state);
    hide(context, &state);
    let desired = Desired {
        cluster: state.cluster.clone(),
        images: state.images.clone(),
        registry: state.registry.clone(),
        launch: state.launch.clone(),
        leaving: state.leaving.clone(),
        parting: state.parting.clone(),
        hook_places: hook_places(declared),
        origin: origin(provider),
        kubeadm_file,
        former,
    };
    desired.version()?;
    images::require_commands(&desired, declared)?;
    for warning in applications::doubts(&desired, wish, &store) {
        context.reporter.warn(&warning.brief());
    }
    machines.retain(|machine| foreseen.iter().all(|one| one.name != machine.spec.name));
    machines.extend(leaving);
    Ok(Resolved { desired, state, machines, foreseen, store, files })
}

/// Resolves a wish of which only is told: no machine is logged in to, none is made, and no secret is needed.
pub(super) async fn told(context: &Context, wish: &Wish<'_>) -> Result<Desired, Problems> {
    let named = registry::with_variables(wish.declared);
    let wish = &Wish { declared: &named, ..wish.clone() };
    let Wish { declared, last, .. } = *wish;
    name::check(&declared.name)?;
    let store = Store::open(&context.home)?;
    let images = images::read(&store, declared, last, &wish.renewal)?;
    let (images, declared) = applications::selected(images, declared)?;
    let wish = &Wish { declared: &declared, ..wish.clone() };
    let Wish { declared, last, .. } = *wish;
    images::require_pod_network(&images, declared.network.pod_network.as_deref())?;
    let documents: Vec<_> = declared.documents.iter().filter_map(ComponentDocument::of).collect();
    let files = Files::read(&store, &images, &declared.configs)?;
    let Settled { network, kubeadm_file } = settle(declared, &documents, last, &images, &files)?;
    refuse_other_provider(declared, last)?;
    let (mut machines, provider) = match &declared.machines {
        DeclaredMachines::Given(given) => (machines::told(wish, given).await?, Provider::BareMetal),
        DeclaredMachines::Containers { control_planes, workers, .. } => {
            let counts = made::Counts { control_planes: *control_planes, workers: *workers };
            (made::told(context, wish, counts, &network).await?, Provider::Container)
        }
        DeclaredMachines::AlibabaCloud { .. } => return Err(made::no_cloud().into()),
    };
    machines.sort_by_key(|machine| machine.role);
    let pulled_from = Box::pin(registry::wanted(declared, last)).await?;
    let cluster = cluster(wish, &images, machines, network, documents, &files, pulled_from);
    let registry = registry::access_untold(declared, &cluster.registry, last)?;
    let desired = Desired {
        cluster,
        images,
        registry,
        launch: secrets::new_id(),
        leaving: vec![],
        parting: vec![],
        hook_places: hook_places(declared),
        origin: origin(provider),
        kubeadm_file,
        former: None,
    };
    desired.version()?;
    Ok(desired)
}

fn cluster(
    wish: &Wish<'_>,
    images: &[ImageContract],
    machines: Vec<MachineSpec>,
    network: Network,
    documents: Vec<ComponentDocument>,
    files: &Files,
    registry: ClusterRegistry,
) -> Cluster {
    let Wish { declared, .. } = *wish;
    Cluster {
        name: declared.name.clone(),
        images: images.iter().map(|image| image.name.clone()).collect(),
        machines,
        environment: secrets::without_credentials(&declared.environment),
        command: declared.command.clone(),
        arguments: declared.arguments.clone(),
        wishes: images::wishes(declared),
        hooks: declared.hooks.iter().map(|declared| declared.hook.clone()).collect(),
        network,
        interface: declared.network.interface.clone(),
        host_aliases: declared.host_aliases.clone(),
        certificate_names: declared.certificate_names.clone(),
        registry,
        documents,
        configs: files.configs.iter().map(|placed| placed.config.clone()).collect(),
    }
}

/// Returns where hooks stand; what is kept of a cluster does not say it.
pub(super) fn hook_places(declared: &Declared) -> HashMap<String, String> {
    let told = declared.hooks.iter().filter(|declared| !declared.place.is_empty());
    told.map(|declared| (declared.hook.name.clone(), declared.place.clone())).collect()
}

/// Returns the machines that have left and are not wanted again.
fn left(last: &State, wanted: &[Reached]) -> Vec<MachineName> {
    let stays_away = |name: &&MachineName| !wanted.iter().any(|machine| machine.spec.name == **name);
    last.left.iter().filter(stays_away).cloned().collect()
}

/// Returns where machines come from, in the plan's words.
pub(super) fn origin(provider: Provider) -> Origin {
    match provider {
        Provider::BareMetal => Origin::Given,
        Provider::Container => Origin::Made,
    }
}

/// A cluster does not move to machines from elsewhere.
fn refuse_other_provider(declared: &Declared, last: Option<&State>) -> Result<()> {
    let wanted = match &declared.machines {
        DeclaredMachines::Given(_) => Provider::BareMetal,
        DeclaredMachines::Containers { .. } => Provider::Container,
        DeclaredMachines::AlibabaCloud { .. } => return Ok(()),
    };
    match last.filter(|state| state.provider != wanted) {
        None => Ok(()),
        Some(state) => {
            let told = |provider| match provider {
                Provider::BareMetal => "machines of yours",
                Provider::Container => "containers that sealift made",
            };
            Err(Problem::new(
                Class::Refused,
                format!("the cluster `{}` is made of {}", declared.name, told(state.provider)),
            )
            .saw(format!("declared are {}", told(wanted)))
            .remedy("give the new cluster another name, or delete this one first"))
        }
    }
}

/// Returns the machines that are kept of a cluster and those that leave it, with how each is logged in to. `file` is
/// what its files declare now, if they are at hand.
pub(super) async fn kept(
    context: &Context,
    state: &State,
    file: Option<&Declared>,
    login: &LoginRequest,
) -> Result<Vec<Reached>, Problems> {
    let last = super::declare::last(state);
    let declared = match file {
        Some(file) => super::declare::with_login_of(last, file),
        None => last,
    };
    let wish = Wish::about(state, &declared, login, Making::Forbidden);
    let mut machines = match &declared.machines {
        DeclaredMachines::Given(given) => machines::given(context, &wish, given).await?,
        DeclaredMachines::Containers { .. } => {
            made::known(context, &wish, state.cluster.machines.clone()).await?
        }
        DeclaredMachines::AlibabaCloud { .. } => return Err(made::no_cloud().into()),
    };
    let leaving = leaving::leaving(context, &wish, &machines).await?;
    machines.extend(leaving);
    Ok(machines)
}

/// Returns the machines as they can be spoken to; nothing is connected yet.
pub(super) fn fleet(context: &Context, machines: &[Reached]) -> Fleet {
    let reached = machines.iter().map(|machine| context.machines.machine(&machine.spec, &machine.options));
    Fleet::new(reached.collect(), std::sync::Arc::new(Beside), &context.run)
}

/// Keeps the cluster's own secrets out of everything that is written.
pub(super) fn hide(context: &Context, state: &State) {
    context.reporter.hide(&state.registry.password.clone().into());
    if let Some(former) = &state.registry.former {
        context.reporter.hide(&former.password.clone().into());
    }
    context.reporter.hide(&state.registry.authority_key.clone().into());
}

/// How machines are logged in to that say nothing: flags, then the declaration, then the last time.
fn common_login(wish: &Wish<'_>) -> DeclaredLogin {
    let last = wish.last.map(|state| DeclaredLogin::from(&state.login)).unwrap_or_default();
    wish.login.login.or(&wish.declared.login).or(&last)
}

/// Returns how one machine is logged in to: flags, then what is declared for it, then what is common.
fn options(
    secrets: &mut Secrets<'_>,
    wish: &Wish<'_>,
    machine: &str,
    declared: &DeclaredLogin,
) -> Result<SshOptions> {
    let common = common_login(wish);
    let flags = &wish.login.login;
    let own = DeclaredLogin {
        // A flag is common to all machines, whatever one of them says for itself.
        password: declared.password.clone().filter(|_| flags.password.is_none()),
        passphrase: declared.passphrase.clone().filter(|_| flags.passphrase.is_none()),
        ..flags.or(declared)
    };
    secrets.options(machine, &own, &common, wish.login.host_keys)
}
