//! The contract of sealer's images, v0.9 and later: what their labels and their annotation mean in the words of ours.
//!
//! Sources: sealer's `pkg/define/image/v1` as its documentation tells it, and the layout of its basefs.

mod applications;

use std::collections::BTreeMap;

use serde::Deserialize;

use self::applications::{Application, Launch};
use super::{Script, Scripts};
use crate::error::{Class, Problem, Result};
use crate::image::ImageConfig;
use crate::model::{Bundle, Environment, ImageKind, KubernetesVersion};
use crate::plan::REGISTRY_PORT;

/// The annotation that holds what sealer's builder wrote for sealer.
const EXTENSION: &str = "sealer.image.extension";

/// How sealer's labels of a rootfs begin.
const LABELS: &str = "cluster.alpha.sealer.io/";

/// The registry's name and port in sealer's images, and how scripts call them.
const REGISTRY: [(&str, &str, &str); 2] =
    [("registryDomain", "RegistryDomain", "sea.hub"), ("registryPort", "RegistryPort", "5000")];

/// For scripts that sealer's images have not got.
const NOTHING: &str = "-c :";

/// What an image of sealer's says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SealerImage {
    pub(super) kind: ImageKind,
    pub(super) version: Option<KubernetesVersion>,
    pub(super) environment: Environment,
    pub(super) scripts: Scripts,
    /// What it launches.
    pub(super) bundle: Bundle,
}

/// The part of the annotation that matters here.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Extension {
    #[serde(rename = "type")]
    kind: String,
    labels: BTreeMap<String, String>,
    env: BTreeMap<String, String>,
    applications: Vec<Application>,
    launch: Launch,
}

impl SealerImage {
    /// Reads what sealer's builder wrote; `None` if another one has built the image.
    ///
    /// What is not understood is a `Config` problem.
    pub(super) fn of(config: &ImageConfig) -> Result<Option<Self>> {
        let extension = match config.annotations.get(EXTENSION) {
            Some(text) => serde_json::from_str(text).map_err(|error| {
                Problem::new(Class::Config, format!("the annotation `{EXTENSION}` cannot be read")).saw(error)
            })?,
            None => Extension::default(),
        };
        let label = |name: &str| {
            let name = format!("{LABELS}{name}");
            config.labels.get(&name).or_else(|| extension.labels.get(&name)).map(String::as_str)
        };
        let kind = match extension.kind.as_str() {
            "kube-installer" => ImageKind::Rootfs,
            "app-installer" => ImageKind::Application,
            "" if label("cluster-runtime-version").is_some() => ImageKind::Rootfs,
            "" => return Ok(None),
            other => return Err(unknown(EXTENSION, other, "kube-installer and app-installer")),
        };
        let mut environment: Environment = extension.env.into_iter().chain(config.env.clone()).collect();
        let bundle = applications::bundle(extension.applications, extension.launch, &mut environment)?;
        if kind == ImageKind::Application {
            let scripts = Scripts::default();
            return Ok(Some(Self { kind, version: None, environment, scripts, bundle }));
        }
        match label("cluster-runtime-type") {
            None | Some("kubernetes") => {}
            Some(other) => return Err(unknown("cluster-runtime-type", other, "kubernetes")),
        }
        let runtime = label("container-runtime-type").unwrap_or("docker");
        let version = label("cluster-runtime-version").map(str::parse).transpose()?;
        Self::rootfs(environment, runtime, version, bundle).map(Some)
    }

    fn rootfs(
        mut environment: Environment,
        runtime: &str,
        version: Option<KubernetesVersion>,
        bundle: Bundle,
    ) -> Result<Self> {
        let socket = match runtime {
            "containerd" => "/run/containerd/containerd.sock",
            "docker" if version.as_ref().is_some_and(|version| version.minor() < DOCKER_APART) => {
                return Err(within_kubelet());
            }
            "docker" => "/var/run/cri-dockerd.sock",
            other => return Err(unknown("container-runtime-type", other, "docker and containerd")),
        };
        for (ours, theirs, default) in REGISTRY {
            let value = environment.entry(theirs.to_owned()).or_insert_with(|| default.to_owned()).clone();
            environment.insert(ours.to_owned(), value);
        }
        environment.entry("ContainerRuntime".to_owned()).or_insert_with(|| runtime.to_owned());
        environment.insert("SEALOS_SYS_CRI_ENDPOINT".to_owned(), socket.to_owned());
        Ok(Self { kind: ImageKind::Rootfs, version, environment, scripts: scripts(runtime), bundle })
    }
}

/// The first minor whose kubelet does not speak to Docker by itself, but to cri-dockerd.
const DOCKER_APART: u64 = 24;

/// The scripts of a rootfs.
fn scripts(runtime: &str) -> Scripts {
    Scripts(BTreeMap::from([
        (Script::Check, NOTHING.to_owned()),
        (Script::InitCri, format!("{runtime}.sh")),
        (Script::InitRegistry, init_registry(runtime)),
        (Script::Init, "init-kube.sh".to_owned()),
        (Script::CleanRegistry, NOTHING.to_owned()),
        (Script::Clean, clean(runtime)),
    ]))
}

/// The registry is a container, so the runtime comes first. Its port is the one that care looks for it at; what is at the
/// port that scripts and templates know is care.
fn init_registry(runtime: &str) -> String {
    format!("{runtime}.sh && bash init-registry.sh {REGISTRY_PORT} \"${{PWD%/*}}/registry\" $RegistryDomain")
}

/// What `init-kube.sh` puts in place no script takes away: sealer does so itself, by `pkg/runtime/kubernetes`.
fn clean(runtime: &str) -> String {
    let programs = "/usr/bin/kubeadm /usr/bin/kubectl /usr/bin/kubelet /usr/bin/kubelet-pre-start.sh";
    let units = "/etc/systemd/system/kubelet.service /etc/systemd/system/kubelet.service.d";
    format!(
        "uninstall-{runtime}.sh && rm -rf {programs} {units} /etc/sysctl.d/k8s.conf && systemctl daemon-reload"
    )
}

/// Docker that kubelet speaks to by itself has no socket before kubelet runs, by which it could be prepared and looked after.
fn within_kubelet() -> Problem {
    Problem::new(
        Class::Config,
        format!("the image leaves Docker to kubelet itself, as Kubernetes did before 1.{DOCKER_APART}"),
    )
    .remedy(
        "use an image of this Kubernetes with containerd, or labring's with Docker, which brings cri-dockerd",
    )
}

fn unknown(what: &str, value: &str, known: &str) -> Problem {
    Problem::new(Class::Config, format!("`{what}` says `{value}`, which is not launched"))
        .remedy(format!("use an image of {known}"))
}
