//! What `~/.ssh/config` says about one host, after ssh_config(5).
//!
//! The reader is our own because the crates that read this file leave `Match` out, and the settings of a `Match` block
//! that is not understood would then hold for every host of the block before it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::pattern;
use crate::error::{Class, Context, Problem, Result};

/// How deep `Include` may go, as in OpenSSH.
const DEEPEST_INCLUDE: usize = 16;

/// How a machine whose host key is not known yet is met. A changed or revoked key is always refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostKeys {
    /// It is refused.
    Strict,
    /// It is remembered and trusted from then on.
    AcceptNew,
}

/// What the file says about one host; what it does not say is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct HostConfig {
    pub(super) host_name: Option<String>,
    pub(super) user: Option<String>,
    pub(super) port: Option<u16>,
    pub(super) identity_files: Vec<String>,
    pub(super) certificate_files: Vec<String>,
    pub(super) identities_only: Option<bool>,
    pub(super) identity_agent: Option<String>,
    pub(super) proxy_jump: Option<String>,
    pub(super) proxy_command: Option<String>,
    pub(super) user_known_hosts: Option<Vec<String>>,
    pub(super) host_keys: Option<HostKeys>,
    pub(super) hash_known_hosts: Option<bool>,
    pub(super) host_key_alias: Option<String>,
    pub(super) connect_timeout: Option<Duration>,
}

/// For whom the file is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    /// The host as the operator wrote it.
    pub(super) host: &'a str,
    /// The user, when something stronger than the file decides it.
    pub(super) user: Option<&'a str>,
    /// The operator's home, against which `~` and relative includes are resolved.
    pub(super) home: &'a Path,
}

/// Reads what `file` says about a host; a file that does not exist says nothing.
///
/// # Errors
/// Class `Config`, with the file and line of what cannot be understood.
pub(super) fn read(file: &Path, asked: Asked<'_>) -> Result<HostConfig> {
    let mut reader = Reader { asked, found: HostConfig::default() };
    reader.file(file, 0)?;
    Ok(reader.found)
}

struct Reader<'a> {
    asked: Asked<'a>,
    found: HostConfig,
}

