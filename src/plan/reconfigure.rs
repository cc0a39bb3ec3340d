//! A cluster that runs and is to be configured otherwise: what changes, what starts anew for it, and in which order.
//!
//! The cluster's own copy goes first, by which machines join. Control planes follow one after the other, then kubelets: those of
//! control planes one after the other as well, workers' side by side. What a machine was given it keeps a receipt of. One that has
//! none has what the cluster was made with.

use super::desired::{Desired, Former};
use super::kubeadm_file;
use super::roster::Roster;
use super::situation::{Situation, Standing};
use super::step::{Action, PlanBuilder};
use super::told::Told;
use crate::error::{Class, Problem, Problems, Result};
use crate::kubeadm;
use crate::model::{
    Configuration, Digest, DocumentChange, FieldChange, MachineFacts, MachineSpec, Part, Remade, Role,
};

/// What of a cluster is configured otherwise than it is to be.
pub(super) struct Reconfiguration<'a> {
    former: Option<&'a Former>,
    wanted: Configuration,
    /// What former versions of sealift wrote of what is wanted.
    also_wanted: Vec<Configuration>,
    /// The version of Kubernetes that runs, if there is any.
    runs: Option<&'a str>,
    /// The parts of which the cluster's own copy is an old one.
    uploads: Vec<Part>,
    /// What changes in the documents; `None` where it is not known what they were.
    changes: Option<Vec<DocumentChange>>,
}

impl<'a> Reconfiguration<'a> {
    /// Compares what is wanted with what the cluster and its machines were given.
    ///
    /// # Errors
    /// What kubeadm could not be told, what cannot be changed in a cluster that runs, and a change along with another version.
    pub(super) fn of(now: &Situation<'a>, roster: &Roster<'a>) -> Result<Self, Problems> {
        let desired = now.desired;
        let runs = now.api().map(|api| api.version.as_str()).filter(|version| !version.is_empty());
        let mut found = Self {
            former: desired.former.as_ref(),
            wanted: desired.configuration(),
            also_wanted: desired.told().configurations_of_former_versions(runs),
            runs,
            uploads: vec![],
            changes: Some(vec![]),
        };
        let Some(api) = now.api() else { return Ok(found) };
        let is_there = |part: &Part| *part != Part::KubeProxy || !api.lacks_proxy;
        found.uploads = Part::ALL
            .into_iter()
            .filter(is_there)
            .filter(|part| found.is_old(*part, api.configured.get(part)))
            .collect();
        let is_old = |machine: &Standing<'_>| found.old_parts(machine).next().is_some();
        if !found.uploads.is_empty() || roster.staying().any(is_old) {
            found.refuse_along_with_version(desired)?;
        } else if !api.lacks_proxy || found.told_as_before(Part::KubeProxy) {
            return Ok(found);
        }
        found.changes = changes(now, roster.first.spec)?;
        if api.lacks_proxy {
            let of_proxy = |change: &&mut DocumentChange| change.kind == Part::KubeProxy.kind();
            for change in found.changes.iter_mut().flatten().filter(of_proxy) {
                change.note = Some("the cluster has no kube-proxy: nothing takes it up".to_owned());
            }
        }
        Ok(found)
    }

    /// Tells whether a part is told what it was told the last time.
    fn told_as_before(&self, part: Part) -> bool {
        let before = self.former.map(|former| former.configurations(self.runs));
        before.is_none_or(|before| before.iter().any(|one| one.get(&part) == self.wanted.get(&part)))
    }

    /// Returns what changes in the documents.
    pub(super) fn changes(&self) -> Vec<DocumentChange> {
        self.changes.clone().unwrap_or_default()
    }

    /// Plans that the cluster's own copy is replaced.
    pub(super) fn upload(&self, plan: &mut PlanBuilder, needs: Option<usize>) -> Option<usize> {
        // kube-proxy's goes with what makes it take it up.
        let by_itself = |part: &&Part| **part != Part::KubeProxy;
        let kinds: Vec<&str> = self.uploads.iter().filter(by_itself).map(|part| part.kind()).collect();
        if kinds.is_empty() {
            return None;
        }
        let reason = format!("the cluster keeps another {}", kinds.join(" and another "));
        let kinds = kinds.into_iter().map(str::to_owned).collect();
        Some(plan.add(None, Action::UploadConfiguration { kinds }, reason, needs))
    }

