//! What is wanted beside what is there; the definition comes out of the cluster where nothing of it is kept here.

use super::context::Context;
use super::files::Files;
use super::observe::{self, Sight};
use super::recover;
use super::resolve::{self, Foreseen, Resolved, Wish};
use crate::cluster::Fleet;
use crate::error::Problems;
use crate::image::Store;
use crate::model::{Declared, Digest};
use crate::plan::Desired;
use crate::steps::State;

/// All that a plan is made from.
pub(super) struct Scene {
    pub(super) desired: Desired,
    pub(super) sight: Sight,
    pub(super) state: State,
    pub(super) fleet: Fleet,
    pub(super) store: Store,
    /// What was known of the cluster before.
    pub(super) last: Option<State>,
    pub(super) kept: Kept,
    /// Machines that are still to be made; nothing is known of them.
    pub(super) foreseen: Vec<Foreseen>,
    /// What lies in the images, with the Configs that change it.
    pub(super) files: Files,
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
    /// Looks, for a command that makes the cluster as it is wished: it goes on from the newest definition there is.
    ///
    /// # Errors
    /// Class `Outdated` when that came from elsewhere, and no file says what is wanted of it.
    pub(super) async fn of(context: &Context, wish: &Wish<'_>) -> Result<Self, Problems> {
        let (scene, found) = Self::look(context, wish).await?;
        let Some(found) = found else { return Ok(scene) };
        let (kept, told) = match (wish.last, &wish.files) {
            (None, _) => (Kept::InCluster, "nothing of the cluster is kept here"),
            (Some(_), Some(_)) => (Kept::Here, "the cluster was changed from elsewhere"),
            (Some(_), None) => return Err(recover::outdated(&found).into()),
        };
        context.reporter.note(&format!("{told}; going on from what it keeps of itself"));
        let wish = Wish { last: Some(&found), ..wish.clone() };
        Ok(Self { kept, ..Self::look(context, &wish).await?.0 })
    }

    /// Looks, for a command about the cluster as it is: from the newest definition there is, which may be the cluster's own.
    /// `declare` says what that one declares.
    pub(super) async fn newest(
        context: &Context,
        wish: &Wish<'_>,
        declare: impl FnOnce(&State) -> Declared,
    ) -> Result<Self, Problems> {
        let (scene, found) = Self::look(context, wish).await?;
        let Some(found) = found else { return Ok(scene) };
        context.reporter.note("going on from what the cluster keeps of itself, which is newer");
        let declared = declare(&found);
        let wish = Wish { declared: &declared, last: Some(&found), ..wish.clone() };
        Ok(Self::look(context, &wish).await?.0)
    }

    /// Resolves a wish and looks at every machine. The cluster's own definition comes with it, where it is newer than that
    /// of the wish. Nothing is changed.
    pub(super) async fn look(context: &Context, wish: &Wish<'_>) -> Result<(Self, Option<State>), Problems> {
        let Resolved { desired, state, machines, foreseen, store, files } =
            resolve::resolve(context, wish).await?;
        if !machines.is_empty() {
            context.reporter.note(&format!("looking at {} machines", machines.len()));
        }
        let fleet = resolve::fleet(context, &machines);
        let mut sight = observe::observe(&fleet, &desired).await;
        observe::miss(&mut sight.observed, &foreseen);
        let found = match wish.last {
            None => recover::state(&fleet, &desired.cluster.name, &sight.observed).await?,
            Some(known) => recover::news(&fleet, known, &sight.observed).await,
        };
        let last = wish.last.cloned();
        Ok((Self { desired, sight, state, fleet, store, last, kept: Kept::Here, foreseen, files }, found))
    }

    /// Returns the cluster's identity, as it is kept or as its machines agree on it.
    pub(super) fn authority(&self) -> Option<Digest> {
        observe::authority(&self.state, &self.sight.observed)
    }
}
