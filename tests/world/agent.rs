//! The agent of a machine: one for each connection, asked as over SSH.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use sealift::error::{Class, Context as _, Problem, Result};
use sealift::model::{BoxFuture, Intent, MachineName, MachineSpec, Marker};
use sealift::ops::Machines;
use sealift::remote::{Machine, ScriptedAgent, ScriptedMachine, SshOptions};
use sealift::wire::{
    Act, CallContext, Claim, Effect, Envelope, Handler, JoinSecrets, LayerBytes, MissingLayer, Note, Overdue,
    ReceiveLayer, Request, Touched, serve,
};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::faults::{Passage, Phase};
use super::job::Job;
use super::machine::{Disk, Transient};
use super::state::World;

/// How work ends, once it does.
type Outcome = watch::Receiver<Option<Result<()>>>;

/// How long other work is waited for.
const PATIENCE: Duration = Duration::from_mins(10);

/// What a connection takes.
const CONNECTING: Duration = Duration::from_millis(100);

impl Machines for World {
    fn machine(&self, spec: &MachineSpec, _: &SshOptions) -> Box<dyn Machine> {
        let (world, name) = (self.clone(), spec.name.clone());
        Box::new(ScriptedMachine::new(spec.name.clone(), spec.address, move |agent| {
            world.connect(&name, agent)
        }))
    }
}

impl World {
    fn connect(&self, name: &MachineName, agent: ScriptedAgent) -> Result<BoxFuture<'static, ()>> {
        let mut state = self.state();
        let unreachable = || Problem::new(Class::Connection, "connection refused");
        let dead = state.faults.kill.is_cancelled();
        let id = state.new_id();
        let cut = CancellationToken::new();
        let machine = state.machines.get_mut(name).filter(|machine| !dead && machine.is_on());
        machine.ok_or_else(unreachable)?.connections.insert(id, cut.clone());
        drop(state);
        let (world, name) = (self.clone(), name.clone());
        Ok(Box::pin(async move {
            tokio::time::sleep(CONNECTING).await;
            let handler = Arc::new(Agent { world: world.clone(), machine: name.clone(), id });
            tokio::select! {
                biased;
                () = cut.cancelled() => {}
                () = serve(agent.input, agent.output, handler) => {}
            }
            let mut state = world.state();
            state.machine(&name).connections.remove(&id);
            state.abandon_locks(&name, id);
        }))
    }
}

struct Agent {
    world: World,
    machine: MachineName,
    id: u64,
}

impl Handler for Agent {
    fn handle(&self, envelope: Envelope, context: CallContext) -> BoxFuture<'_, Result<Value>> {
        Box::pin(async move {
            let Some(what) = name_of(&envelope.request) else { return self.answer(envelope, context).await };
            self.pass(&what, Phase::Arrived).await;
            let answer = self.answer(envelope, context).await;
            self.pass(&what, Phase::Done).await;
            answer
        })
    }
}

/// What a request is called; `None` is one that is asked as often as there is time.
fn name_of(request: &Request) -> Option<String> {
    match request {
        Request::RenewLock(_) | Request::IsApiReady(_) => None,
        Request::Act(order) => Some(order.work.name()),
        other => format!("{other:?}").split('(').next().map(str::to_owned),
    }
}

impl Agent {
    async fn pass(&self, what: &str, phase: Phase) {
        if self.world.pass(&self.machine.0, what, phase) == Passage::Gone {
            // The connection was cut, and this future goes with it.
            std::future::pending::<()>().await;
        }
    }

