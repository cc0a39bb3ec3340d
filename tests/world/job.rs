//! A piece of work on a machine, thing by thing, as the agent does it.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sealift::error::{Class, Problem, Result};
use sealift::model::{Configuration, Digest, Intent, Launched, MachineName, Part, RegistryUser, Role};
use sealift::wire::{
    CleanWork, InitWork, JoinWork, KubeletWork, LaunchWork, LayOutWork, RegistryWork, UninstallWork, Work,
};

use super::faults::{Passage, Phase};
use super::state::{State, World};

/// What one thing takes.
const MOMENT: Duration = Duration::from_millis(200);

/// How long a machine that had joined may take to be back after its kubelet is started.
const COMING_BACK: Duration = Duration::from_secs(90);

pub struct Job {
    pub world: World,
    pub machine: MachineName,
    pub what: String,
    things: AtomicUsize,
}

impl Job {
    pub fn new(world: &World, machine: &MachineName, what: &str) -> Self {
        Self {
            world: world.clone(),
            machine: machine.clone(),
            what: what.to_owned(),
            things: AtomicUsize::new(0),
        }
    }

    pub async fn carry_out(&self, work: &Work) -> Result<()> {
        match work {
            Work::LayOut(work) => self.lay_out(work).await,
            Work::Endpoints(work) => {
                self.withdraw("endpoints").await;
                self.change(|state, name| state.machine(name).disk.hosts.clone_from(&work.hosts)).await?;
                self.change(|state, name| {
                    state.machine(name).disk.care = Some(work.care.clone());
                    state.machine(name).enable("sealift-care.service");
                })
                .await?;
                self.write_receipt("endpoints", &work.receipt).await
            }
            Work::Registry(work) => self.registry(work).await,
            Work::RegistryUsers(work) => {
                let users = names(&work.users);
                self.change(|state, name| state.machine(name).disk.registry_users = users).await?;
                match &work.receipt {
                    Some(receipt) => self.write_receipt("registry", receipt).await,
                    None => Ok(()),
                }
            }
            Work::FillRegistry(work) => self.write_receipt("fill-registry", &work.receipt).await,
            Work::Prepare(work) => {
                self.withdraw("prepare").await;
                self.needs_rootfs()?;
                self.change(|state, name| {
                    let machine = state.machine(name);
                    machine.disk.runtime = true;
                    let variables = work.scripts.first().map(|script| &script.environment);
                    machine.disk.comes_as = variables.and_then(|own| own.get("registryUsername").cloned());
                    machine.enable("containerd.service");
                    machine.disk.enabled.insert("kubelet.service".to_owned());
                })
                .await?;
                self.write_receipt("prepare", &work.receipt).await
            }
            Work::Init(work) => self.init(work).await,
            Work::Join(work) => self.join(work).await,
            Work::ComeBack(work) => {
                self.is_back_or_undone(work.role).await;
                Ok(())
            }
            Work::Kubelet(work) => self.kubelet(work).await,
            Work::UploadConfiguration(work) => self.upload_configuration(&work.parts).await,
            Work::ProxyConfiguration(work) => {
                self.upload_configuration(&[(Part::KubeProxy, work.receipt.clone())].into()).await
            }
            Work::ControlPlaneConfiguration(work) => {
                self.reconfigure(Part::ControlPlane, &work.receipt).await
            }
            Work::KubeletConfiguration(work) => self.reconfigure(Part::Kubelet, &work.receipt).await,
            Work::PutBack(_) => self.put_back().await,
            Work::Commands(work) => {
                self.withdraw("commands").await;
                self.needs_rootfs()?;
                self.write_receipt("commands", &work.receipt).await
            }
            Work::Hook(work) => {
                self.withdraw(&format!("hook-{}", work.name)).await;
                self.write_receipt(&format!("hook-{}", work.name), &work.receipt).await
            }
            Work::Launch(work) => self.launch(work).await,
            Work::Uninstall(work) => self.uninstall(work).await,
            Work::Clean(work) => self.clean(work).await,
        }
    }

