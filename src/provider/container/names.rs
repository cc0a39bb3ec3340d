//! What things are called: clusters, their machines, containers, networks, labels and addresses.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::Ipv4Net;

use crate::error::{Class, Problem, Result};
use crate::model::Role;

/// Says whose a container, network or volume is; nothing without it is ever touched.
pub(super) const CLUSTER_LABEL: &str = "io.sealift.cluster";
/// Says what a container's machine does, in the words of [`Role`]'s serialized form.
pub(super) const ROLE_LABEL: &str = "io.sealift.role";
/// Numbers the machines of a role from 1.
pub(super) const INDEX_LABEL: &str = "io.sealift.index";
/// Holds the fingerprint of the key that opens the machine, so that a second operator is told apart.
pub(super) const KEY_LABEL: &str = "io.sealift.ssh-key";

/// A host name has 63 characters at most, and `-control-plane-49` is added to the cluster's.
const LONGEST_NAME: usize = 46;

/// A cluster's name that can be part of a host name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ClusterName(String);

impl ClusterName {
    pub(super) fn new(name: &str) -> Result<Self> {
        let fits = (1..=LONGEST_NAME).contains(&name.len())
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
            && !name.starts_with('-')
            && !name.ends_with('-');
        if fits {
            return Ok(Self(name.to_owned()));
        }
        Err(Problem::new(Class::Config, format!("`{name}` cannot be the name of a cluster of containers"))
            .remedy(format!("use lower-case letters, digits and inner hyphens, at most {LONGEST_NAME}")))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The Docker network's name.
    pub(super) fn network(&self) -> String {
        format!("sealift-{}", self.0)
    }

    /// The labels of everything that belongs to the cluster.
    pub(super) fn labels(&self) -> HashMap<String, String> {
        HashMap::from([(CLUSTER_LABEL.to_owned(), self.0.clone())])
    }

    /// The Docker filter that finds everything with these labels.
    pub(super) fn filter(&self) -> HashMap<&'static str, Vec<String>> {
        HashMap::from([("label", vec![format!("{CLUSTER_LABEL}={}", self.0)])])
    }
}

impl fmt::Display for ClusterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A machine's place in its cluster; its name, host name and address follow from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place {
    pub(super) role: Role,
    /// From 1.
    pub(super) index: u8,
}

impl Place {
    /// Reads the labels of a container; `None` is one that is no machine.
    pub(super) fn from_labels(labels: &HashMap<String, String>) -> Option<Self> {
        let role = match labels.get(ROLE_LABEL)?.as_str() {
            "control-plane" => Role::ControlPlane,
            "worker" => Role::Worker,
            _ => return None,
        };
        let index = labels.get(INDEX_LABEL)?.parse().ok()?;
        (1..=most(role)).contains(&index).then_some(Self { role, index })
    }

    pub(super) fn labels(self) -> [(String, String); 2] {
        [
            (ROLE_LABEL.to_owned(), word(self.role).to_owned()),
            (INDEX_LABEL.to_owned(), self.index.to_string()),
        ]
    }

    pub(super) fn hostname(self, cluster: &ClusterName) -> String {
        format!("{cluster}-{}-{}", word(self.role), self.index)
    }

    pub(super) fn container(self, cluster: &ClusterName) -> String {
        format!("sealift-{}", self.hostname(cluster))
    }

    /// The machine's address in the cluster's network: control planes from .11, workers from .61.
    pub(super) fn address(self, network: Ipv4Net) -> Ipv4Addr {
        Ipv4Addr::from_bits(network.network().to_bits() + u32::from(before_first(self.role) + self.index))
    }
}

/// Returns the /24 that a machine's address is in.
pub(super) fn network_of(address: IpAddr) -> Option<Ipv4Net> {
    match address {
        IpAddr::V4(address) => Ipv4Net::new(address, 24).ok().map(|network| network.trunc()),
        IpAddr::V6(_) => None,
    }
}

/// The word for a role in names and labels.
fn word(role: Role) -> &'static str {
    match role {
        Role::ControlPlane => "control-plane",
        Role::Worker => "worker",
    }
}

