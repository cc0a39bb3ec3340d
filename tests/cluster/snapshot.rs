//! A machine as it is: files, mounts, network, packet filter, units, sockets, processes, kernel settings.

use std::collections::BTreeMap;

use regex::RegexSet;

use crate::left_behind;
use crate::machines::{Machine, told};

/// Prints lines of kind, name and value, with tabs between. It runs as root and writes nothing. Of the kernel's settings it
/// takes those that a container has for itself: all others are its host's, which anybody may change meanwhile.
const LOOK: &str = r#"
set -u; export LC_ALL=C
outside='-path /proc -o -path /sys -o -path /dev -o -path /run/log -o -path /var/log/journal -o -path /run/systemd/journal'
find / \( $outside \) -prune -o -printf 'file\t%p\t%y %m %u:%g %l\n'
find / \( $outside \) -prune -o -type f -print0 | xargs -0 sha256sum 2>/dev/null | sed 's/^\([0-9a-f]*\)  /content\t\1\t/'
awk '{ for (i = 7; $i != "-"; i++); print "mount\t" $5 "\t" $(i + 1) " " $(i + 2) " " $6 }' /proc/self/mountinfo
ip -o link | sed -E 's/^[0-9]+: ([^:@]+)[^:]*: (.*)/interface\t\1\t\2/; s/ +\\ +/ /; s/ qlen [0-9]+//'
ip -o addr | awk '{ print "address\t" $2 " " $4 "\t" $3 }'
for family in -4 -6; do
  ip $family route show table all | sed -E 's/ expires [0-9a-z]+//; s/ +$//' | awk -v f="$family" '{ print "route\t" f " " $0 "\t" }'
  ip $family rule | awk -v f="$family" '{ print "rule\t" f " " $0 "\t" }'
done
nft list ruleset 2>/dev/null | sed -E 's/counter packets [0-9]+ bytes [0-9]+/counter/; s/^[[:space:]]+//' | awk '/^table/ { t = $2 " " $3 } { print "nft\t" t ": " $0 "\t" }'
for save in iptables-save ip6tables-save; do
  $save 2>/dev/null | sed -E '/^#/d; s/\[[0-9]+:[0-9]+\]//' | awk -v s="$save" '{ print s "\t" $0 "\t" }'
done
systemctl list-unit-files --no-legend --no-pager | awk '{ print "unit file\t" $1 "\t" $2 }'
systemctl list-units --all --plain --no-legend --no-pager | awk '{ print "unit\t" $1 "\t" $2 " " $3 " " $4 }'
ss -Hltun | awk '{ print "socket\t" $1 " " $5 "\t" }'
ss -Hlx | awk '{ print "socket\t" $1 " " $5 "\t" }' | grep -v 'u_str \*' || true
sysctl -a -r '^net[.]|^kernel[.](hostname|domainname|shm|msg|sem)' 2>/dev/null | sed 's/ = /\t/; s/^/kernel setting\t/'
for p in /proc/[0-9]*; do [ "$(readlink $p/exe)" ] && [ "$(tail -n +1 $p/cgroup 2>/dev/null | grep -c 'system.slice\|init.scope\|kubepods')" != 0 ] && printf 'process\t%s\t\n' "$(<$p/comm)"; done 2>/dev/null
true
"#;

/// Prints files below directories with their sizes and the times of their last change, which nobody can set back, and
/// nothing of those that are not there.
const FILES: &str = r#"
export LC_ALL=C
for directory in DIRECTORIES; do
  [ -e "$directory" ] || continue
  find "$directory" \( -type d -printf 'file\t%p\t%y %m %u:%g\n' \) -o -printf 'file\t%p\t%y %m %u:%g %l %s %C@\n'
done
"#;

/// Prints all files of trees and their contents, and nothing of those that are not there.
const TREES: &str = r#"
export LC_ALL=C
for tree in TREES; do
  [ -e "$tree" ] || continue
  find "$tree" -printf 'file\t%p\t%y %m %u:%g %l\n'
  find "$tree" -type f -print0 | xargs -0r sha256sum | sed 's/^\([0-9a-f]*\)  /content\t\1\t/'
done
"#;

/// What was seen, by kind and name.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Snapshot(BTreeMap<String, String>);

