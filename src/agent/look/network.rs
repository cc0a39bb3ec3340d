//! The machine's network interfaces, over netlink.

use std::collections::BTreeMap;

use futures_util::TryStreamExt;
use ipnet::IpNet;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressMessage};
use rtnetlink::packet_route::link::LinkAttribute;

use super::unreadable;
use crate::error::Result;
use crate::model::Interface;

/// Returns all interfaces with their addresses. Blocks; must not be called from an asynchronous task.
pub(in crate::agent) fn interfaces() -> Result<Vec<Interface>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| unreadable("the interfaces", error))?.block_on(ask())
}

async fn ask() -> Result<Vec<Interface>> {
    let (connection, handle, _) =
        rtnetlink::new_connection().map_err(|error| unreadable("the interfaces", error))?;
    let connection = tokio::spawn(connection);
    let mut interfaces: BTreeMap<u32, Interface> = BTreeMap::new();
    let mut links = handle.link().get().execute();
    while let Some(link) = links.try_next().await.map_err(|error| unreadable("the interfaces", error))? {
        let mut interface = Interface { name: String::new(), mtu: 0, addresses: vec![] };
        for attribute in link.attributes {
            match attribute {
                LinkAttribute::IfName(name) => interface.name = name,
                LinkAttribute::Mtu(mtu) => interface.mtu = mtu,
                _ => {}
            }
        }
        interfaces.insert(link.header.index, interface);
    }
    let mut addresses = handle.address().get().execute();
    let mut fading: Vec<(u32, IpNet)> = vec![];
    while let Some(message) =
        addresses.try_next().await.map_err(|error| unreadable("the addresses", error))?
    {
        let Some(interface) = interfaces.get_mut(&message.header.index) else { continue };
        // On point-to-point links `Address` is the other end; `Local` is ours where both are given.
        let local = message.attributes.iter().find_map(|attribute| match attribute {
            AddressAttribute::Local(address) => Some(*address),
            _ => None,
        });
        let address = local.or_else(|| {
            message.attributes.iter().find_map(|attribute| match attribute {
                AddressAttribute::Address(address) => Some(*address),
                _ => None,
            })
        });
        if let Some(net) = address.and_then(|address| IpNet::new(address, message.header.prefix_len).ok()) {
            if fades(&message) {
                fading.push((message.header.index, net));
            } else {
                interface.addresses.push(net);
            }
        }
    }
    for (index, net) in fading {
        interfaces.entry(index).and_modify(|interface| interface.addresses.push(net));
    }
    connection.abort();
    Ok(interfaces.into_values().collect())
}

/// Whether an address is one that the machine gives up again, such as those of IPv6 that change for privacy's sake: it is told after
/// those that stay. Of IPv4 the same flag says something else.
fn fades(message: &AddressMessage) -> bool {
    let fleeting =
        AddressHeaderFlags::Secondary | AddressHeaderFlags::Deprecated | AddressHeaderFlags::Dadfailed;
    message.header.family == AddressFamily::Inet6 && message.header.flags.intersects(fleeting)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_interface_is_there() {
        let interfaces = interfaces().unwrap();
        let loopback = interfaces.iter().find(|interface| interface.name == "lo").unwrap();
        assert!(loopback.addresses.contains(&"127.0.0.1/8".parse().unwrap()), "{loopback:?}");
    }

    #[test]
    fn addresses_that_are_given_up_again_are_of_ipv6_alone() {
        use AddressHeaderFlags as Flags;
        for (family, flags, want) in [
            (AddressFamily::Inet6, Flags::Permanent, false),
            // The kernel has one bit for what is secondary in IPv4 and temporary in IPv6.
            (AddressFamily::Inet6, Flags::Secondary, true),
            (AddressFamily::Inet6, Flags::Deprecated, true),
            (AddressFamily::Inet6, Flags::Permanent | Flags::Dadfailed, true),
            (AddressFamily::Inet, Flags::Secondary | Flags::Permanent, false),
        ] {
            let mut message = AddressMessage::default();
            message.header.family = family;
            message.header.flags = flags;
            assert_eq!(fades(&message), want, "{family:?} {flags:?}");
        }
    }
}