    /// Plans that what runs takes its configuration up. `joined` is the step in which a machine comes back, and `after` are
    /// those that have to have ended before a control plane is interrupted.
    pub(super) fn take_up(
        &self,
        plan: &mut PlanBuilder,
        roster: &Roster<'_>,
        upload: Option<usize>,
        joined: impl Fn(&MachineSpec) -> Option<usize>,
        after: &[usize],
    ) -> Vec<usize> {
        let old = |machine: &&Standing<'_>, part| self.old_parts(machine).any(|old| old == part);
        let mut steps = vec![];
        let mut before: Option<usize> = None;
        let control_planes = || roster.staying().filter(|machine| machine.spec.role == Role::ControlPlane);
        for machine in control_planes().filter(|machine| old(machine, Part::ControlPlane)) {
            let remade = self.remade(machine);
            let action = Action::ReconfigureControlPlane { remade: remade.clone() };
            let needs = upload.into_iter().chain(before).chain(joined(machine.spec));
            let step = plan.add(Some(&machine.spec.name), action, why_control_plane(&remade), needs);
            plan.interrupts(step);
            plan.follow(Some(step), after.iter().copied());
            before = Some(step);
            steps.push(step);
        }
        let configure = |plan: &mut PlanBuilder, machine: &Standing<'_>, before: Option<usize>| {
            let needs = upload.into_iter().chain(before).chain(joined(machine.spec));
            let reason = "its kubelet starts anew; pods go on meanwhile";
            let step = plan.add(Some(&machine.spec.name), Action::ReconfigureKubelet, reason, needs);
            plan.interrupts(step);
            step
        };
        for machine in control_planes().filter(|machine| old(machine, Part::Kubelet)) {
            let step = configure(plan, machine, before);
            plan.follow(Some(step), after.iter().copied());
            before = Some(step);
            steps.push(step);
        }
        // A configuration that no kubelet starts with is found out on a control plane, before all workers have it.
        for machine in roster.workers.iter().filter(|machine| old(machine, Part::Kubelet)) {
            steps.push(configure(plan, machine, before));
        }
        if self.uploads.contains(&Part::KubeProxy) {
            let reason =
                "its pods are replaced, one machine after the other; connections through Services go on";
            let step = plan.add(None, Action::ReconfigureProxy, reason, upload);
            plan.interrupts(step);
            plan.follow(Some(step), after.iter().copied().chain(before));
            steps.push(step);
        }
        steps
    }

    /// Returns the parts that a machine which is in has in an old way.
    fn old_parts(&self, machine: &Standing<'_>) -> impl Iterator<Item = Part> {
        let parts: &[Part] = match machine.spec.role {
            Role::ControlPlane => &[Part::ControlPlane, Part::Kubelet],
            Role::Worker => &[Part::Kubelet],
        };
        let facts = machine.facts.filter(|_| machine.had_joined());
        let parts = facts.into_iter().flat_map(move |facts| {
            parts.iter().copied().filter(move |part| self.is_old(*part, given(facts, *part)))
        });
        parts.collect::<Vec<_>>().into_iter()
    }

    fn made_with(&self, part: Part) -> Option<&'a Digest> {
        self.former.and_then(|former| former.made_with.get(&part))
    }

    /// Tells whether what was given is not what is wanted. Where nothing is written down it is what the cluster was made with.
    fn is_old(&self, part: Part, given: Option<&Digest>) -> bool {
        let wanted = |given: &Digest| {
            std::iter::once(&self.wanted).chain(&self.also_wanted).any(|one| one.get(&part) == Some(given))
        };
        given.or_else(|| self.made_with(part)).is_some_and(|given| !wanted(given))
    }

    /// Tells whether what was given is what the former documents say.
    fn is_former(&self, part: Part, given: Option<&Digest>) -> bool {
        let former = self.former.into_iter().flat_map(|former| former.configurations(self.runs));
        let mut former = former.filter_map(|mut one| one.remove(&part));
        given.is_some_and(|given| former.any(|one| one == *given))
    }

    /// kubeadm would make the new version of whatever it writes the manifest of.
    fn refuse_along_with_version(&self, desired: &Desired) -> Result<()> {
        let wanted = desired.version()?;
        let Some(runs) = self.runs.filter(|runs| runs.parse().ok().as_ref() != Some(wanted)) else {
            return Ok(());
        };
        Err(Problem::new(
            Class::Refused,
            "the configuration of a cluster that runs is not changed along with its version",
        )
        .saw(format!("it runs {runs}, and the image brings {wanted}"))
        .remedy(format!("change the configuration with an image of {runs}")))
    }

    /// Returns what has to be made anew on a control plane: everything, where it is not known what it had, or where that is not what
    /// the others had.
    fn remade(&self, machine: &Standing<'_>) -> Vec<Remade> {
        let had = machine.facts.and_then(|facts| given(facts, Part::ControlPlane));
        let had = had.or_else(|| self.made_with(Part::ControlPlane));
        if !self.is_former(Part::ControlPlane, had) {
            return Remade::ALL.to_vec();
        }
        let Some(changes) = &self.changes else { return Remade::ALL.to_vec() };
        let cluster = changes.iter().filter(|change| change.kind == Part::ControlPlane.kind());
        let fields: Vec<&FieldChange> = cluster.flat_map(|change| &change.fields).collect();
        let is_touched = |remade: &Remade| {
            fields.iter().any(|change| {
                let of = |section: &str| {
                    change.field == section || change.field.starts_with(&format!("{section}."))
                };
                match remade {
                    Remade::Certificate => of("apiServer.certSANs"),
                    Remade::ApiServer => of("apiServer") && !of("apiServer.certSANs"),
                    Remade::ControllerManager => of("controllerManager"),
                    Remade::Scheduler => of("scheduler"),
                    Remade::Etcd => of("etcd"),
                }
            })
        };
        Remade::ALL.into_iter().filter(is_touched).collect()
    }
}

