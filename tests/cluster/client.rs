//! Clients of a cluster that write to its API once a second, and remember what was acknowledged and how long they got
//! nothing but errors.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, ListParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config, Error};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde_json::json;
use tokio::time::{sleep, timeout};

/// How often it writes.
const EVERY: Duration = Duration::from_secs(1);
/// How long it waits for an answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// How soon it tries once more what failed.
const AGAIN: Duration = Duration::from_millis(100);
const NAMESPACE: &str = "default";

/// Where a client sits, and whom it talks to.
#[derive(Debug, Clone)]
pub(crate) struct Seat {
    /// What the names of its objects begin with.
    pub(crate) name: &'static str,
    /// The administrator's kubeconfig.
    pub(crate) kubeconfig: String,
    /// The API server: `https://10.0.0.1:6443`.
    pub(crate) server: String,
    /// A process whose network it shares; its own otherwise.
    pub(crate) network_of: Option<u32>,
}

/// A client at work.
pub(crate) struct Writer {
    seat: Seat,
    stop: Arc<AtomicBool>,
    work: JoinHandle<Result<Written>>,
}

/// What became of a client's writes.
#[derive(Debug, Default, Clone)]
pub(crate) struct Written {
    /// The objects that the API said it has.
    pub(crate) acknowledged: Vec<String>,
    /// How long it tried in vain: of each write that failed at first, the time until it was acknowledged.
    pub(crate) error_time: Duration,
    /// What it was told meanwhile.
    pub(crate) errors: Vec<String>,
}

impl Writer {
    /// Begins to write, and returns when the first write is acknowledged.
    pub(crate) fn begin(seat: Seat) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let (begun, first) = channel();
        let (at, stopped) = (seat.clone(), stop.clone());
        // A thread of its own, since it alone goes into another network.
        let work = std::thread::spawn(move || {
            if let Some(process) = at.network_of {
                let network = File::open(format!("/proc/{process}/ns/net"))?;
                move_into_link_name_space(
                    std::os::fd::AsFd::as_fd(&network),
                    Some(LinkNameSpaceType::Network),
                )?;
            }
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(write(&at, &stopped, &begun))
        });
        if first.recv_timeout(PATIENCE * 15).is_err() {
            stop.store(true, Ordering::Relaxed);
            bail!("`{}` could not write anything: {:?}", seat.name, work.join());
        }
        Ok(Self { seat, stop, work })
    }

    /// Ends it, and returns what it wrote when all that was acknowledged is found in the API at `server`.
    pub(crate) fn end(self, server: &str) -> Result<Written> {
        self.stop.store(true, Ordering::Relaxed);
        let Ok(written) = self.work.join() else { bail!("`{}` panicked", self.seat.name) };
        let written = written?;
        let seat = Seat { server: server.to_owned(), network_of: None, ..self.seat };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let there = runtime.block_on(found(&seat))?;
        let lost: Vec<&String> = written.acknowledged.iter().filter(|name| !there.contains(name)).collect();
        anyhow::ensure!(lost.is_empty(), "`{}` lost acknowledged writes: {lost:?}", seat.name);
        Ok(written)
    }
}

/// Writes until it is stopped.
async fn write(seat: &Seat, stop: &AtomicBool, begun: &Sender<()>) -> Result<Written> {
    let mut written = Written::default();
    let mut client = connect(seat).await?;
    let begin = Instant::now();
    for number in 0_u32.. {
        tokio::time::sleep_until((begin + EVERY * number).into()).await;
        let name = format!("{}-{number}", seat.name);
        let (first_try, mut failed) = (Instant::now(), false);
        while let Err(error) = create(&client, seat, &name).await {
            if stop.load(Ordering::Relaxed) {
                return Ok(written);
            }
            failed = true;
            written.errors.push(format!("{:.1} s after its begin: {error:#}", begin.elapsed().as_secs_f64()));
            sleep(AGAIN).await;
            // A connection to who is gone would be silent for as long as it is kept.
            client = connect(seat).await?;
        }
        if failed {
            written.error_time += first_try.elapsed();
        }
        written.acknowledged.push(name);
        // Nobody listens for any but the first.
        begun.send(()).ok();
        if stop.load(Ordering::Relaxed) {
            break;
        }
    }
    Ok(written)
}

async fn connect(seat: &Seat) -> Result<Client> {
    let kubeconfig = Kubeconfig::from_yaml(&seat.kubeconfig)?;
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    config.cluster_url = seat.server.parse()?;
    config.proxy_url = None;
    // Whatever is answered is heard here.
    config.default_retry = false;
    Ok(Client::try_from(config)?)
}

fn objects(client: &Client) -> Api<ConfigMap> {
    Api::namespaced(client.clone(), NAMESPACE)
}

/// Writes one object. One that an attempt left which was not acknowledged is there as well.
async fn create(client: &Client, seat: &Seat, name: &str) -> Result<()> {
    let object =
        serde_json::from_value(json!({"metadata": {"name": name, "labels": {"writer": seat.name}}}))?;
    let objects = objects(client);
    let answer = timeout(PATIENCE, objects.create(&PostParams::default(), &object)).await;
    match answer.context("no answer")? {
        Err(Error::Api(status)) if status.code == 409 => Ok(()),
        answer => Ok(answer.map(drop)?),
    }
}

/// Returns the names of a client's objects.
async fn found(seat: &Seat) -> Result<Vec<String>> {
    let mine = ListParams::default().labels(&format!("writer={}", seat.name));
    let list = objects(&connect(seat).await?).list(&mine).await?;
    Ok(list.items.into_iter().filter_map(|object| object.metadata.name).collect())
}
