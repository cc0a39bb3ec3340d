//! sealer's plugins of both generations: what they run becomes hooks, what they want of Nodes becomes wishes.

use std::net::IpAddr;

use super::hooks;
use super::ledger::{Finding, Ledger};
use super::place::Located;
use super::reader::{Field, Fields};
use super::wishes;
use crate::model::{
    DeclaredHook, DeclaredMachine, Hook, HookPhase, HookRun, HookScope, HostList, NodeWishes,
};

/// What a plugin comes to.
pub(super) enum Plugin {
    /// Things that are run.
    Hooks(Vec<DeclaredHook>),
    /// What Nodes are to be like.
    Wishes(Vec<NodeWish>),
    /// sealift does it anyway.
    Needless,
    /// What is not acted on by this version, and why.
    Kept(&'static str),
}

/// What the Node of one machine is to be like.
pub(super) struct NodeWish {
    host: Located<String>,
    wishes: NodeWishes,
}

/// The types of plugins.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Type {
    Shell,
    Label,
    Taint,
    HostName,
    ClusterCheck,
    Etcd,
}

const TYPES: [(&str, Type); 6] = [
    ("SHELL", Type::Shell),
    ("LABEL", Type::Label),
    ("TAINT", Type::Taint),
    ("HOSTNAME", Type::HostName),
    ("CLUSTERCHECK", Type::ClusterCheck),
    ("ETCD", Type::Etcd),
];

/// When a plugin runs, in sealer's words: the phase, and whether it is a matter of the cluster or of each machine.
const ACTIONS: [(&str, Option<(HookPhase, Matter)>); 22] = [
    ("Originally", Some((HookPhase::BeforePrepare, Matter::Machine))),
    ("PreInit", Some((HookPhase::BeforeJoin, Matter::Machine))),
    ("PreInstall", Some((HookPhase::BeforeJoin, Matter::Machine))),
    ("PreJoin", Some((HookPhase::BeforeJoin, Matter::Machine))),
    ("PostJoin", Some((HookPhase::AfterJoin, Matter::Machine))),
    ("PreGuest", Some((HookPhase::BeforeApplications, Matter::Machine))),
    ("PostInstall", Some((HookPhase::AfterInstall, Matter::Machine))),
    ("PreClean", Some((HookPhase::BeforeClean, Matter::Machine))),
    ("PostClean", Some((HookPhase::AfterClean, Matter::Machine))),
    ("pre-install", Some((HookPhase::BeforePrepare, Matter::Cluster))),
    ("post-install", Some((HookPhase::BeforeApplications, Matter::Cluster))),
    ("pre-init-host", Some((HookPhase::BeforePrepare, Matter::Machine))),
    ("post-init-host", Some((HookPhase::AfterJoin, Matter::Machine))),
    ("pre-uninstall", Some((HookPhase::BeforeClean, Matter::Cluster))),
    ("post-uninstall", Some((HookPhase::AfterClean, Matter::Cluster))),
    ("pre-clean-host", Some((HookPhase::BeforeClean, Matter::Machine))),
    ("post-clean-host", Some((HookPhase::AfterClean, Matter::Machine))),
    // Times that do not come: a run that adds machines is the same run as any other, and versions are not changed.
    ("pre-scaleup", None),
    ("post-scaleup", None),
    ("upgrade", None),
    ("rollback", None),
    ("upgrade-host", None),
];

/// Whose matter a time is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Matter {
    /// It comes once, for the first control plane.
    Cluster,
    /// It comes for each machine.
    Machine,
}

/// Reads a plugin.
pub(super) fn read(spec: &Fields<'_>, name: &str, place: &str) -> Option<Plugin> {
    let kind = spec.need("type", "SHELL or another type").and_then(|field| field.one_of(&TYPES));
    let actions = spec.need("action", "when it runs").and_then(|field| actions(&field));
    let on = spec.get("on").or_else(|| spec.get("scope"));
    let _ = spec.get("scope");
    let data = spec.get("data");
    let (kind, actions) = (kind?.value, actions?);
    match kind {
        Type::HostName => {
            return Some(Plugin::Kept("set the machines' host names before, and leave the document out"));
        }
        Type::ClusterCheck => return Some(Plugin::Needless),
        Type::Label => return Some(Plugin::Wishes(wishes_of(&data?, wishes::label_list))),
        Type::Taint => return Some(Plugin::Wishes(wishes_of(&data?, wishes::taint_list))),
        Type::Shell | Type::Etcd => {}
    }
    let Some(times) = actions.iter().map(|(_, time)| *time).collect::<Option<Vec<_>>>() else {
        return Some(Plugin::Kept(
            "run what it does yourself at that time, and take the time out of `action`",
        ));
    };
    let run = match (kind, &on, &data) {
        (Type::Etcd, Some(path), _) => HookRun::EtcdSnapshot(hooks::directory(path, &path.word()?)?),
        (Type::Etcd, None, _) => {
            let _ = spec.need("on", "the directory that etcd is saved in");
            return None;
        }
        (_, _, Some(data)) => HookRun::Shell(data.word()?.value),
        (_, _, None) => {
            let _ = spec.need("data", "the lines of shell that are run");
            return None;
        }
    };
    let scope = on.as_ref().filter(|_| kind == Type::Shell).map(scope);
    let many = times.len() > 1;
    let hook = |(index, (phase, matter)): (usize, (HookPhase, Matter))| DeclaredHook {
        hook: Hook {
            name: if many { format!("{name}-{}", index + 1) } else { name.to_owned() },
            phase,
            on: match (&scope, matter, kind) {
                (_, Matter::Cluster, _) | (_, _, Type::Etcd) => vec![HookScope::FirstControlPlane],
                (Some(scope), ..) => scope.clone(),
                (None, ..) => vec![HookScope::All],
            },
            run: run.clone(),
            seconds: hooks::SECONDS,
        },
        place: place.to_owned(),
    };
    Some(Plugin::Hooks(times.into_iter().enumerate().map(hook).collect()))
}

