//! What a person would have at hand before launching by hand: files for the machines, archives of container images.
//!
//! It is made from the same images that sealift launches, and laid out as `dev/bench/by-hand.sh` says.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use sealift::kubeadm::{self, ClusterSettings, ImageSource, JoinTicket, NodeSettings, ProxyMode};
use sealift::model::{ControlGroups, Environment, KubernetesVersion, Network, Role};
use sealift::provider::container::MadeMachine;
use sealift::{render, yaml};
use serde_json::{Value, json};

use crate::launch::{KUBERNETES, Launch, POD_NETWORK};

const CRI_SOCKET: &str = "/run/containerd/containerd.sock";

/// What by-hand.sh replaces by the digest of the CA's key, once there is one.
const AUTHORITY: &str = "sha256:AUTHORITY";

/// The directory with all of it.
pub(crate) struct Artefacts {
    directory: PathBuf,
    version: KubernetesVersion,
    /// The image's own part of kubeadm's configuration.
    kubeadm: Option<String>,
}

impl Artefacts {
    /// Takes apart the images that are in the store of `home`.
    pub(crate) fn prepare(sealift: &Path, home: &Path, directory: &Path) -> Result<Self> {
        let store = Store { sealift, home, directory };
        let kubernetes = store.unpack(KUBERNETES)?;
        let pod_network = store.unpack(POD_NETWORK)?;
        let contract = store.inspect(KUBERNETES)?;
        let version = contract["version"].as_str().context("the image does not say its version")?;
        render_templates(&contract, &kubernetes, &pod_network)?;
        lay_out(&kubernetes, &pod_network, directory)?;
        archive_images(&store, &kubernetes, &pod_network)?;
        Ok(Self {
            directory: directory.to_owned(),
            version: version.parse()?,
            kubeadm: contract["kubeadm"].as_str().map(str::to_owned),
        })
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Writes what is these machines' own: kubeadm's configurations and host keys.
    pub(crate) fn prepare_launch(&self, directory: &Path, launch: &Launch) -> Result<()> {
        if directory.exists() {
            fs::remove_dir_all(directory)?;
        }
        fs::create_dir(directory)?;
        let network = network()?;
        let settings = self.settings(&network);
        let mut known_hosts = String::new();
        let control_plane =
            launch.addresses(Role::ControlPlane).next().context("there is no control plane")?;
        let token = token();
        for machine in &launch.machines {
            writeln!(known_hosts, "{} {}", machine.address, machine.host_key)?;
            let node = node(machine);
            match machine.role {
                Role::ControlPlane => {
                    let text = with_token(&kubeadm::init(&settings, &node)?.text()?, &token)?;
                    write_secret(&directory.join("init.yml"), &text)?;
                }
                Role::Worker => {
                    let ticket = JoinTicket {
                        endpoint: (control_plane, kubeadm::API_PORT).into(),
                        token: token.clone(),
                        authority: AUTHORITY.to_owned(),
                        certificate_key: None,
                    };
                    let text = kubeadm::join(&settings, &node, &ticket)?.text()?;
                    write_secret(&directory.join(format!("join-{}.yml", machine.address)), &text)?;
                }
            }
        }
        Ok(fs::write(directory.join("known_hosts"), known_hosts)?)
    }

    /// The same that sealift finds out about machines that are containers of this computer.
    fn settings<'a>(&'a self, network: &'a Network) -> ClusterSettings<'a> {
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        ClusterSettings {
            name: "measured",
            version: &self.version,
            network,
            sans: vec![],
            proxy: ProxyMode::choose(&self.version, [kernel.trim()]),
            may_set_conntrack: false,
            has_local_time: true,
            registry: None,
            documents: &[],
            control_groups: control_groups(),
            any_control_groups_v1: control_groups() == ControlGroups::V1,
            containers: true,
            single: false,
            image_file: self.kubeadm.as_deref(),
        }
    }
}

/// sealift and the store that it is asked about.
struct Store<'a> {
    sealift: &'a Path,
    home: &'a Path,
    directory: &'a Path,
}

