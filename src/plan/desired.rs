//! What the operator wants, with the images read and the cluster's secrets at hand.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::commands::launched;
use super::endpoints::REGISTRY_PORT;
use crate::error::{Class, Problem, Result};
use crate::model::{
    Cluster, ComponentDocument, Configuration, ExternalName, ImageContract, ImageKind, KubernetesVersion,
    MachineName, MachineSpec, RegistryDoor, RegistryStyle, RegistryUser, Role, Scripts,
};

/// How the names of variables begin that are the image's and the tool's own; nobody else may set them.
pub(super) const RESERVED: &str = "SEALOS_SYS";

/// The variable by which an image says where its shim listens.
pub const IMAGE_SOCKET: &str = "SEALOS_SYS_IMAGE_ENDPOINT";

/// How machines log in to the cluster's registry, and how they know it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistryAccess {
    /// The user; letters and digits, since images put it unquoted into files.
    pub username: String,
    /// The password; letters and digits.
    pub password: String,
    /// The CA of the registries' certificates, PEM; of an external one empty, where machines trust it anyway.
    pub authority: String,
    /// The CA's key, PEM; empty, where it is somebody else's.
    pub authority_key: String,
    /// Who logged in before and is on the way out: registries take both until every machine comes as the new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub former: Option<RegistryUser>,
}

impl RegistryAccess {
    /// Returns who logs in.
    pub fn user(&self) -> RegistryUser {
        RegistryUser { username: self.username.clone(), password: self.password.clone() }
    }
}

impl fmt::Debug for RegistryAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RegistryAccess(***)")
    }
}

/// The desired cluster with all that follows from its images.
#[derive(Debug, Clone)]
pub struct Desired {
    /// What was asked for.
    pub cluster: Cluster,
    /// Its images, in the order of `cluster.images`.
    pub images: Vec<ImageContract>,
    /// Its registry.
    pub registry: RegistryAccess,
    /// The launch's id; machines claimed by it know each other before there is a CA.
    pub launch: String,
    /// Machines that were in the cluster and are not in `cluster.machines` any more.
    pub leaving: Vec<MachineSpec>,
    /// Applications that were in the definition and are not any more.
    pub parting: Vec<ImageContract>,
    /// Where hooks stand in the Clusterfile, by their names.
    pub hook_places: HashMap<String, String>,
    /// Where its machines come from.
    pub origin: Origin,
    /// The rootfs image's `etc/kubeadm.yml`, as the Configs leave it.
    pub kubeadm_file: Option<String>,
    /// What a cluster that is made was told before; `None` for one that is still to be made.
    pub former: Option<Former>,
}

/// What the components of a cluster that is made were told the last time.
#[derive(Debug, Clone)]
pub struct Former {
    /// The operator's documents.
    pub documents: Vec<ComponentDocument>,
    /// The images' `etc/kubeadm.yml`.
    pub kubeadm_file: Option<String>,
    /// More names of the API servers' certificates.
    pub certificate_names: Vec<String>,
    /// The version that the images brought.
    pub version: Option<KubernetesVersion>,
    /// The digests of what the cluster was made with: of what no receipt says otherwise.
    pub made_with: Configuration,
}

/// Where machines come from, so that what was made is removed too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Origin {
    /// The operator's own.
    #[default]
    Given,
    /// A provider made them.
    Made,
}

impl Desired {
    /// Returns the image that brings Kubernetes.
    pub fn rootfs(&self) -> Result<&ImageContract> {
        self.images.iter().find(|image| image.kind == ImageKind::Rootfs).ok_or_else(|| {
            Problem::new(Class::Config, "none of the images brings Kubernetes")
                .saw(self.cluster.images.join(", "))
                .remedy("name an image of type rootfs first, such as kubernetes:v1.36.3")
        })
    }

    /// Returns the scripts that machines run: the rootfs image's, with those in their place that patches name.
    pub fn scripts(&self) -> Result<Scripts> {
        let mut scripts = self.rootfs()?.scripts.clone();
        for patch in self.images.iter().filter(|image| image.kind == ImageKind::Patch) {
            scripts.overlay(&patch.named_scripts());
        }
        Ok(scripts)
    }

