//! `vagrant/`: what its Vagrantfile makes is what its Clusterfile names. Machines are not made here: that wants a hypervisor.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use sealift::clusterfile::{Overrides, Source, load};
use sealift::model::{DeclaredMachines, Role};

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Runs a program in `vagrant/`, with a home of its own and these variables.
fn ended(program: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Option<Output> {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(program);
    command.args(arguments).current_dir(repository().join("vagrant"));
    command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("HOME", home.path());
    command.env("VAGRANT_DOTFILE_PATH", home.path().join("state"));
    command.env("VAGRANT_CHECKPOINT_DISABLE", "1");
    command.envs(variables.iter().copied());
    match command.output() {
        Ok(output) => Some(output),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => panic!("{program}: {error}"),
    }
}

/// Returns name and address of each machine that the Vagrantfile makes.
fn made(variables: &[(&str, &str)]) -> Vec<(String, String)> {
    let recorder = repository().join("tests/vagrant/machines.rb");
    let output = ended("ruby", &["-w", recorder.to_str().unwrap(), "./Vagrantfile"], variables);
    let Some(output) = output else { panic!("there is no ruby here; `dev/setup.sh vagrant` installs it") };
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| line.split_once(' ').unwrap())
        .map(|(name, address)| (name.to_owned(), address.to_owned()))
        .collect()
}

fn read(path: &Path) -> Source {
    Source { name: path.display().to_string(), text: std::fs::read(path).unwrap() }
}

#[test]
fn the_clusterfile_names_the_machines_that_the_vagrantfile_makes() {
    let declared = load(&[read(&repository().join("vagrant/Clusterfile"))], &Overrides::default()).unwrap();
    assert_eq!(declared.warnings, []);
    let DeclaredMachines::Given(machines) = declared.machines else { panic!("{:?}", declared.machines) };
    let named = machines.iter().map(|machine| (machine.role, machine.ssh.to_string()));
    let made = made(&[]).into_iter().map(|(name, address)| (role(&name), address));
    assert_eq!(named.collect::<Vec<_>>(), made.collect::<Vec<_>>());
    assert_eq!(machines.len(), 5);
}

fn role(machine: &str) -> Role {
    match machine.rsplit_once('-').unwrap().0 {
        "control-plane" => Role::ControlPlane,
        "worker" => Role::Worker,
        other => panic!("{other} is no role"),
    }
}

#[test]
fn variables_say_how_many_machines_and_where() {
    let variables = [
        ("SEALIFT_VM_CONTROL_PLANES", "1"),
        ("SEALIFT_VM_WORKERS", "1"),
        ("SEALIFT_VM_NETWORK", "10.9.8"),
        ("SEALIFT_VM_CPUS", ""),
    ];
    let machines = [("control-plane-1", "10.9.8.11"), ("worker-1", "10.9.8.21")];
    assert_eq!(made(&variables), machines.map(|(name, address)| (name.to_owned(), address.to_owned())));
}

/// Debian 12 has Vagrant; where a system has none, `dev/setup.sh` has said so.
#[test]
fn vagrant_takes_the_vagrantfile_with_either_box_and_says_what_is_wrong_with_a_variable() {
    let validate = |variables: &[_]| ended("vagrant", &["validate", "--ignore-provider"], variables);
    for name in ["debian", "rocky"] {
        let Some(output) = validate(&[("SEALIFT_VM_BOX", name)]) else { return };
        assert!(output.status.success(), "{output:?}");
    }
    for (variable, value) in [("SEALIFT_VM_WORKERS", "two"), ("SEALIFT_VM_PUBLIC_KEY", "/none.pub")] {
        let output = validate(&[(variable, value)]).unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && errors.contains(&format!("{variable} is `{value}`")),
            "{output:?}"
        );
    }
}
