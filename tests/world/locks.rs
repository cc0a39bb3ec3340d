//! The cluster's lock as machines and the API keep it.

use sealift::error::Result;
use sealift::model::{Holder, MachineName};
use sealift::wire::{AcquireLock, Keeper, LockAnswer, LockRecord, RenewLock, TERM};

use tokio::time::Instant;

use super::state::State;

/// A machine's own lock: it ends with the connection that holds it.
pub struct MachineLock {
    connection: u64,
    holder: Holder,
    beat: u64,
}

/// The Lease in the cluster.
#[derive(Debug, Clone, Default)]
pub struct Lease {
    holder: Option<Holder>,
    epoch: u64,
    version: u64,
    /// The connection through which it was confirmed last, and when.
    connection: u64,
    confirmed: Option<Instant>,
}

impl State {
    /// Returns the newest epoch that a machine has seen.
    pub fn newest_epoch(&self, name: &MachineName) -> u64 {
        let machine = &self.machines[name];
        machine.disk.marker.as_ref().map_or(0, |marker| marker.epoch).max(machine.memory.epoch)
    }

    pub fn acquire(&mut self, name: &MachineName, connection: u64, order: AcquireLock) -> Result<LockAnswer> {
        match order.keeper {
            Keeper::Machine => Ok(self.take(name, connection, &order.holder)),
            Keeper::Lease => {
                let lease = &mut self.api(name)?.lease;
                if let Some(theirs) = lease.held_by_other(&order.holder)
                    && order.over != Some(lease.record())
                {
                    return Ok(theirs);
                }
                let epoch = if lease.version == 0 { 0 } else { lease.epoch + 1 }.max(order.at_least);
                lease.put(order.holder, epoch, connection);
                Ok(LockAnswer::Ours { epoch })
            }
        }
    }

    pub fn renew(
        &mut self,
        name: &MachineName,
        connection: u64,
        order: RenewLock,
        epoch: u64,
    ) -> Result<LockAnswer> {
        match order.keeper {
            Keeper::Machine => {
                let newest = self.newest_epoch(name);
                if newest > epoch {
                    self.machine(name).memory.lock.take_if(|lock| lock.connection == connection);
                    return Ok(match self.take(name, connection, &order.holder) {
                        LockAnswer::Ours { .. } => {
                            self.machine(name).memory.lock = None;
                            LockAnswer::Passed { epoch: newest }
                        }
                        theirs => theirs,
                    });
                }
                let answer = match self.take(name, connection, &order.holder) {
                    LockAnswer::Theirs { holder, .. } if holder.run == order.holder.run => {
                        LockAnswer::Ours { epoch }
                    }
                    LockAnswer::Ours { .. } => {
                        self.admit(name, epoch)?;
                        if let Some(lock) = &mut self.machine(name).memory.lock {
                            lock.beat += 1;
                        }
                        LockAnswer::Ours { epoch }
                    }
                    other => other,
                };
                Ok(answer)
            }
            Keeper::Lease => {
                let lease = &mut self.api(name)?.lease;
                if let Some(theirs) = lease.held_by_other(&order.holder) {
                    return Ok(theirs);
                }
                if lease.epoch > epoch {
                    return Ok(LockAnswer::Passed { epoch: lease.epoch });
                }
                lease.put(order.holder, epoch, connection);
                Ok(LockAnswer::Ours { epoch })
            }
        }
    }

    pub fn release(&mut self, name: &MachineName, keeper: Keeper, run: &str) -> Result<()> {
        match keeper {
            Keeper::Machine => {
                self.machine(name).memory.lock.take_if(|lock| lock.holder.run == run);
            }
            Keeper::Lease => {
                self.api(name)?.lease.let_go(|holder, _| holder.run == run);
            }
        }
        Ok(())
    }

    /// What an agent does when its operator is gone.
    pub fn abandon_locks(&mut self, name: &MachineName, connection: u64) {
        if let Some(machine) = self.machines.get_mut(name) {
            machine.memory.lock.take_if(|lock| lock.connection == connection);
        }
        if let Ok(cluster) = self.api(name) {
            cluster.lease.let_go(|_, confirmed_by| confirmed_by == connection);
        }
    }

    fn take(&mut self, name: &MachineName, connection: u64, holder: &Holder) -> LockAnswer {
        let epoch = self.newest_epoch(name);
        let memory = &mut self.machine(name).memory;
        memory.lock_files |= memory.lock.is_none();
        let held =
            memory.lock.get_or_insert_with(|| MachineLock { connection, holder: holder.clone(), beat: 0 });
        if held.connection == connection {
            return LockAnswer::Ours { epoch };
        }
        LockAnswer::Theirs {
            holder: Box::new(held.holder.clone()),
            record: LockRecord(format!("{} {}", held.holder.run, held.beat)),
            seconds: TERM.as_secs(),
            epoch,
        }
    }
}

impl Lease {
    /// Tells whether nobody has it: it was given back, or not confirmed for so long that it has ended.
    pub fn is_free(&self) -> bool {
        self.holder.is_none() || self.confirmed.is_none_or(|confirmed| confirmed.elapsed() > TERM)
    }

    fn record(&self) -> LockRecord {
        LockRecord(self.version.to_string())
    }

    fn held_by_other(&self, asking: &Holder) -> Option<LockAnswer> {
        let holder = self.holder.clone().filter(|holder| holder.run != asking.run)?;
        let holder = Box::new(holder);
        Some(LockAnswer::Theirs { holder, record: self.record(), seconds: TERM.as_secs(), epoch: self.epoch })
    }

    fn put(&mut self, holder: Holder, epoch: u64, connection: u64) {
        *self = Self {
            holder: Some(holder),
            epoch,
            version: self.version + 1,
            connection,
            confirmed: Some(Instant::now()),
        };
    }

    fn let_go(&mut self, if_so: impl FnOnce(&Holder, u64) -> bool) {
        if self.holder.as_ref().is_some_and(|holder| if_so(holder, self.connection)) {
            self.holder = None;
            self.version += 1;
        }
    }
}
