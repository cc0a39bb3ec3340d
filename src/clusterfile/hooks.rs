//! `hooks` of the native form.

use std::net::IpAddr;
use std::path::PathBuf;

use super::ledger::{Finding, Ledger};
use super::place::Located;
use super::reader::{Field, Fields};
use crate::model::{DeclaredHook, Hook, HookPhase, HookRun, HookScope, HostList};

/// How long a hook may take that says nothing else, seconds.
pub(super) const SECONDS: u64 = 300;

/// The longest that a hook may ask for, seconds: a day.
const MOST_SECONDS: i64 = 24 * 60 * 60;

/// Words for machines that are no addresses.
const SCOPES: [(&str, HookScope); 4] = [
    ("all", HookScope::All),
    ("control-planes", HookScope::ControlPlanes),
    ("workers", HookScope::Workers),
    ("first-control-plane", HookScope::FirstControlPlane),
];

/// Reads all hooks, in their order.
pub(super) fn read(field: &Field<'_>) -> Vec<DeclaredHook> {
    let mut hooks: Vec<(DeclaredHook, Located<String>)> = vec![];
    for item in field.items() {
        let Some(fields) = item.fields() else { continue };
        let found = hook(&fields);
        fields.finish();
        let Some((hook, name)) = found else { continue };
        if let Some((_, first)) = hooks.iter().find(|(other, _)| other.hook.name == hook.name) {
            let finding = Finding::of(&name, format!("a second hook is called `{}`", hook.name));
            field.ledger().error(finding.also("the first one", first.place).remedy("give it another name"));
            continue;
        }
        let place = field.ledger().position(item.place());
        hooks.push((DeclaredHook { hook, place }, name));
    }
    hooks.into_iter().map(|(hook, _)| hook).collect()
}

fn hook(fields: &Fields<'_>) -> Option<(Hook, Located<String>)> {
    let name = fields.need("name", "what the hook is called").and_then(|field| name(&field));
    let phase = fields.need("phase", "when it runs").and_then(|field| field.one_of(&HookPhase::ALL));
    let given = fields.get("on");
    let on = match &given {
        None => vec![HookScope::All],
        Some(field) if field.is_scalar() => {
            field.word().map(|word| scope(field.ledger(), &word)).unwrap_or_default()
        }
        Some(field) => field.words().iter().flat_map(|word| scope(field.ledger(), word)).collect(),
    };
    let seconds = fields.get("timeout").and_then(|field| seconds(&field)).unwrap_or(SECONDS);
    if let Some(field) = given.filter(|field| !field.is_scalar() && field.items().is_empty()) {
        let finding = field.finding("names no machine, so the hook would never run".to_owned());
        field.ledger().error(finding.remedy("leave it out for all machines, or leave the hook out"));
    }
    let run = run(fields);
    if let (Some(HookRun::EtcdSnapshot(_)), Some(phase)) = (&run, &phase)
        && !phase.value.has_etcd()
    {
        let finding = Finding::at(phase.place, format!("etcd does not run {}", phase.value.name()));
        let remedy = "save it after-join, before-applications, after-install or before-clean";
        fields.whole().ledger().error(finding.remedy(remedy));
    }
    let name = name?;
    Some((Hook { name: name.value.clone(), phase: phase?.value, on, run: run?, seconds }, name))
}

/// The longest name of a hook, characters.
const LONGEST_NAME: usize = 63;

/// A hook's name is that of files, too.
fn fits(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.'
}

/// Returns the name of a hook that is made of something with another kind of name.
pub(super) fn name_of(other: &str) -> String {
    let name: String = other.to_lowercase().chars().map(|c| if fits(c) { c } else { '-' }).collect();
    // Room is left for a number.
    let name: String = name.trim_start_matches(['-', '.']).chars().take(LONGEST_NAME - 6).collect();
    if name.is_empty() { "hook".to_owned() } else { name }
}

/// Adds hooks to others. One that would have the name of another gets a number after its own, since receipts go by names.
pub(super) fn join(hooks: &mut Vec<DeclaredHook>, others: Vec<DeclaredHook>) {
    for mut other in others {
        let name = other.hook.name.clone();
        let mut number = 1;
        while hooks.iter().any(|hook| hook.hook.name == other.hook.name) {
            number += 1;
            other.hook.name = format!("{name}-{number}");
        }
        hooks.push(other);
    }
}

/// Reads the name of a hook.
pub(super) fn name(field: &Field<'_>) -> Option<Located<String>> {
    let name = field.word()?;
    if name.value.len() <= LONGEST_NAME && name.value.chars().all(fits) && !name.value.starts_with(['-', '.'])
    {
        return Some(name);
    }
    let finding = Finding::of(&name, format!("`{}` is no name of a hook", name.value));
    field.ledger().error(finding.remedy("use at most 63 small letters, digits, `-` and `.`"));
    None
}

