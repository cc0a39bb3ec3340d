//! The kinds of work a machine does for its cluster, each with all it needs to know.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::model::{
    Config, Configuration, Digest, Environment, HookRun, MachineName, RegistryDoor, RegistryStyle,
    RegistryUser, Remade, Role,
};

/// A piece of work. It is carried out there whatever becomes of the connection.
///
/// Some hold secrets, so the document is kept only under /run, readable by root, and `Debug` shows names alone.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Work {
    /// Lays the rootfs out.
    LayOut(LayOutWork),
    /// Sets the names of the API and the registry and starts care.
    Endpoints(EndpointsWork),
    /// Starts the registry of a control plane.
    Registry(RegistryWork),
    /// Changes who may log in to the registry of a control plane.
    RegistryUsers(RegistryUsersWork),
    /// Puts the images into an external registry.
    FillRegistry(FillRegistryWork),
    /// Runs the image's `init`.
    Prepare(PrepareWork),
    /// Makes the first control plane.
    Init(InitWork),
    /// Starts what had joined, or undoes a join that was cut off.
    ComeBack(ComeBackWork),
    /// Joins the cluster.
    Join(JoinWork),
    /// Gives kubelet the arguments that are wished.
    Kubelet(KubeletWork),
    /// Puts changed documents into the cluster.
    UploadConfiguration(UploadConfigurationWork),
    /// Makes components of this control plane anew.
    ControlPlaneConfiguration(ControlPlaneWork),
    /// Gives kubelet the configuration that the cluster keeps.
    KubeletConfiguration(KubeletConfigurationWork),
    /// Gives kube-proxy its configuration.
    ProxyConfiguration(ProxyWork),
    /// Puts back what ran before changes of its configuration that were cut off.
    PutBack(PutBackWork),
    /// Runs the commands of the rootfs.
    Commands(CommandsWork),
    /// Runs a hook of the operator's.
    Hook(HookWork),
    /// Launches an application.
    Launch(LaunchWork),
    /// Takes an application off the cluster.
    Uninstall(UninstallWork),
    /// Takes the machine out of its cluster and leaves it as it was found.
    Clean(CleanWork),
}

impl Work {
    /// Returns the name under which the work's unit and receipt are kept.
    pub fn name(&self) -> String {
        match self {
            Self::LayOut(_) => "lay-out".to_owned(),
            Self::Endpoints(_) => "endpoints".to_owned(),
            Self::Registry(_) => "registry".to_owned(),
            Self::RegistryUsers(_) => "registry-users".to_owned(),
            Self::FillRegistry(_) => "fill-registry".to_owned(),
            Self::Prepare(_) => "prepare".to_owned(),
            Self::Init(_) => "init".to_owned(),
            Self::ComeBack(_) => "come-back".to_owned(),
            Self::Join(_) => "join".to_owned(),
            Self::Kubelet(_) => "kubelet".to_owned(),
            Self::UploadConfiguration(_) => "upload-configuration".to_owned(),
            Self::ControlPlaneConfiguration(work) => {
                format!("control-plane-configuration-{}", work.receipt.short())
            }
            Self::KubeletConfiguration(work) => format!("kubelet-configuration-{}", work.receipt.short()),
            Self::ProxyConfiguration(work) => format!("kube-proxy-configuration-{}", work.receipt.short()),
            Self::PutBack(_) => "put-back".to_owned(),
            Self::Commands(_) => "commands".to_owned(),
            Self::Hook(work) => format!("hook-{}", work.name),
            Self::Launch(work) => format!("launch-{}", work.tree.manifest.short()),
            Self::Uninstall(work) => format!("uninstall-{}", Digest::of(&work.image).short()),
            Self::Clean(_) => "clean".to_owned(),
        }
    }
}

impl Work {
    /// Returns what the programs that do it may know and must not be heard to say: images' scripts print what they are told.
    pub fn secrets(&self) -> Vec<SecretString> {
        let scripts: Vec<&ScriptCommand> = match self {
            Self::LayOut(work) => work.check.iter().collect(),
            Self::Registry(work) => vec![&work.script],
            Self::RegistryUsers(work) => vec![&work.script],
            Self::Prepare(work) => work.scripts.iter().collect(),
            Self::Clean(work) => work.scripts.iter().collect(),
            _ => vec![],
        };
        let environments = scripts.into_iter().map(|script| &script.environment);
        let own = match self {
            Self::Commands(work) => Some(&work.environment),
            Self::Hook(work) => Some(&work.environment),
            Self::Launch(work) => Some(&work.tree.environment),
            Self::Uninstall(work) => work.tree.as_ref().map(|tree| &tree.environment),
            _ => None,
        };
        let passwords = environments.chain(own).filter_map(|environment| environment.get("registryPassword"));
        let users = match self {
            Self::Registry(work) => work.users.iter().collect(),
            Self::RegistryUsers(work) => work.users.iter().chain(&work.gone).collect(),
            _ => vec![],
        };
        let users = users.into_iter().map(|user| &user.password);
        let door = match self {
            Self::FillRegistry(work) => Some(&work.door.password),
            _ => None,
        };
        passwords.chain(users).chain(door).map(|password| password.clone().into()).collect()
    }
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

/// An image's script: the text of its label and the variables exported for it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptCommand {
    /// What follows `bash` in `cd <rootfs>/scripts && bash ...`; the label's own words, expanded by the shell.
    pub text: String,
    /// Exported before it.
    pub environment: Environment,
}

