//! The one way from a declaration to a cluster that is like it: resolve, observe, check, plan, confirm, execute, save.

use std::sync::{Arc, Mutex};

use super::consent::{self, Consent};
use super::context::Context;
use super::execute::{self, Purpose};
use super::resolve::{self, Resolved, Wish};
use super::{intact, observe, preflight};
use crate::error::{Problems, Result};
use crate::image::Store;
use crate::model::{Cluster, Digest};
use crate::plan::{self, Plan};
use crate::steps::{Blobs, DrainPolicy, Learned, Site, State};

/// A plan, with everything it was made from and is carried out with.
pub(super) struct Draft {
    pub(super) plan: Plan,
    pub(super) site: Arc<Site>,
    store: Store,
}

/// Makes a cluster as it is declared, or finds nothing to do.
pub(super) async fn converge(
    context: &Context,
    wish: &Wish<'_>,
    consent: Consent,
    purpose: impl FnOnce(&Cluster, &Plan) -> Purpose,
) -> Result<(), Problems> {
    let draft = draw(context, wish, consent).await?;
    carry_out(context, &draft, consent, purpose).await
}

/// Looks and plans; changes nothing.
pub(super) async fn draw(context: &Context, wish: &Wish<'_>, consent: Consent) -> Result<Draft, Problems> {
    let Resolved { desired, state, machines, store } = resolve::resolve(context, wish).await?;
    context.reporter.note(&format!("looking at {} machines", machines.len()));
    let fleet = resolve::fleet(context, &machines);
    let sight = observe::observe(&fleet, &desired).await;
    Problems::check(observe::unknown(&sight.observed))?;
    preflight::check(context, &fleet, &desired, &sight, state.authority.as_ref()).await?;
    let authority =
        state.authority.clone().or_else(|| observe::authority(&state.cluster.name, &sight.observed));
    let consents = consent::consents(consent, &desired, &sight.observed);
    let plan = plan::apply(&desired, &sight.observed, authority.as_ref(), &consents)?;
    let site = Site {
        desired,
        observed: sight.observed,
        fleet,
        blobs: Box::new(StoreBlobs(store.clone())),
        home: context.home.clone(),
        state: Mutex::new(State { authority, ..state }),
        drain: DrainPolicy::default(),
        learned: Learned::default(),
    };
    Ok(Draft { plan, site: Arc::new(site), store })
}

/// Asks, and does what the plan says.
pub(super) async fn carry_out(
    context: &Context,
    draft: &Draft,
    consent: Consent,
    purpose: impl FnOnce(&Cluster, &Plan) -> Purpose,
) -> Result<(), Problems> {
    let Draft { plan, site, store } = draft;
    intact::check(store, &site.desired.images, plan).await?;
    let mut purpose = purpose(site.cluster(), plan);
    consent::tell_costs(context, consent, plan, site);
    purpose.questions.splice(0..0, consent::about_removal(consent, plan, &site.desired));
    execute::execute(context, site, plan, purpose).await
}

/// The store as the steps see it.
pub(super) struct StoreBlobs(pub(super) Store);

impl Blobs for StoreBlobs {
    fn open(&self, digest: &Digest) -> Result<std::fs::File> {
        self.0.open_blob(digest)
    }
}
