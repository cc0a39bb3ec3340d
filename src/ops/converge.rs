//! The one way from a declaration to a cluster that is like it: resolve, observe, check, plan, confirm, execute, save.

use std::sync::{Arc, Mutex};

use super::context::Context;
use super::execute::{self, Purpose};
use super::resolve::{self, Resolved, Wish};
use super::{intact, observe, preflight};
use crate::cluster::Fleet;
use crate::error::{Problems, Result};
use crate::image::Store;
use crate::model::{Cluster, Digest, Observed};
use crate::plan::{self, Consents, Desired, Plan};
use crate::steps::{Blobs, DrainPolicy, Learned, Site, State};

/// A plan with everything it was made from and is carried out with.
pub(super) struct Draft {
    pub(super) desired: Desired,
    pub(super) plan: Plan,
    observed: Observed,
    fleet: Fleet,
    state: State,
    store: Store,
}

/// Makes a cluster as it is declared, or finds nothing to do.
pub(super) async fn converge(
    context: &Context,
    wish: &Wish<'_>,
    purpose: impl FnOnce(&Cluster, &Plan) -> Purpose,
) -> Result<(), Problems> {
    let draft = draw(context, wish).await?;
    intact::check(&draft.store, &draft.desired.images, &draft.plan).await?;
    carry_out(context, draft, purpose).await
}

/// Looks and plans; changes nothing.
pub(super) async fn draw(context: &Context, wish: &Wish<'_>) -> Result<Draft, Problems> {
    let Resolved { desired, state, machines, store } = resolve::resolve(context, wish).await?;
    context.reporter.note(&format!("looking at {} machines", machines.len()));
    let fleet = resolve::fleet(context, &machines);
    let sight = observe::observe(&fleet, &desired).await;
    Problems::check(observe::unknown(&sight.observed))?;
    preflight::check(context, &fleet, &desired, &sight, state.authority.as_ref()).await?;
    let authority =
        state.authority.clone().or_else(|| observe::authority(&state.cluster.name, &sight.observed));
    let plan = plan::apply(&desired, &sight.observed, authority.as_ref(), &Consents::default())?;
    let state = State { authority, ..state };
    Ok(Draft { desired, plan, observed: sight.observed, fleet, state, store })
}

async fn carry_out(
    context: &Context,
    draft: Draft,
    purpose: impl FnOnce(&Cluster, &Plan) -> Purpose,
) -> Result<(), Problems> {
    let Draft { desired, plan, observed, fleet, state, store } = draft;
    let purpose = purpose(&desired.cluster, &plan);
    let site = Arc::new(Site {
        desired,
        observed,
        fleet,
        blobs: Box::new(StoreBlobs(store)),
        home: context.home.clone(),
        state: Mutex::new(state),
        drain: DrainPolicy::default(),
        learned: Learned::default(),
    });
    execute::execute(context, &site, &plan, purpose).await
}

/// The store as the steps see it.
pub(super) struct StoreBlobs(pub(super) Store);

impl Blobs for StoreBlobs {
    fn open(&self, digest: &Digest) -> Result<std::fs::File> {
        self.0.open_blob(digest)
    }
}
