//! The ground that a plan's steps stand on where no machine is spoken to.

use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use sealift::cluster::Fleet;
use sealift::error::{Class, Problem};
use sealift::model::{Arch, Digest, Login, MachineSpec, Observed};
use sealift::plan::Desired;
use sealift::remote::AgentSource;
use sealift::steps::{Blobs, DrainPolicy, History, Learned, Provider, Site, State};

struct Nobody;

impl AgentSource for Nobody {
    fn binary(&self, _: Arch) -> sealift::error::Result<PathBuf> {
        Err(Problem::new(Class::Internal, "no machine is spoken to"))
    }
}

impl Blobs for Nobody {
    fn open(&self, _: &Digest) -> sealift::error::Result<File> {
        Err(Problem::new(Class::Internal, "no machine is spoken to"))
    }
}

/// The ground that the steps of a plan stand on: they say what they do, and do nothing here.
pub(crate) fn site(desired: Desired, observed: Observed) -> Site {
    let leaving: Vec<MachineSpec> = desired.leaving.clone();
    let state = State {
        cluster: desired.cluster.clone(),
        images: desired.images.clone(),
        provider: Provider::BareMetal,
        launch: desired.launch.clone(),
        authority: None,
        registry: desired.registry.clone(),
        login: Login::default(),
        leaving,
        parting: vec![],
        left: vec![],
        files: vec![],
        history: History::default(),
        applied: None,
    };
    Site {
        desired,
        observed,
        fleet: Fleet::new(vec![], Arc::new(Nobody), "run"),
        blobs: Arc::new(Nobody),
        home: PathBuf::new(),
        state: Mutex::new(state),
        drain: DrainPolicy::default(),
        learned: Learned::default(),
    }
}