impl Reader<'_> {
    fn file(&mut self, file: &Path, depth: usize) -> Result<()> {
        let text = match std::fs::read(file) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => {
                return Err(error)
                    .problem_with(Class::Config, || format!("{} cannot be read", file.display()));
            }
        };
        self.text(&text, file, depth)
    }

    /// Reads the lines of a file; blocks that are not for our host are passed over.
    fn text(&mut self, text: &str, file: &Path, depth: usize) -> Result<()> {
        let mut ours = true;
        for (index, line) in text.lines().enumerate() {
            let wrong = |why: String| {
                Problem::new(Class::Config, why).saw(format!(
                    "{}:{}: {}",
                    file.display(),
                    index + 1,
                    line.trim()
                ))
            };
            let Some((keyword, arguments)) = words(line).map_err(wrong)? else { continue };
            match keyword.as_str() {
                "host" => ours = pattern::list_matches(arguments.iter().map(String::as_str), self.asked.host),
                "match" => ours = self.is_match(&arguments),
                _ if !ours => {}
                "include" => {
                    if depth == DEEPEST_INCLUDE {
                        return Err(wrong("files include each other too deep".into()));
                    }
                    let files: Vec<_> =
                        arguments.iter().flat_map(|argument| self.included(argument)).collect();
                    for included in files {
                        self.file(&included, depth + 1)?;
                    }
                }
                _ => self.setting(&keyword, &arguments).map_err(wrong)?,
            }
        }
        Ok(())
    }

    /// Decides a `Match` line. A criterion that cannot be decided here (`exec`, `canonical`...) does not match.
    fn is_match(&self, arguments: &[String]) -> bool {
        let mut arguments = arguments.iter();
        let mut decided = false;
        while let Some(criterion) = arguments.next() {
            let (criterion, negated) = match criterion.strip_prefix('!') {
                Some(criterion) => (criterion, true),
                None => (criterion.as_str(), false),
            };
            let criterion = criterion.to_ascii_lowercase();
            if criterion == "all" {
                decided = !negated;
                continue;
            }
            let Some(patterns) = arguments.next() else { return false };
            let host_name = self.found.host_name.as_deref();
            let subject = match criterion.as_str() {
                "originalhost" => Some(self.asked.host),
                "host" => Some(host_name.unwrap_or(self.asked.host)),
                "user" => self.asked.user.or(self.found.user.as_deref()),
                _ => return false,
            };
            let matched = subject.is_some_and(|subject| pattern::list_matches(patterns.split(','), subject));
            if matched == negated {
                return false;
            }
            decided = true;
        }
        decided
    }

    /// Takes a setting, unless an earlier line gave it: the first value holds.
    fn setting(&mut self, keyword: &str, arguments: &[String]) -> Result<(), String> {
        let found = &mut self.found;
        let value = arguments.first().ok_or_else(|| format!("`{keyword}` has no value"));
        match keyword {
            "hostname" => keep(&mut found.host_name, value?.clone()),
            "user" => keep(&mut found.user, value?.clone()),
            "port" => keep(&mut found.port, port(value?)?),
            "identityfile" => found.identity_files.push(value?.clone()),
            "certificatefile" => found.certificate_files.push(value?.clone()),
            "identitiesonly" => keep(&mut found.identities_only, yes_or_no(value?)?),
            "identityagent" => keep(&mut found.identity_agent, value?.clone()),
            // The earlier of the two holds, as they exclude each other.
            "proxyjump" if found.proxy_command.is_none() => keep(&mut found.proxy_jump, value?.clone()),
            "proxycommand" if found.proxy_jump.is_none() => {
                keep(&mut found.proxy_command, arguments.join(" "));
            }
            "userknownhostsfile" => {
                value?;
                keep(&mut found.user_known_hosts, arguments.to_vec());
            }
            "stricthostkeychecking" => keep(&mut found.host_keys, host_keys(value?)?),
            "hashknownhosts" => keep(&mut found.hash_known_hosts, yes_or_no(value?)?),
            "hostkeyalias" => keep(&mut found.host_key_alias, value?.clone()),
            "connecttimeout" => {
                let value = value?;
                if value != "none" {
                    keep(&mut found.connect_timeout, duration(value)?);
                }
            }
            // Everything else is not ours to judge: OpenSSH knows many keywords, and more with every release.
            _ => {}
        }
        Ok(())
    }

    /// Returns the files an `Include` names, sorted; its last component may be a pattern.
    fn included(&self, argument: &str) -> Vec<PathBuf> {
        let path = expand_home(argument, self.asked.home);
        let path = if path.is_absolute() { path } else { self.asked.home.join(".ssh").join(path) };
        let (Some(directory), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str()))
        else {
            return Vec::new();
        };
        if !name.contains(['*', '?']) {
            return vec![path];
        }
        let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
        let mut files: Vec<PathBuf> = entries
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .filter(|file| !file.starts_with('.') && pattern::matches(name, file))
            .map(|file| directory.join(file))
            .collect();
        files.sort();
        files
    }
}

fn keep<T>(slot: &mut Option<T>, value: T) {
    slot.get_or_insert(value);
}

/// Splits a line into its keyword, in lower case, and its arguments; a comment or an empty line is `None`.
fn words(line: &str) -> Result<Option<(String, Vec<String>)>, String> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let end = line.find(|c: char| c.is_whitespace() || c == '=').unwrap_or(line.len());
    let rest = line[end..].trim_start();
    let rest = rest.strip_prefix('=').unwrap_or(rest);
    let arguments = shell_words::split(rest).map_err(|_| "a quotation is not closed".to_owned())?;
    Ok(Some((line[..end].to_ascii_lowercase(), arguments)))
}

fn port(text: &str) -> Result<u16, String> {
    text.parse().ok().filter(|&port| port > 0).ok_or_else(|| format!("`{text}` is not a port"))
}