/// Exactly one of the fields that say what is run.
fn run(fields: &Fields<'_>) -> Option<HookRun> {
    let ways = [
        ("command", fields.get("command")),
        ("script", fields.get("script")),
        ("etcdSnapshot", fields.get("etcdSnapshot")),
    ];
    let mut given = ways.into_iter().filter_map(|(name, field)| Some((name, field?)));
    let Some((name, field)) = given.next() else {
        let finding = Finding::at(fields.head(), "the hook does not say what to run");
        fields
            .whole()
            .ledger()
            .error(finding.remedy("write `command:` with a line of shell, or `script:` with several"));
        return None;
    };
    if let Some((other, second)) = given.next() {
        let finding = second.finding(format!("stands beside `{name}`")).also("the first", field.place());
        field.ledger().error(finding.remedy(format!("keep `{name}` or `{other}`")));
        return None;
    }
    let text = field.word()?;
    if name != "etcdSnapshot" {
        return Some(HookRun::Shell(text.value));
    }
    directory(&field, &text).map(HookRun::EtcdSnapshot)
}

/// Reads an absolute path.
pub(super) fn directory(field: &Field<'_>, text: &Located<String>) -> Option<PathBuf> {
    if !text.value.starts_with('/') || text.value.split('/').any(|part| part == "..") {
        let finding = Finding::of(text, format!("`{}` is no absolute path", text.value));
        field.ledger().error(finding.remedy("write it as /var/backups/etcd"));
        return None;
    }
    Some(PathBuf::from(&text.value))
}

fn seconds(field: &Field<'_>) -> Option<u64> {
    let text = field.word()?;
    let length = text.value.parse::<jiff::SignedDuration>().ok().map(|length| length.as_secs());
    let length = length.filter(|seconds| (1..=MOST_SECONDS).contains(seconds));
    if length.is_none() {
        let finding = Finding::of(&text, format!("`{}` is no length of time for a hook", text.value));
        field.ledger().error(finding.remedy("write it as 90s, 10m or 1h; at most 24h"));
    }
    u64::try_from(length?).ok()
}

/// Understands a word for machines.
fn scope(ledger: &Ledger, word: &Located<String>) -> Vec<HookScope> {
    if let Some((_, scope)) = SCOPES.iter().find(|(name, _)| *name == word.value) {
        return vec![scope.clone()];
    }
    machines(&word.value).unwrap_or_else(|| {
        let finding = Finding::of(word, format!("`{}` names no machines", word.value));
        let finding = finding.suggest(&word.value, &SCOPES.map(|(name, _)| name));
        ledger.error(
            finding.remedy(
                "write one of these words, an address, a range of addresses, or a label as `key=value`",
            ),
        );
        vec![]
    })
}

/// Reads a label, an address, or a list or range of addresses.
pub(super) fn machines(text: &str) -> Option<Vec<HookScope>> {
    if let Some((key, value)) = text.split_once('=') {
        return (!key.trim().is_empty())
            .then(|| vec![HookScope::Labelled(key.trim().to_owned(), value.trim().to_owned())]);
    }
    let listed: HostList = text.parse().ok()?;
    let is_host = |host: &str| host.parse::<IpAddr>().is_ok() || host.contains('.');
    let all = listed.0.iter().all(|one| is_host(&one.host));
    all.then(|| listed.0.into_iter().map(|one| HookScope::Machine(one.host)).collect())
}

/// Says how machines are written.
pub(super) fn written(scope: &HookScope) -> String {
    match scope {
        HookScope::Machine(host) => host.clone(),
        HookScope::Labelled(key, value) => format!("{key}={value}"),
        word => SCOPES
            .iter()
            .find(|(_, scope)| scope == word)
            .map_or_else(String::new, |(name, _)| (*name).to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(name: &str) -> DeclaredHook {
        let run = HookRun::Shell("true".to_owned());
        let hook = Hook {
            name: name.to_owned(),
            phase: HookPhase::AfterJoin,
            on: vec![HookScope::All],
            run,
            seconds: 1,
        };
        DeclaredHook { hook, place: String::new() }
    }

    #[test]
    fn whatever_a_plugin_is_called_its_hook_has_a_name_of_its_own() {
        for (name, hook) in
            [("Foo", "foo"), ("../x", "x"), ("a/b_c", "a-b-c"), (&"x".repeat(99), &"x".repeat(57))]
        {
            assert_eq!(name_of(name), hook);
        }
        let mut hooks = vec![declared("foo")];
        join(&mut hooks, vec![declared("foo"), declared("foo-2"), declared("bar")]);
        let names: Vec<&str> = hooks.iter().map(|hook| hook.hook.name.as_str()).collect();
        assert_eq!(names, ["foo", "foo-2", "foo-2-2", "bar"]);
    }
}
