//! An operator: a home directory, commands, and what came of them.

use std::path::Path;
use std::sync::{Arc, Mutex};

use sealift::engine::{Event, Observer};
use sealift::error::{Problem, Problems, Result};
use sealift::model::Environment;
use sealift::ops::{
    self, ApplyRequest, ByRole, Change, Clusterfile, Consent, Context, Data, Declaration, Ending, Hosts,
    LoginRequest, PasswdRequest, Place, PlanView, Question, Removal, RemoveRequest, Reporter, RunRequest,
    ScaleRequest, Summary, Which,
};
use sealift::plan::Definition;
use sealift::redact::Redactions;
use sealift::steps::Provider;
use secrecy::SecretString;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::faults::Phase;
use super::images::{self, KUBERNETES, NETWORK};
use super::state::World;

/// The name of every cluster here.
pub const CLUSTER: &str = "blue";

/// Documents for every part of the components.
const DOCUMENTS: &str = r#"
---
{"apiVersion": "kubeadm.k8s.io/v1beta4", "kind": "ClusterConfiguration",
 "apiServer": {"certSANs": ["api.example"], "extraArgs": [{"name": "profiling", "value": "false"}]}}
---
{"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration", "maxPods": 88}
---
{"apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration", "metricsBindAddress": "127.0.0.1:10249"}
"#;

/// What an operator types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// `run` with these machines.
    Run(Machines),
    /// `apply` of a Clusterfile with these machines, and `--prune`.
    Apply(Machines),
    /// The same with documents by which the components are configured otherwise.
    Configure(Machines),
    ScaleUp(Machines),
    ScaleDown(Machines),
    /// `replace OLD=NEW`.
    Replace(String, String),
    Reset,
    Delete,
    /// `registry passwd` with credentials of the operator's.
    Passwd,
}

/// Machines of both roles, by their addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Machines {
    pub control_planes: Vec<String>,
    pub workers: Vec<String>,
}

impl Machines {
    pub fn new(control_planes: &[&str], workers: &[&str]) -> Self {
        let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        Self { control_planes: owned(control_planes), workers: owned(workers) }
    }

    fn by_role(&self) -> ByRole {
        let hosts =
            |names: &[String]| (!names.is_empty()).then(|| Hosts::Listed(names.join(",").parse().unwrap()));
        ByRole { control_planes: hosts(&self.control_planes), workers: hosts(&self.workers) }
    }

    /// Returns the Clusterfile that declares them.
    fn clusterfile(&self) -> String {
        let hosts = [("control-plane", &self.control_planes), ("worker", &self.workers)];
        let hosts: Vec<_> = hosts
            .into_iter()
            .filter(|(_, names)| !names.is_empty())
            .map(|(role, names)| json!({"role": role, "addresses": names}))
            .collect();
        json!({
            "apiVersion": "sealift.io/v1",
            "kind": "Cluster",
            "metadata": {"name": CLUSTER},
            "spec": {"images": [KUBERNETES, NETWORK], "hosts": hosts},
        })
        .to_string()
    }
}

/// How a command ended.
#[derive(Debug)]
pub enum End {
    /// As the report says.
    Well(Option<Ending>),
    /// It told of problems, those of machines that were set aside among them.
    Badly(Vec<Problem>),
    /// Its process was killed.
    Killed,
}

pub struct Operator {
    home: tempfile::TempDir,
    world: World,
}

impl Operator {
    pub fn new(world: &World) -> Self {
        let home = images::directory();
        images::lay(home.path());
        Self { home, world: world.clone() }
    }

