//! `sealift get`: a cluster that is not known here, or not any more, fetched from one of its machines.

use std::net::IpAddr;

use super::context::Context;
use super::login::{LoginRequest, Secrets};
use super::reporter::Data;
use super::{agents::Beside, recover, resolve};
use crate::cluster::Fleet;
use crate::error::{Class, Problem, Problems, Result};
use crate::model::{DeclaredLogin, Login, MachineName, MachineSpec, Marker, Role, SshAddress};
use crate::steps::{self, State};
use crate::wire::{FindControlPlanes, Look, Measure, TakeKubeconfig};

/// What `sealift get` is asked for.
#[derive(Debug, Clone)]
pub struct GetRequest {
    /// A machine of the cluster; of a worker its control planes are asked.
    pub from: SshAddress,
    /// How to log in.
    pub login: LoginRequest,
}

/// Fetches the definition and the kubeconfig. Nothing is locked, and nothing changes there.
pub async fn get(context: &Context, request: GetRequest) -> Result<(), Problems> {
    let (fleet, machine) = fleet(context, &request, &request.from).await?;
    let marker = marker(&fleet, &machine).await?;
    let (fleet, machine, state) = match take(&fleet, &machine, &marker).await {
        Ok(Some(state)) => (fleet, machine, state),
        Ok(None) => from_control_planes(context, &request, &fleet, &machine, &marker, None).await?,
        // Its own API server may be the only one that is silent.
        Err(why) if why.class != Class::Refused => {
            from_control_planes(context, &request, &fleet, &machine, &marker, Some(why)).await?
        }
        Err(why) => return Err(why.into()),
    };
    let name = state.cluster.name.clone();
    refuse_namesake(context, &state)?;
    let state = State { login: login(&request.login, &state.login), ..state };
    resolve::hide(context, &state);
    let text = fleet.agent(&machine.name).await?.ask(TakeKubeconfig {}).await?;
    state.save(&context.home)?;
    steps::keep_kubeconfig(&context.home, &name, &text, served_at(&state, &machine))?;
    Ok(context.reporter.result(&told(context, &state))?)
}

/// Prepares to speak with one machine, of which only its address is known.
async fn fleet(context: &Context, request: &GetRequest, at: &SshAddress) -> Result<(Fleet, MachineSpec)> {
    let spec = MachineSpec::new(at.clone(), resolve::address(at).await?, Role::ControlPlane);
    let LoginRequest { login, host_keys } = &request.login;
    let nothing = DeclaredLogin::default();
    let options = Secrets::new(context).options(&at.host, &nothing, login, *host_keys)?;
    let machine = context.machines.machine(&spec, &options);
    Ok((Fleet::new(vec![machine], std::sync::Arc::new(Beside), &context.run), spec))
}

async fn marker(fleet: &Fleet, machine: &MachineSpec) -> Result<Marker> {
    let look = Look { ports: vec![], cri_socket: String::new(), measure: Measure::Nothing };
    let facts = fleet.agent(&machine.name).await?.ask(look).await.map_err(|why| why.on(&machine.name))?;
    facts.marker.ok_or_else(|| {
        Problem::new(Class::Config, "it is no machine of a cluster that sealift made")
            .on(&machine.name)
            .remedy("name a machine of the cluster, best a control plane")
    })
}

/// Returns the definition if the machine is a control plane.
async fn take(fleet: &Fleet, machine: &MachineSpec, marker: &Marker) -> Result<Option<State>> {
    let text = recover::kept_by(fleet, &machine.name).await?;
    text.map(|text| recover::read(&text, marker)).transpose()
}

/// Asks the control planes that a machine knows, with the same login; `silent` is why it does not tell it itself.
async fn from_control_planes(
    context: &Context,
    request: &GetRequest,
    fleet: &Fleet,
    asked: &MachineSpec,
    marker: &Marker,
    silent: Option<Problem>,
) -> Result<(Fleet, MachineSpec, State)> {
    let servers = fleet.agent(&asked.name).await?.ask(FindControlPlanes {}).await?;
    let mut seen: Vec<Problem> = silent.into_iter().collect();
    for server in servers.iter().filter(|server| server.ip() != asked.address) {
        let at = SshAddress { host: server.ip().to_string(), port: request.from.port };
        let (fleet, machine) = self::fleet(context, request, &at).await?;
        match take(&fleet, &machine, marker).await {
            Ok(Some(state)) => return Ok((fleet, machine, state)),
            Ok(None) => seen.push(Problem::new(Class::Kubernetes, "it keeps nothing").on(&machine.name)),
            Err(problem) => seen.push(problem.on(&machine.name)),
        }
    }
    let problem = Problem::new(Class::Kubernetes, "no control plane gives the cluster's definition")
        .on(&asked.name)
        .remedy("name a control plane whose API server answers");
    Err(seen.into_iter().fold(problem, Problem::saw))
}

/// A cluster of the same name that is another one is not written over.
fn refuse_namesake(context: &Context, state: &State) -> Result<()> {
    let name = &state.cluster.name;
    match State::load(&context.home, name)? {
        Some(known) if known.authority != state.authority && known.launch != state.launch => {
            Err(Problem::new(Class::Refused, format!("another cluster `{name}` is known here already"))
                .remedy("fetch this one into a directory of its own: --home DIR"))
        }
        _ => Ok(()),
    }
}

/// Who fetches it logs in their own way from now on; what they did not say stays as it was.
fn login(request: &LoginRequest, kept: &Login) -> Login {
    request.login.or(&DeclaredLogin::from(kept)).kept()
}

/// Returns the address at which the control plane's API server is reached.
fn served_at(state: &State, machine: &MachineSpec) -> IpAddr {
    let known = state.cluster.machines.iter().find(|known| known.name == machine.name);
    known.map_or(machine.address, |known| known.address)
}

fn told(context: &Context, state: &State) -> Data {
    let name = &state.cluster.name;
    let machines: Vec<&MachineName> = state.cluster.machines.iter().map(|machine| &machine.name).collect();
    let kubeconfig = steps::kubeconfig_path(&context.home, name);
    let list = machines.iter().map(|machine| machine.0.as_str()).collect::<Vec<_>>().join(", ");
    Data {
        text: format!(
            "the cluster `{name}` is known here now: {list}\nexport KUBECONFIG={}\n",
            kubeconfig.display()
        ),
        json: serde_json::json!({
            "cluster": name,
            "machines": machines,
            "images": state.cluster.images,
            "kubeconfig": kubeconfig,
        }),
    }
}
