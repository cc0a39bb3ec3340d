//! The contract of cluster images: what labels, environment and commands mean to a cluster.
//!
//! The words are those of sealos (its image standard and the labels of the published rootfs images);
//! `sealift.io.*` are their aliases here.

use std::collections::BTreeMap;
use std::net::IpAddr;

use self::sealer::SealerImage;
use super::Image;
use crate::error::{Class, Problem, Result};
use crate::model::{Bundle, Environment, ImageKind, KubernetesVersion};
use crate::suggest;

/// The versions of the contract that are understood.
const VERSIONS: [&str; 2] = ["v1beta1", "v1beta2"];

/// An image's part in a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterImage {
    /// What it is.
    pub kind: ImageKind,
    /// The Kubernetes it holds; always known for a rootfs.
    pub kubernetes_version: Option<KubernetesVersion>,
    /// Its variables, without `PATH`.
    pub environment: Environment,
    /// Its scripts.
    pub scripts: Scripts,
    /// The virtual address it asks for.
    pub vip: Option<IpAddr>,
    /// Its commands, each a line for the shell, with its variables still in it: they take the cluster's values,
    /// by [`expand`].
    pub commands: Vec<String>,
    /// How many of the commands come from ENTRYPOINT; the operator's command replaces those after them.
    pub entrypoint_commands: usize,
    /// What becomes of a file that a template makes as well.
    pub rendering: Rendering,
    /// What it launches, where it says so by application.
    pub bundle: Bundle,
}

/// What becomes of a file of an image that one of its templates makes as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rendering {
    /// Nobody can say which of the two is meant.
    Refused,
    /// It gives way, as in sealer's base images: their `etc/kubeadm.yml` is what they are built with.
    Replaces,
}

/// When a script is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Script {
    /// Before anything else, on every new machine.
    Check,
    /// Where a registry is to run.
    InitRegistry,
    /// Makes the container runtime, in images that part it from `Init`.
    InitCri,
    /// Makes a machine ready for kubeadm.
    Init,
    /// Undoes `Init`.
    Clean,
    /// Undoes `InitCri`.
    CleanCri,
    /// Undoes `InitRegistry`.
    CleanRegistry,
}

impl Script {
    /// All scripts.
    pub const ALL: [Self; 7] = [
        Self::Check,
        Self::InitRegistry,
        Self::InitCri,
        Self::Init,
        Self::Clean,
        Self::CleanCri,
        Self::CleanRegistry,
    ];

    /// Returns the script's label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::InitRegistry => "init-registry",
            Self::InitCri => "init-cri",
            Self::Init => "init",
            Self::Clean => "clean",
            Self::CleanCri => "clean-cri",
            Self::CleanRegistry => "clean-registry",
        }
    }

    /// Returns what is run when no image has the label.
    fn default(self) -> Option<&'static str> {
        match self {
            Self::Check => Some("check.sh"),
            Self::InitRegistry => Some("init-registry.sh"),
            Self::Init => Some("init.sh"),
            Self::Clean => Some("clean.sh"),
            Self::CleanRegistry => Some("clean-registry.sh"),
            Self::InitCri | Self::CleanCri => None,
        }
    }
}

/// The scripts an image names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scripts(BTreeMap<Script, String>);

impl Scripts {
    /// Returns a script's command, to be run as `bash COMMAND` in `scripts/` of the image's tree with its
    /// environment exported: the label's text, which the shell expands, or the script of the same name.
    ///
    /// `InitCri` and `CleanCri` are `None` unless an image names them.
    pub fn command(&self, script: Script) -> Option<&str> {
        self.0.get(&script).map(String::as_str).or(script.default())
    }

    /// Returns what the image itself names, without defaults.
    pub fn named(&self, script: Script) -> Option<&str> {
        self.0.get(&script).map(String::as_str)
    }
}

