//! What a Node is to be like: labels, taints, and its kubelet's arguments.

use std::collections::BTreeMap;

use super::ledger::Finding;
use super::place::Located;
use super::reader::Field;
use crate::model::{NodeWishes, Taint, TaintEffect, TaintKey};

/// Labels that the kubelet or sealift sets itself, and what to use in their place.
const OWN_LABELS: [(&str, &str); 2] = [
    ("kubernetes.io/hostname", "the machine's host name"),
    ("node-role.kubernetes.io/control-plane", "the role of the group"),
];

/// How a taint is written.
const TAINT: &str = "write `key=value:Effect` or `key:Effect`; `key-` or `key:Effect-` takes a taint away";

/// Reads labels.
pub(super) fn labels(field: &Field<'_>) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    for (key, value) in field.pairs() {
        let Some(value) = value.text() else { continue };
        if let Some(why) = not_a_key(&key.value) {
            let finding = Finding::of(&key, format!("`{}` is no key of a label: {why}", key.value));
            field.ledger().error(finding.remedy("write it as `name` or `domain.example/name`"));
        } else if let Some((_, source)) = OWN_LABELS.iter().find(|(own, _)| *own == key.value) {
            let finding = Finding::of(&key, format!("the label `{}` is set by {source}", key.value));
            field.ledger().error(finding.remedy("leave it out"));
        } else if !is_label_value(&value.value) {
            let finding = Finding::of(&value, format!("`{}` is no value of a label", value.value));
            field.ledger().error(finding.remedy(
                "use at most 63 letters, digits, `-`, `_` and `.`, with a letter or digit at both ends",
            ));
        } else {
            labels.insert(key.value, value.value);
        }
    }
    labels
}

/// Reads labels as sealer's plugins have them: `key=value,key=value`.
pub(super) fn label_list(field: &Field<'_>, text: &Located<String>, list: &str, wishes: &mut NodeWishes) {
    for word in list.split(',').map(str::trim).filter(|word| !word.is_empty()) {
        match word.split_once('=') {
            Some((key, value)) if not_a_key(key).is_none() && is_label_value(value) => {
                wishes.labels.insert(key.to_owned(), value.to_owned());
            }
            _ => {
                let finding = Finding::of(text, format!("`{word}` is no label"));
                field.ledger().error(finding.remedy("write labels as `key=value`, with commas between them"));
            }
        }
    }
}

/// Reads taints as sealer's plugins have them, with commas between them.
pub(super) fn taint_list(field: &Field<'_>, text: &Located<String>, list: &str, wishes: &mut NodeWishes) {
    for word in list.split(',').map(str::trim).filter(|word| !word.is_empty()) {
        match taint(field, &Located::new(word.to_owned(), text.place)) {
            Some(Wish::Have(taint)) => wishes.taints.push(taint),
            Some(Wish::Lack(key)) => wishes.without_taints.push(key),
            None => {}
        }
    }
}

/// Reads taints: those to have, and those not to have.
pub(super) fn taints(field: &Field<'_>, wishes: &mut NodeWishes) {
    let mut seen: Vec<(Located<String>, String)> = vec![];
    for text in field.words() {
        let Some(wish) = taint(field, &text) else { continue };
        let identity = match &wish {
            Wish::Have(taint) => format!("{}:{}", taint.key, taint.effect),
            Wish::Lack(key) => key.to_string().trim_end_matches('-').to_owned(),
        };
        if let Some((first, _)) = seen.iter().find(|(_, other)| *other == identity) {
            let finding = Finding::of(&text, format!("the taint `{identity}` stands here twice"));
            field.ledger().error(finding.also("the first time", first.place).remedy("leave one of them out"));
            continue;
        }
        seen.push((text, identity));
        match wish {
            Wish::Have(taint) => wishes.taints.push(taint),
            Wish::Lack(key) => wishes.without_taints.push(key),
        }
    }
}

enum Wish {
    Have(Taint),
    Lack(TaintKey),
}

