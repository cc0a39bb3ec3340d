//! Where machines are: SSH addresses and the lists of them that an operator writes.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Class, Problem, Result};

/// The port of SSH when none is written.
const SSH_PORT: u16 = 22;

/// The most addresses that one range may name; more is surely a slip of the pen.
pub const LARGEST_RANGE: usize = 1024;

/// Where an SSH server listens: a host and, when it was written, a port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SshAddress {
    /// A DNS name or an IP address without brackets.
    pub host: String,
    /// The port as written; `None` leaves it to `--port`, `~/.ssh/config` and then 22.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
}

impl SshAddress {
    /// Returns the port to dial when nothing else decides.
    pub fn port_or_default(&self) -> u16 {
        self.port.unwrap_or(SSH_PORT)
    }

    /// Returns the address as an IP address, when it is one.
    pub fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}

impl fmt::Display for SshAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.port, self.host.contains(':')) {
            (None, _) => f.write_str(&self.host),
            (Some(port), true) => write!(f, "[{}]:{port}", self.host),
            (Some(port), false) => write!(f, "{}:{port}", self.host),
        }
    }
}

impl FromStr for SshAddress {
    type Err = Problem;

    /// Reads `10.0.0.1`, `10.0.0.1:2222`, `node-1.example:22`, `fd00::1` and `[fd00::1]:22`.
    fn from_str(text: &str) -> Result<Self> {
        let wrong = |why: &str| {
            Problem::new(Class::Usage, format!("`{text}` is not a host: {why}"))
                .remedy("write an address, a name, or one of them with a port: 10.0.0.1, node-1, 10.0.0.1:2222, [fd00::1]:22")
        };
        let (host, port) = if let Some(rest) = text.strip_prefix('[') {
            let (host, after) = rest.split_once(']').ok_or_else(|| wrong("the bracket is not closed"))?;
            host.parse::<Ipv6Addr>().map_err(|_| wrong("not an IPv6 address between the brackets"))?;
            match after.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None if after.is_empty() => (host, None),
                None => return Err(wrong("something follows the bracket that is not a port")),
            }
        } else if text.parse::<Ipv6Addr>().is_ok() {
            (text, None)
        } else {
            match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            }
        };
        if !is_host(host) {
            return Err(wrong("it has characters that no host has"));
        }
        let port = match port {
            None => None,
            Some(digits) => match digits.parse::<u16>() {
                Ok(port) if port > 0 => Some(port),
                _ => return Err(wrong("the port is not a number from 1 to 65535")),
            },
        };
        Ok(Self { host: host.to_owned(), port })
    }
}

/// Tells whether `host` is an IP address or a DNS name; digits and dots alone must be an address.
fn is_host(host: &str) -> bool {
    if host.parse::<IpAddr>().is_ok() {
        return true;
    }
    let numeric = host.chars().all(|c| c.is_ascii_digit() || c == '.');
    !numeric
        && host.len() <= 253
        && host.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
        })
}

/// A list of hosts as written on a command line: commas between them, ranges from `a` to `b` as `a-b`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostList(pub Vec<SshAddress>);

impl FromStr for HostList {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self> {
        let mut hosts = Vec::new();
        for item in text.split(',').map(str::trim).filter(|item| !item.is_empty()) {
            match range(item)? {
                Some(range) => hosts.extend(range),
                None => hosts.push(item.parse()?),
            }
        }
        Ok(Self(hosts))
    }
}

