//! What each step does to the model, and what none may ever do: a cluster made twice, a vote wiped that still counts, a quorum lost.

use std::collections::BTreeSet;

use super::super::super::testing::{fresh, marker};
use super::super::super::*;
use super::super::pulling::users;
use super::{Ended, Kept, Member, World, node_name};
use crate::model::*;

impl World {
    /// Carries a step out.
    pub(in super::super) fn act(&mut self, step: &PlannedStep, wish: &Desired) -> Ended {
        let votes_before = self.votes();
        let ended = match &step.machine {
            Some(name) => self.act_on(&name.clone(), &step.action, wish),
            None => self.act_on_cluster(&step.action, wish),
        };
        assert!(
            self.members.is_empty() || self.has_quorum(),
            "{step:?} lost the quorum: {votes_before:?} became {:?}",
            self.votes()
        );
        assert!(
            self.authority.is_none() || !self.members.is_empty(),
            "{step:?} removed the last control plane"
        );
        let unable = self.unable_to_pull(wish);
        assert!(unable.is_empty(), "after {step:?} {unable:?}");
        ended
    }

    fn act_on(&mut self, name: &MachineName, action: &Action, wish: &Desired) -> Ended {
        let spec = wish.machine(name).ok_or("no such machine in the wish")?.clone();
        match action {
            Action::RemoveEtcdMember => return self.remove_member(&spec, wish),
            Action::DeleteNode => return self.delete_node(&spec, wish),
            Action::ConfigureNode => return self.configure(&spec),
            Action::RemoveMachine => panic!("these machines are the operator's own"),
            _ => {}
        }
        if !self.machines[name].on {
            return Err("no route to host".to_owned());
        }
        match action {
            Action::Claim => self.claim(&spec),
            Action::SendLayers { layers, .. } => {
                self.facts(name).holdings.layers.extend(layers.iter().cloned());
            }
            Action::LayOut => self.receive(wish, &spec, "lay-out"),
            Action::Endpoints => self.receive(wish, &spec, "endpoints"),
            Action::Registry => self.receive(wish, &spec, "registry"),
            Action::FillRegistry => self.receive(wish, &spec, "fill-registry"),
            Action::Prepare => self.receive(wish, &spec, "prepare"),
            Action::ConfigureKubelet => self.receive(wish, &spec, "kubelet"),
            Action::RunCommands => return self.run_commands(wish, &spec),
            Action::Init => self.init(&spec),
            Action::JoinControlPlane => return self.join_control_plane(&spec),
            Action::JoinWorker => return self.join(&spec),
            Action::Launch { image } => return self.launch(&spec, image, wish),
            Action::Drain => return self.drain(&spec),
            Action::Clean => self.clean(&spec),
            Action::Leave => self.leave(name),
            other => panic!("{other:?} is not done on a machine"),
        }
        Ok(())
    }

    fn act_on_cluster(&mut self, action: &Action, wish: &Desired) -> Ended {
        self.require_api()?;
        match action {
            Action::AwaitReady => {
                let waits = |spec: &&MachineSpec| {
                    let machine = &self.machines[&spec.name];
                    machine.on && machine.facts.joined && self.node_of(machine).is_none()
                };
                match wish.cluster.machines.iter().find(waits) {
                    Some(spec) => Err(format!("{} is not Ready", spec.name)),
                    None => Ok(()),
                }
            }
            Action::KeepState => {
                let still_there = |spec: &MachineSpec| {
                    let machine = &self.machines[&spec.name];
                    let voted = self.members.iter().any(|member| member.spec.name == spec.name);
                    let noded = self.nodes.iter().any(|node| node.name == node_name(&spec.name));
                    voted || noded || (machine.on && machine.facts.marker.is_some())
                };
                let (leaving, gone): (Vec<MachineSpec>, Vec<MachineSpec>) =
                    wish.leaving.iter().cloned().partition(still_there);
                let off = gone.into_iter().map(|spec| spec.name).filter(|name| !self.machines[name].on);
                self.given_up.extend(off);
                self.definition = Some(definition(&wish.cluster, &wish.images, &leaving, &wish.registry));
                self.open_to_joins = false;
                self.kept = Kept { machines: wish.cluster.machines.clone(), leaving };
                Ok(())
            }
            Action::Kubeconfig => Ok(()),
            Action::AcceptCredentials => {
                self.accept_credentials(wish);
                Ok(())
            }
            Action::WithdrawCredentials => {
                self.withdraw_credentials(wish);
                Ok(())
            }
            other => panic!("{other:?} is not done on the cluster"),
        }
    }

