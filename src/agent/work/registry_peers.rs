//! What was put into the registries of other control planes before this one's was there.

use std::net::SocketAddr;

use crate::agent::command::Tell;
use crate::error::{Class, Context, Result};
use crate::image::{ServedRegistry, replicate};
use crate::model::RegistryDoor;
use crate::wire::RegistryWork;

/// Carries over what the first of the others that answers has and this one lacks. The images of the cluster are here anyway, so
/// that none answers is told and no more.
pub(super) fn catch_up(work: &RegistryWork, tell: Tell<'_>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.problem(Class::Machine, "cannot start a runtime")?;
    for peer in &work.peers {
        match runtime.block_on(from(work, *peer)) {
            Ok(0) => return Ok(()),
            Ok(carried) => {
                tell(&format!("{carried} images of the registry at {peer} are in this one now"));
                return Ok(());
            }
            Err(problem) => tell(&format!("not all images of the registry at {peer} are here: {problem}")),
        }
    }
    Ok(())
}

async fn from(work: &RegistryWork, peer: SocketAddr) -> Result<usize> {
    // Others may not have heard yet of who comes from now on.
    let mut refused = None;
    for user in &work.users {
        let door = |at| RegistryDoor {
            at,
            authority: work.authority.clone(),
            username: user.username.clone(),
            password: user.password.clone(),
        };
        let (other, own) =
            (ServedRegistry::behind(&door(peer))?, ServedRegistry::behind(&door(work.listen))?);
        match replicate(&other, &own).await {
            Ok(carried) => return Ok(carried),
            Err(problem) => refused = Some(problem),
        }
    }
    refused.map_or(Ok(0), Err)
}