    async fn lay_out(&self, work: &LayOutWork) -> Result<()> {
        self.withdraw("lay-out").await;
        self.needs_layers(work.layers.iter().chain(&work.registry_layers))?;
        self.change(|state, name| state.machine(name).disk.rootfs = true).await?;
        self.write_receipt("lay-out", &work.receipt).await
    }

    async fn registry(&self, work: &RegistryWork) -> Result<()> {
        self.withdraw("registry").await;
        self.needs_rootfs()?;
        self.change(|state, name| {
            state.machine(name).enable("registry.service");
            state.machine(name).disk.registry_users = names(&work.users);
        })
        .await?;
        self.write_receipt("registry", &work.receipt).await
    }

    async fn init(&self, work: &InitWork) -> Result<()> {
        let serves = self.look(|state, name| {
            state.is_in(name) && state.api_is_ready(name) && state.machines[name].disk.kubernetes.admin
        });
        let known = self.look(|state, name| {
            state.machines[name].disk.marker.as_ref().is_some_and(|marker| marker.authority.is_some())
        });
        if serves && !known {
            self.furnish().await?;
        }
        if !serves {
            if self.look(|state, name| state.machines[name].disk.kubernetes.was_begun()) {
                if known {
                    return Err(Problem::new(Class::Refused, "a cluster is on this machine already"));
                }
                self.act(State::reset).await;
            }
            self.change(|state, name| state.machine(name).disk.hosts.clone_from(&work.hosts)).await?;
            self.are_made_with(&work.configured).await?;
            self.kubeadm_init(&work.configured).await?;
        }
        self.await_api().await?;
        self.record_authority(None).await
    }

    async fn join(&self, work: &JoinWork) -> Result<()> {
        let told = self.look(|state, name| state.machines[name].disk.receipts.get("endpoints").cloned());
        let told = told.filter(|_| work.role == Role::ControlPlane);
        if told.is_some() {
            self.withdraw("endpoints").await;
        }
        self.record_authority(Some(work.authority.clone())).await?;
        let is_back = self.is_back_or_undone(work.role).await;
        if !is_back {
            self.are_made_with(&work.configured).await?;
            self.kubeadm_join(work.role, &work.authority).await?;
        }
        if work.role == Role::ControlPlane {
            self.await_api().await?;
            if is_back {
                self.change(State::mark_control_plane).await?;
            }
        }
        self.change(|state, name| state.machine(name).disk.hosts.clone_from(&work.hosts)).await?;
        match told {
            Some(receipt) => self.write_receipt("endpoints", &receipt).await,
            None => Ok(()),
        }
    }

    /// Tells whether the machine is in, or is again; if not, nothing of a join is left on it.
    async fn is_back_or_undone(&self, role: Role) -> bool {
        let is_in = |state: &State, name: &MachineName| {
            state.is_in(name) && (role == Role::Worker || state.api_is_ready(name))
        };
        if self.look(is_in) || self.comes_back(is_in).await {
            return true;
        }
        if !self.look(|state, name| state.machines[name].disk.put_aside.is_empty()) {
            self.act(|state, name| {
                let disk = &mut state.machine(name).disk;
                disk.kubernetes.configured.extend(std::mem::take(&mut disk.put_aside));
            })
            .await;
            if self.comes_back(is_in).await {
                return true;
            }
        }
        if self.look(|state, name| state.machines[name].disk.kubernetes.was_begun()) {
            self.act(State::reset).await;
        }
        false
    }

    /// Gives kubelet its arguments, and starts it anew if it has joined.
    async fn kubelet(&self, work: &KubeletWork) -> Result<()> {
        self.withdraw("kubelet").await;
        self.change(|state, name| {
            state.machine(name).disk.kubelet_arguments.clone_from(&work.arguments);
        })
        .await?;
        if self.look(|state, name| state.machines[name].disk.kubernetes.kubelet) {
            self.act(|state, name| state.machine(name).start("kubelet.service")).await;
        }
        self.write_receipt("kubelet", &work.receipt).await
    }