/// How many machines of a role have an address in a /24.
fn most(role: Role) -> u8 {
    match role {
        Role::ControlPlane => 49,
        Role::Worker => 180,
    }
}

/// The last byte of the address before the first machine's.
fn before_first(role: Role) -> u8 {
    match role {
        Role::ControlPlane => 10,
        Role::Worker => 60,
    }
}

/// Chooses the places of `count` machines: existing ones first, then the lowest that are free.
pub(super) fn places(role: Role, count: usize, existing: &[Place]) -> Result<Vec<Place>> {
    let most = most(role);
    if count > usize::from(most) {
        return Err(Problem::new(
            Class::Config,
            format!("{count} containers are too many for the role {role}"),
        )
        .remedy(format!("a cluster of containers has at most {most} of this role")));
    }
    let all = || (1..=most).map(|index| Place { role, index });
    let mut chosen: Vec<Place> = all().filter(|place| existing.contains(place)).take(count).collect();
    chosen.extend(all().filter(|place| !existing.contains(place)).take(count - chosen.len()));
    chosen.sort_unstable();
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worker(index: u8) -> Place {
        Place { role: Role::Worker, index }
    }

    #[test]
    fn names_follow_from_the_place() {
        let cluster = ClusterName::new("blue-2").unwrap();
        let place = Place { role: Role::ControlPlane, index: 1 };
        assert_eq!(place.container(&cluster), "sealift-blue-2-control-plane-1");
        assert_eq!(place.hostname(&cluster), "blue-2-control-plane-1");
        assert_eq!(worker(12).container(&cluster), "sealift-blue-2-worker-12");
        assert_eq!(cluster.network(), "sealift-blue-2");
    }

    #[test]
    fn what_cannot_be_in_a_host_name_is_refused() {
        for name in ["", "-a", "a-", "A", "a.b", "a_b", "a b", "ä", &"a".repeat(47)] {
            assert!(ClusterName::new(name).is_err(), "{name}");
        }
        let longest = ClusterName::new(&"a".repeat(46)).unwrap();
        assert_eq!(Place { role: Role::ControlPlane, index: 49 }.hostname(&longest).len(), 63);
    }

    #[test]
    fn addresses_of_all_places_differ_and_are_left_by_dockers_own_choice() {
        let network: Ipv4Net = "172.29.7.0/24".parse().unwrap();
        let everywhere = [Role::ControlPlane, Role::Worker]
            .into_iter()
            .flat_map(|role| (1..=most(role)).map(move |index| Place { role, index }.address(network)));
        let mut seen = std::collections::BTreeSet::new();
        for address in everywhere {
            assert!((11..248).contains(&address.octets()[3]), "{address}");
            assert!(network.contains(&address) && seen.insert(address), "{address}");
        }
    }

    #[test]
    fn existing_machines_are_kept_and_gaps_are_filled() {
        for (count, existing, want) in [
            (0, vec![], vec![]),
            (2, vec![], vec![1, 2]),
            (2, vec![2, 3], vec![2, 3]),
            (3, vec![2, 3], vec![1, 2, 3]),
            (1, vec![4, 2], vec![2]),
            (4, vec![3], vec![1, 2, 3, 4]),
        ] {
            let existing: Vec<Place> = existing.into_iter().map(worker).collect();
            let want: Vec<Place> = want.into_iter().map(worker).collect();
            assert_eq!(places(Role::Worker, count, &existing).unwrap(), want, "{count} of {existing:?}");
        }
        assert!(places(Role::ControlPlane, 50, &[]).is_err());
    }

    #[test]
    fn a_place_reads_the_labels_it_writes() {
        for place in [worker(180), Place { role: Role::ControlPlane, index: 1 }] {
            assert_eq!(Place::from_labels(&HashMap::from(place.labels())), Some(place));
        }
        for (role, index) in [("worker", "0"), ("worker", "181"), ("master", "1"), ("worker", "x")] {
            let labels =
                [(ROLE_LABEL.to_owned(), role.to_owned()), (INDEX_LABEL.to_owned(), index.to_owned())];
            assert_eq!(Place::from_labels(&HashMap::from(labels)), None, "{role} {index}");
        }
    }
}
