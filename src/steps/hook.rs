//! A hook of the operator's, run on one machine.

use std::sync::Arc;
use std::time::Duration;

use super::site::Site;
use crate::engine::{Acted, Progress, Step};
use crate::error::{Class, Problem, Result};
use crate::model::{BoxFuture, Hook, MachineSpec};
use crate::plan;
use crate::wire::{HookWork, Work};

/// What is added to a hook's own time: other work on the machine may have to end first.
const BESIDE: Duration = Duration::from_mins(10);

pub(super) struct RunHook {
    pub(super) machine: MachineSpec,
    pub(super) hook: Hook,
    pub(super) site: Arc<Site>,
}

impl RunHook {
    pub(super) fn new(machine: MachineSpec, name: &str, site: Arc<Site>) -> Result<Self> {
        let hook = site.cluster().hooks.iter().find(|hook| hook.name == name).cloned();
        let missing = || Problem::new(Class::Internal, format!("the planned hook {name} is not there"));
        Ok(Self { machine, hook: hook.ok_or_else(missing)?, site })
    }
}

impl Step for RunHook {
    fn title(&self) -> String {
        format!("run the hook {}", self.hook.name)
    }

    fn machine(&self) -> Option<&str> {
        Some(&self.machine.name.0)
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs(self.hook.seconds) + BESIDE
    }

    fn act<'a>(&'a self, progress: &'a Progress) -> BoxFuture<'a, Result<Acted>> {
        Box::pin(async {
            let (desired, facts) = (&self.site.desired, self.site.facts(&self.machine)?);
            let work = HookWork {
                receipt: plan::hooked(desired, &self.hook, &self.machine, facts),
                cluster: desired.cluster.name.clone(),
                name: self.hook.name.clone(),
                run: self.hook.run.clone(),
                environment: plan::of_machine(desired, &self.machine, facts),
                seconds: self.hook.seconds,
            };
            let named = progress.of(&self.hook.name);
            self.site.act(&self.machine, Work::Hook(work), &named).await?;
            Ok(Acted::Changed)
        })
    }
}
