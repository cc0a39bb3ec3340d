//! Components of a cluster that runs, configured anew. What ran before is put aside first, and put back if it does not come up.

mod aside;
mod component;
mod control_plane;
mod cut_off;
mod kubelet;
mod processes;
mod proxy;
mod upload;

pub(super) use control_plane::carry_out as control_plane;
pub(super) use cut_off::{CutOff, carry_out as put_back};
pub(super) use kubelet::carry_out as kubelet;
pub(super) use proxy::carry_out as proxy;
pub(super) use upload::carry_out as upload;

use std::collections::BTreeSet;
use std::path::Path;

use crate::agent::{ownership, paths, receipts};
use crate::distribute::remove;
use crate::error::Result;
use crate::model::{Configuration, Digest, Entrance, Part};

/// Keeps the receipts of a machine that is made now, and how it comes in, before kubeadm makes it: cut off, it is made anew, or is as
/// these say. What was put aside of what it was before is of no use any more.
pub(super) fn is_made_with(cluster: &str, entrance: Entrance, configured: &Configuration) -> Result<()> {
    remove::remove_tree(Path::new(paths::ASIDE))?;
    ownership::record_entrance(cluster, entrance)?;
    configured.iter().try_for_each(|(part, digest)| receipts::write(part.name(), digest))
}

/// Returns the parts of which something is put aside.
pub(in crate::agent) fn put_aside() -> BTreeSet<Part> {
    aside::PARTS.into_iter().filter(|part| aside::Aside::of(*part).is_some()).collect()
}

/// Notes that a part is being changed. No wish is like it, so whatever cuts this off, the part is configured anew; without any
/// note it would be taken for what the cluster was made with.
fn begin(part: Part) -> Result<()> {
    receipts::write(part.name(), &under_way())
}

fn under_way() -> Digest {
    Digest::of("under way")
}