    async fn are_made_with(&self, configured: &Configuration) -> Result<()> {
        for (part, digest) in configured {
            self.write_receipt(part.name(), digest).await?;
        }
        Ok(())
    }

    /// Puts documents into the cluster, and notes it before and after.
    async fn upload_configuration(&self, parts: &Configuration) -> Result<()> {
        let under_way: Configuration = parts.keys().map(|part| (*part, Digest::of("under way"))).collect();
        self.act(|state, name| state.api(name).map(|cluster| cluster.configured.extend(under_way))).await?;
        for (part, digest) in parts {
            self.act(|state, name| {
                state.api(name).map(|cluster| cluster.documents.insert(*part, digest.clone()))
            })
            .await?;
        }
        self.act(|state, name| state.api(name).map(|cluster| cluster.configured.extend(parts.clone()))).await
    }

    /// Makes a part of the components anew. A control plane's do not run while half of their manifests are written.
    async fn reconfigure(&self, part: Part, receipt: &Digest) -> Result<()> {
        self.write_receipt(part.name(), &Digest::of("under way")).await?;
        self.change(|state, name| {
            let disk = &mut state.machine(name).disk;
            if let Some(runs) = disk.kubernetes.configured.get(&part) {
                disk.put_aside.entry(part).or_insert_with(|| runs.clone());
            }
        })
        .await?;
        if part == Part::ControlPlane {
            self.change(|state, name| state.machine(name).disk.kubernetes.configured.remove(&part)).await?;
            self.change(|state, name| {
                state.machine(name).disk.kubernetes.configured.insert(part, receipt.clone())
            })
            .await?;
            self.await_api().await?;
        } else {
            self.configure_by_documents(part).await?;
        }
        self.act(|state, name| state.machine(name).start("kubelet.service")).await;
        self.change(|state, name| state.machine(name).disk.put_aside.remove(&part)).await?;
        self.write_receipt(part.name(), receipt).await
    }

    /// Lets run what ran before changes that were cut off.
    async fn put_back(&self) -> Result<()> {
        self.change(|state, name| {
            let disk = &mut state.machine(name).disk;
            disk.kubernetes.configured.extend(disk.put_aside.clone());
            state.machine(name).start("kubelet.service");
        })
        .await?;
        self.await_api().await?;
        self.change(|state, name| state.machine(name).disk.put_aside.clear()).await
    }

    async fn comes_back(&self, is_in: impl Fn(&State, &MachineName) -> bool) -> bool {
        if !self.look(|state, name| state.machines[name].disk.kubernetes.kubelet) {
            return false;
        }
        self.act(|state, name| state.machine(name).start("kubelet.service")).await;
        self.within(COMING_BACK, is_in).await
    }

    async fn launch(&self, work: &LaunchWork) -> Result<()> {
        let receipt = format!("launch-{}", work.tree.manifest.short());
        self.withdraw(&receipt).await;
        self.needs_layers(work.tree.layers())?;
        self.change(|state, name| state.machine(name).disk.applications.insert(work.tree.manifest.clone()))
            .await?;
        self.write_receipt(&receipt, &work.receipt).await?;
        self.change(|state, name| {
            state.api(name).map(|cluster| {
                cluster.applications.insert(work.image.clone(), Launched::of(work.receipt.clone()))
            })
        })
        .await?
        .map(drop)
    }

    async fn uninstall(&self, work: &UninstallWork) -> Result<()> {
        if let Some(tree) = &work.tree {
            if work.clean.is_some() {
                self.needs_layers(tree.layers())?;
            }
            self.withdraw(&format!("launch-{}", tree.manifest.short())).await;
            self.change(|state, name| state.machine(name).disk.applications.remove(&tree.manifest)).await?;
        }
        self.change(|state, name| {
            state.machine(name).disk.layers.retain(|layer| work.keep.contains(layer));
        })
        .await?;
        self.change(|state, name| state.api(name).map(|cluster| cluster.applications.remove(&work.image)))
            .await?
            .map(drop)
    }

