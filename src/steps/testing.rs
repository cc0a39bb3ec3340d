//! A run's common ground with machines that tests play.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use super::drain::DrainPolicy;
use super::history::History;
use super::site::{Blobs, Learned, Site};
use super::state::{Provider, State};
use crate::cluster::Fleet;
use crate::error::{Class, Problem, Result};
use crate::model::*;
use crate::plan::{Desired, Origin, RegistryAccess};
use crate::remote::{AgentSource, Machine, ScriptedMachine};
use crate::wire::{CallContext, Envelope, Handler, Request, serve};

/// What is played, and what was asked of whom.
#[derive(Default)]
pub(super) struct Stage {
    /// Machines that cannot be reached.
    pub(super) off: Mutex<BTreeSet<String>>,
    /// Machines whose API server does not answer.
    pub(super) without_api: Mutex<BTreeSet<String>>,
    /// The machines that were asked for anything but whether they can be asked, in order.
    pub(super) asked: Mutex<Vec<String>>,
}

struct Played {
    name: String,
    stage: Arc<Stage>,
}

impl Handler for Played {
    fn handle(&self, envelope: Envelope, _: CallContext) -> BoxFuture<'_, Result<serde_json::Value>> {
        let works = !self.stage.without_api.lock().unwrap().contains(&self.name);
        Box::pin(async move {
            if let Request::IsApiReady(_) = envelope.request {
                return Ok(works.into());
            }
            self.stage.asked.lock().unwrap().push(self.name.clone());
            // It falls silent in the middle of the question: whoever is asked next does answer.
            let mut falling = self.stage.off.lock().unwrap();
            if falling.remove(&format!("{} when asked", self.name)) {
                self.stage.without_api.lock().unwrap().insert(self.name.clone());
            } else if works {
                return Ok("changed".into());
            }
            Err(Problem::new(Class::Kubernetes, "connection refused"))
        })
    }
}

struct NoAgents;

impl AgentSource for NoAgents {
    fn binary(&self, _: Arch) -> Result<PathBuf> {
        Err(Problem::new(Class::Internal, "nobody needs it"))
    }
}

struct NoBlobs;

impl Blobs for NoBlobs {
    fn open(&self, _: &Digest) -> Result<File> {
        Err(Problem::new(Class::Internal, "nobody needs it"))
    }
}

/// Returns a control plane whose name says what its address is.
pub(super) fn control_plane(last: u8) -> MachineSpec {
    let ssh = SshAddress { host: format!("10.0.0.{last}"), port: None };
    MachineSpec::new(ssh, [10, 0, 0, last].into(), Role::ControlPlane)
}

/// Returns the ground of a run for a cluster of these control planes.
pub(super) fn site(staying: &[u8], leaving: &[u8], stage: &Arc<Stage>) -> Site {
    let specs = |numbers: &[u8]| numbers.iter().map(|last| control_plane(*last)).collect::<Vec<_>>();
    let cluster = Cluster {
        name: "prod".to_owned(),
        images: vec![],
        machines: specs(staying),
        environment: Environment::new(),
        command: None,
        arguments: Environment::new(),
        wishes: BTreeMap::new(),
        hooks: vec![],
        network: Network {
            pods: "100.64.0.0/10".parse().unwrap(),
            services: "10.96.0.0/22".parse().unwrap(),
            vip: "10.103.97.2".parse().unwrap(),
            dns_domain: "cluster.local".to_owned(),
        },
        interface: None,
        host_aliases: vec![],
        certificate_names: vec![],
        registry: crate::model::ClusterRegistry::default(),
        documents: vec![],
        configs: vec![],
    };
    let text = String::new;
    let registry = RegistryAccess {
        username: text(),
        password: text(),
        authority: text(),
        authority_key: text(),
        former: None,
    };
    let state = State {
        cluster: cluster.clone(),
        images: vec![],
        provider: Provider::BareMetal,
        launch: text(),
        authority: None,
        registry: registry.clone(),
        login: Login::default(),
        leaving: vec![],
        parting: vec![],
        left: vec![],
        files: vec![],
        history: History::default(),
        applied: None,
    };
    let machines = specs(&[staying, leaving].concat());
    let played = machines.iter().map(|spec| played(spec, stage));
    let fleet = Fleet::new(played.collect(), Arc::new(NoAgents), "run-1");
    Site {
        desired: Desired {
            cluster,
            images: vec![],
            registry,
            launch: text(),
            leaving: specs(leaving),
            parting: vec![],
            hook_places: [].into(),
            origin: Origin::Given,
            kubeadm_file: None,
            former: None,
        },
        observed: Observed { machines: BTreeMap::new(), api: None, kubeconfig: Kubeconfig::Unseen },
        fleet,
        blobs: Arc::new(NoBlobs),
        home: PathBuf::new(),
        state: Mutex::new(state),
        drain: DrainPolicy::default(),
        learned: Learned::default(),
    }
}

fn played(spec: &MachineSpec, stage: &Arc<Stage>) -> Box<dyn Machine> {
    let (name, stage) = (spec.name.0.clone(), stage.clone());
    Box::new(ScriptedMachine::new(spec.name.clone(), spec.address, move |agent| {
        if stage.off.lock().unwrap().contains(&name) {
            return Err(Problem::new(Class::Connection, "no route"));
        }
        let handler = Arc::new(Played { name: name.clone(), stage: stage.clone() });
        Ok(Box::pin(serve(agent.input, agent.output, handler)))
    }))
}