    async fn answer(&self, envelope: Envelope, context: CallContext) -> Result<Value> {
        let (world, name, epoch) = (&self.world, &self.machine, envelope.epoch);
        if envelope.request.effect() == Effect::Changes {
            world.state().faults.changes += 1;
            world.state().admit(name, epoch)?;
        }
        match envelope.request {
            Request::Look(_) => value(world.state().facts(name)),
            Request::LookAtApi(_) => value(world.state().api_facts(name)?),
            Request::IsApiReady(_) => value(world.state().api_is_ready(name)),
            Request::HoldPorts(_) => {
                context.notes()(Note::Line("listening".to_owned()));
                context.cancelled.cancelled().await;
                Ok(json!([]))
            }
            Request::ReachPorts(_) => Ok(json!({})),
            Request::Claim(order) => value(world.state().claim(name, order, epoch)?),
            Request::MissingLayers(order) => {
                let state = world.state();
                let disk = &state.machines[name].disk;
                let missing = order.layers.into_iter().filter(|layer| !disk.layers.contains(&layer.diff_id));
                let missing = missing.map(|layer| MissingLayer {
                    partial: disk.partial.get(&layer.diff_id).copied().unwrap_or_default(),
                    diff_id: layer.diff_id,
                });
                value(missing.collect::<Vec<_>>())
            }
            Request::ReceiveLayer(order) => value(self.receive(order, context.data).await?),
            Request::Act(order) => value(self.act(order, &envelope.run, epoch, &context.cancelled).await?),
            Request::MintJoin(order) => {
                let mut state = world.state();
                let cluster = state.api(name)?;
                cluster.tokens += 1;
                cluster.certificates |= order.certificate_key.is_some();
                value(JoinSecrets {
                    token: "abcdef.0123456789abcdef".to_owned(),
                    authority: cluster.authority.to_string(),
                })
            }
            Request::EndJoining(_) => {
                let mut state = world.state();
                let cluster = state.api(name)?;
                (cluster.tokens, cluster.certificates) = (0, false);
                Ok(Value::Null)
            }
            Request::AwaitReady(order) => {
                let until = tokio::time::Instant::now() + Duration::from_secs(order.seconds);
                loop {
                    let unready = world.state().not_ready(name, &order.machine_ids);
                    match unready {
                        Ok(unready) if unready.is_empty() => return value(world.state().api_facts(name)?),
                        Ok(_) | Err(_) if tokio::time::Instant::now() < until => {
                            tokio::time::sleep(Duration::from_secs(1)).await;
                        }
                        Ok(unready) => {
                            let problem =
                                Problem::new(Class::Kubernetes, "not everything became Ready in time");
                            return Err(unready.into_iter().fold(problem, Problem::saw));
                        }
                        Err(problem) => return Err(problem),
                    }
                }
            }
            Request::TakeKubeconfig(_) => {
                if world.state().machines[name].disk.kubernetes.admin {
                    return value(KUBECONFIG);
                }
                Err(Problem::new(Class::Machine, "cannot read /etc/kubernetes/admin.conf"))
            }
            Request::SaveState(order) => {
                let mut state = world.state();
                state.machine(name).writable()?;
                state.api(name)?.state = Some(order.state);
                Ok(Value::Null)
            }
            Request::TakeState(_) => value(world.state().api(name)?.state.clone()),
            Request::Leave(order) => value(world.state().leave(name, &order.cluster)?),
            Request::ConfigureNode(order) => {
                let mut state = world.state();
                state.register_kubelets();
                let node = state.api(name)?.node(&order.node);
                let node = node
                    .ok_or_else(|| Problem::new(Class::Kubernetes, "the API has no Node of this machine"))?;
                value(super::cluster::configure(node, &order.wishes))
            }
            Request::Drain(order) => {
                let mut state = world.state();
                let Some(node) = state.api(name)?.node(&order.node) else { return value(Touched::Unchanged) };
                let _: Overdue = order.overdue;
                let was = std::mem::replace(&mut node.cordoned, true);
                node.ours.cordon |= !was;
                value(if was { Touched::Unchanged } else { Touched::Changed })
            }
            Request::DeleteNode(order) => {
                let mut state = world.state();
                let cluster = state.api(name)?;
                let Some(node) = cluster.node(&order.node).map(|node| node.name.clone()) else {
                    return value(Touched::Unchanged);
                };
                cluster.nodes.remove(&node);
                value(Touched::Changed)
            }
            Request::RemoveEtcdMember(order) => {
                let mut state = world.state();
                state.api(name)?;
                value(state.remove_member(name, order.address)?)
            }
            Request::AwaitEtcd(order) => {
                let until = tokio::time::Instant::now() + Duration::from_secs(order.seconds);
                loop {
                    let whole = world.state().etcd_is_whole(name);
                    match whole {
                        Err(_) if tokio::time::Instant::now() < until => {
                            tokio::time::sleep(Duration::from_secs(1)).await;
                        }
                        whole => return value(whole?),
                    }
                }
            }
            Request::AdmitEtcdMember(order) => {
                let until = tokio::time::Instant::now() + Duration::from_secs(order.seconds);
                loop {
                    let admitted = world.state().admit_member(name, order.address, &order.unfinished);
                    match admitted {
                        Ok(()) => return Ok(Value::Null),
                        Err(problem)
                            if problem.class != Class::Quorum || tokio::time::Instant::now() > until =>
                        {
                            return Err(problem);
                        }
                        Err(_) => tokio::time::sleep(Duration::from_secs(1)).await,
                    }
                }
            }
            Request::AcquireLock(order) => value(world.state().acquire(name, self.id, order)?),
            Request::RenewLock(order) => value(world.state().renew(name, self.id, order, epoch)?),
            Request::ReleaseLock(order) => value(world.state().release(name, order.keeper, &envelope.run)?),
            Request::HeedEpoch(_) => Ok(Value::Null),
            #[allow(
                clippy::match_wildcard_for_single_variants,
                reason = "a new request is first of interest to others"
            )]
            other @ (Request::FindControlPlanes(_)
            | Request::TryRegistry(_)
            | Request::ListRegistry(_)
            | Request::LacksBlobs(_)
            | Request::PutBlob(_)
            | Request::PutManifest(_)) => {
                Err(Problem::new(Class::Internal, format!("a played machine does not know {other:?}")))
            }
        }
    }

    /// Takes a layer in two halves, so that it can be cut off between them.
    async fn receive(&self, order: ReceiveLayer, mut data: LayerBytes) -> Result<()> {
        let read = tokio::task::spawn_blocking(move || {
            let mut content = Vec::new();
            data.read_to_end(&mut content).map(|_| content.len() as u64)
        });
        let bytes = read
            .await
            .problem(Class::Internal, "the agent broke")?
            .problem(Class::Connection, "the operator was cut off")?;
        if order.from + bytes != order.layer.size {
            return Err(Problem::new(Class::Machine, "the layer is not as long as it should be"));
        }
        let job = Job::new(&self.world, &self.machine, "ReceiveLayer");
        let layer = order.layer.diff_id;
        job.change(|state, name| {
            state.machine(name).disk.partial.insert(layer.clone(), order.from + bytes / 2);
        })
        .await?;
        job.change(|state, name| {
            let disk = &mut state.machine(name).disk;
            disk.partial.remove(&layer);
            disk.layers.insert(layer.clone());
        })
        .await
    }

    async fn act(&self, order: Act, run: &str, epoch: u64, cancelled: &CancellationToken) -> Result<()> {
        let until = tokio::time::Instant::now() + PATIENCE;
        let mut result = loop {
            match self.begin(&order, run, epoch)? {
                Ok(result) => break result,
                Err(busy) if tokio::time::Instant::now() > until => return Err(busy),
                Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
            }
        };
        tokio::select! {
            ended = result.wait_for(Option::is_some) => match ended {
                Ok(ended) => ended.clone().unwrap_or(Ok(())),
                Err(_) => Err(Problem::new(Class::Machine, "the work broke off without a result")),
            },
            () = cancelled.cancelled() => Err(Problem::new(Class::Interrupted, "the operator is gone")),
        }
    }

    /// Begins work, or attaches to it if it is under way; says what other work the machine is busy with.
    fn begin(&self, order: &Act, run: &str, epoch: u64) -> Result<Result<Outcome>> {
        let name = order.work.name();
        let mut state = self.world.state();
        state.admit(&self.machine, epoch)?;
        state.require(&self.machine, &order.cluster)?;
        let machine = state.machine(&self.machine);
        if let Some((busy, work)) = machine.memory.works.iter().find(|(_, work)| work.is_under_way()) {
            if *busy == name {
                return Ok(Ok(work.result.clone()));
            }
            return Ok(Err(Problem::new(Class::Busy, format!("the machine is busy with `{busy}`"))
                .saw(format!("run {}", work.run))));
        }
        let job = Job::new(&self.world, &self.machine, &name);
        let (ended, result) = watch::channel(None);
        let work = order.work.clone();
        let task = tokio::spawn(async move {
            let outcome = job.carry_out(&work).await;
            ended.send_replace(Some(outcome));
        });
        let work = Transient { run: run.to_owned(), result: result.clone(), task: task.abort_handle() };
        machine.memory.works.insert(name, work);
        Ok(Ok(result))
    }
}