    async fn clean(&self, _: &CleanWork) -> Result<()> {
        self.change(|state, name| {
            if let Some(marker) = &mut state.machine(name).disk.marker {
                marker.intent = Intent::Leaving;
            }
        })
        .await?;
        for receipt in ["commands", "prepare", "registry", "endpoints", "lay-out", "kubelet"]
            .into_iter()
            .chain([Part::ControlPlane, Part::Kubelet].map(Part::name))
        {
            self.withdraw(receipt).await;
        }
        self.act(|state, name| state.machine(name).disable("kubelet.service")).await;
        self.act(State::reset).await;
        self.act(|state, name| state.machine(name).disk.kubelet_arguments.clear()).await;
        self.act(|state, name| {
            let machine = state.machine(name);
            machine.disable("registry.service");
            machine.disable("containerd.service");
            machine.disk.runtime = false;
            machine.disk.comes_as = None;
            machine.disk.registry_users.clear();
        })
        .await;
        self.act(|state, name| {
            state.machine(name).disable("sealift-care.service");
            state.machine(name).disk.care = None;
        })
        .await;
        self.act(|state, name| state.machine(name).disk.hosts.clear()).await;
        Ok(())
    }

    /// Does one thing that needs no room on the disk.
    pub async fn act<T>(&self, act: impl FnOnce(&mut State, &MachineName) -> T) -> T {
        let number = self.things.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(MOMENT).await;
        if self.world.pass(&self.machine.0, &self.what, Phase::Working(number)) == Passage::Gone {
            std::future::pending::<()>().await;
        }
        act(&mut self.world.state(), &self.machine)
    }

    /// Does one thing that writes to the disk.
    pub async fn change<T>(&self, act: impl FnOnce(&mut State, &MachineName) -> T) -> Result<T> {
        self.act(|state, name| {
            state.machine(name).writable()?;
            Ok(act(state, name))
        })
        .await
    }

    fn look<T>(&self, look: impl FnOnce(&State, &MachineName) -> T) -> T {
        look(&self.world.state(), &self.machine)
    }

    async fn withdraw(&self, receipt: &str) {
        self.act(|state, name| state.machine(name).disk.receipts.remove(receipt)).await;
    }

    async fn write_receipt(&self, receipt: &str, digest: &Digest) -> Result<()> {
        self.change(|state, name| {
            state.machine(name).disk.receipts.insert(receipt.to_owned(), digest.clone())
        })
        .await
        .map(drop)
    }

    /// Writes the cluster's identity into the marker; without one, that of the Kubernetes which is there.
    async fn record_authority(&self, authority: Option<Digest>) -> Result<()> {
        self.change(|state, name| {
            let disk = &mut state.machine(name).disk;
            let authority = authority.or_else(|| disk.kubernetes.authority.clone());
            if let Some(marker) = &mut disk.marker {
                marker.authority = authority;
            }
        })
        .await
    }

    fn needs_rootfs(&self) -> Result<()> {
        if self.look(|state, name| state.machines[name].disk.rootfs) {
            return Ok(());
        }
        Err(Problem::new(Class::Machine, "the image has no script"))
    }

    fn needs_layers<'a>(&self, layers: impl IntoIterator<Item = &'a Digest>) -> Result<()> {
        let has = |layer: &Digest| self.look(|state, name| state.machines[name].disk.layers.contains(layer));
        match layers.into_iter().find(|layer| !has(layer)) {
            None => Ok(()),
            Some(layer) => {
                Err(Problem::new(Class::Machine, format!("the layer {} is not here", layer.short())))
            }
        }
    }
}

fn names(users: &[RegistryUser]) -> BTreeSet<String> {
    users.iter().map(|user| user.username.clone()).collect()
}
