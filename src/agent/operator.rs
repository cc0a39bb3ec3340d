//! One operator served: each request handed to the file that knows how.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

use super::blocking::blocking;
use super::lock::Locks;
use super::paths::{self, Grounds};
use super::transient::{Begun, Transient};
use super::{api, care, claim, fence, kubernetes, look, members, ownership, reach, registry, work};
use crate::distribute::receive::receive_layer;
use crate::distribute::store::LayerStore;
use crate::error::{Class, Context, Problem, Result};
use crate::fsx;
use crate::model::BoxFuture;
use crate::wire::{
    Act, CallContext, Effect, Envelope, GREETING, Handler, MissingLayer, MissingLayers, Note, ReceiveLayer,
    Request, serve,
};

/// Greets on standard output and serves the operator on standard input until it is gone.
pub async fn serve_standard_streams() -> Result<()> {
    let mut output = tokio::io::stdout();
    output.write_all(GREETING).await.problem(Class::Connection, "the operator is gone")?;
    output.flush().await.problem(Class::Connection, "the operator is gone")?;
    let agent = Arc::new(Agent { locks: Arc::new(Locks::at(Grounds::here())) });
    serve(tokio::io::stdin(), output, agent.clone()).await;
    // The machine's lock goes with this process.
    let _ = tokio::time::timeout(LAST_WORDS, agent.locks.clone().abandon()).await;
    Ok(())
}

/// How long letting the Lease go may take when the operator is gone. It ends by itself as well.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// How long work of an earlier run is waited for, and how often it is looked whether it has ended.
const PATIENCE: Duration = Duration::from_mins(10);
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// One operator's connection.
struct Agent {
    locks: Arc<Locks>,
}

impl Handler for Agent {
    fn handle(&self, envelope: Envelope, context: CallContext) -> BoxFuture<'_, Result<serde_json::Value>> {
        Box::pin(answer(envelope, context, self.locks.clone()))
    }
}

async fn answer(envelope: Envelope, context: CallContext, locks: Arc<Locks>) -> Result<serde_json::Value> {
    let epoch = envelope.epoch;
    if envelope.request.effect() == Effect::Changes {
        blocking(move || fence::admit(&Grounds::here(), epoch).map(drop)).await?;
    }
    match envelope.request {
        Request::Look(order) => reply(blocking(move || look::look(&order)).await),
        Request::LookAtApi(_) => reply(Box::pin(members::facts()).await),
        Request::HoldPorts(order) => {
            reply(Ok(reach::hold(&order.ports, context.notes(), &context.cancelled).await))
        }
        Request::ReachPorts(order) => reply(Ok(reach::reach(&order.targets).await)),
        // It was admitted, and that is all.
        Request::HeedEpoch(_) => reply(Ok(())),
        Request::Claim(order) => reply(blocking(move || claim::claim(&order, epoch)).await),
        Request::MissingLayers(order) => reply(blocking(move || missing(&order)).await),
        Request::ReceiveLayer(order) => reply(blocking(move || receive(&order, context)).await),
        Request::Act(order) => reply(act(order, &envelope.run, epoch, &context).await),
        Request::MintJoin(order) => reply(kubernetes::mint(order).await),
        Request::EndJoining(_) => reply(async { kubernetes::api().await?.end_joining().await }.await),
        Request::AwaitReady(order) => {
            while_waited_for(Box::pin(kubernetes::await_ready(&order)), &context).await
        }
        Request::TakeKubeconfig(_) => reply(blocking(kubernetes::kubeconfig).await),
        Request::SaveState(order) => {
            reply(async { kubernetes::api().await?.save_state(&order.state).await }.await)
        }
        Request::TakeState(_) => reply(kubernetes::state().await),
        Request::FindControlPlanes(_) => reply(blocking(care::control_planes).await),
        Request::Leave(order) => reply(blocking(move || work::leave(&order.cluster, epoch)).await),
        Request::AcquireLock(order) => reply(locks.acquire(order).await),
        Request::RenewLock(order) => reply(locks.renew(order, epoch).await),
        Request::ReleaseLock(order) => reply(locks.release(&order, &envelope.run).await),
        Request::IsApiReady(_) => reply(blocking(|| Ok(api::is_ready())).await),
        Request::TryRegistry(order) => while_waited_for(Box::pin(registry::attempt(&order)), &context).await,
        Request::ListRegistry(order) => while_waited_for(Box::pin(registry::list(&order)), &context).await,
        Request::LacksBlobs(order) => while_waited_for(Box::pin(registry::lacks(&order)), &context).await,
        Request::PutBlob(order) => reply(Box::pin(registry::put_blob(order, context.data)).await),
        Request::PutManifest(order) => reply(Box::pin(registry::put_manifest(&order)).await),
        Request::ConfigureNode(order) => reply(members::configure(&order).await),
        Request::Drain(order) => while_waited_for(members::drain(&order, &context), &context).await,
        Request::DeleteNode(order) => reply(members::delete(&order).await),
        Request::RemoveEtcdMember(order) => {
            while_waited_for(members::remove_from_etcd(&order, &context), &context).await
        }
        Request::AwaitEtcd(order) => while_waited_for(members::await_etcd(&order, &context), &context).await,
        Request::AdmitEtcdMember(order) => {
            while_waited_for(members::admit_to_etcd(&order, &context), &context).await
        }
    }
}

