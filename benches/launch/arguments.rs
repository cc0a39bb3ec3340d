//! The flags of the bench.

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;

use crate::common::scratch::operators_home;
use crate::machines::Shape;
use crate::measurement::Tool;

/// Measures `sealift run` beside a shell script that does the same work
#[derive(Debug, Parser)]
pub(crate) struct Arguments {
    /// The program to measure
    #[arg(long, default_value = "target/release/sealift", value_name = "FILE")]
    pub(crate) sealift: PathBuf,

    /// How often each is measured
    #[arg(long, default_value_t = 3, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) repetitions: u32,

    /// Control planes and workers of each launch
    #[arg(long, value_delimiter = ',', default_value = "1+1,1+2", value_name = "LIST")]
    pub(crate) machines: Vec<Shape>,

    /// What is measured; with one alone no report is written
    #[arg(long, value_delimiter = ',', default_value = "sealift,by-hand", value_name = "LIST")]
    pub(crate) tools: Vec<Tool>,

    /// The page whose part about launches is written
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
    /// Tells whether both are measured, so that there is something to compare.
    pub(crate) fn is_comparison(&self) -> bool {
        [Tool::Sealift, Tool::ByHand].iter().all(|tool| self.tools.contains(tool))
    }

    /// Returns the home of sealift whose images are launched.
    pub(crate) fn home(&self) -> Result<PathBuf> {
        operators_home(self.home.as_ref())
    }
}
