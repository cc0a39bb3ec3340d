//! An application's files on this machine, and its commands, which find the cluster and the images' own programs.

use std::path::{Path, PathBuf};

use crate::agent::command::Tell;
use crate::agent::{paths, tree};
use crate::distribute::assemble::assembled_from;
use crate::error::{Class, Problem, Result};
use crate::model::Environment;
use crate::wire::{ApplicationFiles, ApplicationTree};

use super::script;

/// Where an image of the family has its programs.
const PROGRAMS: [&str; 2] = ["opt", "bin"];

/// Where programs are found in any case; a service's own variables may not say so.
const EVERYWHERE: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What commands see unless somebody says otherwise: where the cluster is, and where what they keep for their next call is
/// gone with the machine's memory, and not left in root's home.
const DEFAULTS: [(&str, &str); 6] = [
    ("HOME", "/root"),
    ("KUBECONFIG", paths::ADMIN),
    ("KUBECACHEDIR", paths::KUBECTL_CACHE),
    ("HELM_CACHE_HOME", "/run/sealift/helm/cache"),
    ("HELM_CONFIG_HOME", "/run/sealift/helm/config"),
    ("HELM_DATA_HOME", "/run/sealift/helm/data"),
];

/// Lays an application's files out anew.
pub(super) fn lay_out(cluster: &str, application: &ApplicationTree) -> Result<()> {
    let ApplicationFiles::Own { layers, configs } = &application.files else { return Ok(()) };
    tree::lay_out(layers, &directory(cluster, application), configs, &application.environment)
}

/// Lays an application's files out where they are not there yet.
pub(super) fn furnish(cluster: &str, application: &ApplicationTree) -> Result<()> {
    let ApplicationFiles::Own { layers, .. } = &application.files else { return Ok(()) };
    if assembled_from(&directory(cluster, application))?.as_ref() == Some(layers) {
        return Ok(());
    }
    lay_out(cluster, application)
}

/// Returns where an application's files are.
fn directory(cluster: &str, application: &ApplicationTree) -> PathBuf {
    match application.files {
        ApplicationFiles::Own { .. } => paths::application(cluster, &application.manifest),
        ApplicationFiles::Rootfs => paths::rootfs(cluster),
    }
}

/// Runs lines of shell in the application's directory, until one fails: the family goes on and tells only the last one's
/// end.
pub(super) fn run<'a>(
    cluster: &str,
    image: &str,
    tree: &ApplicationTree,
    tools: &[ApplicationTree],
    lines: impl IntoIterator<Item = &'a String>,
    tell: Tell<'_>,
) -> Result<()> {
    let directory = directory(cluster, tree);
    let environment = environment(cluster, tree, tools);
    for line in lines {
        tell(line);
        script::with_environment(line, &environment, &directory)?.run(tell).map_err(|problem| Problem {
            class: Class::Kubernetes,
            ..problem.saw(format!("image {image}"))
        })?;
    }
    Ok(())
}

/// Images expect their commands to find the cluster without being told, and the programs that images before them brought.
fn environment(cluster: &str, tree: &ApplicationTree, tools: &[ApplicationTree]) -> Environment {
    let mut environment = tree.environment.clone();
    for (name, value) in DEFAULTS {
        environment.entry(name.to_owned()).or_insert_with(|| value.to_owned());
    }
    let trees = std::iter::once(tree).chain(tools.iter().rev());
    let trees = trees.map(|tree| directory(cluster, tree)).chain([paths::rootfs(cluster)]);
    let mut path: Vec<String> = trees.flat_map(|tree| programs_of(&tree)).collect();
    path.push(environment.get("PATH").map_or(EVERYWHERE, String::as_str).to_owned());
    environment.insert("PATH".to_owned(), path.join(":"));
    environment
}

fn programs_of(tree: &Path) -> [String; 2] {
    PROGRAMS.map(|directory| tree.join(directory).display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Digest;

    fn tree(name: &str, environment: &[(&str, &str)]) -> ApplicationTree {
        let environment =
            environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let files = ApplicationFiles::Own { layers: vec![], configs: vec![] };
        ApplicationTree { manifest: Digest::of(name), files, environment }
    }

    #[test]
    fn programs_are_found_in_the_image_then_in_those_before_it_then_in_the_rootfs() {
        let own = tree("own", &[("KUBECONFIG", "/mine")]);
        let environment = environment("prod", &own, &[tree("helm", &[])]);
        let path: Vec<&str> = environment["PATH"].split(':').collect();
        let place = |wanted: &str| path.iter().position(|one| one.ends_with(wanted)).unwrap();
        let of = |name: &str| format!("{}/opt", Digest::of(name).hex());
        assert!(place(&of("own")) < place(&of("helm")), "{path:?}");
        assert!(place(&of("helm")) < place("rootfs/bin") && place("rootfs/bin") < place("/usr/bin"));
        assert_eq!(environment["KUBECONFIG"], "/mine");
        assert_eq!(environment["KUBECACHEDIR"], paths::KUBECTL_CACHE);
    }
}
