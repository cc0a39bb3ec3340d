//! Where to connect, through which jump hosts, as whom and with what: options and configuration made one.

use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;

use super::config::{self, Asked, HostConfig, HostKeys, expand_home, expand_tokens};
use super::known_hosts::{HostName, Naming};
use super::options::{HostKeyPin, SshOptions};
use crate::error::{Class, Problem, Result};
use crate::model::SshAddress;

/// The user when neither options nor configuration name one: who sets up a machine is root.
const DEFAULT_USER: &str = "root";

/// How long a TCP connection may take when the configuration does not say.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The most hosts on the way; more are surely jump hosts that name each other.
const LONGEST_ROUTE: usize = 8;

/// The keys that OpenSSH tries by itself, without the hardware-bound ones.
const DEFAULT_IDENTITIES: [&str; 3] = ["~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa"];

/// One SSH server on the way, the last of which is the machine.
#[derive(Debug)]
pub(super) struct Target {
    /// The host to dial.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) user: String,
    pub(super) connect_timeout: Duration,
    pub(super) trust: Trust,
    pub(super) credentials: Credentials,
}

/// What decides whether a server is the one it should be.
#[derive(Debug)]
pub(super) struct Trust {
    /// The name its key is looked up by.
    pub(super) name: HostName,
    /// The name its certificate must be for.
    pub(super) principal: String,
    pub(super) policy: HostKeys,
    pub(super) pins: Vec<HostKeyPin>,
    /// Files to look into; new keys go to the first.
    pub(super) known_hosts: Vec<PathBuf>,
    pub(super) naming: Naming,
}

/// What may let us in.
#[derive(Debug)]
pub(super) struct Credentials {
    pub(super) password: Option<SecretString>,
    pub(super) passphrase: Option<SecretString>,
    pub(super) identities: Identities,
    /// Private keys that are in no file.
    pub(super) keys: Vec<SecretString>,
    pub(super) certificates: Vec<PathBuf>,
    pub(super) agent: Option<PathBuf>,
}

/// Which private keys are tried.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Identities {
    /// These only; a missing file is a problem.
    Only(Vec<PathBuf>),
    /// Whatever the agent has, then those of these that exist.
    AgentAnd(Vec<PathBuf>),
}

/// What the operator's own account gives.
#[derive(Debug, Clone)]
pub(super) struct Operator {
    /// The home directory.
    pub(super) home: PathBuf,
    /// `SSH_AUTH_SOCK`.
    pub(super) agent: Option<PathBuf>,
    /// Host keys known to all users of this machine.
    pub(super) global_known_hosts: Vec<PathBuf>,
}

impl Operator {
    /// Returns the one who runs this program.
    pub(super) fn of_this_process() -> Self {
        Self {
            home: etcetera::home_dir().unwrap_or_else(|_| "/".into()),
            agent: std::env::var_os("SSH_AUTH_SOCK").filter(|path| !path.is_empty()).map(PathBuf::from),
            global_known_hosts: vec!["/etc/ssh/ssh_known_hosts".into(), "/etc/ssh/ssh_known_hosts2".into()],
        }
    }
}

/// Returns the servers on the way to the machine at `address`, the machine last.
pub(super) fn route(options: &SshOptions, address: &SshAddress, operator: &Operator) -> Result<Vec<Target>> {
    let config = host_config(options, operator, &address.host, options.user.as_deref())?;
    let jump = match &options.jump {
        Some(jump) => Some(jump.clone()),
        None => config.proxy_jump.clone(),
    };
    if options.jump.is_none() {
        refuse_proxy_command(&config, &address.host)?;
    }
    let machine = machine(options, address, operator, &config);
    let mut route = hops(jump.as_deref(), options, &machine.user, operator, 1)?;
    route.push(machine);
    Ok(route)
}

