//! A kubelet's own arguments, set where its unit reads the administrator's, and taken back when nobody wishes them any more.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::agent::command::{Command, Tell};
use crate::agent::{kubernetes, ownership, paths, receipts, units};
use crate::error::{Class, Context, Problem, Result};
use crate::wire::KubeletWork;
use crate::{fsx, yaml};

use super::kubelet;
use super::words::{self, Ours};

/// The unit.
const UNIT: &str = "kubelet.service";
/// The variable that kubeadm's unit leaves to the administrator; it comes last, and the last of two arguments counts.
const VARIABLE: &str = "KUBELET_EXTRA_ARGS";
/// Where units of Debian's and Red Hat's packages read it from.
const FILES: [&str; 2] = ["/etc/default/kubelet", "/etc/sysconfig/kubelet"];
/// Makes a unit that reads neither read ours.
const DROP_IN: &str = "/etc/systemd/system/kubelet.service.d/90-sealift.conf";
/// kubelet's configuration, which says where its health is asked for.
const CONFIG: &str = "/var/lib/kubelet/config.yaml";

/// How long kubelet may take until it says that it is well, and its Node that it is Ready.
const DEADLINE: Duration = Duration::from_secs(90);

/// What was done to a file, so that it can be undone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    file: PathBuf,
    ours: Ours,
}

pub(super) fn carry_out(work: &KubeletWork, tell: Tell<'_>) -> Result<()> {
    receipts::withdraw("kubelet")?;
    let before = State::read()?;
    let after = before.with(&work.arguments)?;
    after.write()?;
    if let Err(problem) = take_up(&work.cluster, tell) {
        tell("kubelet gets its arguments of before back");
        before.write()?;
        take_up(&work.cluster, tell)?;
        return Err(problem.saw(format!("its arguments: {}", words::told(&work.arguments))));
    }
    receipts::write("kubelet", &work.receipt)
}

/// Takes our arguments back, for good.
pub(super) fn remove() -> Result<()> {
    let state = State::read()?;
    if state.record.is_none() {
        return Ok(());
    }
    state.with(&BTreeMap::new())?.write()?;
    fsx::remove_if_exists(Path::new(DROP_IN))?;
    fsx::remove_if_exists(Path::new(paths::KUBELET_ARGUMENTS)).map(drop)
}

/// The file with the arguments, and what of it is ours.
#[derive(Debug, Clone, PartialEq, Eq)]
struct State {
    file: PathBuf,
    /// Its text; `None` is a file that is not there.
    text: Option<String>,
    record: Option<Record>,
}

impl State {
    /// Reads what is there. A file that we began with is kept to.
    fn read() -> Result<Self> {
        let record: Option<Record> = match fsx::read_if_exists(Path::new(paths::KUBELET_ARGUMENTS))? {
            Some(text) => Some(
                serde_json::from_slice(&text)
                    .problem(Class::Machine, format!("{} cannot be read", paths::KUBELET_ARGUMENTS))?,
            ),
            None => None,
        };
        let file = record.as_ref().map_or_else(|| Unit::show().file(), |record| record.file.clone());
        let text = match fsx::read_if_exists(&file)? {
            Some(bytes) => Some(
                String::from_utf8(bytes)
                    .problem_with(Class::Machine, || format!("{} is no text", file.display()))?,
            ),
            None => None,
        };
        Ok(Self { file, text, record })
    }

    /// Returns what is to be there for these arguments.
    fn with(&self, wished: &BTreeMap<String, String>) -> Result<Self> {
        let unit = Unit::show();
        if !wished.is_empty() && !unit.takes_arguments() {
            return Err(Problem::new(Class::Config, "the image's kubelet takes no arguments of its own")
                .saw(format!("its unit does not use ${VARIABLE}"))
                .remedy("write what you wish into a KubeletConfiguration instead"));
        }
        let ours = self.record.as_ref().map(|record| &record.ours);
        let (text, ours) = words::changed(self.text.as_deref(), VARIABLE, &unit.default(), ours, wished);
        Ok(Self { file: self.file.clone(), text, record: Some(Record { file: self.file.clone(), ours }) })
    }

    /// Puts it there. The record first: what is in it and not in the file is taken for somebody else's change.
    fn write(&self) -> Result<()> {
        let path = Path::new(paths::KUBELET_ARGUMENTS);
        match &self.record {
            Some(record) => {
                let text =
                    serde_json::to_vec(record).problem(Class::Internal, "cannot write the record down")?;
                fsx::write_atomically(path, text, 0o600)?;
            }
            None => drop(fsx::remove_if_exists(path)?),
        }
        match &self.text {
            Some(text) => {
                if let Some(directory) = self.file.parent() {
                    fsx::make_directory(directory)?;
                }
                fsx::write_atomically(&self.file, text, 0o644)?;
            }
            None => drop(fsx::remove_if_exists(&self.file)?),
        }
        if self.file == Path::new(paths::KUBELET_ENVIRONMENT) {
            let drop_in = format!("[Service]\nEnvironmentFile=-{}\n", self.file.display());
            if let Some(directory) = Path::new(DROP_IN).parent() {
                fsx::make_directory(directory)?;
            }
            fsx::write_atomically(Path::new(DROP_IN), drop_in, 0o644)?;
        }
        units::reload()
    }
}

/// kubelet's unit, as systemd has it.
struct Unit(String);

