//! The one way from a declaration to a cluster that is like it: resolve, observe, check, plan, confirm, execute, save.

use std::path::Path;
use std::sync::{Arc, Mutex};

use super::consent::{self, Consent};
use super::context::Context;
use super::execute::{self, Proposal, Purpose};
use super::resolve::Wish;
use super::scene::{Kept, Scene};
use super::{intact, observe, preflight, recover, secrets};
use crate::error::{Problems, Result};
use crate::image::Store;
use crate::model::{Cluster, Digest, ImageContract, Kubeconfig, MachineName, Observed};
use crate::plan::{self, Desired, Plan};
use crate::steps::{self, Blobs, Learned, Site, State};

/// A plan, with everything it was made from and is carried out with.
pub(super) struct Draft {
    pub(super) plan: Plan,
    pub(super) site: Arc<Site>,
    /// Machines that are still to be made, and are taken to be fresh.
    pub(super) foreseen: Vec<MachineName>,
    store: Store,
    /// What was known of the cluster before.
    last: Option<State>,
    kept: Kept,
}

/// Makes a cluster as it is declared, or finds nothing to do.
pub(super) async fn converge(
    context: &Context,
    wish: &Wish<'_>,
    consent: Consent,
    purpose: impl Fn(&Cluster, &Plan) -> Purpose,
) -> Result<(), Problems> {
    // It holds much while it waits, and whoever waits for it need not be so large.
    let draft = Box::pin(draw(context, wish, consent)).await?;
    let goes_on = draft.plan.only_puts_back();
    carry_out(context, draft, consent, &purpose, |_| Ok(())).await?;
    if !goes_on {
        return Ok(());
    }
    context.reporter.note("the API answers again; this is what else is to do");
    // A run has one end, and this is another one.
    let context = &Context { run: secrets::new_id(), ..context.clone() };
    let last = State::load(&context.home, &wish.declared.name)?;
    let draft = Box::pin(draw(context, &Wish { last: last.as_ref(), ..wish.clone() }, consent)).await?;
    carry_out(context, draft, consent, purpose, |_| Ok(())).await
}

/// Looks and plans; changes nothing.
pub(super) async fn draw(context: &Context, wish: &Wish<'_>, consent: Consent) -> Result<Draft, Problems> {
    let scene = Box::pin(Scene::of(context, wish)).await?;
    let authority = scene.authority();
    let Scene { desired, mut sight, state, fleet, store, last, kept, foreseen, files } = scene;
    sight.observed.kubeconfig = kubeconfig(kept, &context.home, &desired)?;
    let silent = observe::silent_strangers(&sight.observed, last.as_ref(), &foreseen);
    preflight::check(context, &fleet, &desired, &sight, state.authority.as_ref(), silent).await?;
    observe::imagine(&mut sight.observed, &foreseen, desired.rootfs()?.arch);
    files.check(&desired, &sight.observed)?;
    let mut plan = plan(&desired, &sight.observed, authority.as_ref(), consent)?;
    if !plan.is_empty() {
        plan.files = files.changes(&desired, &sight.observed, last.as_ref());
    }
    let mut state = State { authority, ..state };
    part_with_the_gone(&mut state, &plan, &sight.observed);
    let site = Site {
        desired,
        observed: sight.observed,
        fleet,
        blobs: Arc::new(StoreBlobs(store.clone())),
        home: context.home.clone(),
        state: Mutex::new(state),
        drain: consent::drain(consent, &context.pace),
        learned: Learned::default(),
    };
    let foreseen = foreseen.into_iter().map(|machine| machine.name).collect();
    Ok(Draft { plan, site: Arc::new(site), foreseen, store, last, kept })
}

/// Looks once more and plans for the same wish.
async fn draw_again(draft: &Draft, consent: Consent) -> Result<Draft, Problems> {
    let site = &draft.site;
    let mut observed = observe::observe(&site.fleet, &site.desired).await.observed;
    observed.kubeconfig = kubeconfig(draft.kept, &site.home, &site.desired)?;
    refuse_news(draft, &observed).await?;
    let authority = observe::authority(&site.change_state(|_| {}), &observed);
    let mut plan = plan(&site.desired, &observed, authority.as_ref(), consent)?;
    plan.files.clone_from(&draft.plan.files);
    let site = site.seen_again(observed);
    site.change_state(|state| state.authority = authority);
    let site = Arc::new(site);
    Ok(Draft {
        plan,
        site,
        foreseen: vec![],
        store: draft.store.clone(),
        last: draft.last.clone(),
        kept: draft.kept,
    })
}