/// Does what takes long only for as long as somebody waits for it.
async fn while_waited_for<T: Serialize>(
    work: impl Future<Output = Result<T>>,
    context: &CallContext,
) -> Result<serde_json::Value> {
    tokio::select! {
        done = work => reply(done),
        () = context.cancelled.cancelled() => Err(gone()),
    }
}

fn reply(result: Result<impl Serialize>) -> Result<serde_json::Value> {
    serde_json::to_value(result?).problem(Class::Internal, "the agent's answer cannot be written")
}

fn gone() -> Problem {
    Problem::new(Class::Interrupted, "the operator is gone")
}

fn layers() -> Result<LayerStore> {
    fsx::make_directory(Path::new(paths::HOME))?;
    LayerStore::open(Path::new(paths::LAYERS))
}

/// Only a machine that was claimed takes layers: looking and refusing must leave nothing behind.
fn receive(order: &ReceiveLayer, context: CallContext) -> Result<()> {
    if ownership::read()?.is_none() {
        return Err(Problem::new(Class::Refused, "the machine is nobody's, so it takes no layers"));
    }
    receive_layer(context.data, order.from, &order.layer, &layers()?).map(drop)
}

/// Says which layers are to come, and from which byte on.
fn missing(order: &MissingLayers) -> Result<Vec<MissingLayer>> {
    let store = layers()?;
    let missing = order.layers.iter().filter(|layer| !store.have(&layer.diff_id));
    Ok(missing
        .map(|layer| MissingLayer { diff_id: layer.diff_id.clone(), partial: store.partial(layer) })
        .collect())
}

async fn act(order: Act, run: &str, epoch: u64, context: &CallContext) -> Result<()> {
    let note = context.notes();
    let transient = begin(Arc::new(order), run, epoch, context).await?;
    transient.follow(move |line| note(Note::Line(line)), &context.cancelled).await
}

/// Begins work as soon as that of an earlier run has ended.
async fn begin(order: Arc<Act>, run: &str, epoch: u64, context: &CallContext) -> Result<Transient> {
    let note = context.notes();
    let mut waiting_since = None;
    loop {
        let (order, run) = (order.clone(), run.to_owned());
        let begun = blocking(move || {
            let _gate = fence::admit(&Grounds::here(), epoch)?;
            ownership::require(&order.cluster)?;
            Transient::begin(&order.work, &run, &claim::program()?)
        });
        let busy = match begun.await? {
            Begun::UnderWay(transient) => return Ok(transient),
            Begun::Busy(problem) => problem,
        };
        let since = *waiting_since.get_or_insert_with(|| {
            note(Note::Line(format!("waiting: {}", busy.brief())));
            Instant::now()
        });
        if since.elapsed() > PATIENCE {
            return Err(busy);
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = context.cancelled.cancelled() => return Err(gone()),
        }
    }
}
