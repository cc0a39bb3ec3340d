//! Where the agents of the two architectures come from: this program, or one beside it.

use std::path::PathBuf;

use crate::error::{Class, Context as _, Problem, Result};
use crate::model::Arch;
use crate::remote::AgentSource;

/// This program for machines of its own architecture, `sealift-<arch>` beside it for the others.
pub(super) struct Beside;

impl AgentSource for Beside {
    fn binary(&self, arch: Arch) -> Result<PathBuf> {
        let own = std::env::current_exe().problem(Class::Machine, "cannot tell where this program is")?;
        if arch == Arch::THIS {
            return Ok(own);
        }
        let other = own.with_file_name(format!("sealift-{arch}"));
        if other.is_file() {
            return Ok(other);
        }
        Err(Problem::new(Class::Config, format!("there is no agent for {arch} machines"))
            .saw(format!("{} is missing", other.display()))
            .remedy(format!(
                "put sealift's {arch} binary there: releases carry both, `make release` builds both"
            )))
    }
}
