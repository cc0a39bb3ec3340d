//! What Kubernetes asks of the networks of pods and Services: how large they are, and which families they have.

use ipnet::IpNet;

use super::{Family, Subnets};

/// What is wrong with a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breach {
    /// One sentence on it.
    pub message: String,
    /// What can be done.
    pub remedy: String,
}

/// Services may have so many bits of addresses, since the API server keeps track of each (`--service-cluster-ip-range` of
/// https://kubernetes.io/docs/reference/command-line-tools-reference/kube-apiserver/).
const MOST_BITS_OF_SERVICES: u8 = 20;

/// The controller manager keeps track of so many bits of nodes (`node-cidr-mask-size-ipv6` and its sisters).
const MOST_BITS_OF_NODES: u8 = 16;

/// A piece of pods' addresses is no smaller than a node can do with.
const SMALLEST_PIECE: u8 = 120;

/// Returns the mask of the piece that each node has of a pod network: kubeadm's own, /24 or /64, and of an IPv6 network that this does
/// not fit, one that does.
pub fn node_mask(pods: &IpNet) -> u8 {
    let prefix = pods.prefix_len();
    match Family::of_net(pods) {
        Family::V4 => 24,
        Family::V6 if prefix + MOST_BITS_OF_NODES < 64 => prefix + MOST_BITS_OF_NODES,
        Family::V6 if prefix <= 64 => 64,
        Family::V6 => (prefix + MOST_BITS_OF_NODES).min(SMALLEST_PIECE),
    }
}

/// Finds pod networks of which nodes can have no pieces, or too many; `mask` is that of a piece.
pub fn of_pods(pods: &IpNet, mask: u8) -> Option<Breach> {
    let prefix = pods.prefix_len();
    let breach = |message: String, remedy: String| Some(Breach { message, remedy });
    if prefix > mask {
        breach(
            format!("the pods' network {pods} is smaller than the /{mask} that each node has of it"),
            format!("choose a larger one, of at most /{}", mask.saturating_sub(8)),
        )
    } else if mask - prefix > MOST_BITS_OF_NODES {
        breach(
            format!(
                "the pods' network {pods} has more pieces of /{mask} than Kubernetes keeps track of, which are 65536"
            ),
            format!("choose a smaller one, /{} or less", mask - MOST_BITS_OF_NODES),
        )
    } else {
        None
    }
}

/// Finds pod networks that have fewer pieces of this mask than there are machines.
pub fn of_pods_of(pods: &IpNet, mask: u8, machines: usize) -> Option<Breach> {
    // A network without a single piece is another matter.
    let bits = mask.checked_sub(pods.prefix_len())?;
    let pieces = 1_u64.checked_shl(bits.into()).unwrap_or(u64::MAX);
    let common = match Family::of_net(pods) {
        Family::V4 => "100.64.0.0/10",
        Family::V6 => "fd00:100:64::/48",
    };
    (pieces < machines as u64).then(|| Breach {
        message: format!(
            "the pods' network {pods} has pieces of /{mask} for {pieces} machines, and there are {machines}"
        ),
        remedy: format!("choose a larger one; {common} is common"),
    })
}

/// Finds Services' networks that are too small or too large.
pub fn of_services(services: &Subnets) -> Vec<Breach> {
    services.each().filter_map(|net| of_service_network(&net)).collect()
}

fn of_service_network(net: &IpNet) -> Option<Breach> {
    let bits = net.max_prefix_len() - net.prefix_len();
    let (common, least) = match Family::of_net(net) {
        Family::V4 => ("10.96.0.0/22", 32 - MOST_BITS_OF_SERVICES),
        Family::V6 => ("fd00:10:96::/112", 128 - MOST_BITS_OF_SERVICES),
    };
    if bits < 4 {
        Some(Breach {
            message: format!(
                "the Services' network {net} is too small: its tenth address is the cluster's name server"
            ),
            remedy: format!("choose one of at least 16 addresses; {common} is common"),
        })
    } else if bits > MOST_BITS_OF_SERVICES {
        Some(Breach {
            message: format!(
                "the Services' network {net} is too large: Kubernetes takes at most 2^{MOST_BITS_OF_SERVICES} addresses"
            ),
            remedy: format!("choose one of /{least} or smaller; {common} is common"),
        })
    } else {
        None
    }
}

/// Finds networks of pods and Services that have not the same families in the same order: Services lead to pods in their own family,
/// and the first of each is the one that the cluster uses by itself.
pub fn of_both(pods: &Subnets, services: &Subnets) -> Option<Breach> {
    if pods.family() != services.family() {
        return Some(Breach {
            message: format!(
                "the Services' network {} is of another address family than the pods' network {}",
                services.first(),
                pods.first()
            ),
            remedy: "choose both of the family of the machines' addresses".to_owned(),
        });
    }
    if pods.second().is_none() && services.second().is_some() {
        return Some(Breach {
            message: format!(
                "Services have both address families, {services}, and pods have {} alone, {pods}",
                pods.family()
            ),
            remedy: "give pods a network of each address family, too".to_owned(),
        });
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(text: &str) -> IpNet {
        text.parse().unwrap()
    }

    #[test]
    fn a_node_has_a_piece_that_kubernetes_can_keep_track_of() {
        for (pods, mask) in [
            ("100.64.0.0/10", 24),
            ("fd01::/32", 48),
            ("fd01::/48", 64),
            ("fd01::/64", 64),
            ("fd01::/80", 96),
            ("fd01::/112", 120),
        ] {
            assert_eq!(node_mask(&net(pods)), mask, "{pods}");
            assert_eq!(of_pods(&net(pods), mask), None, "{pods}");
        }
        for (pods, mask, want) in [
            ("10.0.0.0/25", 24, "smaller than the /24"),
            ("10.0.0.0/7", 24, "more pieces of /24"),
            ("fd01::/121", 120, "smaller than the /120"),
            ("fd01::/47", 64, "more pieces of /64"),
        ] {
            let breach = of_pods(&net(pods), mask).unwrap();
            assert!(breach.message.contains(want), "{breach:?}");
        }
    }

    #[test]
    fn services_have_neither_too_few_nor_too_many_addresses() {
        for (services, want) in [
            ("10.96.0.0/12,fd02::/108", None),
            ("10.96.0.0/28,fd02::/124", None),
            ("10.96.0.0/29", Some("too small")),
            ("10.0.0.0/11", Some("too large")),
            ("10.96.0.0/22,fd02::/107", Some("fd02::/107 is too large")),
        ] {
            let found = of_services(&services.parse().unwrap());
            match want {
                None => assert_eq!(found, vec![], "{services}"),
                Some(want) => assert!(found.len() == 1 && found[0].message.contains(want), "{found:?}"),
            }
        }
    }

    #[test]
    fn services_have_no_family_that_pods_have_not() {
        let of = |pods: &str, services: &str| of_both(&pods.parse().unwrap(), &services.parse().unwrap());
        assert_eq!(of("10.0.0.0/8,fd01::/48", "172.16.0.0/16,fd02::/112"), None);
        assert_eq!(of("10.0.0.0/8,fd01::/48", "172.16.0.0/16"), None);
        assert!(of("10.0.0.0/8", "172.16.0.0/16,fd02::/112").unwrap().message.contains("IPv4 alone"));
        assert!(
            of("fd01::/48,10.0.0.0/8", "172.16.0.0/16").unwrap().message.contains("another address family")
        );
    }
}