impl Store<'_> {
    fn run(&self, arguments: &[&str]) -> Result<Vec<u8>> {
        let output = Command::new(self.sealift).arg("--home").arg(self.home).args(arguments).output();
        let output = output.with_context(|| format!("cannot start {}", self.sealift.display()))?;
        let said = String::from_utf8_lossy(&output.stderr);
        anyhow::ensure!(output.status.success(), "sealift {}: {said}", arguments.join(" "));
        Ok(output.stdout)
    }

    fn inspect(&self, image: &str) -> Result<Value> {
        Ok(serde_json::from_slice(&self.run(&["inspect", image, "--output", "json"])?)?)
    }

    /// Writes an archive of images to `images/NAME.tar`.
    fn save(&self, name: &str, images: &[&str]) -> Result<PathBuf> {
        let directory = self.directory.join("images");
        fs::create_dir_all(&directory)?;
        let archive = directory.join(format!("{name}.tar"));
        let to = archive.to_str().context("the temporary directory has a strange name")?;
        self.run(&[&["save", "--to", to], images].concat())?;
        Ok(archive)
    }

    /// Unpacks an image's files, but not its registry.
    fn unpack(&self, image: &str) -> Result<PathBuf> {
        let archive = self.save("unpacked", &[image])?;
        let layout = tempfile::tempdir_in(self.directory)?;
        tar::Archive::new(File::open(&archive)?).unpack(layout.path())?;
        fs::remove_file(archive)?;
        let blob = |descriptor: &Value| {
            let digest = descriptor["digest"].as_str().unwrap_or_default().replace(':', "/");
            layout.path().join("blobs").join(digest)
        };
        let index: Value = serde_json::from_slice(&fs::read(layout.path().join("index.json"))?)?;
        let manifest: Value = serde_json::from_slice(&fs::read(blob(&index["manifests"][0]))?)?;
        let tree = self.directory.join("unpacked").join(image);
        for layer in manifest["layers"].as_array().context("the image has no layers")? {
            if layer["annotations"]["io.sealift.layer.content"] != "registry" {
                tar::Archive::new(decompressed(layer, File::open(blob(layer))?)?).unpack(&tree)?;
            }
        }
        Ok(tree)
    }
}

fn decompressed(layer: &Value, file: File) -> Result<Box<dyn Read>> {
    match layer["mediaType"].as_str().and_then(|kind| kind.rsplit('+').next()) {
        Some("zstd") => Ok(Box::new(zstd::Decoder::new(file)?)),
        Some("gzip") => Ok(Box::new(flate2::read::GzDecoder::new(file))),
        _ => Ok(Box::new(file)),
    }
}

/// Renders the images' templates as sealift does on a machine.
fn render_templates(contract: &Value, kubernetes: &Path, pod_network: &Path) -> Result<()> {
    let mut environment: Environment = serde_json::from_value(contract["environment"].clone())?;
    let network = network()?;
    environment.extend([
        ("cgroupDriver".to_owned(), kubeadm::cgroup_driver(control_groups()).to_owned()),
        // Right on every computer; without it pods do not start on some.
        ("restrictOOMScoreAdj".to_owned(), "true".to_owned()),
        ("podCIDR".to_owned(), network.pods.to_string()),
    ]);
    render::render_tree(kubernetes, &[], &environment)?;
    render::render_tree(pod_network, &[], &environment)?;
    Ok(())
}

/// Lays out the trees that go over the machines' root: the runtime, which is needed first, and the rest by role.
fn lay_out(kubernetes: &Path, pod_network: &Path, directory: &Path) -> Result<()> {
    let place = |tree: &str, from: &str, to: &str| -> Result<()> {
        let to = directory.join(tree).join(to);
        fs::create_dir_all(to.parent().context("a file has a directory")?)?;
        fs::hard_link(kubernetes.join(from), &to)
            .with_context(|| format!("the image's {from} cannot be laid out"))
    };
    for program in ["containerd", "containerd-shim-runc-v2", "ctr", "runc"] {
        place("runtime", &format!("cri/{program}"), &format!("usr/bin/{program}"))?;
    }
    place("runtime", "etc/config.toml", "etc/containerd/config.toml")?;
    place("runtime", "etc/containerd.service", "etc/systemd/system/containerd.service")?;
    let plugins: Vec<String> = fs::read_dir(kubernetes.join("cni"))?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_>>()?;
    for role in ["control-plane", "worker"] {
        let programs = ["kubeadm", "kubelet", "kubectl"];
        for program in programs.iter().filter(|program| role == "control-plane" || **program != "kubectl") {
            place(role, &format!("bin/{program}"), &format!("usr/bin/{program}"))?;
        }
        for plugin in &plugins {
            place(role, &format!("cni/{plugin}"), &format!("opt/cni/bin/{plugin}"))?;
        }
        for (from, to) in [
            ("kubelet.service", "systemd/system/kubelet.service"),
            ("10-kubeadm.conf", "systemd/system/kubelet.service.d/10-kubeadm.conf"),
            ("sysctl-network.conf", "sysctl.d/90-kubernetes-network.conf"),
            ("modules-load.conf", "modules-load.d/kubernetes.conf"),
        ] {
            place(role, &format!("etc/{from}"), &format!("etc/{to}"))?;
        }
    }
    fs::copy(pod_network.join("manifests/kube-flannel.yaml"), directory.join("kube-flannel.yaml"))?;
    Ok(())
}

