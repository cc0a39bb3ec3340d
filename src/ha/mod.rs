//! What `care` is made of: the virtual address, the forwarder, health checking and the registry tunnel.
//!
//! `care` runs one [`balancer::Balancer`] for the API servers and one for the registries. Each has a
//! [`pool::Pool`] of servers that its probes judge and its listeners draw from. What carries the bytes only
//! follows [`pool::Pool::in_use`], so a balancer in the kernel can take the forwarder's place.

pub mod authority;
pub mod balancer;
pub mod care;
pub mod challenge;
pub mod config;
pub mod endpoints;
pub mod forward;
pub mod health;
pub mod intermediary;
pub mod learned;
pub mod notify;
pub mod pool;
pub mod probe;
mod store;
pub mod tls;
pub mod tunnel;
pub mod unit;
pub mod vip;
pub mod watch;
