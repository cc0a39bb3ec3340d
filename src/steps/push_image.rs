//! An image of the operator's put into the registry of a control plane: only the blobs that are missing there.

use std::sync::Arc;
use std::time::Duration;

use super::site::Site;
use crate::engine::{Acted, Lane, Progress, Step};
use crate::error::Result;
use crate::image::outgoing::Outgoing;
use crate::model::{BoxFuture, Digest, MachineSpec};
use crate::wire::{LacksBlobs, PutBlob, PutManifest, Touched};

/// What the bytes' own time is added to.
const DEADLINE: Duration = Duration::from_mins(10);

/// The slowest way there that is waited for, in bytes a second.
const SLOWEST: u64 = 64 * 1024;

/// One image on its way into one registry.
pub struct PushImage {
    /// The control plane.
    pub machine: MachineSpec,
    /// The image.
    pub image: Arc<Outgoing>,
    /// The common ground.
    pub site: Arc<Site>,
}

impl Step for PushImage {
    fn title(&self) -> String {
        format!("push {}", self.image.name)
    }

    fn machine(&self) -> Option<&str> {
        Some(&self.machine.name.0)
    }

    fn lane(&self) -> Lane {
        Lane::Transfer { bytes: self.bytes() }
    }

    fn deadline(&self) -> Duration {
        DEADLINE + Duration::from_secs(self.bytes() / SLOWEST)
    }

    fn act<'a>(&'a self, progress: &'a Progress) -> BoxFuture<'a, Result<Acted>> {
        Box::pin(async {
            let agent = self.site.agent(&self.machine).await?;
            let door = self.site.desired.door(&self.machine);
            let (manifest, cluster) = (&self.image.manifest, self.site.cluster().name.clone());
            let blobs: Vec<Digest> = self.image.blobs.iter().map(|(digest, _)| digest.clone()).collect();
            let repository = manifest.repository.clone();
            let missing = agent.ask(LacksBlobs { door: door.clone(), repository, blobs }).await?;
            let missing = self.image.blobs.iter().filter(|(digest, _)| missing.contains(digest));
            let missing: Vec<(Digest, u64)> = missing.cloned().collect();
            let (mut done, total) = (0, missing.iter().map(|(_, size)| size).sum());
            let mut acted = if missing.is_empty() { Acted::Unchanged } else { Acted::Changed };
            for (blob, size) in missing {
                let content = tokio::fs::File::from_std(self.site.blobs.open(&blob)?);
                let (cluster, repository) = (cluster.clone(), manifest.repository.clone());
                let order = PutBlob { cluster, door: door.clone(), repository, blob, size };
                agent.ask_sending(order, content, |bytes| progress.bytes(done + bytes, total)).await?;
                done += size;
            }
            if agent.ask(PutManifest { cluster, door, manifest: manifest.clone() }).await? == Touched::Changed
            {
                acted = Acted::Changed;
            }
            Ok(acted)
        })
    }
}

impl PushImage {
    fn bytes(&self) -> u64 {
        self.image.blobs.iter().map(|(_, size)| size).sum()
    }
}