/// What must hold after opaque work, before its receipt is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Postcondition {
    /// This unit is active.
    UnitActive(String),
    /// This unit is enabled.
    UnitEnabled(String),
    /// This program is found and says this version somewhere in the output of these arguments.
    Says {
        /// The program.
        program: String,
        /// Its arguments.
        arguments: Vec<String>,
        /// What it must say.
        expected: String,
    },
    /// Something answers on this socket.
    Socket(String),
    /// The container runtime has this image.
    Image(String),
}

/// Merges layers into the rootfs and renders its templates.
#[derive(Clone, Serialize, Deserialize)]
pub struct LayOutWork {
    /// The digest of the work, kept in its receipt.
    pub receipt: Digest,
    /// The cluster's name.
    pub cluster: String,
    /// diffIDs, lowest first.
    pub layers: Vec<Digest>,
    /// diffIDs of layers of applications whose images the registry must have as well.
    pub registry_layers: Vec<Digest>,
    /// How its files are changed.
    pub configs: Vec<Config>,
    /// What templates see.
    pub environment: Environment,
    /// The image's `check`, on a machine where nothing of the image was ever started.
    pub check: Option<ScriptCommand>,
    /// How the image's registry is run: a container that has the former tree has to be started anew.
    pub registry: RegistryStyle,
}

/// Names in /etc/hosts, and care.
#[derive(Clone, Serialize, Deserialize)]
pub struct EndpointsWork {
    /// The digest of the work, kept in its receipt.
    pub receipt: Digest,
    /// Lines of the marked block.
    pub hosts: Vec<(IpAddr, Vec<String>)>,
    /// care's configuration as JSON, but for its generation, which the machine counts.
    pub care: serde_json::Value,
}

/// The registry on a control plane.
#[derive(Clone, Serialize, Deserialize)]
pub struct RegistryWork {
    /// The digest of the work, kept in its receipt.
    pub receipt: Digest,
    /// The cluster's name.
    pub cluster: String,
    /// The image's `init-registry`.
    pub script: ScriptCommand,
    /// How the image runs it.
    pub style: RegistryStyle,
    /// Where it listens.
    pub listen: SocketAddr,
    /// Its certificate, PEM.
    pub certificate: String,
    /// Its key, PEM.
    pub key: String,
    /// The CA that care trusts, PEM.
    pub authority: String,
    /// Who may log in: as whom images and nodes come.
    pub users: Vec<RegistryUser>,
    /// The registries of other control planes, which may have been given images meanwhile.
    pub peers: Vec<SocketAddr>,
}

/// Who may log in to the registry on a control plane, which goes on running.
#[derive(Clone, Serialize, Deserialize)]
pub struct RegistryUsersWork {
    /// The cluster's name.
    pub cluster: String,
    /// The image's `init-registry`, where nothing less lets the registry see the change.
    pub script: ScriptCommand,
    /// How the image runs it.
    pub style: RegistryStyle,
    /// Where it listens.
    pub listen: SocketAddr,
    /// The CA of its certificate, PEM.
    pub authority: String,
    /// Who may.
    pub users: Vec<RegistryUser>,
    /// Who may not any more.
    pub gone: Vec<RegistryUser>,
    /// The digest of the registry as it is then, for its receipt; none where it is on the way to another.
    pub receipt: Option<Digest>,
}

/// The images of the cluster's rootfs put into an external registry.
#[derive(Clone, Serialize, Deserialize)]
pub struct FillRegistryWork {
    /// The digest of what is put there, kept in the receipt.
    pub receipt: Digest,
    /// The cluster's name.
    pub cluster: String,
    /// The registry.
    pub door: RegistryDoor,
}

/// Images that are fetched as soon as the container runtime answers, since kubeadm or kubelet will ask for them first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FetchAhead {
    /// These.
    Named(Vec<String>),
    /// Those that kubeadm lists for this version of Kubernetes: a control plane's.
    OfControlPlane {
        /// The version, `v1.36.3`.
        version: String,
    },
}

