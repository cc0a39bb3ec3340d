//! The flags of the bench.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Parser, ValueEnum};

use crate::engine::Steps;
use crate::plan::Shape;

/// Measures what thousands of machines cost the operator's program
#[derive(Debug, Parser)]
pub(crate) struct Arguments {
    /// What is measured
    #[arg(long, value_delimiter = ',', default_value = "plan,engine", value_name = "LIST")]
    pub(crate) only: Vec<Part>,

    /// How often each is measured
    #[arg(long, default_value_t = 7, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) repetitions: u32,

    /// How many machines are planned for
    #[arg(long, default_value_t = 5000, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(400..60_000))]
    pub(crate) machines: u32,

    /// The page whose parts are written
    #[arg(long, default_value = "docs/benchmarks.md", value_name = "FILE")]
    pub(crate) report: PathBuf,

    /// Do this once, in this process, and print what it took
    #[arg(long, hide = true)]
    pub(crate) once: Option<Work>,

    /// What cargo gives to every bench
    #[arg(long, hide = true)]
    bench: bool,
}

/// A part of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Planning for thousands of machines.
    Plan,
    /// The engine's own work for each step.
    Engine,
}

impl Part {
    /// Returns what its part of the page is called.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Engine => "engine",
        }
    }
}

/// What one process does.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Work {
    Plan(Shape),
    Engine(Steps),
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plan(shape) => write!(f, "plan:{}", shape.name()),
            Self::Engine(steps) => write!(f, "engine:{}", steps.name()),
        }
    }
}

impl FromStr for Work {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (what, kind) = text.split_once(':').unwrap_or((text, ""));
        let shape = Shape::ALL.into_iter().find(|shape| shape.name() == kind).map(Self::Plan);
        let steps = Steps::ALL.into_iter().find(|steps| steps.name() == kind).map(Self::Engine);
        match what {
            "plan" => shape,
            "engine" => steps,
            _ => None,
        }
        .ok_or_else(|| format!("`{text}` is nothing that can be measured"))
    }
}
