//! The image's registry on a control plane, with TLS and credentials of this cluster's own.

use std::path::Path;

use serde_json::{Value, json};

use crate::agent::blocking::now;
use crate::agent::command::{Command, Tell};
use crate::agent::{paths, receipts, units};
use crate::error::{Class, Context, Problem, Result};
use crate::model::RegistryStyle;
use crate::wire::{RegistryWork, ScriptCommand};
use crate::{fsx, yaml};

use super::{registry_data, registry_peers, registry_users, script};

/// The registry's unit in every image of the family.
pub(super) const UNIT: &str = "registry.service";

/// Where the certificate and key are, readable by root.
const CERTIFICATE: &str = "/var/lib/sealift/registry/registry.crt";
const KEY: &str = "/var/lib/sealift/registry/registry.key";

pub(super) fn carry_out(work: &RegistryWork, tell: Tell<'_>) -> Result<()> {
    receipts::withdraw("registry")?;
    place_certificate(work)?;
    let rootfs = paths::rootfs(&work.cluster);
    registry_users::place(&rootfs.join(registry_users::FILE), &work.users)?;
    match work.style {
        RegistryStyle::Unit => start_unit(work, &rootfs, tell)?,
        RegistryStyle::Container => start_container(&work.script, &rootfs, tell)?,
    }
    await_answer(work)?;
    registry_peers::catch_up(work, tell);
    receipts::write("registry", &work.receipt)
}

fn start_unit(work: &RegistryWork, rootfs: &Path, tell: Tell<'_>) -> Result<()> {
    registry_data::link(&registry_data::path(&work.script), rootfs)?;
    // One that runs has read its certificate, and not every script starts it anew.
    let ran = units::is_active(UNIT);
    // Before the script, so that an image whose script copies the file never listens unencrypted; and after it,
    // for images whose script writes a file of its own.
    let in_image = rootfs.join("etc/registry_config.yml");
    secure(&in_image, work)?;
    script::run(rootfs, &work.script, tell)?;
    let directory = registry_users::directory(&work.script);
    // An image that lets everybody in has no use for the file, and its script leaves it where it is.
    registry_users::place(&directory.join(registry_users::NAME), &work.users)?;
    let changed = secure(&directory.join("registry_config.yml"), work)?;
    if ran || changed {
        Command::new("systemctl", ["restart", UNIT])
            .run(tell)
            .map_err(|problem| units::with_journal(problem, UNIT))?;
    }
    Ok(())
}

/// Runs the script that starts a registry as a container, in place of one that may run already: what that one was given is gone
/// with a tree that was laid out since. The script gives the container what is in `certs/` under the registry's name.
pub(super) fn start_container(script: &ScriptCommand, rootfs: &Path, tell: Tell<'_>) -> Result<()> {
    let name = script.environment.get("RegistryDomain").map_or("sea.hub", String::as_str);
    let directory = rootfs.join("certs");
    fsx::make_directory(&directory)?;
    for (from, ending, mode) in [(CERTIFICATE, "crt", 0o644), (KEY, "key", 0o600)] {
        let text = std::fs::read(from).problem_with(Class::Machine, || format!("cannot read {from}"))?;
        fsx::write_atomically(&directory.join(format!("{name}.{ending}")), text, mode)?;
    }
    change(&rootfs.join("etc/registry_config.yml"), shut_debug_port)?;
    script::run(rootfs, script, tell)
}

fn place_certificate(work: &RegistryWork) -> Result<()> {
    if let Some(directory) = Path::new(CERTIFICATE).parent() {
        fsx::make_directory(directory)?;
    }
    fsx::write_atomically(Path::new(CERTIFICATE), &work.certificate, 0o644)?;
    fsx::write_atomically(Path::new(KEY), &work.key, 0o600)
}

/// Makes the registry listen with TLS at the machine's address and nowhere else, for those alone who may log in; tells whether
/// the file changed. All else is as the image has it.
fn secure(path: &Path, work: &RegistryWork) -> Result<bool> {
    let users = registry_users::directory(&work.script).join(registry_users::NAME);
    change(path, |config| {
        listen_with_tls(config, work);
        ask_for_password(config, &users);
    })
}