/// The image's `init`.
#[derive(Clone, Serialize, Deserialize)]
pub struct PrepareWork {
    /// The digest of the work, kept in its receipt.
    pub receipt: Digest,
    /// The cluster's name.
    pub cluster: String,
    /// The image's scripts, `init-cri` before `init` where there is one.
    pub scripts: Vec<ScriptCommand>,
    /// What must hold then.
    pub postconditions: Vec<Postcondition>,
    /// Images to fetch meanwhile.
    pub images: FetchAhead,
    /// Where the container runtime listens.
    pub cri_socket: String,
    /// Where the image's shim listens, through which images are fetched; without one it is the runtime itself.
    pub image_socket: Option<String>,
    /// The image of pods' sandboxes, which the runtime cannot fetch through the shim by itself.
    pub sandbox_image: Option<String>,
    /// How the runtime is told of the cluster's registry, where the image's scripts leave that to their tool.
    pub pulling: Option<PullingWork>,
}

/// The cluster's registry as a container runtime has to know it.
#[derive(Clone, Serialize, Deserialize)]
pub struct PullingWork {
    /// Which runtime.
    pub runtime: Runtime,
    /// The registry's name and port in the names of images: `sea.hub:5000`.
    pub registry: String,
    /// As whom it pulls.
    pub user: RegistryUser,
}

/// A container runtime, by where it reads how registries are come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Runtime {
    /// From a `hosts.toml` of each registry.
    Containerd,
    /// From kubelet, with each image that it wants; the registry's address being a loopback one, it may speak plain HTTP.
    Docker,
}

impl PrepareWork {
    /// Returns where images are fetched through.
    pub fn fetch_socket(&self) -> &str {
        self.image_socket.as_deref().unwrap_or(&self.cri_socket)
    }
}

/// `kubeadm init`.
#[derive(Clone, Serialize, Deserialize)]
pub struct InitWork {
    /// kubeadm.yml.
    pub config: String,
    /// Preflight checks of kubeadm's that this machine cannot pass and need not.
    pub ignore: Vec<String>,
    /// The cluster's name.
    pub cluster: String,
    /// The hosts lines that hold once the own API server answers.
    pub hosts: Vec<(IpAddr, Vec<String>)>,
    /// Directories and files of the image's that the API server mounts, from rootfs to /etc/kubernetes.
    pub statics: Vec<(String, String)>,
    /// The digests of what its components are told, kept in their receipts.
    pub configured: Configuration,
}

/// What comes before a join: the machine is in again, or nothing of a join is left on it.
#[derive(Clone, Serialize, Deserialize)]
pub struct ComeBackWork {
    /// The cluster's name.
    pub cluster: String,
    /// What the machine joins as.
    pub role: Role,
}

/// `kubeadm join`.
#[derive(Clone, Serialize, Deserialize)]
pub struct JoinWork {
    /// kubeadm.yml; holds the token.
    pub config: String,
    /// As in [`InitWork`].
    pub ignore: Vec<String>,
    /// The cluster's name.
    pub cluster: String,
    /// What the machine joins as.
    pub role: Role,
    /// The cluster's CA, so that the marker knows it.
    pub authority: Digest,
    /// The hosts lines that hold after joining: a control plane asks its own API server once that answers.
    pub hosts: Vec<(IpAddr, Vec<String>)>,
    /// As in [`InitWork`].
    pub statics: Vec<(String, String)>,
    /// As in [`InitWork`].
    pub configured: Configuration,
}

/// kubelet's own arguments.
#[derive(Clone, Serialize, Deserialize)]
pub struct KubeletWork {
    /// The digest of the work, kept in its receipt.
    pub receipt: Digest,
    /// The cluster's name.
    pub cluster: String,
    /// All that are wished, by name without the hyphens; what we set before and is not among them is taken back.
    pub arguments: BTreeMap<String, String>,
}

/// The documents by which machines join, and by which what runs is configured.
#[derive(Clone, Serialize, Deserialize)]
pub struct UploadConfigurationWork {
    /// The cluster's name.
    pub cluster: String,
    /// kubeadm.yml of a control plane.
    pub config: String,
    /// What is uploaded, with the digests of what is told: the control plane's part, kubelet's, or both.
    pub parts: Configuration,
}

/// Components of a control plane, made anew.
#[derive(Clone, Serialize, Deserialize)]
pub struct ControlPlaneWork {
    /// The digest of the work, kept in its receipt.
    pub receipt: Digest,
    /// The cluster's name.
    pub cluster: String,
    /// kubeadm.yml of this control plane.
    pub config: String,
    /// What is made anew.
    pub remade: Vec<Remade>,
}