    fn claim(&mut self, spec: &MachineSpec) {
        let authority = self.authority.clone();
        self.given_up.remove(&spec.name);
        let facts = self.facts(&spec.name);
        facts.marker =
            Some(Marker { authority, machine_id: facts.machine_id.clone(), ..marker("prod", spec) });
    }

    fn run_commands(&mut self, wish: &Desired, spec: &MachineSpec) -> Ended {
        self.require_api()?;
        assert!(self.machines[&spec.name].facts.joined, "{} runs commands and is no member", spec.name);
        self.receive(wish, spec, "commands");
        Ok(())
    }

    fn receive(&mut self, wish: &Desired, spec: &MachineSpec, work: &str) {
        let facts = self.facts(&spec.name);
        assert!(facts.marker.is_some(), "{work} on {}, which is not ours", spec.name);
        let digest = match work {
            "lay-out" => lay_out(wish, spec, facts),
            "endpoints" => connected(wish, spec),
            "registry" => registry(wish, spec, facts),
            "prepare" => prepared(wish, spec, facts),
            "commands" => ran(wish, spec, facts).expect("there are commands to run"),
            _ => kubelet(spec),
        };
        facts.holdings.receipts.insert(work.to_owned(), Receipt::of(digest));
        let unit = match work {
            "endpoints" => "sealift-care.service",
            "registry" => "registry.service",
            _ => "containerd.service",
        };
        facts.cri_answers |= work == "prepare";
        facts.units.insert(unit.to_owned(), UnitState { active: "active".to_owned(), enabled: true });
        let machine = self.machine(&spec.name);
        match work {
            "prepare" => machine.comes_as = Some(wish.registry.username.clone()),
            "registry" => machine.admits = users(&wish.registry),
            _ => {}
        }
    }

    fn init(&mut self, spec: &MachineSpec) {
        assert!(self.authority.is_none(), "the cluster is made twice");
        self.authority = Some(Digest::of("ca"));
        self.let_in(spec);
        self.vote(spec);
    }

    fn join_control_plane(&mut self, spec: &MachineSpec) -> Ended {
        self.require_api()?;
        let id = self.machines[&spec.name].facts.machine_id.clone();
        if self.machines[&spec.name].facts.joined && self.members.iter().any(|member| member.machine_id == id)
        {
            return Ok(());
        }
        let votes = self.votes();
        if votes.answering() < votes.all() {
            return Err("etcd is not healthy".to_owned());
        }
        assert!(
            !self.members.iter().any(|member| member.spec.name == spec.name),
            "{} joins while etcd still has its former member",
            spec.name
        );
        self.let_in(spec);
        self.vote(spec);
        Ok(())
    }

    fn join(&mut self, spec: &MachineSpec) -> Ended {
        self.require_api()?;
        self.let_in(spec);
        Ok(())
    }

    fn let_in(&mut self, spec: &MachineSpec) {
        let authority = self.authority.clone();
        self.open_to_joins = true;
        let facts = self.facts(&spec.name);
        assert!(facts.cri_answers, "{} joins without a container runtime", spec.name);
        facts.joined = true;
        facts.authority.clone_from(&authority);
        facts
            .units
            .insert("kubelet.service".to_owned(), UnitState { active: "active".to_owned(), enabled: true });
        if let Some(marker) = &mut facts.marker {
            marker.authority = authority;
        }
        let machine_id = facts.machine_id.clone();
        let control_plane = spec.role == Role::ControlPlane;
        match self.nodes.iter_mut().find(|node| node.name == node_name(&spec.name)) {
            Some(node) => (node.machine_id, node.control_plane) = (machine_id, control_plane),
            None => self.nodes.push(NodeFacts {
                name: node_name(&spec.name),
                machine_id,
                version: "v1.36.3".to_owned(),
                addresses: vec![spec.address],
                control_plane,
                ..NodeFacts::default()
            }),
        }
    }