fn taint(field: &Field<'_>, text: &Located<String>) -> Option<Wish> {
    let wrong = |why: &str| {
        let finding = Finding::of(text, format!("`{}` is no taint: {why}", text.value));
        field.ledger().error(finding.remedy(TAINT));
    };
    let (body, lacks) = match text.value.strip_suffix('-') {
        Some(body) => (body, true),
        None => (text.value.as_str(), false),
    };
    let (rest, effect) = match body.rsplit_once(':') {
        Some((rest, effect)) => (rest, Some(effect)),
        None => (body, None),
    };
    let effect = match effect.map(|effect| (effect, effect.parse::<TaintEffect>())) {
        None => None,
        Some((_, Ok(effect))) => Some(effect),
        Some((word, Err(_))) => {
            let finding = Finding::of(text, format!("`{}` is no taint: `{word}` is no effect", text.value));
            field.ledger().error(finding.suggest(word, &["NoSchedule", "PreferNoSchedule", "NoExecute"]));
            return None;
        }
    };
    let (key, value) = rest.split_once('=').unwrap_or((rest, ""));
    if let Some(why) = not_a_key(key) {
        wrong(&format!("of its key, {why}"));
        return None;
    }
    if !is_label_value(value) {
        wrong("its value has characters that no taint's has");
        return None;
    }
    if lacks {
        return Some(Wish::Lack(TaintKey { key: key.to_owned(), effect }));
    }
    let Some(effect) = effect else {
        wrong("it has no effect");
        return None;
    };
    Some(Wish::Have(Taint { key: key.to_owned(), value: value.to_owned(), effect }))
}

/// Arguments of the kubelet that are not the operator's to set, and whose they are.
const OWN_ARGUMENTS: [(&str, &str); 8] = [
    ("node-ip", "the machine's address"),
    ("hostname-override", "the machine's host name"),
    ("node-labels", "`labels`"),
    ("register-with-taints", "`taints`"),
    ("kubeconfig", "kubeadm"),
    ("bootstrap-kubeconfig", "kubeadm"),
    ("config", "kubeadm"),
    ("container-runtime-endpoint", "the image"),
];

/// Reads arguments of the kubelet, by name and without hyphens.
pub(super) fn kubelet_arguments(field: &Field<'_>) -> BTreeMap<String, String> {
    let mut arguments = BTreeMap::new();
    for (name, value) in field.pairs() {
        let Some(value) = value.text() else { continue };
        let bare = name.value.trim_start_matches('-');
        if let Some((_, source)) = OWN_ARGUMENTS.iter().find(|(own, _)| *own == bare) {
            let finding = Finding::of(&name, format!("the kubelet's `{bare}` is set by {source}"));
            field.ledger().error(finding.remedy("leave it out"));
        } else if bare != name.value {
            let finding = Finding::of(&name, format!("`{}` begins with hyphens", name.value));
            field.ledger().error(finding.remedy(format!("write `{bare}`")));
        } else if bare.is_empty()
            || !bare.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        {
            let finding = Finding::of(&name, format!("`{}` is no argument of the kubelet", name.value));
            field.ledger().error(finding.remedy("write its name as after `--`, such as `max-pods`"));
        } else {
            arguments.insert(name.value, value.value);
        }
    }
    arguments
}

/// Says why a text is no key of a label or taint.
pub(super) fn not_a_key(key: &str) -> Option<&'static str> {
    let (prefix, name) = match key.rsplit_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    if name.is_empty() {
        return Some("it is empty");
    }
    if !is_label_value(name) {
        return Some("it has characters that no key has, or more than 63 of them");
    }
    let domain = |prefix: &str| {
        !prefix.is_empty()
            && prefix.len() <= 253
            && prefix.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '.' || c == '-')
    };
    prefix.is_some_and(|prefix| !domain(prefix)).then_some("what stands before `/` is no domain")
}

fn is_label_value(value: &str) -> bool {
    let end = |c: Option<char>| c.is_none_or(|c| c.is_ascii_alphanumeric());
    value.len() <= 63
        && end(value.chars().next())
        && end(value.chars().next_back())
        && value.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}