    /// Returns the version of Kubernetes.
    pub fn version(&self) -> Result<&KubernetesVersion> {
        let rootfs = self.rootfs()?;
        rootfs.version.as_ref().ok_or_else(|| {
            Problem::new(
                Class::Config,
                format!("image {} does not say which Kubernetes it brings", rootfs.name),
            )
            .remedy("build it again with `LABEL version=v1.36.3`, the version that is in it")
        })
    }

    /// Returns the images that every machine needs: the rootfs and what is laid over it.
    pub fn base_images(&self) -> impl Iterator<Item = &ImageContract> {
        crate::model::base_images(&self.images)
    }

    /// Returns the applications in the order they are launched; a rootfs that brings some of its own is one of them.
    pub fn applications(&self) -> impl Iterator<Item = &ImageContract> {
        launched(&self.images, &self.cluster)
    }

    /// Returns the machine of this name, also one that is leaving.
    pub fn machine(&self, name: &MachineName) -> Option<&MachineSpec> {
        self.cluster.machines.iter().chain(&self.leaving).find(|machine| machine.name == *name)
    }

    /// Returns all machines by their names, also those that leave: for who looks up many of thousands.
    pub fn by_name(&self) -> HashMap<&MachineName, &MachineSpec> {
        let machines = self.leaving.iter().chain(&self.cluster.machines);
        machines.map(|machine| (&machine.name, machine)).collect()
    }

    /// Returns the control planes in the operator's order.
    pub fn control_planes(&self) -> impl Iterator<Item = &MachineSpec> {
        self.cluster.with_role(Role::ControlPlane)
    }

    /// Returns the workers in the operator's order.
    pub fn workers(&self) -> impl Iterator<Item = &MachineSpec> {
        self.cluster.with_role(Role::Worker)
    }

    /// Returns a script variable of the rootfs image, as the operator or the image has it.
    pub fn variable(&self, name: &str) -> Option<&str> {
        let of_image = || self.base_images().filter_map(|image| image.environment.get(name)).last();
        let own = self.cluster.environment.get(name).filter(|_| !name.starts_with(RESERVED));
        own.or_else(of_image).map(String::as_str)
    }

    /// Returns where the image's shim listens, which kubelet takes for the image service of the runtime: it turns the
    /// names of images to the cluster's registry, which the runtime itself would not do.
    pub fn image_socket(&self) -> Option<&str> {
        self.variable(IMAGE_SOCKET)
    }

    /// Returns how the image's registry is run: sealer's name for its address is in no other's.
    pub fn registry_style(&self) -> RegistryStyle {
        if self.variable("RegistryDomain").is_some() { RegistryStyle::Container } else { RegistryStyle::Unit }
    }

    /// Returns the way into the registry of a control plane, or into the external one.
    pub fn door(&self, machine: &MachineSpec) -> RegistryDoor {
        let user = self.registry.user();
        let own = || user.door(SocketAddr::new(machine.address, REGISTRY_PORT), &self.registry.authority);
        let Some(external) = self.cluster.registry.external() else { return own() };
        let mut servers = external.servers();
        let Some(first) = servers.next() else { return own() };
        let name = ExternalName { domain: external.domain.clone(), elsewhere: servers.collect() };
        RegistryDoor { external: Some(name), ..user.door(first, &self.registry.authority) }
    }

    /// Returns the name of the image of pods' sandboxes in the cluster's registry, where the image says one.
    pub fn sandbox_image(&self) -> Option<String> {
        let [domain, port, image] =
            ["registryDomain", "registryPort", "sandboxImage"].map(|name| self.variable(name));
        Some(format!("{}:{}/{}", domain?, port?, image?))
    }

    /// Returns where the container runtime listens, a path: as the operator's documents for kubeadm say, or the image.
    pub fn cri_socket(&self) -> &str {
        let written = self.cluster.documents.iter().find_map(|document| {
            let socket = document.text("/nodeRegistration/criSocket")?;
            Some(socket.strip_prefix("unix://").unwrap_or(socket))
        });
        let of_image = || self.variable("SEALOS_SYS_CRI_ENDPOINT");
        written.or_else(of_image).unwrap_or("/run/containerd/containerd.sock")
    }
}
