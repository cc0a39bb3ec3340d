//! Layers sent to a machine, only those and only the bytes that it lacks.

use std::io::{Seek, SeekFrom};
use std::sync::Arc;
use std::time::Duration;

use bytesize::ByteSize;

use super::site::Site;
use crate::engine::{Acted, Lane, Progress, Step};
use crate::error::{Class, Context, Problem, Result};
use crate::model::{BoxFuture, Digest, LayerInfo, MachineSpec};
use crate::plan::Desired;
use crate::wire::{MissingLayers, ReceiveLayer};

/// What the bytes' own time is added to: unpacking and moving into place go on after the last of them.
const DEADLINE: Duration = Duration::from_mins(10);

/// Bytes a second below which a way is as good as none.
const SLOWEST: u64 = 64 * 1024;

pub(super) struct SendLayers {
    pub(super) machine: MachineSpec,
    pub(super) layers: Vec<Digest>,
    pub(super) bytes: u64,
    pub(super) site: Arc<Site>,
}

impl Step for SendLayers {
    fn title(&self) -> String {
        let layers = if self.layers.len() == 1 { "layer" } else { "layers" };
        format!("send {} {layers} ({})", self.layers.len(), ByteSize(self.bytes))
    }

    fn machine(&self) -> Option<&str> {
        Some(&self.machine.name.0)
    }

    fn lane(&self) -> Lane {
        Lane::Transfer { bytes: self.bytes }
    }

    fn deadline(&self) -> Duration {
        DEADLINE + Duration::from_secs(self.bytes / SLOWEST)
    }

    fn act<'a>(&'a self, progress: &'a Progress) -> BoxFuture<'a, Result<Acted>> {
        Box::pin(async {
            let layers = self.find()?;
            let agent = self.site.agent(&self.machine).await?;
            let orders = layers.iter().map(|layer| layer.order()).collect();
            let missing = agent.ask(MissingLayers { layers: orders }).await?;
            let left = |digest: &Digest| missing.iter().find(|layer| layer.diff_id == *digest);
            let mut done: u64 = layers
                .iter()
                .map(|layer| left(&layer.diff_id).map_or(layer.size, |missing| missing.partial))
                .sum();
            for layer in layers {
                let Some(missing) = left(&layer.diff_id) else { continue };
                let mut blob = self.site.blobs.open(&layer.digest)?;
                blob.seek(SeekFrom::Start(missing.partial))
                    .problem(Class::Machine, "cannot read the image's layer")?;
                let order = ReceiveLayer { layer: layer.order(), from: missing.partial };
                let sent = |bytes| progress.bytes(done + bytes, self.bytes);
                agent.ask_sending(order, tokio::fs::File::from_std(blob), sent).await?;
                done += layer.size - missing.partial;
            }
            Ok(if missing.is_empty() { Acted::Unchanged } else { Acted::Changed })
        })
    }
}

impl SendLayers {
    fn find(&self) -> Result<Vec<&LayerInfo>> {
        let Desired { images, parting, .. } = &self.site.desired;
        let all = || images.iter().chain(parting).flat_map(|image| &image.layers);
        self.layers
            .iter()
            .map(|wanted| {
                all().find(|layer| layer.diff_id == *wanted).ok_or_else(|| {
                    Problem::new(
                        Class::Internal,
                        format!("no image has the planned layer {}", wanted.short()),
                    )
                })
            })
            .collect()
    }
}