/// Changes an image's configuration, if there is one; tells whether it became another.
fn change(path: &Path, change: impl FnOnce(&mut Value)) -> Result<bool> {
    let Some(text) = fsx::read_if_exists(path)? else { return Ok(false) };
    let text = String::from_utf8_lossy(&text);
    let name = path.display().to_string();
    let mut documents = yaml::documents(&name, &text)?;
    let Some(config) = documents.first_mut().filter(|config| config.is_object()) else {
        return Err(Problem::new(Class::Config, format!("{name} holds no configuration")));
    };
    let before = config.clone();
    change(config);
    if *config == before {
        return Ok(false);
    }
    fsx::write_atomically(path, yaml::to_string(config)?, 0o600)?;
    Ok(true)
}

fn listen_with_tls(config: &mut Value, work: &RegistryWork) {
    if !config["http"].is_object() {
        config["http"] = json!({});
    }
    config["http"]["addr"] = work.listen.to_string().into();
    config["http"]["tls"] = json!({"certificate": CERTIFICATE, "key": KEY});
    shut_debug_port(config);
}

/// The family's images open a debug port to everybody.
fn shut_debug_port(config: &mut Value) {
    if let Some(http) = config.get_mut("http").and_then(Value::as_object_mut) {
        http.remove("debug");
    }
}

/// Whatever way of logging in an image has, or none, machines come with the cluster's credentials.
fn ask_for_password(config: &mut Value, users: &Path) {
    let realm = config.pointer("/auth/htpasswd/realm").cloned();
    let realm = realm.unwrap_or_else(|| "registry".into());
    config["auth"] = json!({"htpasswd": {"realm": realm, "path": users}});
}

/// Waits until the registry answers with the certificate that was just placed.
fn await_answer(work: &RegistryWork) -> Result<()> {
    let tunnel = crate::ha::tunnel::Tunnel::new(&work.authority, crate::ha::authority::REGISTRY_NAME)?;
    now(async || {
        use crate::ha::forward::Dial;
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_mins(1);
        loop {
            match tunnel.dial(work.listen).await {
                Ok(_) => return Ok(()),
                Err(error) if tokio::time::Instant::now() > deadline => {
                    let problem = Problem::new(Class::Machine, "the registry does not answer").saw(error);
                    return Err(units::with_journal(problem, UNIT));
                }
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(100)).await,
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work() -> RegistryWork {
        RegistryWork {
            receipt: crate::model::Digest::of("x"),
            cluster: "default".to_owned(),
            script: ScriptCommand { text: String::new(), environment: crate::model::Environment::new() },
            style: RegistryStyle::Unit,
            listen: "10.0.0.1:5443".parse().unwrap(),
            certificate: String::new(),
            key: String::new(),
            authority: String::new(),
            users: vec![],
            peers: vec![],
        }
    }

    #[test]
    fn an_images_configuration_is_kept_but_for_who_may_come_and_how() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("registry_config.yml");
        let file = "version: 0.1\nhttp:\n  addr: :5000\n  debug:\n    addr: :5001\nauth:\n  htpasswd:\n    realm: Realm\n    path: /else\nstorage:\n  delete:\n    enabled: true\n";
        std::fs::write(&path, file).unwrap();
        assert!(secure(&path, &work()).unwrap());
        insta::assert_snapshot!(std::fs::read_to_string(&path).unwrap(), @r"
        version: 0.1
        http:
          addr: 10.0.0.1:5443
          tls:
            certificate: /var/lib/sealift/registry/registry.crt
            key: /var/lib/sealift/registry/registry.key
        auth:
          htpasswd:
            realm: Realm
            path: /etc/registry/registry_htpasswd
        storage:
          delete:
            enabled: true
        ");
        assert!(!secure(&path, &work()).unwrap(), "the second time there is nothing to do");
        assert!(!secure(&folder.path().join("missing.yml"), &work()).unwrap());
    }

    #[test]
    fn nobody_comes_without_a_password_whatever_the_image_says() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("registry_config.yml");
        for auth in ["", "auth: {silly: {realm: r, service: s}}\n", "auth:\n"] {
            std::fs::write(&path, format!("version: 0.1\n{auth}")).unwrap();
            assert!(secure(&path, &work()).unwrap());
            let changed = std::fs::read_to_string(&path).unwrap();
            assert!(
                changed.contains("path: /etc/registry/registry_htpasswd") && !changed.contains("silly"),
                "{changed}"
            );
        }
    }
}