fn yes_or_no(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "true" => Ok(true),
        "no" | "false" => Ok(false),
        _ => Err(format!("`{text}` is neither yes nor no")),
    }
}

/// Reads `StrictHostKeyChecking`. What asks a question refuses here; what accepts anything accepts new keys only.
fn host_keys(text: &str) -> Result<HostKeys, String> {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "true" | "ask" => Ok(HostKeys::Strict),
        "accept-new" | "no" | "false" | "off" => Ok(HostKeys::AcceptNew),
        _ => Err(format!("`{text}` is not a way to check host keys")),
    }
}

/// Reads seconds, or OpenSSH's `1m30s`.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a time");
    let mut seconds: u64 = 0;
    let mut digits = String::new();
    for c in text.chars() {
        let unit = match c.to_ascii_lowercase() {
            '0'..='9' => {
                digits.push(c);
                continue;
            }
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            'w' => 604_800,
            _ => return Err(wrong()),
        };
        let count: u64 = std::mem::take(&mut digits).parse().map_err(|_| wrong())?;
        seconds = count.checked_mul(unit).and_then(|more| seconds.checked_add(more)).ok_or_else(wrong)?;
    }
    if !digits.is_empty() {
        let count: u64 = digits.parse().map_err(|_| wrong())?;
        seconds = seconds.checked_add(count).ok_or_else(wrong)?;
    }
    if text.is_empty() { Err(wrong()) } else { Ok(Duration::from_secs(seconds)) }
}

/// Replaces a leading `~/` by the operator's home.
pub(super) fn expand_home(path: &str, home: &Path) -> PathBuf {
    match path.strip_prefix("~/") {
        Some(rest) => home.join(rest),
        None if path == "~" => home.to_owned(),
        None => path.into(),
    }
}

