//! What excerpts do not show: the values of fields whose names say that a secret is in them.

use std::sync::LazyLock;

use regex::Regex;

/// A name that says so, up to where its value begins: `passwd:`, `"pkPasswd" :`, `- DB_PASSWORD=`.
#[expect(clippy::unwrap_used, reason = "a literal that the tests compile")]
static NAME: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?i)[\w.-]*(?:pass(?:wd|word|phrase)?|pwd|secret|token|credential|pkdata|privatekey|\bkey)\w*["']?\s*[:=]\s*"#)
        .unwrap()
});

/// Words after a secret's name that are no secret: where it is to be found.
const REFERENCES: [&str; 4] = ["env:", "file:", "prompt", "{"];

/// Hides what may be a secret in `line`, which begins at byte `begin` of `text`.
pub(super) fn hide(text: &str, begin: usize, line: &str) -> String {
    if let Some(name) = NAME.find(line) {
        let value = line[name.end()..].trim_start_matches(['"', '\'']);
        let told = value.is_empty() || REFERENCES.iter().any(|reference| value.starts_with(reference));
        return if told { line.to_owned() } else { format!("{}***", &line[..name.end()]) };
    }
    if continues_a_secret(&text[..begin], line) {
        let indentation = line.len() - line.trim_start().len();
        return format!("{}***", &line[..indentation]);
    }
    line.to_owned()
}

/// Tells whether `line` is part of a value that began above it: of a block after `password: |`.
fn continues_a_secret(above: &str, line: &str) -> bool {
    let indentation = |line: &str| line.len() - line.trim_start().len();
    let own = indentation(line);
    let parent =
        above.lines().rev().filter(|line| !line.trim().is_empty()).find(|line| indentation(line) < own);
    parent.is_some_and(|parent| {
        let value = parent.trim_end();
        NAME.find(value).is_some_and(|name| {
            let rest = &value[name.end()..];
            !rest.is_empty() && !rest.starts_with(['{', '['])
        })
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
