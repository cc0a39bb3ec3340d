//! The virtual address on `lo`: put there, found again, taken away.

use std::net::IpAddr;

use futures_util::TryStreamExt;
use rtnetlink::packet_route::address::{
    AddressAttribute, AddressFlags, AddressMessage, AddressScope, CacheInfo,
};
use rtnetlink::{Error, Handle};
use rustix::io::Errno;
use tokio_util::task::AbortOnDropHandle;

use crate::error::{Class, Context, Result};

/// What IPv4 addresses of ours are labelled with, so that they are known as ours; IPv6 has no labels.
pub const LABEL: &str = "lo:sealift";

/// The loopback interface; in every network namespace it is the first.
const LOOPBACK: u32 = 1;

/// The lifetime of an address that does not expire (RFC 4862, "infinity").
const FOREVER: u32 = u32::MAX;

/// Puts `address` on `lo` as `/32` or `/128`; does nothing where it is there already, and nothing for an address
/// such as 127.0.0.9, which every machine has.
///
/// It is never chosen as the source of a connection to another machine: that other machine would answer
/// itself. Errors have class `Machine`.
pub async fn place(address: IpAddr) -> Result<()> {
    if address.is_loopback() {
        return Ok(());
    }
    let netlink = Netlink::open()?;
    let mut request = netlink.handle.address().add(LOOPBACK, address, whole(address));
    let message = request.message_mut();
    match address {
        IpAddr::V4(_) => {
            // Scope "host" is what keeps it from being a source address.
            message.header.scope = AddressScope::Host;
            message.attributes.push(AddressAttribute::Label(LABEL.to_owned()));
        }
        IpAddr::V6(_) => {
            // A deprecated address is chosen last (RFC 6724, rule 3).
            let mut lifetime = CacheInfo::default();
            lifetime.ifa_valid = FOREVER;
            message.attributes.push(AddressAttribute::CacheInfo(lifetime));
            message.attributes.push(AddressAttribute::Flags(AddressFlags::Nodad));
        }
    }
    match request.execute().await {
        Err(error) if is(&error, Errno::EXIST) => Ok(()),
        done => {
            done.problem_with(Class::Machine, || format!("cannot put {address} on the loopback interface"))
        }
    }
}

/// Takes `address` off `lo`; does nothing where it is not there as `/32` or `/128`.
pub async fn take_away(address: IpAddr) -> Result<()> {
    take_away_where(|found| found.address == address && found.is_single).await.map(drop)
}

/// Takes all virtual addresses off `lo`: those with our label, and `known` whatever its label. Returns those it
/// took. Other addresses stay; nothing to take is no error.
pub async fn remove(known: Option<IpAddr>) -> Result<Vec<IpAddr>> {
    take_away_where(|found| found.has_label || (Some(found.address) == known && found.is_single)).await
}

/// An address on `lo`.
struct Found {
    address: IpAddr,
    has_label: bool,
    is_single: bool,
}

impl Found {
    fn new(message: &AddressMessage) -> Option<Self> {
        let address = message.attributes.iter().find_map(|attribute| match attribute {
            AddressAttribute::Address(address) => Some(*address),
            _ => None,
        })?;
        Some(Self {
            address,
            has_label: message.attributes.contains(&AddressAttribute::Label(LABEL.to_owned())),
            is_single: message.header.prefix_len == whole(address),
        })
    }
}

async fn take_away_where(fits: impl Fn(&Found) -> bool) -> Result<Vec<IpAddr>> {
    let netlink = Netlink::open()?;
    let mut taken = Vec::new();
    for message in netlink.on_loopback().await? {
        let Some(found) = Found::new(&message) else { continue };
        if found.address.is_loopback() || !fits(&found) {
            continue;
        }
        match netlink.handle.address().del(message).execute().await {
            Err(error) if is(&error, Errno::ADDRNOTAVAIL) => {}
            done => {
                done.problem_with(Class::Machine, || {
                    format!("cannot take {} off the loopback interface", found.address)
                })?;
                taken.push(found.address);
            }
        }
    }
    Ok(taken)
}

/// A connection to the kernel; ends when it is dropped.
struct Netlink {
    handle: Handle,
    _connection: AbortOnDropHandle<()>,
}

impl Netlink {
    fn open() -> Result<Self> {
        let (connection, handle, _) = rtnetlink::new_connection()
            .problem(Class::Machine, "cannot talk to the kernel about addresses")?;
        Ok(Self { handle, _connection: AbortOnDropHandle::new(tokio::spawn(connection)) })
    }

    async fn on_loopback(&self) -> Result<Vec<AddressMessage>> {
        let list = self.handle.address().get().set_link_index_filter(LOOPBACK).execute();
        list.try_collect().await.problem(Class::Machine, "cannot list the loopback interface's addresses")
    }
}

fn whole(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

fn is(error: &Error, errno: Errno) -> bool {
    matches!(error, Error::NetlinkError(message) if message.raw_code() == -errno.raw_os_error())
}