fn machine(options: &SshOptions, address: &SshAddress, operator: &Operator, config: &HostConfig) -> Target {
    let user = options.user.clone().or_else(|| config.user.clone()).unwrap_or_else(|| DEFAULT_USER.into());
    let port = address.port.or(options.port).or(config.port).unwrap_or(22);
    let mut target = target(&address.host, user, port, options, operator, config);
    target.trust.pins.clone_from(&options.pins);
    target.credentials.password.clone_from(&options.password);
    target
}

/// Returns the jump hosts of `a,user@b:2222` in the order they are dialled; the first may have its own.
fn hops(
    jump: Option<&str>,
    options: &SshOptions,
    user_of_machine: &str,
    operator: &Operator,
    length: usize,
) -> Result<Vec<Target>> {
    let Some(jump) = jump.filter(|jump| !jump.eq_ignore_ascii_case("none")) else { return Ok(Vec::new()) };
    let mut route = Vec::new();
    for (index, hop) in jump.split(',').map(str::trim).enumerate() {
        if length + route.len() >= LONGEST_ROUTE {
            return Err(Problem::new(Class::Config, "there are too many jump hosts on the way")
                .saw(format!("ProxyJump {jump}"))
                .remedy("look in the SSH configuration for jump hosts that name each other"));
        }
        let hop = hop.strip_prefix("ssh://").unwrap_or(hop);
        let (user, address) = match hop.rsplit_once('@') {
            Some((user, address)) => (Some(user), address),
            None => (None, hop),
        };
        let address: SshAddress = address.parse().map_err(|problem: Problem| problem.during("jump hosts"))?;
        let config = host_config(options, operator, &address.host, user)?;
        refuse_proxy_command(&config, &address.host)?;
        if index == 0 {
            let before = config.proxy_jump.as_deref();
            route.extend(hops(before, options, user_of_machine, operator, length + 1)?);
        }
        let user = user.or(config.user.as_deref()).unwrap_or(user_of_machine).to_owned();
        let port = address.port.or(config.port).unwrap_or(22);
        let mut target = target(&address.host, user, port, options, operator, &config);
        target.credentials.password.clone_from(&options.jump_password);
        route.push(target);
    }
    Ok(route)
}

fn target(
    written: &str,
    user: String,
    port: u16,
    options: &SshOptions,
    operator: &Operator,
    config: &HostConfig,
) -> Target {
    let host = match &config.host_name {
        Some(name) => expand_tokens(name, |token| (token == 'h').then(|| written.to_owned())),
        None => written.to_owned(),
    };
    let path = |text: &str| {
        let text = expand_tokens(text, |token| match token {
            'd' => Some(operator.home.display().to_string()),
            'h' => Some(host.clone()),
            'n' => Some(written.to_owned()),
            'p' => Some(port.to_string()),
            'r' => Some(user.clone()),
            _ => None,
        });
        expand_home(&text, &operator.home)
    };
    let trust = Trust {
        name: match &config.host_key_alias {
            Some(alias) => HostName::alias(alias),
            None => HostName::new(&host, port),
        },
        principal: config.host_key_alias.clone().unwrap_or_else(|| host.clone()).to_ascii_lowercase(),
        policy: options.host_keys.or(config.host_keys).unwrap_or(HostKeys::Strict),
        pins: Vec::new(),
        known_hosts: known_hosts(options, operator, config, &path),
        naming: if config.hash_known_hosts == Some(true) { Naming::Hashed } else { Naming::Plain },
    };
    let credentials = Credentials {
        password: None,
        passphrase: options.passphrase.clone(),
        identities: identities(options, config, &path),
        keys: options.keys.clone(),
        certificates: config.certificate_files.iter().map(|file| path(file)).collect(),
        agent: agent(options, operator, config, &path),
    };
    let connect_timeout = config.connect_timeout.unwrap_or(CONNECT_TIMEOUT);
    Target { host, port, user, connect_timeout, trust, credentials }
}