/// Reads `10.0.0.1-10.0.0.9`, `10.0.0.1-9`'s long form only, `[fd00::1-fd00::9]:22`; `None` is not a range.
fn range(item: &str) -> Result<Option<Vec<SshAddress>>> {
    let (body, port) = split_range_port(item)?;
    let Some((first, last)) = body.split_once('-') else { return Ok(None) };
    let (Ok(first), Ok(last)) = (first.parse::<IpAddr>(), last.parse::<IpAddr>()) else {
        // A name may hold a hyphen: `node-1`. Only something that begins like an address was meant as a range.
        return match first.parse::<IpAddr>() {
            Ok(_) => Err(bad_range(item, "its end is not an address; write both in full")),
            Err(_) => Ok(None),
        };
    };
    let (from, to) = match (first, last) {
        (IpAddr::V4(first), IpAddr::V4(last)) => (u128::from(first.to_bits()), u128::from(last.to_bits())),
        (IpAddr::V6(first), IpAddr::V6(last)) => (first.to_bits(), last.to_bits()),
        _ => return Err(bad_range(item, "it goes from one address family to the other")),
    };
    if to < from {
        return Err(bad_range(item, "its end comes before its beginning"));
    }
    if to - from >= LARGEST_RANGE as u128 {
        return Err(bad_range(item, "it names more than 1024 addresses"));
    }
    let address = |bits: u128| match first {
        IpAddr::V4(_) => Ipv4Addr::from_bits(bits as u32).to_string(),
        IpAddr::V6(_) => Ipv6Addr::from_bits(bits).to_string(),
    };
    Ok(Some((from..=to).map(|bits| SshAddress { host: address(bits), port }).collect()))
}

/// Takes a port off the end of a range: `10.0.0.1-10.0.0.3:2222` and `[fd00::1-fd00::3]:2222`.
fn split_range_port(item: &str) -> Result<(&str, Option<u16>)> {
    let (body, port) = match item.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((body, "")) => (body, None),
        Some((body, after)) => (body, after.strip_prefix(':')),
        None if item.matches(':').count() == 1 && item.contains('-') => match item.rsplit_once(':') {
            Some((body, port)) => (body, Some(port)),
            None => (item, None),
        },
        None => (item, None),
    };
    if !body.contains('-') {
        return Ok((body, None));
    }
    match port {
        None => Ok((body, None)),
        Some(digits) => match digits.parse::<u16>() {
            Ok(port) if port > 0 => Ok((body, Some(port))),
            _ => Err(bad_range(item, "the port is not a number from 1 to 65535")),
        },
    }
}

fn bad_range(item: &str, why: &str) -> Problem {
    Problem::new(Class::Usage, format!("`{item}` is not a range of hosts: {why}"))
        .remedy("write a range as 10.0.0.1-10.0.0.9, a port after it as 10.0.0.1-10.0.0.9:2222")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(text: &str) -> Vec<String> {
        text.parse::<HostList>().unwrap().0.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn lists_take_ranges_ports_names_and_ipv6() {
        for (text, want) in [
            ("", vec![]),
            ("10.0.0.1", vec!["10.0.0.1"]),
            ("10.0.0.1,10.0.0.2:2222", vec!["10.0.0.1", "10.0.0.2:2222"]),
            ("10.0.0.254-10.0.1.1", vec!["10.0.0.254", "10.0.0.255", "10.0.1.0", "10.0.1.1"]),
            ("10.0.0.1-10.0.0.2:2222", vec!["10.0.0.1:2222", "10.0.0.2:2222"]),
            ("node-1, node-2.example:23", vec!["node-1", "node-2.example:23"]),
            ("fd00::1,[fd00::2]:2222", vec!["fd00::1", "[fd00::2]:2222"]),
            ("[fd00::1-fd00::2]:22", vec!["[fd00::1]:22", "[fd00::2]:22"]),
            ("fd00::1-fd00::2", vec!["fd00::1", "fd00::2"]),
        ] {
            assert_eq!(hosts(text), want, "{text}");
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for text in [
            "10.0.0",
            "10.0.0.256",
            "10.0.0.1:0",
            "10.0.0.1:99999",
            "10.0.0.9-10.0.0.1",
            "10.0.0.1-9",
            "a b",
            "10.0.0.1-fd00::1",
            "[fd00::1",
            "[10.0.0.1]:22",
            "10.0.0.0-10.9.0.0",
            "-x",
            "a..b",
            "$(reboot)",
        ] {
            assert!(text.parse::<HostList>().is_err(), "{text}");
        }
    }
}