impl Unit {
    fn show() -> Self {
        let properties = "--property=ExecStart,Environment,EnvironmentFiles";
        Self(Command::new("systemctl", ["show", properties, UNIT]).output().unwrap_or_default())
    }

    fn property<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.lines().filter_map(move |line| line.strip_prefix(name)?.strip_prefix('='))
    }

    fn takes_arguments(&self) -> bool {
        self.property("ExecStart").any(|command| command.contains(&format!("${VARIABLE}")))
    }

    /// Returns where the variable is set: in the administrator's file if the unit reads one, else in ours.
    fn file(&self) -> PathBuf {
        let read: Vec<&str> =
            self.property("EnvironmentFiles").filter_map(|line| line.split(" (").next()).collect();
        let found = FILES.iter().find(|file| read.contains(file));
        Path::new(found.unwrap_or(&paths::KUBELET_ENVIRONMENT)).to_owned()
    }

    /// Returns what the variable is where no file sets it: the image's unit may give it a value, which a file replaces.
    fn default(&self) -> String {
        let all = self.property("Environment").filter_map(|line| shell_words::split(line).ok()).flatten();
        let ours = all.filter_map(|word| Some(word.strip_prefix(VARIABLE)?.strip_prefix('=')?.to_owned()));
        ours.last().unwrap_or_default()
    }
}

/// Has kubelet take its arguments up. One that has not joined does so when it does.
fn take_up(cluster: &str, tell: Tell<'_>) -> Result<()> {
    if !Path::new(paths::KUBELET).exists() {
        return Ok(());
    }
    tell("kubelet starts anew");
    restart(cluster, tell)
}

/// Starts kubelet anew and waits until it is well and its Node Ready. Pods go on meanwhile.
pub(super) fn restart(cluster: &str, tell: Tell<'_>) -> Result<()> {
    units::enable_and_restart(UNIT, tell)?;
    let failed = |message: &str| {
        units::with_journal(Problem::new(Class::Machine, message), UNIT).remedy(
            "look at `journalctl -u kubelet` on the machine; what is wished may not be known to this version",
        )
    };
    if !kubelet::within(DEADLINE, is_well) {
        return Err(failed("kubelet does not run with what is wished of it"));
    }
    let node = ownership::require(cluster)?.node_name;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.problem(Class::Machine, "cannot start a runtime")?;
    let ready = || runtime.block_on(kubernetes::own_node_is_ready(&node)).unwrap_or_default();
    if !kubelet::within(DEADLINE, ready) {
        return Err(failed("the Node does not get Ready with what is wished of its kubelet"));
    }
    Ok(())
}

/// Tells whether kubelet says that it is well; where it is not to be asked, whether it runs.
fn is_well() -> bool {
    match health(&fsx::read_text(Path::new(CONFIG)).unwrap_or_default()) {
        Some(address) => kubelet::answers_well(address, "/healthz"),
        None => units::is_active(UNIT),
    }
}

/// Returns where a kubelet with this configuration answers, unless it was told not to.
fn health(config: &str) -> Option<SocketAddr> {
    let document = yaml::documents("kubelet's configuration", config).ok()?.into_iter().next();
    let document = document.unwrap_or_default();
    let port = document["healthzPort"].as_u64().unwrap_or(10248);
    let bound = document["healthzBindAddress"].as_str().and_then(|address| address.parse::<IpAddr>().ok());
    let address = bound.filter(|address| !address.is_unspecified()).unwrap_or(Ipv4Addr::LOCALHOST.into());
    (port != 0).then(|| SocketAddr::new(address, u16::try_from(port).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIT: &str = "ExecStart={ path=/usr/bin/kubelet ; argv[]=/usr/bin/kubelet $KUBELET_CONFIG_ARGS $KUBELET_EXTRA_ARGS ; }\n\
        Environment=\"KUBELET_CONFIG_ARGS=--config=/a --b\" KUBELET_EXTRA_ARGS=--v=2\n\
        EnvironmentFiles=/var/lib/kubelet/kubeadm-flags.env (ignore_errors=yes)\n";

    #[test]
    fn the_unit_says_where_arguments_go() {
        let unit = Unit(UNIT.to_owned());
        assert!(unit.takes_arguments());
        assert_eq!(unit.file(), Path::new(paths::KUBELET_ENVIRONMENT));
        assert_eq!(unit.default(), "--v=2");
        let debian = Unit(format!("{UNIT}EnvironmentFiles=/etc/default/kubelet (ignore_errors=yes)\n"));
        assert_eq!(debian.file(), Path::new("/etc/default/kubelet"));
        let bare = Unit("ExecStart={ argv[]=/usr/bin/kubelet ; }\n".to_owned());
        assert!(!bare.takes_arguments() && bare.default().is_empty());
    }

    #[test]
    fn kubelet_is_asked_where_its_configuration_says() {
        for (config, want) in [
            ("kind: KubeletConfiguration\n", Some("127.0.0.1:10248")),
            ("healthzPort: 1234\nhealthzBindAddress: 10.0.0.1\n", Some("10.0.0.1:1234")),
            ("healthzBindAddress: 0.0.0.0\n", Some("127.0.0.1:10248")),
            ("healthzPort: 0\n", None),
        ] {
            assert_eq!(health(config).map(|address| address.to_string()).as_deref(), want, "{config}");
        }
    }
}