/// Saves the container images that the cluster images name: what any machine may run, and what only control planes do.
fn archive_images(store: &Store<'_>, kubernetes: &Path, pod_network: &Path) -> Result<()> {
    let named = [named_images(kubernetes)?, named_images(pod_network)?].concat();
    let everywhere = ["kube-proxy", "pause", "coredns", "flannel"];
    let (every_machine, control_plane): (Vec<&str>, Vec<&str>) = named
        .iter()
        .map(String::as_str)
        .partition(|image| everywhere.iter().any(|part| image.contains(part)));
    name_in_full(&store.save("every-machine", &every_machine)?)?;
    name_in_full(&store.save("control-plane", &control_plane)?)
}

/// Gives the images of an archive the names that Kubernetes asks for: `ctr` takes them as they are written.
fn name_in_full(archive: &Path) -> Result<()> {
    let layout = tempfile::tempdir_in(archive.parent().context("an archive has a directory")?)?;
    tar::Archive::new(File::open(archive)?).unpack(layout.path())?;
    let path = layout.path().join("index.json");
    let mut index: Value = serde_json::from_slice(&fs::read(&path)?)?;
    for manifest in index["manifests"].as_array_mut().context("the archive has no images")? {
        let name = &mut manifest["annotations"]["org.opencontainers.image.ref.name"];
        let registry = name.as_str().and_then(|name| name.split_once('/')).map(|(registry, _)| registry);
        if registry.is_none_or(|registry| !registry.contains(['.', ':'])) {
            *name = format!("docker.io/{}", name.as_str().unwrap_or_default()).into();
        }
    }
    fs::write(&path, serde_json::to_vec(&index)?)?;
    let mut whole = tar::Builder::new(File::create(archive)?);
    whole.append_dir_all("", layout.path())?;
    Ok(whole.finish()?)
}

fn named_images(tree: &Path) -> Result<Vec<String>> {
    let mut images = Vec::new();
    for list in fs::read_dir(tree.join("images/shim"))? {
        images.extend(fs::read_to_string(list?.path())?.lines().map(str::to_owned));
    }
    images.retain(|image| !image.is_empty());
    images.sort();
    Ok(images)
}

/// The networks that sealift takes by default.
fn network() -> Result<Network> {
    Ok(Network {
        pods: "100.64.0.0/10".parse()?,
        services: "10.96.0.0/22".parse()?,
        vip: "10.103.97.2".parse()?,
        dns_domain: "cluster.local".to_owned(),
    })
}

fn node(machine: &MadeMachine) -> NodeSettings {
    NodeSettings {
        name: machine.hostname.clone(),
        address: machine.address,
        second_address: None,
        cri_socket: CRI_SOCKET.to_owned(),
        images: ImageSource::Runtime,
        rootfs: sealift::model::rootfs("bench").display().to_string(),
    }
}

fn control_groups() -> ControlGroups {
    let unified = Path::new("/sys/fs/cgroup/cgroup.controllers").exists();
    if unified { ControlGroups::V2 } else { ControlGroups::V1 }
}

/// A bootstrap token of this launch's own, in kubeadm's form.
fn token() -> String {
    let random = format!("{:032x}", rand::random::<u128>());
    format!("{}.{}", &random[..6], &random[6..22])
}

/// Names the token that workers come with in kubeadm's configuration: known beforehand, it spares a call.
fn with_token(configuration: &str, token: &str) -> Result<String> {
    let mut documents = yaml::documents("kubeadm.yml", configuration)?;
    let init = documents.iter_mut().find(|document| document["kind"] == "InitConfiguration");
    let init = init.context("kubeadm's configuration has no InitConfiguration")?;
    init["bootstrapTokens"] = json!([{ "token": token }]);
    let documents = documents.iter().map(yaml::to_string).collect::<Result<Vec<_>, _>>()?;
    Ok(documents.join("---\n"))
}

fn write_secret(path: &Path, text: &str) -> Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    Ok(std::io::Write::write_all(&mut file, text.as_bytes())?)
}
