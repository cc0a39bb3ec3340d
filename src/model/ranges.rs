//! Many names told in few words: addresses that follow each other become a range, as lists of hosts take them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Family;

/// Shorter runs than this are not shorter as a range.
const LEAST: u128 = 3;

/// Returns the names in their order of address, runs of addresses as `10.0.0.12-10.0.0.140`; other names come after them, in
/// the order given.
pub fn ranges<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut addresses: Vec<(Family, u128)> = Vec::new();
    let mut others = Vec::new();
    for name in names {
        match name.parse::<IpAddr>() {
            Ok(IpAddr::V4(address)) => addresses.push((Family::V4, address.to_bits().into())),
            Ok(IpAddr::V6(address)) => addresses.push((Family::V6, address.to_bits())),
            Err(_) => others.push(name.to_owned()),
        }
    }
    addresses.sort_unstable();
    addresses.dedup();
    let follows = |a: &(Family, u128), b: &(Family, u128)| a.0 == b.0 && a.1.checked_add(1) == Some(b.1);
    let mut told: Vec<String> = addresses.chunk_by(follows).flat_map(one_run).collect();
    told.append(&mut others);
    told
}

fn one_run(run: &[(Family, u128)]) -> Vec<String> {
    match run {
        [first, .., last] if last.1 - first.1 + 1 >= LEAST => {
            vec![format!("{}-{}", address(*first), address(*last))]
        }
        _ => run.iter().map(|one| address(*one).to_string()).collect(),
    }
}

fn address((family, bits): (Family, u128)) -> IpAddr {
    match (family, u32::try_from(bits)) {
        (Family::V4, Ok(bits)) => Ipv4Addr::from_bits(bits).into(),
        _ => Ipv6Addr::from_bits(bits).into(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::HostList;

    #[test]
    fn runs_of_addresses_are_ranges_and_all_else_is_as_it_was() {
        for (names, told) in [
            (vec![], vec![]),
            (vec!["10.0.0.2", "10.0.0.1"], vec!["10.0.0.1", "10.0.0.2"]),
            (vec!["10.0.0.3", "10.0.0.1", "10.0.0.2", "10.0.0.9"], vec!["10.0.0.1-10.0.0.3", "10.0.0.9"]),
            (vec!["10.0.0.254", "10.0.0.255", "10.0.1.0"], vec!["10.0.0.254-10.0.1.0"]),
            (
                vec!["fd00::1", "fd00::2", "fd00::3", "web-2", "10.0.0.1"],
                vec!["10.0.0.1", "fd00::1-fd00::3", "web-2"],
            ),
            (vec!["web-1", "web-2", "web-3"], vec!["web-1", "web-2", "web-3"]),
        ] {
            assert_eq!(ranges(names.iter().copied()), told, "{names:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_told_names_the_same_machines(last in proptest::collection::btree_set(0_u32..600, 0..80)) {
            let names: Vec<String> =
                last.iter().map(|last| Ipv4Addr::from_bits(0x0a00_0000 + last).to_string()).collect();
            let told = ranges(names.iter().map(String::as_str));
            let read: Vec<String> = told
                .iter()
                .flat_map(|range| range.parse::<HostList>().unwrap().0)
                .map(|host| host.host)
                .collect();
            prop_assert_eq!(read, names);
        }
    }
}
