//! A cluster's lock on the wire: taken, confirmed every few seconds, given back.

use serde::{Deserialize, Serialize};

use crate::model::Holder;

/// What keeps a cluster's lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Keeper {
    /// The machine itself, for as long as the agent's process lives.
    Machine,
    /// The cluster: the Lease `sealift` in kube-system, reached through this control plane.
    Lease,
}

/// The version of a lock's record. It changes with every confirmation and means nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LockRecord(pub String);

/// Takes the lock if nobody has it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AcquireLock {
    /// Which one.
    pub keeper: Keeper,
    /// Who wants it.
    pub holder: Holder,
    /// The lowest epoch that is newer than all that were seen elsewhere.
    pub at_least: u64,
    /// A record that did not change for its whole term: its holder is gone, and it may be replaced if it still is
    /// this one. A machine needs no such word: its lock ends with its holder's connection.
    pub over: Option<LockRecord>,
}

/// Confirms the lock of the envelope's epoch; takes it again if its keeper lost it and nobody had it since.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RenewLock {
    /// Which one.
    pub keeper: Keeper,
    /// Who holds it.
    pub holder: Holder,
}

/// Gives the lock back, if it is the asking run's.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReleaseLock {
    /// Which one.
    pub keeper: Keeper,
}

/// What became of a lock that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LockAnswer {
    /// It is the asking run's.
    Ours {
        /// Of the Lease, the epoch that begins with it. Of a machine, the newest that it has seen.
        epoch: u64,
    },
    /// Another run has it.
    Theirs {
        /// Which.
        holder: Box<Holder>,
        /// How its record stands.
        record: LockRecord,
        /// When nobody has confirmed that record for so many seconds, its holder is gone.
        seconds: u64,
        /// The newest epoch that the keeper has seen. A machine sees that of a new holder once it has all its locks.
        epoch: u64,
    },
    /// A newer run had it and gave it back.
    Passed {
        /// The newest epoch that was seen.
        epoch: u64,
    },
}
