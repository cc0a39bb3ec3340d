//! Who comes to which registry of the model with whose credentials, and whether machines can pull while these change.

use std::collections::BTreeSet;

use super::super::*;
use super::world::{Machine, World};
use crate::model::{MachineSpec, Receipt, RegistryUser, Role};

impl World {
    /// The operator wants other credentials, as `sealift registry passwd` does; it is refused while a former change is under way, and
    /// while a control plane is silent.
    pub(super) fn change_credentials(&mut self) {
        let silent = self.silent();
        let voices = |spec: &MachineSpec| spec.role == Role::Worker || !silent.contains(&spec.name);
        let is_refused = self.access.former.is_some() || !self.kept.machines.iter().all(voices);
        if is_refused || self.look().api().is_none() {
            return;
        }
        let RegistryAccess { username, password, .. } = self.access.clone();
        self.access.username = format!("{username}x");
        self.access.former = Some(RegistryUser { username, password });
    }

    /// The registries let the new user in and nobody else.
    pub(super) fn withdraw_credentials(&mut self, wish: &Desired) {
        self.access.former = None;
        let after = Desired { registry: self.access.clone(), ..wish.clone() };
        for spec in after.control_planes() {
            let machine = self.machine(&spec.name);
            machine.admits = users(&after.registry);
            let facts = &mut machine.facts;
            let receipt = Receipt::of(registry(&after, spec, facts));
            facts.holdings.receipts.insert("registry".to_owned(), receipt);
        }
    }

    /// The registries that serve let both in.
    pub(super) fn accept_credentials(&mut self, wish: &Desired) {
        let (seen, authority) = (self.look(), self.authority().cloned());
        for spec in serving_registries(wish, &seen, authority.as_ref()) {
            self.machine(&spec.name).admits = users(&wish.registry);
        }
    }

    /// Says which members come to which registries with credentials that are not taken there. Those that leave are members
    /// until they are clean: their pods may start again, and care leads to their registries.
    pub(super) fn unable_to_pull(&self, wish: &Desired) -> Vec<String> {
        let is_member =
            |machine: &&Machine| machine.facts.joined && !self.once_silent.contains(&machine.spec.name);
        let machines = wish.cluster.machines.iter().chain(&wish.leaving);
        let members: Vec<&Machine> =
            machines.map(|spec| &self.machines[&spec.name]).filter(is_member).collect();
        let registries = members.iter().filter(|machine| !machine.admits.is_empty());
        registries
            .flat_map(|registry| members.iter().filter_map(|member| member.is_refused_by(registry)))
            .collect()
    }
}

impl Machine {
    /// Says what is not as it is to be when no change is under way.
    pub(super) fn strangeness(&self, access: &RegistryAccess) -> Vec<String> {
        let name = &self.spec.name;
        let mut strange = vec![];
        if self.comes_as.as_ref() != Some(&access.username) {
            strange.push(format!("{name} comes as {:?}", self.comes_as));
        }
        let admits = if self.spec.role == Role::ControlPlane { users(access) } else { BTreeSet::new() };
        if self.admits != admits {
            strange.push(format!("{name} admits {:?}", self.admits));
        }
        strange
    }

    fn is_refused_by(&self, registry: &Self) -> Option<String> {
        let user = self.comes_as.as_ref().filter(|user| !registry.admits.contains(*user))?;
        Some(format!("{} comes to {} as {user}", self.spec.name, registry.spec.name))
    }
}

/// Returns who may log in.
pub(super) fn users(access: &RegistryAccess) -> BTreeSet<String> {
    let former = access.former.iter().map(|user| user.username.clone());
    former.chain([access.username.clone()]).collect()
}