/// kubelet's configuration, as the cluster keeps it.
#[derive(Clone, Serialize, Deserialize)]
pub struct KubeletConfigurationWork {
    /// The digest of the work, kept in its receipt.
    pub receipt: Digest,
    /// The cluster's name.
    pub cluster: String,
    /// Where kubeadm finds what is to be otherwise on this machine, if the operator's documents name a directory.
    pub patches: Option<String>,
}

/// kube-proxy's configuration.
#[derive(Clone, Serialize, Deserialize)]
pub struct ProxyWork {
    /// The digest of what it is told, kept in the cluster.
    pub receipt: Digest,
    /// The cluster's name.
    pub cluster: String,
    /// kubeadm.yml of a control plane.
    pub config: String,
}

/// What ran on a control plane before changes of its configuration that were cut off.
#[derive(Clone, Serialize, Deserialize)]
pub struct PutBackWork {
    /// The cluster's name.
    pub cluster: String,
}

/// The commands of the images that the rootfs is made of.
#[derive(Clone, Serialize, Deserialize)]
pub struct CommandsWork {
    /// The digest of the work, kept in its receipt.
    pub receipt: Digest,
    /// The cluster's name.
    pub cluster: String,
    /// What the commands see.
    pub environment: Environment,
    /// Each one a line of shell, run in the rootfs.
    pub commands: Vec<String>,
}

/// A hook of the operator's.
#[derive(Clone, Serialize, Deserialize)]
pub struct HookWork {
    /// The digest of the work, kept in its receipt.
    pub receipt: Digest,
    /// The cluster's name.
    pub cluster: String,
    /// What the hook is called.
    pub name: String,
    /// What it does.
    pub run: HookRun,
    /// What it sees.
    pub environment: Environment,
    /// How long it may take, seconds.
    pub seconds: u64,
}

/// An application's files on the control plane where its commands run.
#[derive(Clone, Serialize, Deserialize)]
pub struct ApplicationTree {
    /// The image's manifest, which names the tree.
    pub manifest: Digest,
    /// Where its files are.
    pub files: ApplicationFiles,
    /// What templates and commands see.
    pub environment: Environment,
}

impl ApplicationTree {
    /// Returns the layers of its own tree, lowest first.
    pub fn layers(&self) -> &[Digest] {
        match &self.files {
            ApplicationFiles::Own { layers, .. } => layers,
            ApplicationFiles::Rootfs => &[],
        }
    }
}

/// Where an application's files are.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ApplicationFiles {
    /// In a tree of their own.
    Own {
        /// diffIDs, lowest first.
        layers: Vec<Digest>,
        /// How its files are changed.
        configs: Vec<Config>,
    },
    /// In the rootfs, which is there already: it came with the application in it.
    Rootfs,
}

/// An application image's commands.
#[derive(Clone, Serialize, Deserialize)]
pub struct LaunchWork {
    /// The cluster's name.
    pub cluster: String,
    /// The image as the operator names it.
    pub image: String,
    /// Its files.
    pub tree: ApplicationTree,
    /// The files of the applications before it, whose programs its commands find.
    pub tools: Vec<ApplicationTree>,
    /// The digest of commands, environment and image.
    pub receipt: Digest,
    /// Each one a line of shell.
    pub commands: Vec<String>,
    /// The image's own check of what its commands were to do, if it has one: a line of shell.
    pub check: Option<String>,
    /// The operator's run, as it is recorded.
    pub run: String,
    /// The machine as the operator calls it, as it is recorded.
    pub machine: MachineName,
}

/// The end of an application.
#[derive(Clone, Serialize, Deserialize)]
pub struct UninstallWork {
    /// The cluster's name.
    pub cluster: String,
    /// The image as the operator names it.
    pub image: String,
    /// Its files; `None` where another application is the same image under another name.
    pub tree: Option<ApplicationTree>,
    /// As in [`LaunchWork`].
    pub tools: Vec<ApplicationTree>,
    /// The image's `clean`, if it has one and nothing takes its place: a line of shell.
    pub clean: Option<String>,
    /// diffIDs of all layers that the cluster still needs somewhere.
    pub keep: BTreeSet<Digest>,
}

/// Clean-up, in the order that loses nobody's data.
#[derive(Clone, Serialize, Deserialize)]
pub struct CleanWork {
    /// The cluster's name.
    pub cluster: String,
    /// The image's `clean-registry`, `clean-cri` and `clean`, as far as they apply.
    pub scripts: Vec<ScriptCommand>,
    /// Where the container runtime listens.
    pub cri_socket: String,
    /// The virtual address that care may have put on `lo`.
    pub vip: IpAddr,
}