impl super::state::State {
    /// Lets a change under an epoch in, and takes note of the epoch.
    pub fn admit(&mut self, name: &MachineName, epoch: u64) -> Result<()> {
        let newest = self.newest_epoch(name);
        if epoch < newest {
            return Err(Problem::new(Class::Busy, "a newer run has taken over the cluster")
                .saw(format!("its lock is of epoch {epoch}, the machine has seen {newest}")));
        }
        let machine = self.machine(name);
        match &mut machine.disk.marker {
            Some(marker) if marker.epoch < epoch => {
                marker.epoch = epoch;
                machine.writable()
            }
            Some(_) => Ok(()),
            None => {
                machine.memory.epoch = epoch;
                Ok(())
            }
        }
    }

    /// Refuses a machine that is not of this cluster.
    fn require(&self, name: &MachineName, cluster: &str) -> Result<()> {
        match &self.machines[name].disk.marker {
            Some(marker) if marker.cluster == cluster => Ok(()),
            _ => Err(Problem::new(Class::Refused, format!("it does not belong to the cluster `{cluster}`"))),
        }
    }

    fn claim(&mut self, name: &MachineName, order: Claim, epoch: u64) -> Result<()> {
        let machine = self.machine(name);
        machine.writable()?;
        let marker = match machine.disk.marker.take() {
            Some(marker)
                if marker.cluster != order.cluster
                    || (marker.authority.is_none() && marker.launch != order.launch) =>
            {
                machine.disk.marker = Some(marker);
                return Err(Problem::new(Class::Refused, "it belongs to another cluster"));
            }
            Some(marker) => Marker { intent: Intent::Member, role: order.role, ..marker },
            None if machine.disk.kubernetes.was_begun() => {
                return Err(Problem::new(Class::Refused, "it has traces of a Kubernetes"));
            }
            None => Marker {
                cluster: order.cluster,
                launch: order.launch,
                authority: order.authority,
                machine_id: machine.machine_id.clone(),
                node_name: order.node_name,
                role: order.role,
                intent: Intent::Member,
                entrance: None,
                name: order.name,
                epoch,
                before: sealift::model::Baseline::default(),
            },
        };
        machine.disk.marker = Some(marker);
        machine.disk.agent = true;
        Ok(())
    }

    fn leave(&mut self, name: &MachineName, cluster: &str) -> Result<()> {
        self.require(name, cluster)?;
        let machine = self.machine(name);
        machine.disk = Disk { kubernetes: machine.disk.kubernetes.clone(), ..Disk::default() };
        machine.memory.epoch = 0;
        machine.memory.lock_files = false;
        machine.memory.works.clear();
        Ok(())
    }
}

fn value(reply: impl serde::Serialize) -> Result<Value> {
    serde_json::to_value(reply).problem(Class::Internal, "the agent's answer cannot be written")
}

const KUBECONFIG: &str = "\
apiVersion: v1
kind: Config
clusters:
- name: kubernetes
  cluster:
    server: https://apiserver.cluster.local:6443
    certificate-authority-data: QUJD
users:
- name: kubernetes-admin
  user: {}
contexts:
- name: kubernetes-admin@kubernetes
  context: {cluster: kubernetes, user: kubernetes-admin}
current-context: kubernetes-admin@kubernetes
";