impl ClusterImage {
    /// Reads the contract off an image.
    ///
    /// A label that says what sealift does not understand is a `Config` problem.
    pub fn of(image: &Image) -> Result<Self> {
        if let Some(sealer) = SealerImage::of(&image.config).map_err(|problem| in_image(problem, image))? {
            return Self::of_sealer(sealer).map_err(|problem| in_image(problem, image));
        }
        let labels = Labels { of: &image.config.labels };
        let kind = labels.kind().map_err(|problem| in_image(problem, image))?;
        if kind == ImageKind::Rootfs {
            labels.check_contract().map_err(|problem| in_image(problem, image))?;
        }
        let kubernetes_version =
            labels.kubernetes_version(kind).map_err(|problem| in_image(problem, image))?;
        let mut environment = image.config.env.clone();
        environment.remove("PATH");
        let vip = labels.vip(&environment).map_err(|problem| in_image(problem, image))?;
        let entrypoint = commands(&image.config.entrypoint);
        let entrypoint_commands = entrypoint.len();
        Ok(Self {
            kind,
            kubernetes_version,
            environment,
            scripts: labels.scripts(),
            vip,
            commands: [entrypoint, commands(&image.config.cmd)].concat(),
            entrypoint_commands,
            rendering: Rendering::Refused,
            bundle: Bundle::default(),
        })
    }

    fn of_sealer(image: SealerImage) -> Result<Self> {
        if image.kind == ImageKind::Rootfs && image.version.is_none() {
            return Err(no_version("cluster.alpha.sealer.io/cluster-runtime-version"));
        }
        let mut environment = image.environment;
        environment.remove("PATH");
        Ok(Self {
            kind: image.kind,
            kubernetes_version: image.version,
            environment,
            scripts: image.scripts,
            vip: None,
            commands: vec![],
            entrypoint_commands: 0,
            rendering: Rendering::Replaces,
            bundle: image.bundle,
        })
    }
}

fn no_version(label: &str) -> Problem {
    Problem::new(Class::Config, "the image does not say which Kubernetes it holds")
        .remedy(format!("set the label `{label}`, such as LABEL {label}=v1.36.3, and build it again"))
}

fn in_image(problem: Problem, image: &Image) -> Problem {
    problem.saw(format!("in the image `{}`", image.name))
}

/// Each element is one command; `/bin/sh` and `-c` are what a builder puts before the shell form.
fn commands(words: &[String]) -> Vec<String> {
    let is_command = |word: &&String| !matches!(word.trim(), "" | "/bin/sh" | "-c");
    words.iter().filter(is_command).cloned().collect()
}

/// The labels of an image, by their names and aliases.
struct Labels<'a> {
    of: &'a BTreeMap<String, String>,
}

