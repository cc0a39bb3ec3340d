//! `sealift render`: the kubeadm.yml that each machine would get. No machine is asked.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::apply::wish;
use super::context::Context;
use super::declare::{self, Clusterfile};
use super::login::LoginRequest;
use super::reporter::Data;
use super::resolve::{self, Making, Wish};
use crate::error::{Class, Context as _, Problem, Problems, Result};
use crate::model::{
    ControlGroups, Family, Kubeconfig, MachineFacts, MachineName, MachineSpec, Observed, Role, Seen, ranges,
};
use crate::plan::{self, Desired, Origin};
use crate::steps::State;
use crate::{suggest, yaml};

/// The kernel of a machine of which nothing is known.
const KERNEL: &str = "6.1.0";

/// The machine for which facts of all machines stand.
const ALL: &str = "*";

/// What `sealift render` is asked for.
#[derive(Debug, Clone)]
pub struct RenderRequest {
    /// What declares the cluster.
    pub clusterfile: Clusterfile,
    /// The machine whose file is wanted; `None` is all.
    pub host: Option<String>,
    /// Whether sources are told.
    pub sources: Sources,
    /// What is known of the machines: facts by machine, `*` for all.
    pub facts: Option<PathBuf>,
}

/// Whether it is told where values come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sources {
    /// The files alone.
    Left,
    /// Every value with its source.
    Told,
}

/// Prints what every machine would get.
pub async fn render(context: &Context, request: RenderRequest) -> Result<(), Problems> {
    let declared = declare::file(&request.clusterfile)?;
    let last = State::load(&context.home, &declared.name)?;
    let login = LoginRequest::default();
    let wish = Wish { making: Making::Forbidden, ..wish(&declared, &login, last.as_ref(), vec![]) };
    for told in declared.warnings.iter().chain(&declared.not_acted_on) {
        context.reporter.warn(&told.brief());
    }
    let desired = resolve::told(context, &wish).await?;
    let observed = assumed(context, &desired, request.facts.as_deref())?;
    let mut texts = vec![];
    let mut files = vec![];
    let mut problems: Vec<Problem> = vec![];
    for machine in wanted(&desired, request.host.as_deref())? {
        let command = command(&desired, machine);
        match plan::kubeadm_file(&desired, &observed, machine) {
            Ok(file) => {
                let text = match request.sources {
                    Sources::Left => file.text()?,
                    Sources::Told => file.explained(),
                };
                files.push(json!({"machine": machine.name, "command": command, "file": text}));
                texts.push(format!("# {}: {command}\n{text}", machine.name));
            }
            Err(found) => problems.extend(
                found.list().iter().filter(|one| !problems.contains(one)).cloned().collect::<Vec<_>>(),
            ),
        }
    }
    Problems::check(problems)?;
    Ok(context.reporter.result(&Data { text: texts.join("---\n"), json: Value::from(files) })?)
}

/// Returns what will be done with a machine's file.
fn command(desired: &Desired, machine: &MachineSpec) -> String {
    let first = desired.control_planes().next().is_some_and(|first| first.name == machine.name);
    match machine.role {
        Role::ControlPlane if first => "kubeadm init, the first control plane".to_owned(),
        role => format!("kubeadm join, as {role}"),
    }
}

fn wanted<'a>(desired: &'a Desired, host: Option<&str>) -> Result<Vec<&'a MachineSpec>> {
    let machines = &desired.cluster.machines;
    let Some(host) = host else { return Ok(machines.iter().collect()) };
    let is_it = |machine: &&MachineSpec| machine.name.0 == host || machine.address.to_string() == host;
    if let Some(machine) = machines.iter().find(is_it) {
        return Ok(vec![machine]);
    }
    let names: Vec<&str> = machines.iter().map(|machine| machine.name.0.as_str()).collect();
    let hint = suggest::did_you_mean(host, names.iter().copied());
    let hint = hint.unwrap_or_else(|| format!("its machines are {}", ranges(names).join(", ")));
    Err(Problem::new(Class::Usage, format!("`{host}` is no machine of the cluster")).remedy(hint))
}

