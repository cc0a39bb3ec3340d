//! Machines on the command line: lists by role, or how many of them.

use clap::Args;

use crate::error::{Class, Problem, Result};
use crate::model::HostList;
use crate::ops::{ByRole, Hosts};

/// The machines of a change; at least one flag is given.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(super) struct HostArgs {
    /// Control planes: addresses, names, ranges a-b, with a port as host:port; with machines that sealift makes, how
    /// many there should be afterwards
    #[arg(long, short, value_name = "LIST")]
    masters: Option<String>,

    /// Workers, in the same form
    #[arg(long, short, value_name = "LIST")]
    nodes: Option<String>,
}

impl HostArgs {
    /// Reads the flags.
    pub(super) fn by_role(&self) -> Result<ByRole> {
        by_role(self.masters.as_deref(), self.nodes.as_deref())
    }
}

/// Reads lists of machines by role.
pub(super) fn by_role(masters: Option<&str>, nodes: Option<&str>) -> Result<ByRole> {
    Ok(ByRole {
        control_planes: masters.map(|text| hosts("--masters", text)).transpose()?,
        workers: nodes.map(|text| hosts("--nodes", text)).transpose()?,
    })
}

/// A whole number is a count; everything else is a list.
pub(super) fn hosts(flag: &str, text: &str) -> Result<Hosts> {
    if let Ok(count) = text.trim().parse::<usize>() {
        return Ok(Hosts::Count(count));
    }
    let list: HostList = text.parse()?;
    if list.0.is_empty() {
        return Err(Problem::new(Class::Usage, format!("no machine is named with {flag}"))
            .remedy(format!("name one: {flag} 10.0.0.1")));
    }
    Ok(Hosts::Listed(list))
}
