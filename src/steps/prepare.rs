//! The image's `init` on a machine: container runtime and kubelet.

use std::sync::Arc;

use super::site::Site;
use crate::engine::{Acted, Progress, Step};
use crate::error::Result;
use crate::model::{BoxFuture, MachineSpec, RegistryStyle, Role};
use crate::plan;
use crate::wire::{FetchAhead, Postcondition, PrepareWork, PullingWork, Runtime, ScriptCommand, Work};

pub(super) struct Prepare {
    pub(super) machine: MachineSpec,
    pub(super) site: Arc<Site>,
}

impl Step for Prepare {
    fn title(&self) -> String {
        "install container runtime and kubelet".to_owned()
    }

    fn machine(&self) -> Option<&str> {
        Some(&self.machine.name.0)
    }

    fn act<'a>(&'a self, progress: &'a Progress) -> BoxFuture<'a, Result<Acted>> {
        Box::pin(async {
            self.site.act(&self.machine, Work::Prepare(self.work()?), progress).await?;
            Ok(Acted::Changed)
        })
    }
}

impl Prepare {
    fn work(&self) -> Result<PrepareWork> {
        let (desired, facts) = (&self.site.desired, self.site.facts(&self.machine)?);
        let environment = plan::of_machine(desired, &self.machine, facts);
        let scripts = desired.scripts()?;
        let script = |text: &String| ScriptCommand { text: text.clone(), environment: environment.clone() };
        let version = desired.version()?;
        let says = |program: &str, arguments: &[&str]| Postcondition::Says {
            program: program.to_owned(),
            arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
            expected: version.to_string(),
        };
        let shim = desired.image_socket();
        let images = match self.machine.role {
            Role::Worker => FetchAhead::Named(vec![format!("registry.k8s.io/kube-proxy:{version}")]),
            Role::ControlPlane => FetchAhead::OfControlPlane { version: version.to_string() },
        };
        Ok(PrepareWork {
            receipt: plan::prepared(desired, &self.machine, facts),
            cluster: desired.cluster.name.clone(),
            scripts: scripts.init_cri.iter().chain([&scripts.init]).map(script).collect(),
            postconditions: vec![
                says("kubeadm", &["version", "--output=short"]),
                says("kubelet", &["--version"]),
                Postcondition::Socket(desired.cri_socket().to_owned()),
                Postcondition::UnitEnabled("kubelet.service".to_owned()),
            ]
            .into_iter()
            .chain(shim.map(|socket| Postcondition::Socket(socket.to_owned())))
            .collect(),
            images,
            cri_socket: desired.cri_socket().to_owned(),
            image_socket: shim.map(str::to_owned),
            sandbox_image: shim.and_then(|_| desired.sandbox_image()),
            pulling: self.pulling(),
        })
    }

    /// Scripts of sealer's images know nothing of the registry: their tool writes it down for the runtime.
    fn pulling(&self) -> Option<PullingWork> {
        let desired = &self.site.desired;
        if desired.registry_style() == RegistryStyle::Unit {
            return None;
        }
        let runtime = match desired.variable("ContainerRuntime") {
            Some("docker") => Runtime::Docker,
            _ => Runtime::Containerd,
        };
        let [domain, port] = ["RegistryDomain", "RegistryPort"].map(|name| desired.variable(name));
        let user = desired.registry.user();
        Some(PullingWork { runtime, registry: format!("{}:{}", domain?, port?), user })
    }
}