    /// Returns the same operator with another copy of everything, in another world.
    pub fn twin(&self, world: &World) -> Self {
        let twin = images::directory();
        images::copy(&self.home.path().join("clusters"), &twin.path().join("clusters"));
        images::lay(twin.path());
        Self { home: twin, world: world.clone() }
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Carries out a command, unless the operator is killed meanwhile.
    pub async fn carry_out(&self, command: &Command) -> End {
        let kill = {
            let mut state = self.world.state();
            state.faults.begin();
            state.faults.kill.clone()
        };
        let reporter = Arc::new(Teller { world: self.world.clone(), summary: Mutex::default() });
        let context = self.context(reporter.clone());
        let ended = tokio::select! {
            biased;
            () = kill.cancelled() => None,
            ended = Box::pin(asked(&context, command)) => Some(ended),
        };
        let summary = reporter.summary.lock().unwrap().take();
        self.assert_that_each_run_has_one_end();
        match ended {
            None => End::Killed,
            Some(Ok(())) => End::Well(summary.map(|summary| summary.ending)),
            Some(Err(problems)) => {
                let set_aside = summary.map(|summary| summary.set_aside).unwrap_or_default();
                End::Badly(set_aside.into_iter().chain(problems.list().iter().cloned()).collect())
            }
        }
    }

    /// Whoever looks a run up by its id finds how that ended.
    fn assert_that_each_run_has_one_end(&self) {
        let journals = self.home.path().join("clusters").join(CLUSTER).join("runs");
        for journal in std::fs::read_dir(journals).into_iter().flatten().flatten() {
            let told = std::fs::read_to_string(journal.path()).unwrap();
            let ends = told.lines().filter(|line| line.contains(r#""event":"run-finished""#)).count();
            assert!(ends <= 1, "{ends} ends in {}: {told}", journal.path().display());
        }
    }

    fn context(&self, reporter: Arc<Teller>) -> Context {
        Context {
            home: self.home.path().to_owned(),
            environment: Environment::new(),
            reporter,
            machines: Arc::new(self.world.clone()),
            stop: CancellationToken::new(),
            command_line: "sealift".to_owned(),
            redactions: Redactions::default(),
            run: ops::new_id(),
            operator: ops::Operator { user: "ann".to_owned(), host: "desk".to_owned(), process: 1 },
            pace: ops::Pace::default(),
        }
    }
}

async fn asked(context: &Context, command: &Command) -> Result<(), Problems> {
    match command {
        Command::Run(machines) => {
            let ByRole { control_planes, workers } = machines.by_role();
            let request = RunRequest {
                name: CLUSTER.to_owned(),
                images: vec![KUBERNETES.to_owned(), NETWORK.to_owned()],
                control_planes,
                workers,
                provider: Provider::BareMetal,
                machine_image: None,
                login: LoginRequest::default(),
                environment: Environment::new(),
                command: None,
                pods: None,
                services: None,
                vip: None,
            };
            ops::run(context, request).await
        }
        Command::Apply(machines) | Command::Configure(machines) => {
            let mut text = machines.clusterfile();
            if matches!(command, Command::Configure(_)) {
                text.push_str(DOCUMENTS);
            }
            let place = Place::StandardInput(text.into_bytes());
            let clusterfile = Clusterfile { places: vec![place], ..Clusterfile::default() };
            let request = ApplyRequest {
                declaration: Declaration::Clusterfile(clusterfile),
                login: LoginRequest::default(),
                consent: agreed(),
            };
            ops::apply(context, request).await
        }
        Command::ScaleUp(machines) => scaled(context, Change::Up(machines.by_role())).await,
        Command::ScaleDown(machines) => scaled(context, Change::Down(machines.by_role())).await,
        Command::Replace(old, new) => {
            let pair = (old.parse().unwrap(), new.parse().unwrap());
            scaled(context, Change::Replace(vec![pair])).await
        }
        Command::Passwd => {
            let request = PasswdRequest {
                name: CLUSTER.to_owned(),
                username: Some("team".to_owned()),
                password: Some(SecretString::from("0therSecret")),
                login: LoginRequest::default(),
            };
            ops::change_credentials(context, request).await
        }
        Command::Reset => removed(context, Definition::Kept).await,
        Command::Delete => removed(context, Definition::Forgotten).await,
    }
}

fn agreed() -> Consent {
    Consent { removal: Removal::Agreed, ..Consent::default() }
}

async fn scaled(context: &Context, change: Change) -> Result<(), Problems> {
    let login = LoginRequest::default();
    ops::scale(context, ScaleRequest { name: CLUSTER.to_owned(), change, login, consent: agreed() }).await
}

async fn removed(context: &Context, definition: Definition) -> Result<(), Problems> {
    let which = Which::Named(CLUSTER.to_owned());
    let request =
        RemoveRequest { which, login: LoginRequest::default(), definition, consent: Consent::default() };
    ops::remove(context, request).await
}

/// Hears what a command tells, and consents to everything.
struct Teller {
    world: World,
    summary: Mutex<Option<Summary>>,
}

impl Observer for Teller {
    fn event(&self, event: &Event) {
        let (machine, title, phase) = match event {
            Event::StepStarted { machine, title, .. } => (machine, title, Phase::StepBegins),
            Event::StepFinished { machine, title, .. } => (machine, title, Phase::StepEnds),
            _ => return,
        };
        self.world.pass(machine.as_deref().unwrap_or("cluster"), title, phase);
    }
}

impl Reporter for Teller {
    fn note(&self, _: &str) {}
    fn warn(&self, _: &str) {}
    fn problems(&self, _: &Problems) {}
    fn problem(&self, _: &Problem) {}
    fn plan(&self, _: &PlanView) {}
    fn confirm(&self, _: &Question) -> Result<bool> {
        Ok(true)
    }
    fn secret(&self, _: &str) -> Result<SecretString> {
        Ok("secret".into())
    }
    fn hide(&self, _: &SecretString) {}
    fn stopping(&self) {}
    fn finished(&self, summary: &Summary) {
        *self.summary.lock().unwrap() = Some(summary.clone());
    }
    fn result(&self, _: &Data) -> Result<()> {
        Ok(())
    }
}