/// Takes machines to be as the file of facts says, and as most are where it says nothing.
fn assumed(context: &Context, desired: &Desired, file: Option<&Path>) -> Result<Observed, Problems> {
    let known = file.map_or_else(|| Ok(BTreeMap::new()), read)?;
    let all = known.get(ALL);
    let mut problems = unknown_machines(desired, &known);
    let mut machines = BTreeMap::new();
    let mut bare = vec![];
    for machine in &desired.cluster.machines {
        let own = known.get(&machine.name.0).or_else(|| known.get(&machine.address.to_string()));
        if all.or(own).is_none() {
            bare.push(machine.name.0.as_str());
        }
        match [all, own]
            .into_iter()
            .flatten()
            .try_fold(usual(desired, machine), |facts, over| with(&facts, over))
        {
            Ok(facts) => drop(machines.insert(machine.name.clone(), Seen::Known(Box::new(facts)))),
            Err(problem) => problems.push(problem.on(&machine.name)),
        }
    }
    Problems::check(problems)?;
    if !bare.is_empty() {
        let names = ranges(bare).join(", ");
        let host = match desired.origin {
            Origin::Given => "machines of their own",
            Origin::Made => "containers",
        };
        context.reporter.note(&format!(
            "no machine was asked; taken for granted of {names}: {host} with Linux {KERNEL}, cgroup v2 and an /etc/localtime, \
             called by their addresses; give what differs with --facts FILE"
        ));
    }
    let observed = Observed { machines, api: None, kubeconfig: Kubeconfig::Unseen };
    note_second_addresses(context, desired, &observed);
    Ok(observed)
}

/// A machine's address of the second family is the machine's own to show, where nobody names it.
fn note_second_addresses(context: &Context, desired: &Desired, observed: &Observed) {
    let network = &desired.cluster.network;
    let Some(second) = network.pods.second() else { return };
    let lacks = |machine: &&MachineSpec| plan::second_address(network, observed, machine).is_none();
    let bare: Vec<&str> =
        desired.cluster.machines.iter().filter(lacks).map(|machine| machine.name.0.as_str()).collect();
    if !bare.is_empty() {
        context.reporter.note(&format!(
            "which address of {} each of {} has is not known, and left out of its `node-ip` here; name it as \
             `{{ssh: ..., node: [FIRST, SECOND]}}`, or among the interfaces of --facts FILE",
            Family::of_net(&second),
            ranges(bare).join(", ")
        ));
    }
}

fn usual(desired: &Desired, machine: &MachineSpec) -> MachineFacts {
    let made = desired.origin == Origin::Made;
    let arch = desired.images.first().map_or(crate::model::Arch::THIS, |image| image.arch);
    MachineFacts {
        kernel: KERNEL.to_owned(),
        control_groups: ControlGroups::V2,
        container: made,
        may_set_conntrack: !made,
        may_lower_oom_score: !made,
        ..plan::foreseen(&hostname(&machine.name), arch)
    }
}

/// A Node's name, where nobody has told the machine's host name.
fn hostname(name: &MachineName) -> String {
    let is_address = name.0.parse::<std::net::IpAddr>().is_ok();
    if is_address { format!("node-{}", name.0.replace(['.', ':'], "-")) } else { name.0.clone() }
}

fn read(path: &Path) -> Result<BTreeMap<String, Value>> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).problem_with(Class::Config, || format!("cannot read {name}"))?;
    let document = yaml::documents(&name, &text)?.into_iter().next().unwrap_or_else(|| json!({}));
    let by_machine: BTreeMap<String, Value> = serde_json::from_value(document)
        .problem_with(Class::Config, || format!("{name} is no mapping from machines to facts"))?;
    let wrong = by_machine.iter().find(|(_, facts)| !facts.is_object());
    match wrong {
        None => Ok(by_machine),
        Some((machine, _)) => {
            Err(Problem::new(Class::Config, format!("{name}: the facts of `{machine}` are no mapping"))
                .remedy("write them as `kernel: 5.10.0`, indented below it"))
        }
    }
}

fn unknown_machines(desired: &Desired, known: &BTreeMap<String, Value>) -> Vec<Problem> {
    let machines = &desired.cluster.machines;
    let names: BTreeSet<String> =
        machines.iter().flat_map(|machine| [machine.name.0.clone(), machine.address.to_string()]).collect();
    let unknown = known.keys().filter(|name| *name != ALL && !names.contains(*name));
    unknown
        .map(|name| {
            let problem = Problem::new(
                Class::Config,
                format!("facts are given of `{name}`, which is no machine of the cluster"),
            );
            problem.remedy(format!("write a machine's address, or `\"{ALL}\"` for all"))
        })
        .collect()
}

/// Lays facts over others; only such as there are.
fn with(facts: &MachineFacts, over: &Value) -> Result<MachineFacts> {
    let mut value = serde_json::to_value(facts).problem(Class::Internal, "cannot write facts")?;
    if let (Value::Object(known), Value::Object(over)) = (&value, over)
        && let Some(unknown) = over.keys().find(|key| !known.contains_key(*key))
    {
        let names: Vec<&str> = known.keys().map(String::as_str).collect();
        let hint = suggest::did_you_mean(unknown, names.iter().copied());
        return Err(Problem::new(Class::Config, format!("there is no fact `{unknown}`"))
            .remedy(hint.unwrap_or_else(|| format!("known are {}", names.join(", ")))));
    }
    json_patch::merge(&mut value, over);
    serde_json::from_value(value).problem(Class::Config, "its facts are not of the kind they have to be")
}
