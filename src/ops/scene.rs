//! What is wanted beside what is there; the definition comes out of the cluster where nothing of it is kept here.

use super::context::Context;
use super::observe::{self, Sight};
use super::recover;
use super::resolve::{self, Resolved, Wish};
use crate::cluster::Fleet;
use crate::error::Problems;
use crate::image::Store;
use crate::model::Digest;
use crate::plan::Desired;
use crate::steps::State;

/// All that a plan is made from.
pub(super) struct Scene {
    pub(super) desired: Desired,
    pub(super) sight: Sight,
    pub(super) state: State,
    pub(super) fleet: Fleet,
    pub(super) store: Store,
    pub(super) kept: Kept,
}

/// Where the definition was that is gone on from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    /// With the operator, or nowhere yet.
    Here,
    /// In the cluster alone.
    InCluster,
}

impl Scene {
    /// Resolves a wish and looks at every machine. Nothing is changed.
    pub(super) async fn of(context: &Context, wish: &Wish<'_>) -> Result<Self, Problems> {
        let Resolved { desired, state, machines, store } = resolve::resolve(context, wish).await?;
        context.reporter.note(&format!("looking at {} machines", machines.len()));
        let fleet = resolve::fleet(context, &machines);
        let sight = observe::observe(&fleet, &desired).await;
        if wish.last.is_none()
            && let Some(state) = recover::state(&fleet, &desired.cluster.name, &sight.observed).await?
        {
            context
                .reporter
                .note("nothing of the cluster is kept here; going on from what it keeps of itself");
            let wish = Wish { last: Some(&state), ..wish.clone() };
            let scene = Box::pin(Self::of(context, &wish)).await?;
            return Ok(Self { kept: Kept::InCluster, ..scene });
        }
        Ok(Self { desired, sight, state, fleet, store, kept: Kept::Here })
    }

    /// Returns the cluster's identity, as it is kept or as its machines agree on it.
    pub(super) fn authority(&self) -> Option<Digest> {
        let known = self.state.authority.clone();
        known.or_else(|| observe::authority(&self.state.cluster.name, &self.sight.observed))
    }
}
