//! The marked block of /etc/hosts.

use std::fmt::Write;
use std::net::IpAddr;
use std::path::Path;

use crate::error::{Class, Context, Result};

const BEGIN: &str = "# begin sealift";
const END: &str = "# end sealift";
const FILE: &str = "/etc/hosts";

/// Replaces the block by these lines; every other line stays as it is, to the byte.
pub(super) fn set(lines: &[(IpAddr, Vec<String>)]) -> Result<()> {
    change(|text| with_block(text, lines))
}

/// Removes the block.
pub(super) fn clear() -> Result<()> {
    change(without_block)
}

/// A container's hosts file is a mount, so it is written in place rather than replaced.
fn change(edit: impl FnOnce(&str) -> String) -> Result<()> {
    let path = Path::new(FILE);
    let before = std::fs::read_to_string(path).problem(Class::Machine, "cannot read /etc/hosts")?;
    let after = edit(&before);
    if after == before {
        return Ok(());
    }
    std::fs::write(path, after).problem(Class::Machine, "cannot write /etc/hosts")
}

fn with_block(text: &str, lines: &[(IpAddr, Vec<String>)]) -> String {
    let mut text = without_block(text);
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    let _ = writeln!(text, "{BEGIN}");
    for (address, names) in lines {
        let _ = writeln!(text, "{address} {}", names.join(" "));
    }
    let _ = writeln!(text, "{END}");
    text
}

fn without_block(text: &str) -> String {
    let mut inside = false;
    text.split_inclusive('\n')
        .filter(|line| match line.trim_end() {
            BEGIN => {
                inside = true;
                false
            }
            END if inside => {
                inside = false;
                false
            }
            _ => !inside,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_set_replaced_and_removed() {
        let found = "127.0.0.1 localhost\n# mine\n10.0.0.9 x";
        let one =
            with_block(found, &[("10.103.97.2".parse().unwrap(), vec!["a".to_owned(), "b".to_owned()])]);
        assert_eq!(one, format!("{found}\n# begin sealift\n10.103.97.2 a b\n# end sealift\n"));
        let two = with_block(&one, &[("10.0.0.1".parse().unwrap(), vec!["a".to_owned()])]);
        assert_eq!(two, format!("{found}\n# begin sealift\n10.0.0.1 a\n# end sealift\n"));
        assert_eq!(without_block(&two), format!("{found}\n"));
    }
}