/// Whoever had the lock before may have made the cluster otherwise than this run knows it, and than it is to become.
async fn refuse_news(draft: &Draft, observed: &Observed) -> Result<()> {
    let Some(known) = &draft.last else { return Ok(()) };
    let wanted = draft.site.change_state(|_| {});
    match recover::news(&draft.site.fleet, known, observed).await {
        Some(theirs)
            if theirs.cluster.without_logins() != wanted.cluster.without_logins()
                || theirs.registry != wanted.registry =>
        {
            Err(recover::outdated(&theirs))
        }
        _ => Ok(()),
    }
}

/// Machines of which nothing is left to do are gone, if they say so themselves, and not looked for again.
fn part_with_the_gone(state: &mut State, plan: &Plan, observed: &Observed) {
    let planned = plan.machines();
    state.part_with(|machine| !planned.contains(&machine.name) && observed.facts(&machine.name).is_some());
    if let Some(api) = observed.api() {
        let known = |image: &ImageContract| api.applications.contains_key(&image.name);
        let gone: Vec<_> = state.parting.iter().filter(|image| !known(image)).cloned().collect();
        for image in &gone {
            state.forget_application(&image.name);
        }
    }
}

/// Looks for the operator's kubeconfig; where nothing was kept with them it is fetched along with the rest.
fn kubeconfig(kept: Kept, home: &Path, desired: &Desired) -> Result<Kubeconfig> {
    match kept {
        Kept::Here => steps::look_at_kubeconfig(home, &desired.cluster.name),
        Kept::InCluster => Ok(Kubeconfig::Unseen),
    }
}

fn plan(
    desired: &Desired,
    observed: &Observed,
    authority: Option<&Digest>,
    consent: Consent,
) -> Result<Plan, Problems> {
    plan::apply(desired, observed, authority, &consent::consents(consent, desired))
}

/// Asks, and does what the plan says; a plan that is made under the lock instead of it must pass `still_agreed`.
pub(super) async fn carry_out(
    context: &Context,
    draft: Draft,
    consent: Consent,
    purpose: impl Fn(&Cluster, &Plan) -> Purpose,
    still_agreed: impl Fn(&Plan) -> Result<()>,
) -> Result<(), Problems> {
    let propose = |draft: &Draft| {
        let Draft { plan, site, .. } = draft;
        let mut purpose = purpose(site.cluster(), plan);
        if plan.only_puts_back() {
            let achieved = "what ran before the change was cut off runs again".to_owned();
            purpose = Purpose { achieved, next: vec![], ..purpose };
        }
        let removal = consent::about_removal(consent, plan, &site.desired);
        let uninstall = consent::about_uninstall(consent, plan, &site.desired);
        purpose.questions.splice(0..0, removal.into_iter().chain(uninstall));
        Proposal { plan: plan.clone(), site: site.clone(), purpose }
    };
    check(context, &draft, consent).await?;
    if draft.plan.is_empty() {
        match (draft.kept, &draft.last) {
            (Kept::InCluster, _) => keep_here(context, &draft.site).await?,
            (Kept::Here, Some(last)) => keep_logins(context, last, &draft.site)?,
            (Kept::Here, None) => {}
        }
    }
    let again = async |before: &Proposal| {
        let draft = draw_again(&draft, consent).await?;
        still_agreed(&draft.plan)?;
        if draft.plan.steps != before.plan.steps {
            check(context, &draft, consent).await?;
        }
        Ok(propose(&draft))
    };
    execute::execute(context, propose(&draft), again).await
}

/// What was found in the cluster alone is kept with the operator again, where no step of the plan does that.
async fn keep_here(context: &Context, site: &Site) -> Result<()> {
    site.change_state(|_| {}).save(&context.home)?;
    steps::fetch_kubeconfig(site).await.map(drop)
}

/// How machines are logged in to is no part of what the cluster is, so it may have changed where nothing is to be done.
fn keep_logins(context: &Context, last: &State, site: &Site) -> Result<()> {
    let wished = recover::with_login_of(last.clone(), &site.change_state(|_| {}));
    if wished == *last { Ok(()) } else { wished.save(&context.home) }
}

/// Makes sure that the images are whole, and tells what it costs that was forced.
async fn check(context: &Context, draft: &Draft, consent: Consent) -> Result<(), Problems> {
    let desired = &draft.site.desired;
    intact::check(&draft.store, desired.images.iter().chain(&desired.parting), &draft.plan).await?;
    consent::tell_costs(context, consent, &draft.plan, &draft.site);
    Ok(())
}

/// The store as the steps see it.
pub(super) struct StoreBlobs(pub(super) Store);

impl Blobs for StoreBlobs {
    fn open(&self, digest: &Digest) -> Result<std::fs::File> {
        self.0.open_blob(digest)
    }
}