    fn vote(&mut self, spec: &MachineSpec) {
        let id = self.members.iter().map(|member| member.id).max().unwrap_or(0) + 1;
        let machine_id = self.machines[&spec.name].facts.machine_id.clone();
        self.members.push(Member { id, machine_id, spec: spec.clone() });
    }

    fn launch(&mut self, spec: &MachineSpec, name: &str, wish: &Desired) -> Ended {
        self.require_api()?;
        let image = wish.applications().find(|image| image.name == name).ok_or("no such application")?;
        let facts = self.facts(&spec.name);
        let lacks = layers_of(image, Duty::CommandingControlPlane)
            .into_iter()
            .any(|layer| !facts.holdings.layers.contains(&layer.diff_id));
        assert!(!lacks, "{name} is launched where its files are not");
        assert!(facts.joined, "{name} is launched on a machine that is no member");
        self.applications.insert(name.to_owned(), Launched::of(launched(wish, image)));
        Ok(())
    }

    fn drain(&mut self, spec: &MachineSpec) -> Ended {
        self.require_api()?;
        let id = self.machines[&spec.name].facts.machine_id.clone();
        if let Some(node) = self.nodes.iter_mut().find(|node| node.machine_id == id) {
            node.cordoned = true;
            node.ours.cordon = true;
        }
        Ok(())
    }

    fn remove_member(&mut self, spec: &MachineSpec, wish: &Desired) -> Ended {
        self.require_api_besides(&spec.name)?;
        let stays = wish.cluster.machines.iter().any(|one| one.name == spec.name);
        let there = self.members.iter().find(|member| member.spec.name == spec.name);
        assert!(!(stays && there.is_some_and(|member| self.answers(member))), "{spec:?} stays and votes");
        self.members.retain(|member| member.spec.name != spec.name);
        Ok(())
    }

    fn delete_node(&mut self, spec: &MachineSpec, wish: &Desired) -> Ended {
        self.require_api_besides(&spec.name)?;
        let observed = self.look();
        let Some(node) = node_to_delete(wish, &observed, spec) else { return Ok(()) };
        let (id, name) = (node.machine_id.clone(), node.name.clone());
        let voting = self.members.iter().any(|member| member.machine_id == id);
        assert!(!voting, "the Node {name} is removed while it votes");
        self.nodes.retain(|node| node.machine_id != id);
        Ok(())
    }

    fn configure(&mut self, spec: &MachineSpec) -> Ended {
        self.require_api()?;
        let id = self.machines[&spec.name].facts.machine_id.clone();
        let node = self.nodes.iter_mut().find(|node| node.machine_id == id).ok_or("no Node")?;
        let change = NodeChange::between(&spec.node, node);
        for (key, value) in change.labels {
            match value {
                Some(value) => drop(node.labels.insert(key, value)),
                None => drop(node.labels.remove(&key)),
            }
        }
        node.cordoned &= !change.uncordon;
        node.ours = OursOnNode { labels: change.our_labels, taints: change.our_taints, cordon: false };
        Ok(())
    }

    fn clean(&mut self, spec: &MachineSpec) {
        let id = self.machines[&spec.name].facts.machine_id.clone();
        assert!(
            !self.members.iter().any(|member| member.machine_id == id),
            "{} votes and is wiped",
            spec.name
        );
        let facts = self.facts(&spec.name);
        let mut marker = facts.marker.clone().expect("only what is ours is cleaned");
        marker.intent = Intent::Leaving;
        let machine_id = facts.machine_id.clone();
        *facts = MachineFacts { marker: Some(marker), machine_id, ..fresh(spec) };
        let machine = self.machine(&spec.name);
        (machine.comes_as, machine.admits) = (None, BTreeSet::new());
    }

    fn leave(&mut self, name: &MachineName) {
        let id = self.machines[name].facts.machine_id.clone();
        let is_node = self.nodes.iter().any(|node| node.machine_id == id);
        assert!(!is_node, "{name} forgets the cluster, which has its Node");
        self.facts(name).marker = None;
    }
}
