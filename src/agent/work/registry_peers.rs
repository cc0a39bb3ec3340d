//! What was put into the registries of other control planes before this one's was there.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytesize::ByteSize;

use crate::agent::blocking::now;
use crate::agent::command::Tell;
use crate::error::Result;
use crate::image::{ServedRegistry, replicate};
use crate::wire::RegistryWork;

/// How often it is told how much has come.
const TELL_EVERY: Duration = Duration::from_secs(20);

/// Carries over what the first of the others that answers has and this one lacks. The images of the cluster are here anyway, so
/// that none answers is told and no more.
pub(super) fn catch_up(work: &RegistryWork, tell: Tell<'_>) {
    let moved = Arc::new(AtomicU64::new(0));
    for peer in &work.peers {
        match now(async || telling(from(work, *peer, &moved), &moved, *peer, tell).await) {
            Ok(0) => return,
            Ok(carried) => {
                tell(&format!("{carried} images of the registry at {peer} are in this one now"));
                return;
            }
            Err(problem) => tell(&format!("not all images of the registry at {peer} are here: {problem}")),
        }
    }
}

/// Tells from time to time how much has come, as long as anything comes; the run gives up on what tells nothing.
async fn telling<T>(
    carrying: impl Future<Output = T>,
    moved: &AtomicU64,
    peer: SocketAddr,
    tell: Tell<'_>,
) -> T {
    tokio::pin!(carrying);
    let mut told = moved.load(Ordering::Relaxed);
    loop {
        tokio::select! {
            biased;
            done = &mut carrying => return done,
            () = tokio::time::sleep(TELL_EVERY) => {}
        }
        let now = moved.load(Ordering::Relaxed);
        if now > told {
            tell(&format!("{} of the registry at {peer} have come", ByteSize(now)));
            told = now;
        }
    }
}

async fn from(work: &RegistryWork, peer: SocketAddr, moved: &Arc<AtomicU64>) -> Result<usize> {
    // Others may not have heard yet of who comes from now on.
    let mut refused = None;
    for user in &work.users {
        let registry = |at| ServedRegistry::behind(&user.door(at, &work.authority));
        let (other, own) = (registry(peer)?, registry(work.listen)?);
        match replicate(&other, &own, moved).await {
            Ok(carried) => return Ok(carried),
            Err(problem) => refused = Some(problem),
        }
    }
    refused.map_or(Ok(0), Err)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_is_told_how_much_has_come_while_anything_comes() {
        let moved = AtomicU64::new(0);
        let said = Mutex::new(vec![]);
        let carrying = async {
            tokio::time::sleep(TELL_EVERY / 2).await;
            for _ in 0..3 {
                moved.fetch_add(1 << 20, Ordering::Relaxed);
                tokio::time::sleep(TELL_EVERY).await;
            }
            // Nothing comes any more.
            tokio::time::sleep(10 * TELL_EVERY).await;
            7
        };
        let tell = |line: &str| said.lock().unwrap().push(line.to_owned());
        let peer = "10.0.0.1:5443".parse().unwrap();
        assert_eq!(telling(carrying, &moved, peer, &tell).await, 7);
        let said = said.into_inner().unwrap();
        assert_eq!(said.len(), 3, "{said:?}");
        assert_eq!(said[0], "1.0 MiB of the registry at 10.0.0.1:5443 have come");
    }
}
