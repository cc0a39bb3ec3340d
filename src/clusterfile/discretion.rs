//! What excerpts do not show: the values of fields whose names say that a secret is in them.

use std::sync::LazyLock;

use regex::Regex;

use crate::suggest;

/// The name of a field or variable, up to where its value begins: `passwd:`, `"pkPasswd" :`, `- DB_PASSWORD=`.
#[expect(clippy::unwrap_used, reason = "a literal that the tests compile")]
static NAME: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"([\w.-]+)["']?\s*[:=](?:\s+|$|["'\w])"#).unwrap());

/// What is in the names of secrets.
const SECRETS: [&str; 10] = [
    "pass",
    "pwd",
    "secret",
    "token",
    "credential",
    "pkdata",
    "privatekey",
    "private_key",
    "accesskey",
    "access_key",
];

/// Fields that hold secrets; a name that is near to one is likely one of them, misspelt, unless it is a hook's `phase`.
const FIELDS: [&str; 4] = ["password", "passphrase", "passwd", "pkpasswd"];

/// Words after a secret's name that are no secret: where it is to be found.
const REFERENCES: [&str; 3] = ["env:", "file:", "prompt"];

/// Hides what may be a secret in `line`, which begins at byte `begin` of `text`.
pub(super) fn hide(text: &str, begin: usize, line: &str) -> String {
    if let Some(value) = secret_in(line) {
        let bare = line[value..].trim_start_matches(['"', '\'']);
        let told = bare.is_empty() || REFERENCES.iter().any(|reference| bare.starts_with(reference));
        return if told { line.to_owned() } else { format!("{}***", &line[..value]) };
    }
    if continues_a_secret(&text[..begin], line) {
        let indentation = line.len() - line.trim_start().len();
        return format!("{}***", &line[..indentation]);
    }
    line.to_owned()
}

/// Returns where the value of the first field begins whose name says that it is a secret.
fn secret_in(line: &str) -> Option<usize> {
    let name =
        NAME.captures_iter(line).filter_map(|found| found.get(1)).find(|name| is_secret(name.as_str()))?;
    let after = line[name.end()..].find([':', '='])? + name.end() + 1;
    let blanks = line[after..].len() - line[after..].trim_start().len();
    // A mapping below the name has names of its own.
    let value = line[after..].trim_start();
    // A mapping below the name has names of its own; the key of a taint is no secret, that of SSH has many letters.
    let other = value.starts_with('{') || name.as_str() == "key" && !is_long(value);
    (!other).then_some(after + blanks)
}

/// Tells whether a value is a block, or one too long for a word.
fn is_long(value: &str) -> bool {
    value.starts_with(['|', '>']) || value.len() > 40
}

fn is_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    name == "key"
        || SECRETS.iter().any(|root| name.contains(root))
        || name != "phase" && name.len() > 4 && !suggest::near(&name, FIELDS).is_empty()
}

/// Tells whether `line` is part of a value that began above it: of a block after `password: |`.
fn continues_a_secret(above: &str, line: &str) -> bool {
    let indentation = |line: &str| line.len() - line.trim_start().len();
    let own = indentation(line);
    let parent =
        above.lines().rev().filter(|line| !line.trim().is_empty()).find(|line| indentation(line) < own);
    parent.is_some_and(|parent| {
        let parent = parent.trim_end();
        secret_in(parent)
            .is_some_and(|value| !parent[value..].is_empty() && !parent[value..].starts_with('['))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_by_the_names_of_their_fields() {
        for (line, hidden) in [
            ("  passwd: hunter2", "  passwd: ***"),
            ("  pkPasswd: \"hunter2\" # note", "  pkPasswd: ***"),
            ("  ssh: {user: root, password: hunter2}", "  ssh: {user: root, password: ***"),
            ("  - DB_PASSWORD=hunter2", "  - DB_PASSWORD=***"),
            ("  passwrd: hunter2", "  passwrd: ***"),
            ("  pasword: hunter2", "  pasword: ***"),
            ("  registry: {port: 5000, password: hunter2}", "  registry: {port: 5000, password: ***"),
            ("  port: 22", "  port: 22"),
            ("  ssd: true", "  ssd: true"),
            ("  taints: [{key: dedicated}]", "  taints: [{key: dedicated}]"),
            ("  path: a", "  path: a"),
            ("  password: env:HUNTER", "  password: env:HUNTER"),
            ("  password:", "  password:"),
            ("  addresses: [10.0.0.1]", "  addresses: [10.0.0.1]"),
            ("  keyword", "  keyword"),
        ] {
            assert_eq!(hide("", 0, line), hidden);
        }
    }

    #[test]
    fn the_lines_of_a_block_are_part_of_the_secret() {
        let text = "ssh:\n  pkData: |\n    BEGIN\n    MIIE\n";
        assert_eq!(hide(text, text.find("    MIIE").unwrap(), "    MIIE"), "    ***");
        let text = "passwords:\n  - a\n";
        assert_eq!(hide(text, text.find("  - a").unwrap(), "  - a"), "  - a");
    }
}