type Action = (String, Option<(HookPhase, Matter)>);

fn actions(field: &Field<'_>) -> Option<Vec<Action>> {
    let text = field.word()?;
    let mut found = vec![];
    for word in text.value.split('|').map(str::trim) {
        if let Some((name, time)) = ACTIONS.iter().find(|(name, _)| *name == word) {
            found.push(((*name).to_owned(), *time));
        } else {
            let finding = Finding::of(&text, format!("`{word}` is no time at which plugins run"));
            field.ledger().error(finding.suggest(word, &ACTIONS.map(|(name, _)| name)));
        }
    }
    (!found.is_empty()).then_some(found)
}

/// Machines in sealer's words: `master|node`, `master0`, addresses and ranges, a label.
fn scope(field: &Field<'_>) -> Vec<HookScope> {
    let Some(text) = field.word() else { return vec![] };
    let mut scopes = vec![];
    for word in text.value.split('|').map(str::trim) {
        match word {
            "master" => scopes.push(HookScope::ControlPlanes),
            "node" => scopes.push(HookScope::Workers),
            "master0" => scopes.push(HookScope::FirstControlPlane),
            word => scopes.extend(hooks::machines(word).unwrap_or_else(|| {
                let finding = Finding::of(&text, format!("`{word}` names no machines"));
                let finding = finding.suggest(word, &["master", "node", "master0"]);
                field.ledger().error(
                    finding.remedy("write `master`, `node`, `master0`, addresses, or a label as `key=value`"),
                );
                vec![]
            })),
        }
    }
    scopes
}

/// Reads lines of addresses and what is wanted of the machines there.
fn wishes_of(
    data: &Field<'_>,
    understand: fn(&Field<'_>, &Located<String>, &str, &mut NodeWishes),
) -> Vec<NodeWish> {
    let Some(text) = data.word() else { return vec![] };
    let mut found = vec![];
    for line in text.value.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let parts = line.split_once(char::is_whitespace);
        let hosts = parts.and_then(|(hosts, rest)| Some((hosts.parse::<HostList>().ok()?, rest.trim())));
        let Some((hosts, rest)) = hosts else {
            let finding = Finding::of(&text, format!("`{line}` is not an address and what is wanted there"));
            data.ledger().error(finding.remedy("write lines such as `10.0.0.1 key=value`"));
            continue;
        };
        let mut wishes = NodeWishes::default();
        understand(data, &text, rest, &mut wishes);
        let of_host =
            |host: String| NodeWish { host: Located::new(host, text.place), wishes: wishes.clone() };
        found.extend(hosts.0.into_iter().map(|one| of_host(one.host)));
    }
    found
}

/// Lays what plugins want of Nodes over what the machines say themselves.
pub(super) fn lay(ledger: &Ledger, wishes: Vec<NodeWish>, machines: &mut [Located<DeclaredMachine>]) {
    for NodeWish { host, wishes } in wishes {
        let address = host.value.parse::<IpAddr>().ok();
        let is_it = |machine: &DeclaredMachine| {
            machine.ssh.host == host.value || (address.is_some() && machine.address == address)
        };
        let Some(machine) = machines.iter_mut().find(|machine| is_it(&machine.value)) else {
            let finding = Finding::of(&host, format!("`{}` is no machine of the cluster", host.value));
            ledger.error(finding.remedy("name a machine that is listed as a host"));
            continue;
        };
        amend(&mut machine.value.node, wishes);
    }
}

/// Lays wishes over those that came before: of two lines about one label or taint the later one holds, as sealer carries
/// them out one after the other.
fn amend(node: &mut NodeWishes, later: NodeWishes) {
    node.labels.extend(later.labels);
    for taint in later.taints {
        node.taints.retain(|other| (&other.key, other.effect) != (&taint.key, taint.effect));
        node.without_taints.retain(|key| !key.covers(&taint));
        node.taints.push(taint);
    }
    for key in later.without_taints {
        node.taints.retain(|taint| !key.covers(taint));
        node.without_taints.retain(|other| *other != key);
        node.without_taints.push(key);
    }
}