fn identities(options: &SshOptions, config: &HostConfig, path: &impl Fn(&str) -> PathBuf) -> Identities {
    if !options.identities.is_empty() || !options.keys.is_empty() {
        return Identities::Only(options.identities.clone());
    }
    let configured = || config.identity_files.iter().map(|file| path(file)).collect();
    match (config.identity_files.is_empty(), config.identities_only) {
        (false, Some(true)) => Identities::Only(configured()),
        (false, _) => Identities::AgentAnd(configured()),
        (true, _) => Identities::AgentAnd(DEFAULT_IDENTITIES.iter().map(|file| path(file)).collect()),
    }
}

fn agent(
    options: &SshOptions,
    operator: &Operator,
    config: &HostConfig,
    path: &impl Fn(&str) -> PathBuf,
) -> Option<PathBuf> {
    if options.agent_socket.is_some() {
        return options.agent_socket.clone();
    }
    match config.identity_agent.as_deref() {
        None | Some("SSH_AUTH_SOCK") => operator.agent.clone(),
        Some("none") => None,
        Some(socket) => match socket.strip_prefix('$') {
            Some(variable) => std::env::var_os(variable.trim_matches(['{', '}'])).map(PathBuf::from),
            None => Some(path(socket)),
        },
    }
}

fn known_hosts(
    options: &SshOptions,
    operator: &Operator,
    config: &HostConfig,
    path: &impl Fn(&str) -> PathBuf,
) -> Vec<PathBuf> {
    if let Some(file) = &options.known_hosts {
        return vec![file.clone()];
    }
    let mut files: Vec<PathBuf> = match &config.user_known_hosts {
        Some(files) => files.iter().filter(|file| *file != "none").map(|file| path(file)).collect(),
        None => vec![path("~/.ssh/known_hosts"), path("~/.ssh/known_hosts2")],
    };
    files.extend(operator.global_known_hosts.iter().cloned());
    files
}

fn host_config(
    options: &SshOptions,
    operator: &Operator,
    host: &str,
    user: Option<&str>,
) -> Result<HostConfig> {
    let asked = Asked { host, user, home: &operator.home };
    match &options.config {
        Some(file) if !file.exists() => {
            Err(Problem::new(Class::Config, format!("{} does not exist", file.display())))
        }
        Some(file) => config::read(file, asked),
        None => config::read(&operator.home.join(Path::new(".ssh/config")), asked),
    }
}