impl Labels<'_> {
    /// Returns the first of the labels that is there and not empty.
    fn first(&self, names: &[&str]) -> Option<(String, &str)> {
        let found =
            names.iter().find_map(|name| self.of.get_key_value(*name).filter(|(_, value)| !value.is_empty()));
        found.map(|(name, value)| (name.clone(), value.trim()))
    }

    /// Returns a label that sealos writes `sealos.io.NAME` or `apps.sealos.io/NAME`.
    fn qualified(&self, name: &str) -> Option<(String, &str)> {
        let names =
            [format!("sealift.io.{name}"), format!("sealos.io.{name}"), format!("apps.sealos.io/{name}")];
        self.first(&names.each_ref().map(String::as_str))
    }

    /// Returns a label that sealos writes without a prefix.
    fn plain(&self, name: &str) -> Option<(String, &str)> {
        self.first(&[&format!("sealift.io.{name}"), name])
    }

    fn kind(&self) -> Result<ImageKind> {
        let Some((label, value)) = self.qualified("type") else { return Ok(ImageKind::Application) };
        match value {
            "rootfs" => Ok(ImageKind::Rootfs),
            "patch" => Ok(ImageKind::Patch),
            "application" => Ok(ImageKind::Application),
            other => {
                let kinds = ["rootfs", "patch", "application"];
                let hint = suggest::did_you_mean(other, kinds)
                    .unwrap_or_else(|| format!("the kinds of images are {}", kinds.join(", ")));
                Err(Problem::new(
                    Class::Config,
                    format!("the label `{label}` says `{other}`, which is no kind of image"),
                )
                .remedy(hint))
            }
        }
    }

    /// Refuses contracts and distributions that are not understood; a missing version counts as the first one.
    fn check_contract(&self) -> Result<()> {
        if let Some((label, version)) = self.qualified("version").filter(|(_, v)| !VERSIONS.contains(v)) {
            let understood = VERSIONS.join(" and ");
            return Err(Problem::new(
                Class::Config,
                format!("the label `{label}` says `{version}`, a contract that is not understood"),
            )
            .remedy(format!("use an image of the contract {understood}, or a newer sealift")));
        }
        match self.qualified("distribution") {
            None | Some((_, "kubernetes")) => Ok(()),
            Some((label, other)) => Err(Problem::new(
                Class::Config,
                format!("the label `{label}` says `{other}`: only Kubernetes made by kubeadm is launched"),
            )
            .remedy("use an image of Kubernetes")),
        }
    }

    /// Reads the Kubernetes version; the label `version` of an application is its own and says nothing here.
    fn kubernetes_version(&self, kind: ImageKind) -> Result<Option<KubernetesVersion>> {
        let label = self.first(&["sealift.io.kubernetes-version", "version"]);
        match (kind, label) {
            (ImageKind::Application, _) | (ImageKind::Patch, None) => Ok(None),
            (ImageKind::Patch, Some((_, version))) => Ok(version.parse().ok()),
            (ImageKind::Rootfs, Some((_, version))) => version.parse().map(Some),
            (ImageKind::Rootfs, None) => Err(no_version("version")),
        }
    }

    fn scripts(&self) -> Scripts {
        let named = Script::ALL
            .into_iter()
            .filter_map(|script| self.plain(script.label()).map(|(_, text)| (script, text.to_owned())));
        Scripts(named.collect())
    }

    /// Reads the virtual address. A variable that the image does not set leaves the choice to the cluster.
    fn vip(&self, environment: &Environment) -> Result<Option<IpAddr>> {
        let Some((label, text)) = self.plain("vip") else { return Ok(None) };
        let expanded = expand(text, environment);
        if expanded.is_empty() || expanded.starts_with('$') {
            return Ok(None);
        }
        expanded.parse().map(Some).map_err(|_| {
            Problem::new(
                Class::Config,
                format!("the label `{label}` says `{expanded}`, which is not an address"),
            )
            .remedy("write an address such as 10.103.97.2")
        })
    }
}

/// Puts variables into a command or label as sealos does: `$(X)`, `${X}` and `$X`; one that is not known stays as
/// it is written, for the shell; `$$` is a dollar sign.
pub fn expand(text: &str, environment: &Environment) -> String {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        expanded.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let (value, used) = match variable(after) {
            Reference::Dollar => (Some("$"), 1),
            Reference::Variable { name, used } => (environment.get(name).map(String::as_str), used),
            Reference::None => (None, 0),
        };
        expanded.push_str(value.unwrap_or(&rest[at..=at + used]));
        rest = &after[used..];
    }
    expanded.push_str(rest);
    expanded
}

/// What follows a dollar sign.
enum Reference<'a> {
    /// Another one.
    Dollar,
    /// A variable, written in that many bytes.
    Variable { name: &'a str, used: usize },
    /// Something else.
    None,
}

fn variable(after: &str) -> Reference<'_> {
    if after.starts_with('$') {
        return Reference::Dollar;
    }
    for (open, close) in [('(', ')'), ('{', '}')] {
        if let Some(inside) = after.strip_prefix(open) {
            return match inside.split_once(close) {
                Some((name, _)) if is_name(name) => Reference::Variable { name, used: name.len() + 2 },
                _ => Reference::None,
            };
        }
    }
    let length = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
    let name = &after[..length];
    if is_name(name) { Reference::Variable { name, used: length } } else { Reference::None }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-' || c == '.')
}

mod sealer;
#[cfg(test)]
mod tests;
