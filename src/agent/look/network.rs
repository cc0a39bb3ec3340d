//! The machine's network interfaces, over netlink.

use std::collections::BTreeMap;

use futures_util::TryStreamExt;
use ipnet::IpNet;
use rtnetlink::packet_route::address::AddressAttribute;
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
            interface.addresses.push(net);
        }
    }
    connection.abort();
    Ok(interfaces.into_values().collect())
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
}