/// Replaces `%x` tokens by what `value` gives for them, and `%%` by `%`; an unknown token stays as it is.
pub(super) fn expand_tokens(text: &str, value: impl Fn(char) -> Option<String>) -> String {
    let mut expanded = String::new();
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match (c, characters.clone().next()) {
            ('%', Some('%')) => {
                characters.next();
                expanded.push('%');
            }
            ('%', Some(token)) => match value(token) {
                Some(value) => {
                    characters.next();
                    expanded.push_str(&value);
                }
                None => expanded.push('%'),
            },
            _ => expanded.push(c),
        }
    }
    expanded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str, host: &str) -> Result<HostConfig> {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join(".ssh")).unwrap();
        let file = home.path().join(".ssh/config");
        std::fs::write(&file, text).unwrap();
        read(&file, Asked { host, user: None, home: home.path() })
    }

    fn found(text: &str, host: &str) -> HostConfig {
        read_text(text, host).unwrap()
    }

    #[test]
    fn the_first_value_holds_and_identities_add_up() {
        let config = found(
            "User first\nHost node-*\n  User second\n  Port=2222\n  IdentityFile ~/a\nHost *\n  Port 22\n  IdentityFile \"~/b c\"",
            "node-1",
        );
        assert_eq!(config.user.as_deref(), Some("first"));
        assert_eq!(config.port, Some(2222));
        assert_eq!(config.identity_files, ["~/a", "~/b c"]);
    }

    #[test]
    fn blocks_of_other_hosts_say_nothing() {
        let text = "Host a !b\nUser one\nHost * !a\nUser two\nHost c\nNonsense ~";
        assert_eq!(found(text, "a").user.as_deref(), Some("one"));
        assert_eq!(found(text, "b").user.as_deref(), Some("two"));
    }

    #[test]
    fn all_settings_are_read() {
        let config = found(
            "hostname 10.0.0.1\nCertificateFile c\nIdentitiesOnly yes\nIdentityAgent none\nProxyJump a,b\n\
             UserKnownHostsFile /one \"/two x\"\nStrictHostKeyChecking accept-new\nHashKnownHosts yes\n\
             HostKeyAlias other\nConnectTimeout 1m5s\nGSSAPIAuthentication yes",
            "a",
        );
        let want = HostConfig {
            host_name: Some("10.0.0.1".into()),
            certificate_files: vec!["c".into()],
            identities_only: Some(true),
            identity_agent: Some("none".into()),
            proxy_jump: Some("a,b".into()),
            user_known_hosts: Some(vec!["/one".into(), "/two x".into()]),
            host_keys: Some(HostKeys::AcceptNew),
            hash_known_hosts: Some(true),
            host_key_alias: Some("other".into()),
            connect_timeout: Some(Duration::from_secs(65)),
            ..HostConfig::default()
        };
        assert_eq!(config, want);
    }

    #[test]
    fn a_match_block_holds_only_where_it_matches() {
        for (criteria, want) in [
            ("all", true),
            ("host 10.0.0.1", true),
            ("host alias", false),
            ("originalhost alias", true),
            ("originalhost other,al*", true),
            ("!originalhost alias", false),
            ("user root", false),
            ("originalhost alias user root", false),
            ("exec true", false),
            ("final", false),
            ("", false),
        ] {
            let config = found(&format!("HostName 10.0.0.1\nUser admin\nMatch {criteria}\nPort 7"), "alias");
            assert_eq!(config.port.is_some(), want, "Match {criteria}");
        }
    }

    #[test]
    fn the_earlier_of_jump_and_command_holds() {
        let config = found("ProxyJump a\nProxyCommand nc %h %p", "x");
        assert_eq!((config.proxy_jump.as_deref(), config.proxy_command), (Some("a"), None));
        let config = found("ProxyCommand nc %h %p\nProxyJump a", "x");
        assert_eq!((config.proxy_jump, config.proxy_command.as_deref()), (None, Some("nc %h %p")));
    }

    #[test]
    fn includes_are_read_where_they_stand_and_end_with_their_file() {
        let home = tempfile::tempdir().unwrap();
        let directory = home.path().join(".ssh");
        std::fs::create_dir_all(directory.join("config.d")).unwrap();
        std::fs::write(directory.join("config.d/1.conf"), "Host other\nUser wrong").unwrap();
        std::fs::write(directory.join("config.d/2.conf"), "Host a\nUser right\nInclude missing").unwrap();
        std::fs::write(directory.join("config.d/.hidden.conf"), "User hidden").unwrap();
        let file = directory.join("config");
        std::fs::write(&file, "Include config.d/*.conf\nPort 7\nHost b\nInclude ~/.ssh/config.d/2.conf")
            .unwrap();
        let of = |host| read(&file, Asked { host, user: None, home: home.path() }).unwrap();
        assert_eq!((of("a").user.as_deref(), of("a").port), (Some("right"), Some(7)));
        assert_eq!((of("b").user, of("b").port), (None, Some(7)));
    }

    #[test]
    fn a_file_that_includes_itself_is_refused() {
        let problem = read_text("Include config", "a").unwrap_err();
        assert!(problem.message.contains("too deep"), "{problem}");
    }

    #[test]
    fn what_is_wrong_is_shown_with_its_line() {
        for (line, message) in [
            ("Port many", "`many` is not a port"),
            ("Port 0", "`0` is not a port"),
            ("User", "`user` has no value"),
            ("IdentityFile \"a", "a quotation is not closed"),
            ("ConnectTimeout soon", "`soon` is not a time"),
            ("IdentitiesOnly maybe", "`maybe` is neither yes nor no"),
        ] {
            let problem = read_text(&format!("# comment\n{line}"), "a").unwrap_err();
            assert_eq!((problem.message.as_str(), problem.class), (message, Class::Config));
            assert!(problem.seen[0].ends_with(&format!("config:2: {line}")), "{problem}");
        }
    }

    #[test]
    fn tokens_are_replaced() {
        let value = |token| (token == 'h').then(|| "node".to_owned());
        assert_eq!(expand_tokens("%h.x-%%-%q-%", value), "node.x-%-%q-%");
    }
}
