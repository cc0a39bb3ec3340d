//! What one launch was measured to be.

use std::fmt;

use sealift::model::Role;

use crate::machines::Shape;

/// Who launches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Tool {
    /// `sealift run`
    Sealift,
    /// dev/bench/by-hand.sh
    ByHand,
}

impl Tool {
    /// Both, in an order that changes with every repetition: who comes second finds warm caches.
    pub(crate) fn in_turn(repetition: u32) -> [Self; 2] {
        if repetition.is_multiple_of(2) {
            [Self::Sealift, Self::ByHand]
        } else {
            [Self::ByHand, Self::Sealift]
        }
    }
}

impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sealift => "sealift",
            Self::ByHand => "by hand",
        })
    }
}

/// A part of a launch on one machine.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stage {
    pub(crate) title: String,
    /// What its machine does; none for what is the whole cluster's.
    pub(crate) role: Option<Role>,
    /// Seconds after the launch began.
    pub(crate) begin: f64,
    /// Seconds after the launch began.
    pub(crate) end: f64,
}

/// One launch, from the command's start to its end.
#[derive(Debug, Clone)]
pub(crate) struct Measurement {
    pub(crate) tool: Tool,
    pub(crate) shape: Shape,
    pub(crate) seconds: f64,
    /// The largest resident memory of the operator's program, in bytes; none for a script of many programs.
    pub(crate) peak_memory: Option<u64>,
    /// In the order they ended.
    pub(crate) stages: Vec<Stage>,
    /// How busy this computer was just before: the load average of one minute.
    pub(crate) load_before: f64,
}
