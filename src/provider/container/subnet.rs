//! Chooses a network's addresses so that nothing else on the engine's host or in the cluster has them.

use std::net::Ipv4Addr;

use ipnet::{IpNet, Ipv4Net};

/// Where a cluster's /24 is looked for, in this order: above the addresses that Docker itself gives first, then
/// where few networks are.
const RANGES: [Ipv4Net; 4] = [
    Ipv4Net::new_assert(Ipv4Addr::new(172, 29, 0, 0), 16),
    Ipv4Net::new_assert(Ipv4Addr::new(172, 30, 0, 0), 16),
    Ipv4Net::new_assert(Ipv4Addr::new(172, 31, 0, 0), 16),
    Ipv4Net::new_assert(Ipv4Addr::new(10, 213, 0, 0), 16),
];

/// Routes as wide as this or wider are a default route, or the halves and quarters that VPN clients make of one.
const WIDEST_ROUTE: u8 = 7;

/// Returns the first /24 that overlaps none of `taken`.
pub(super) fn free(taken: &[IpNet]) -> Option<Ipv4Net> {
    RANGES
        .iter()
        .flat_map(|range| range.subnets(24).into_iter().flatten())
        .find(|candidate| !taken.iter().any(|other| overlap(IpNet::V4(*candidate), *other)))
}

fn overlap(one: IpNet, other: IpNet) -> bool {
    one.contains(&other) || other.contains(&one)
}

/// Reads the destinations of Linux's `/proc/net/route`, whose numbers are hexadecimal in little-endian order;
/// default routes are left out, and so is every line that is no route.
pub(super) fn routes(table: &str) -> Vec<IpNet> {
    table.lines().filter_map(route).filter(|route| route.prefix_len() > WIDEST_ROUTE).map(IpNet::V4).collect()
}

fn route(line: &str) -> Option<Ipv4Net> {
    let columns: Vec<&str> = line.split_whitespace().collect();
    let [_interface, destination, _gateway, _flags, _references, _use, _metric, mask, ..] = columns[..]
    else {
        return None;
    };
    Ipv4Net::with_netmask(address(destination)?, address(mask)?).ok()
}

fn address(hexadecimal: &str) -> Option<Ipv4Addr> {
    u32::from_str_radix(hexadecimal, 16).ok().map(|bits| Ipv4Addr::from(bits.to_le_bytes()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn networks(texts: &[&str]) -> Vec<IpNet> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn the_first_free_network_is_chosen() {
        for (taken, want) in [
            (&[][..], Some("172.29.0.0/24")),
            (&["172.17.0.0/16", "fd00::/8"][..], Some("172.29.0.0/24")),
            (&["172.29.0.0/24"][..], Some("172.29.1.0/24")),
            (&["172.29.0.128/25", "172.29.1.7/32"][..], Some("172.29.2.0/24")),
            (&["172.29.0.0/16"][..], Some("172.30.0.0/24")),
            (&["172.16.0.0/12"][..], Some("10.213.0.0/24")),
            (&["172.16.0.0/12", "10.0.0.0/8"][..], None),
        ] {
            assert_eq!(free(&networks(taken)).map(|net| net.to_string()).as_deref(), want, "{taken:?}");
        }
    }

    #[test]
    fn routes_are_read_without_default_ones() {
        let table = "\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
tun0\t00000080\t010200C0\t0003\t0\t0\t0\t00000080\t0\t0\t0
docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
tun0\t01021DAC\t00000000\t0005\t0\t0\t0\tFFFFFFFF\t0\t0\t0
nonsense
";
        assert_eq!(routes(table), networks(&["172.17.0.0/16", "192.0.2.0/24", "172.29.2.1/32"]));
    }

    proptest! {
        #[test]
        fn a_chosen_network_never_overlaps(taken in prop::collection::vec((any::<[u8; 2]>(), 8u8..=32), 0..40)) {
            let taken: Vec<IpNet> = taken
                .into_iter()
                .map(|([third, fourth], prefix)| {
                    let address = Ipv4Addr::new(172, 29 + fourth % 3, third, fourth);
                    IpNet::V4(Ipv4Net::new(address, prefix).unwrap())
                })
                .collect();
            if let Some(chosen) = free(&taken) {
                for address in chosen.hosts() {
                    prop_assert!(!taken.iter().any(|other| other.contains(&std::net::IpAddr::V4(address))));
                }
            }
        }
    }
}
