//! How the container runtime comes to the cluster's registry, for images whose scripts leave that to their tool: sealer's.
//!
//! Source: the files are those that sealer's `pkg/registry` writes; what is in them is this cluster's way, which is plain HTTP to
//! care on this machine.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::agent::command::Tell;
use crate::error::Result;
use crate::fsx;
use crate::model::RegistryUser;
use crate::wire::{PullingWork, Runtime};

/// Where containerds of sealer's images look for registries, by their age.
const DIRECTORIES: [&str; 2] = ["/etc/containerd/certs.d", "/etc/docker/certs.d"];

/// What containerd asks for registries that have no directory of their own: the cluster's own has the images that were packed.
const EVERY_OTHER: &str = "_default";

/// By its first line a file is known to be ours.
const FIRST_LINE: &str =
    "# Written by sealift: the cluster's registry, by way of sealift-care on this machine.\n";

/// Where kubelet reads who pulls from which registry, besides Secrets.
const OF_KUBELET: &str = "/var/lib/kubelet/config.json";

/// Tells the runtime.
pub(super) fn place(work: &PullingWork) -> Result<()> {
    match work.runtime {
        Runtime::Containerd => {
            DIRECTORIES.iter().try_for_each(|directory| place_in(Path::new(directory), work))
        }
        Runtime::Docker => place_for_kubelet(Path::new(OF_KUBELET), work),
    }
}

/// Takes away again what was told. What kubelet was told goes with its directory.
pub(super) fn forget(tell: Tell<'_>) {
    for directory in DIRECTORIES {
        // It holds nothing up: nobody answers at the registry's name any more.
        if let Err(problem) = forget_in(Path::new(directory)) {
            tell(&problem.to_string());
        }
    }
}

fn place_in(directory: &Path, work: &PullingWork) -> Result<()> {
    let url = format!("http://{}", work.registry);
    let own =
        format!("{FIRST_LINE}server = \"{url}\"\n\n{}", host(&url, &["pull", "resolve", "push"], &work.user));
    let other = format!("{FIRST_LINE}{}", host(&url, &["pull", "resolve"], &work.user));
    for (registry, text) in [(work.registry.as_str(), own), (EVERY_OTHER, other)] {
        let directory = directory.join(registry);
        fsx::make_directory(&directory)?;
        fsx::write_atomically(&hosts_file(&directory), text, 0o600)?;
    }
    Ok(())
}

fn host(url: &str, capabilities: &[&str], user: &RegistryUser) -> String {
    let authorization = format!("Basic {}", credentials(user));
    format!(
        "[host.\"{url}\"]\n  capabilities = {capabilities:?}\n\n  [host.\"{url}\".header]\n    Authorization = [\"{authorization}\"]\n"
    )
}

fn place_for_kubelet(path: &Path, work: &PullingWork) -> Result<()> {
    if let Some(directory) = path.parent() {
        fsx::make_directory(directory)?;
    }
    // Somebody may have written others into it.
    let before = fsx::read_if_exists(path)?.unwrap_or_default();
    let mut told: Value = serde_json::from_slice(&before).unwrap_or_default();
    if !told.is_object() {
        told = json!({});
    }
    if !told["auths"].is_object() {
        told["auths"] = json!({});
    }
    told["auths"][&work.registry] = json!({"auth": credentials(&work.user)});
    fsx::write_atomically(path, told.to_string(), 0o600)
}

fn credentials(user: &RegistryUser) -> String {
    STANDARD.encode(format!("{}:{}", user.username, user.password))
}

fn hosts_file(directory: &Path) -> PathBuf {
    directory.join("hosts.toml")
}

fn forget_in(directory: &Path) -> Result<()> {
    let Ok(registries) = fs::read_dir(directory) else { return Ok(()) };
    let mut was_ours = false;
    for registry in registries.flatten().map(|registry| registry.path()) {
        let file = hosts_file(&registry);
        if fsx::read_if_exists(&file)?.is_some_and(|text| text.starts_with(FIRST_LINE.as_bytes())) {
            fsx::remove_if_exists(&file)?;
            fsx::remove_if_empty(&registry)?;
            was_ours = true;
        }
    }
    let above = [Some(directory), directory.parent()].into_iter().flatten();
    above.filter(|_| was_ours).try_for_each(fsx::remove_if_empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(runtime: Runtime) -> PullingWork {
        let user = RegistryUser { username: "nodes".to_owned(), password: "Harbour7".to_owned() };
        PullingWork { runtime, registry: "sea.hub:5000".to_owned(), user }
    }

    #[test]
    fn containerd_is_told_of_the_registry_and_that_it_mirrors_every_other() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("docker/certs.d");
        place_in(&directory, &work(Runtime::Containerd)).unwrap();
        let read = |name: &str| -> toml_edit::DocumentMut {
            fs::read_to_string(directory.join(name).join("hosts.toml")).unwrap().parse().unwrap()
        };
        let own = read("sea.hub:5000");
        assert_eq!(own["server"].as_str(), Some("http://sea.hub:5000"));
        for (name, capabilities) in [("sea.hub:5000", 3), ("_default", 2)] {
            let host = &read(name)["host"]["http://sea.hub:5000"];
            assert_eq!(host["capabilities"].as_array().unwrap().len(), capabilities, "{name}");
            let authorization = host["header"]["Authorization"][0].as_str();
            assert_eq!(authorization, Some("Basic bm9kZXM6SGFyYm91cjc="), "{name}");
        }
        assert!(
            read("_default").get("server").is_none(),
            "what it has not is looked for where its name says"
        );
    }

    #[test]
    fn what_was_told_is_taken_away_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("docker/certs.d");
        place_in(&directory, &work(Runtime::Containerd)).unwrap();
        let theirs = directory.join("theirs/hosts.toml");
        fs::create_dir(theirs.parent().unwrap()).unwrap();
        fs::write(&theirs, "server = \"https://theirs\"\n").unwrap();
        forget_in(&directory).unwrap();
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 1);
        assert!(theirs.exists());
        fs::remove_dir_all(theirs.parent().unwrap()).unwrap();
        forget_in(&directory).unwrap();
        assert!(directory.exists(), "it was there, for all that is known");
        place_in(&directory, &work(Runtime::Containerd)).unwrap();
        forget_in(&directory).unwrap();
        assert!(!directory.parent().unwrap().exists());
        forget_in(&directory).unwrap();
    }

    #[test]
    fn kubelet_is_told_who_pulls() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kubelet/config.json");
        fs::create_dir(path.parent().unwrap()).unwrap();
        fs::write(&path, r#"{"auths":{"theirs":{"auth":"x"}},"credsStore":"y"}"#).unwrap();
        place_for_kubelet(&path, &work(Runtime::Docker)).unwrap();
        let told: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        assert_eq!(told["auths"]["sea.hub:5000"]["auth"], "bm9kZXM6SGFyYm91cjc=");
        assert_eq!((&told["auths"]["theirs"]["auth"], &told["credsStore"]), (&"x".into(), &"y".into()));
        // Who has told nobody's credentials may have told something else.
        fs::write(&path, r#"{"credHelpers":{"theirs":"y"}}"#).unwrap();
        place_for_kubelet(&path, &work(Runtime::Docker)).unwrap();
        let told: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        assert_eq!(told["credHelpers"]["theirs"], "y");
        assert!(told["auths"]["sea.hub:5000"].is_object());
    }
}
