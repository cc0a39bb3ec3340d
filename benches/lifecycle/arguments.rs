//! The flags of the bench.

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;

use crate::common::scratch::operators_home;

/// Measures a cluster that changes under those who use it, and `sealift apply` with nothing to do
#[derive(Debug, Parser)]
pub(crate) struct Arguments {
    /// The program to measure
    #[arg(long, default_value = "target/release/sealift", value_name = "FILE")]
    pub(crate) sealift: PathBuf,

    /// How often the cluster changes from 3+3 and back
    #[arg(long, default_value_t = 3, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) repetitions: u32,

    /// How often nothing is to be done in each repetition
    #[arg(long, default_value_t = 5, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) idle: u32,

    /// The page whose part about lifecycles is written
    #[arg(long, default_value = "docs/benchmarks.md", value_name = "FILE")]
    pub(crate) report: PathBuf,

    /// Where the images are [default: ~/.sealift]
    #[arg(long, env = "SEALIFT_HOME", value_name = "DIR", hide_env_values = true)]
    home: Option<PathBuf>,

    /// What cargo gives to every bench
    #[arg(long, hide = true)]
    bench: bool,
}

impl Arguments {
    /// Returns the home of sealift whose images are launched.
    pub(crate) fn home(&self) -> Result<PathBuf> {
        operators_home(self.home.as_ref())
    }
}
