//! The store's locks: many may add and read, one may delete; writers of the index take turns.

use std::fs::File;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::{Errno, retry_on_intr};

use crate::error::{Class, Context, Result};

/// A lock on the store, released when it is dropped or the process dies.
#[derive(Debug)]
pub(crate) struct Lock {
    _held: File,
}

impl Lock {
    /// Waits for the lock together with others that share it.
    pub(crate) fn shared(path: &Path) -> Result<Self> {
        Self::wait(path, FlockOperation::LockShared)
    }

    /// Waits for the lock alone.
    pub(crate) fn exclusive(path: &Path) -> Result<Self> {
        Self::wait(path, FlockOperation::LockExclusive)
    }

    /// Takes the lock alone if nobody holds it now.
    pub(crate) fn try_exclusive(path: &Path) -> Result<Option<Self>> {
        let file = open(path)?;
        match retry_on_intr(|| flock(&file, FlockOperation::NonBlockingLockExclusive)) {
            Ok(()) => Ok(Some(Self { _held: file })),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(error) => {
                Err(error).problem_with(Class::Machine, || format!("cannot lock {}", path.display()))
            }
        }
    }

    fn wait(path: &Path, operation: FlockOperation) -> Result<Self> {
        let file = open(path)?;
        retry_on_intr(|| flock(&file, operation))
            .problem_with(Class::Machine, || format!("cannot lock {}", path.display()))?;
        Ok(Self { _held: file })
    }
}

fn open(path: &Path) -> Result<File> {
    File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .problem_with(Class::Machine, || format!("cannot open the lock {}", path.display()))
}
