//! sealos's functions for networks.

use std::net::IpAddr;
use std::rc::Rc;

use ipnet::IpNet;

use super::Room;
use crate::template::failure::{Failure, Outcome};

pub(super) fn add(room: &mut Room) {
    room.add("ipNet", |text: Rc<str>| network(&text).map(|network| network.trunc().to_string()));
    room.add("ipAt", |text: Rc<str>, index: i64| address_at(&text, index));
}

fn network(text: &str) -> Outcome<IpNet> {
    text.parse().map_err(|_| {
        Failure::new(format!("`{text}` is not a network"))
            .in_argument(0)
            .remedy("a network is written like 10.96.0.0/12 or fd00::/108")
    })
}

/// Returns the address number `index` of a network; a negative one counts from its end.
fn address_at(text: &str, index: i64) -> Outcome<String> {
    let network = network(text)?;
    let (first, last) = match network {
        IpNet::V4(network) => {
            (u128::from(network.network().to_bits()), u128::from(network.broadcast().to_bits()))
        }
        IpNet::V6(network) => (network.network().to_bits(), network.broadcast().to_bits()),
    };
    let offset = u128::from(index.unsigned_abs());
    let address = if index < 0 { last.checked_sub(offset - 1) } else { first.checked_add(offset) };
    let address = address.filter(|address| (first..=last).contains(address)).ok_or_else(|| {
        Failure::new(format!("the network {network} has no address number {index}")).in_argument(1)
    })?;
    Ok(match network {
        IpNet::V4(_) => IpAddr::V4((address as u32).into()).to_string(),
        IpNet::V6(_) => IpAddr::V6(address.into()).to_string(),
    })
}
