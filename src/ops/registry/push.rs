//! `sealift registry push`: images of the operator's put into the registries of all control planes, so that every node can
//! pull them while any one of these lives.

use std::sync::Arc;
use std::time::Duration;

use super::{ground, look, registries};
use crate::engine::{self, Event, Graph, Observer, Outcome, Policy, Report, Step as _};
use crate::error::{Class, Problem, Problems, Result};
use crate::image::outgoing::{self, Outgoing};
use crate::image::{Store, collect::Sources};
use crate::model::MachineSpec;
use crate::ops::context::Context;
use crate::ops::journal::Journal;
use crate::ops::lock::{self, Locked};
use crate::ops::login::LoginRequest;
use crate::ops::view::{Ending, StepTiming, Summary};
use crate::ops::{known, observe, record, recover};
use crate::steps::{PushImage, Site, State};

/// What `sealift registry push` is asked for.
#[derive(Debug, Clone)]
pub struct PushRequest {
    /// The cluster's name.
    pub name: String,
    /// Names of images, and paths of archives and layouts.
    pub images: Vec<String>,
    /// How flags say to log in.
    pub login: LoginRequest,
}

/// Puts images into all registries of a cluster, under its lock.
pub async fn push_images(context: &Context, request: PushRequest) -> Result<(), Problems> {
    let last = known::cluster(context, &request.name)?;
    let store = Store::open(&context.home)?;
    let _hold = store.hold()?;
    let scene = Box::pin(look(context, &last, &request.login)).await?;
    let last = scene.last.clone().unwrap_or(last);
    let arch = scene.desired.rootfs()?.arch;
    let images = outgoing::gather(&store, &Sources::default(), arch, &request.images).await?;
    let images: Vec<Arc<Outgoing>> = images.into_iter().map(Arc::new).collect();
    let site = ground(context, scene);
    let title = format!("registry push {}", request.images.join(" "));
    let locked = lock::take_for(context, &site, &title, &[]).await?;
    let outcome = under_lock(context, &locked, &site, &last, &images, &title).await;
    match locked.release(&site).await {
        Some(lost) => Err(lost.into()),
        None => outcome,
    }
}

async fn under_lock(
    context: &Context,
    locked: &Locked,
    site: &Site,
    last: &State,
    images: &[Arc<Outgoing>],
    title: &str,
) -> Result<(), Problems> {
    // Whoever had the lock before may have brought a control plane, whose registry is one of all.
    let observed = observe::observe(&site.fleet, &site.desired).await.observed;
    if let Some(theirs) = recover::news(&site.fleet, last, &observed).await {
        return Err(recover::outdated(&theirs).into());
    }
    let site = Arc::new(site.seen_again(observed));
    let (registries, silent) = registries(&site);
    if registries.is_empty() {
        return Problems::check(silent);
    }
    let steps = steps(&registries, images, &site);
    let titles: Vec<String> = steps.iter().map(PushImage::title).collect();
    let machines: Vec<String> = steps.iter().map(|step| step.machine.name.0.clone()).collect();
    let journal: Arc<dyn Observer> = Arc::new(Journal::begin(context, &site.cluster().name)?);
    journal.event(&Event::RunStarted {
        run: context.run.clone(),
        cluster: site.cluster().name.clone(),
        steps: steps.len(),
    });
    let mut graph = Graph::default();
    for step in steps {
        graph.add(Box::new(step), vec![]);
    }
    let policy = Policy { on_failure: context.pace.on_failure, ..Policy::default() };
    let report = engine::execute(graph, policy, journal, locked.stop.clone()).await;
    let ending = ending(context, &report, &silent);
    record::record(context, &site, title, &titles, &report, &ending).await;
    tell_the_end(
        context,
        &told(images, registries.len()),
        title,
        (&titles, &machines),
        &report,
        &ending,
        silent,
    )
}

fn steps(registries: &[MachineSpec], images: &[Arc<Outgoing>], site: &Arc<Site>) -> Vec<PushImage> {
    let to = |image: &Arc<Outgoing>, machine: &MachineSpec| PushImage {
        machine: machine.clone(),
        image: image.clone(),
        site: site.clone(),
    };
    images.iter().flat_map(|image| registries.iter().map(move |machine| to(image, machine))).collect()
}

fn ending(context: &Context, report: &Report, silent: &[Problem]) -> Ending {
    if report.was_cancelled() {
        return Ending::Interrupted { half_done: vec![], again: context.command_line.clone() };
    }
    let succeeded = report.outcomes.iter().filter(|outcome| outcome.is_success()).count();
    let changed = report.outcomes.contains(&Outcome::Done);
    match succeeded {
        0 => Ending::Failed,
        some if some < report.outcomes.len() || !silent.is_empty() => Ending::Partial,
        _ if changed => Ending::Done,
        _ => Ending::NothingToDo,
    }
}

/// Says what is so when all went well.
fn told(images: &[Arc<Outgoing>], registries: usize) -> String {
    let names: Vec<String> = images
        .iter()
        .map(|image| format!("{}:{}", image.manifest.repository, image.manifest.reference))
        .collect();
    let registries =
        if registries == 1 { "the registry".to_owned() } else { format!("all {registries} registries") };
    format!("{registries} of the cluster can give {}", names.join(", "))
}

fn tell_the_end(
    context: &Context,
    achieved: &str,
    title: &str,
    (titles, machines): (&[String], &[String]),
    report: &Report,
    ending: &Ending,
    silent: Vec<Problem>,
) -> Result<(), Problems> {
    let failures = report.problems();
    let went_well = matches!(ending, Ending::Done | Ending::NothingToDo);
    let taken = titles.iter().zip(machines).zip(&report.durations);
    let taken = taken.filter(|(_, duration)| **duration > Duration::ZERO);
    context.reporter.finished(&Summary {
        what: if went_well { achieved } else { title }.to_owned(),
        steps: StepTiming::gather(
            taken.map(|((title, machine), duration)| (title.as_str(), Some(machine.as_str()), *duration)),
        ),
        set_aside: silent.into_iter().chain(failures.clone()).collect(),
        succeeded: report.outcomes.iter().filter(|outcome| outcome.is_success()).count(),
        planned: titles.len(),
        seconds: report.duration.as_secs_f64(),
        next: vec![],
        ending: ending.clone(),
    });
    match ending {
        Ending::Interrupted { .. } => Err(Problem::new(Class::Interrupted, "stopped by the operator").into()),
        Ending::Partial => {
            let problem = Problem::new(Class::Partial, "some registries lack images that others have");
            Err(problem.remedy("push again when they answer: only what is missing is sent").into())
        }
        _ => Problems::check(failures),
    }
}