fn refuse_proxy_command(config: &HostConfig, host: &str) -> Result<()> {
    match config.proxy_command.as_deref().filter(|command| !command.eq_ignore_ascii_case("none")) {
        None => Ok(()),
        Some(command) => Err(Problem::new(
            Class::Config,
            format!("the SSH configuration reaches {host} by a ProxyCommand, which sealift does not run"),
        )
        .saw(format!("ProxyCommand {command}"))
        .remedy("write it as `ProxyJump HOST`, or give --jump HOST")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routed(config: &str, options: &SshOptions, address: &str) -> Result<Vec<Target>> {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join(".ssh")).unwrap();
        std::fs::write(home.path().join(".ssh/config"), config).unwrap();
        let operator = Operator {
            home: home.path().to_owned(),
            agent: Some("/agent".into()),
            global_known_hosts: vec!["/global".into()],
        };
        route(options, &address.parse().unwrap(), &operator)
    }

    fn way(targets: &[Target]) -> Vec<String> {
        targets.iter().map(|target| format!("{}@{}:{}", target.user, target.host, target.port)).collect()
    }

    #[test]
    fn options_win_over_configuration_and_that_over_habits() {
        let config = "Host alias\nHostName %h.example\nUser admin\nPort 2222";
        let given = SshOptions { user: Some("eve".into()), port: Some(7), ..SshOptions::default() };
        for (options, address, want) in [
            (SshOptions::default(), "10.0.0.1", "root@10.0.0.1:22"),
            (SshOptions::default(), "alias", "admin@alias.example:2222"),
            (SshOptions::default(), "alias:23", "admin@alias.example:23"),
            (given.clone(), "alias", "eve@alias.example:7"),
            (given, "alias:23", "eve@alias.example:23"),
        ] {
            assert_eq!(way(&routed(config, &options, address).unwrap()), [want]);
        }
    }

    #[test]
    fn jump_hosts_are_resolved_and_the_first_may_have_its_own() {
        let config = "Host a\nHostName 10.0.0.9\nProxyJump gate@outer:2200\nHost b\nProxyJump ignored\n\
                      Host node\nProxyJump a,bob@b:23";
        let targets = routed(config, &SshOptions::default(), "node").unwrap();
        assert_eq!(way(&targets), ["gate@outer:2200", "root@10.0.0.9:22", "bob@b:23", "root@node:22"]);
        let none = SshOptions { jump: Some("none".into()), ..SshOptions::default() };
        assert_eq!(way(&routed(config, &none, "node").unwrap()), ["root@node:22"]);
    }

    #[test]
    fn jump_hosts_in_a_circle_are_refused() {
        let config = "Host a\nProxyJump b\nHost b\nProxyJump a\nHost node\nProxyJump a";
        let problem = routed(config, &SshOptions::default(), "node").unwrap_err();
        assert!(problem.message.contains("too many jump hosts"), "{problem}");
    }

    #[test]
    fn a_jump_host_gets_neither_the_password_nor_the_pins() {
        let options = SshOptions {
            password: Some("secret".into()),
            jump: Some("gate".into()),
            pins: vec!["SHA256:UCUiLr7Pjs9wFFJMDByLgc3NrtdU344OgUM45wZPcIQ".parse().unwrap()],
            ..SshOptions::default()
        };
        let targets = routed("", &options, "node").unwrap();
        assert!(targets[0].credentials.password.is_none() && targets[0].trust.pins.is_empty());
        assert!(targets[1].credentials.password.is_some() && targets[1].trust.pins.len() == 1);
    }

    #[test]
    fn given_identities_are_the_only_ones() {
        let config = "Host only\nIdentityFile ~/%h\nIdentitiesOnly yes\nHost more\nIdentityFile /k";
        let of = |options: &SshOptions, host| {
            routed(config, options, host).unwrap().remove(0).credentials.identities
        };
        let given = SshOptions { identities: vec!["/mine".into()], ..SshOptions::default() };
        assert_eq!(of(&given, "only"), Identities::Only(vec!["/mine".into()]));
        assert_eq!(of(&SshOptions::default(), "more"), Identities::AgentAnd(vec!["/k".into()]));
        let Identities::Only(files) = of(&SshOptions::default(), "only") else { panic!() };
        assert!(files[0].ends_with("only") && files[0].is_absolute(), "{files:?}");
        let Identities::AgentAnd(files) = of(&SshOptions::default(), "plain") else { panic!() };
        assert!(files[0].ends_with(".ssh/id_ed25519"), "{files:?}");
    }

    #[test]
    fn known_hosts_of_the_operator_come_before_the_global_ones() {
        let targets = routed("UserKnownHostsFile ~/kh /x", &SshOptions::default(), "node").unwrap();
        let files = &targets[0].trust.known_hosts;
        assert!(
            files[0].ends_with("kh") && files[1..] == [PathBuf::from("/x"), "/global".into()],
            "{files:?}"
        );
    }

    #[test]
    fn a_proxy_command_is_refused_with_the_way_out() {
        let problem = routed("ProxyCommand nc %h %p", &SshOptions::default(), "node").unwrap_err();
        assert!(problem.remedies.iter().any(|remedy| remedy.contains("ProxyJump")), "{problem:?}");
        assert!(routed("ProxyCommand none", &SshOptions::default(), "node").is_ok());
    }
}
