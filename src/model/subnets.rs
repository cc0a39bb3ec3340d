//! The addresses of one of a cluster's networks: of one address family, or of both.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::error::{Class, Problem, Result};

/// A family of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// Four bytes.
    V4,
    /// Sixteen bytes.
    V6,
}

impl Family {
    /// Returns the family of an address.
    pub fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    /// Returns the family of a network.
    pub fn of_net(net: &IpNet) -> Self {
        Self::of(net.addr())
    }

    /// Returns the other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::V4 => Self::V6,
            Self::V6 => Self::V4,
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

/// One network, or one of each family. Which comes first decides the family that the cluster uses by itself.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Subnets {
    first: IpNet,
    second: Option<IpNet>,
}

impl Subnets {
    /// Puts two networks together; `None` where both are of one family.
    pub fn pair(first: IpNet, second: IpNet) -> Option<Self> {
        (Family::of_net(&first) != Family::of_net(&second)).then_some(Self { first, second: Some(second) })
    }

    /// Returns the network of the family that the cluster uses by itself.
    pub fn first(&self) -> IpNet {
        self.first
    }

    /// Returns the network of the other family, where there is one.
    pub fn second(&self) -> Option<IpNet> {
        self.second
    }

    /// Returns all of them, one or two.
    pub fn each(&self) -> impl Iterator<Item = IpNet> + use<> {
        std::iter::once(self.first).chain(self.second)
    }

    /// Returns their families, in their order.
    pub fn families(&self) -> impl Iterator<Item = Family> + use<> {
        self.each().map(|net| Family::of_net(&net))
    }

    /// Returns the family that comes first.
    pub fn family(&self) -> Family {
        Family::of_net(&self.first)
    }
}

impl From<IpNet> for Subnets {
    fn from(first: IpNet) -> Self {
        Self { first, second: None }
    }
}

impl From<Subnets> for String {
    fn from(subnets: Subnets) -> Self {
        subnets.to_string()
    }
}

impl TryFrom<String> for Subnets {
    type Error = Problem;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl fmt::Debug for Subnets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Subnets {
    /// Writes them as kubeadm and Kubernetes' components take them: with a comma between them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.second {
            None => write!(f, "{}", self.first),
            Some(second) => write!(f, "{},{second}", self.first),
        }
    }
}

impl FromStr for Subnets {
    type Err = Problem;

    /// Reads `10.96.0.0/22`, `fd00::/108` and `10.96.0.0/22,fd00::/108`. Errors have class `Usage`.
    fn from_str(text: &str) -> Result<Self> {
        let wrong = |message: String, remedy: &str| Problem::new(Class::Usage, message).remedy(remedy);
        let one = |text: &str| {
            text.trim().parse::<IpNet>().map_err(|_| {
                wrong(format!("`{}` is no network", text.trim()), "write it as 10.96.0.0/22 or fd00::/108")
            })
        };
        let nets = text.split(',').map(one).collect::<Result<Vec<_>>>()?;
        match nets[..] {
            [first] => Ok(first.into()),
            [first, second] => Self::pair(first, second).ok_or_else(|| {
                wrong(
                    format!("{first} and {second} are networks of one address family"),
                    "write one network, or one of IPv4 and one of IPv6",
                )
            }),
            _ => Err(wrong(
                format!("`{text}` are more than two networks"),
                "write one network, or one of IPv4 and one of IPv6",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_network_or_one_of_each_family() {
        for (text, want) in [
            ("10.96.0.0/22", Ok("10.96.0.0/22")),
            ("fd00::/108, 10.96.0.0/22", Ok("fd00::/108,10.96.0.0/22")),
            (
                "10.0.0.0/8,10.96.0.0/22",
                Err("10.0.0.0/8 and 10.96.0.0/22 are networks of one address family"),
            ),
            (
                "10.0.0.0/8,fd00::/108,fd01::/108",
                Err("`10.0.0.0/8,fd00::/108,fd01::/108` are more than two networks"),
            ),
            ("10.0.0.0/8,", Err("`` is no network")),
        ] {
            let read = text.parse::<Subnets>().map(|subnets| subnets.to_string());
            assert_eq!(read.as_deref().map_err(|problem| problem.message.as_str()), want, "{text}");
        }
    }

    #[test]
    fn what_was_kept_of_one_network_is_read() {
        let read: Subnets = serde_json::from_str("\"10.96.0.0/22\"").unwrap();
        assert_eq!(read, "10.96.0.0/22".parse().unwrap());
        assert_eq!(serde_json::to_string(&read).unwrap(), "\"10.96.0.0/22\"");
    }
}