impl Snapshot {
    /// Looks at everything.
    pub(crate) fn of(machine: Machine<'_>) -> Self {
        Self::read(&machine.sh(LOOK))
    }

    /// Looks at all files below some directories, down to the time each file was last changed.
    pub(crate) fn of_files(machine: Machine<'_>, directories: &[&str]) -> Self {
        Self::read(&machine.sh(&FILES.replace("DIRECTORIES", &directories.join(" "))))
    }

    /// Looks at files below some directories: kind, mode, owner, and after `; ` the content's digest.
    pub(crate) fn of_trees(machine: Machine<'_>, trees: &[&str]) -> Self {
        Self::read(&machine.sh(&TREES.replace("TREES", &trees.join(" "))))
    }

    /// Reads lines of kind, name and value, with tabs between.
    pub(crate) fn read(text: &str) -> Self {
        let mut seen: BTreeMap<String, String> = BTreeMap::new();
        for line in text.lines() {
            let mut fields = line.splitn(3, '\t');
            let (kind, name, value) =
                (fields.next().unwrap_or(""), fields.next().unwrap_or(""), fields.next().unwrap_or(""));
            // Of a file's content the name comes last.
            let (name, value) = if kind == "content" {
                (format!("file {value}"), name)
            } else {
                (format!("{kind} {name}"), value)
            };
            let entry = seen.entry(name).or_default();
            if !entry.is_empty() {
                entry.push_str("; ");
            }
            entry.push_str(value.trim_end());
        }
        Self(seen)
    }

    /// Tells what is otherwise than in `before`, but for what machines do by themselves and what is known to stay.
    pub(crate) fn differences(&self, before: &Self) -> Vec<String> {
        let mut differences = Vec::new();
        for (name, was) in &before.0 {
            match self.0.get(name) {
                None => differences.push((name, format!("- {name}: {was}"))),
                Some(is) if is != was => differences.push((name, format!("~ {name}: {was} -> {is}"))),
                Some(_) => {}
            }
        }
        let new = self.0.iter().filter(|(name, _)| !before.0.contains_key(*name));
        differences.extend(new.map(|(name, is)| (name, format!("+ {name}: {is}"))));
        differences.retain(|(name, _)| !left_behind::is_known(name));
        differences.into_iter().map(|(_, told)| told).collect()
    }

    /// Takes for each kind and name another value, or nothing.
    pub(crate) fn map(self, change: impl Fn(&str, &str) -> Option<String>) -> Self {
        let changed =
            self.0.into_iter().filter_map(|(name, value)| change(&name, &value).map(|value| (name, value)));
        Self(changed.collect())
    }

    /// Tells whether it has something of this kind and name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Looks at machines, two at a time: so many processors there may be.
pub(crate) fn look_at_all<'a>(machines: impl Iterator<Item = Machine<'a>>) -> BTreeMap<String, Snapshot> {
    let machines: Vec<Machine<'a>> = machines.collect();
    let mut seen = BTreeMap::new();
    for pair in machines.chunks(2) {
        std::thread::scope(|scope| {
            let looks: Vec<_> = pair
                .iter()
                .map(|machine| (machine.hostname().to_owned(), scope.spawn(|| Snapshot::of(*machine))))
                .collect();
            seen.extend(looks.into_iter().map(|(name, look)| (name, look.join().unwrap())));
        });
    }
    seen
}

/// Fails unless all machines are as they were before.
#[track_caller]
pub(crate) fn assert_same(before: &BTreeMap<String, Snapshot>, after: &BTreeMap<String, Snapshot>) {
    assert_same_but_for(&[], before, after);
}

/// Fails unless all machines are as they were before, but for what is `known` to be left there: patterns of a kind and a name, each
/// with the reason.
#[track_caller]
pub(crate) fn assert_same_but_for(
    known: &[(&str, &str)],
    before: &BTreeMap<String, Snapshot>,
    after: &BTreeMap<String, Snapshot>,
) {
    let known = RegexSet::new(known.iter().map(|(name, _)| format!("^[-~+] (?:{name}):"))).unwrap();
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (machine, before) in before {
        let mut differences = after[machine].differences(before);
        differences.retain(|difference| !known.is_match(difference));
        if !differences.is_empty() {
            found.insert(machine.clone(), differences);
        }
    }
    assert!(found.is_empty(), "{}", told(&found));
}
