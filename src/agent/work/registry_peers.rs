//! What was put into the registries of other control planes before this one's was there.

use std::net::SocketAddr;

use crate::agent::blocking::now;
use crate::agent::command::Tell;
use crate::error::Result;
use crate::image::{ServedRegistry, replicate};
use crate::wire::RegistryWork;

/// Carries over what the first of the others that answers has and this one lacks. The images of the cluster are here anyway, so
/// that none answers is told and no more.
pub(super) fn catch_up(work: &RegistryWork, tell: Tell<'_>) {
    for peer in &work.peers {
        match now(async || from(work, *peer).await) {
            Ok(0) => return,
            Ok(carried) => {
                tell(&format!("{carried} images of the registry at {peer} are in this one now"));
                return;
            }
            Err(problem) => tell(&format!("not all images of the registry at {peer} are here: {problem}")),
        }
    }
}

async fn from(work: &RegistryWork, peer: SocketAddr) -> Result<usize> {
    // Others may not have heard yet of who comes from now on.
    let mut refused = None;
    for user in &work.users {
        let registry = |at| ServedRegistry::behind(&user.door(at, &work.authority));
        let (other, own) = (registry(peer)?, registry(work.listen)?);
        match replicate(&other, &own).await {
            Ok(carried) => return Ok(carried),
            Err(problem) => refused = Some(problem),
        }
    }
    refused.map_or(Ok(0), Err)
}