/// Returns the digest that a machine's receipt has of a part.
fn given(facts: &MachineFacts, part: Part) -> Option<&Digest> {
    facts.holdings.receipts.get(part.name()).map(|receipt| &receipt.digest)
}

fn why_control_plane(remade: &[Remade]) -> String {
    let restarted: Vec<&str> =
        remade.iter().filter(|one| **one != Remade::Certificate).map(|one| one.told()).collect();
    let restarts = match restarted.as_slice() {
        [] => None,
        [one] => Some(format!("{one} starts anew")),
        [first @ .., last] => Some(format!("{} and {last} start anew", first.join(", "))),
    };
    let certificate = remade
        .contains(&Remade::Certificate)
        .then(|| "the API server's certificate gets the names that are wanted".to_owned());
    let told: Vec<String> = restarts.into_iter().chain(certificate).collect();
    if told.is_empty() {
        return "what changes is written down, and nothing starts anew".to_owned();
    }
    format!("{}; one control plane after the other", told.join(", "))
}

/// Returns what changes in the documents, from what they were to what they are to be.
fn changes(now: &Situation<'_>, machine: &MachineSpec) -> Result<Option<Vec<DocumentChange>>, Problems> {
    let desired = now.desired;
    let render = |desired: &Desired| {
        let settings = kubeadm_file::settings(desired, now.observed, machine)?;
        kubeadm::init(&settings, &kubeadm_file::node(desired, now.observed, machine)?)
    };
    let after = render(desired)?;
    let Some(former) = &desired.former else { return Ok(None) };
    // What was good once may not be for a newer version; then it is not known what changes.
    match render(&former.desired(desired)) {
        Ok(before) => kubeadm::changes(&before, &after).map(Some),
        Err(_) => Ok(None),
    }
}

/// Returns the receipts of a machine that is made now, by the part that each is of.
pub fn configuration_of(desired: &Desired, role: Role) -> Configuration {
    let mut configuration = desired.configuration();
    configuration.retain(|part, _| match part {
        Part::ControlPlane => role == Role::ControlPlane,
        Part::Kubelet => true,
        Part::KubeProxy => false,
    });
    configuration
}

impl Former {
    /// Returns the digests of what the components were told, by this version of sealift and by former ones.
    fn configurations(&self, runs: Option<&str>) -> Vec<Configuration> {
        let told = Told {
            documents: &self.documents,
            kubeadm_file: self.kubeadm_file.as_deref(),
            certificate_names: &self.certificate_names,
            version: self.version.as_ref(),
        };
        let mut all = told.configurations_of_former_versions(runs);
        all.push(told.configuration());
        all
    }

    /// Returns the wish as it was then, as far as kubeadm is told of it.
    fn desired(&self, now: &Desired) -> Desired {
        let mut then = now.clone();
        then.cluster.documents.clone_from(&self.documents);
        then.cluster.certificate_names.clone_from(&self.certificate_names);
        then.kubeadm_file.clone_from(&self.kubeadm_file);
        then
    }
}

impl Desired {
    /// Returns the digests of what the components are told.
    pub fn configuration(&self) -> Configuration {
        self.told().configuration()
    }

    /// Returns what the components are told.
    pub(super) fn told(&self) -> Told<'_> {
        Told {
            documents: &self.cluster.documents,
            kubeadm_file: self.kubeadm_file.as_deref(),
            certificate_names: &self.cluster.certificate_names,
            version: self.version().ok(),
        }
    }
}
