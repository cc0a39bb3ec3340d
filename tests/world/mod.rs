//! A cluster of machines in this process, for tests and benchmarks: every machine answers the wire as a real one does,
//! over a disk, a memory and an etcd that are plain data. Commands, plans, steps and the engine are the real ones.
//!
//! What it cannot tell is whether real machines are like that: tests/cluster does.

#![allow(unreachable_pub, reason = "it is a library to the one who tells the stories")]

mod agent;
mod cluster;
mod facts;
mod faults;
mod images;
mod job;
mod kubeadm;
mod locks;
mod machine;
mod operator;
mod shape;
mod state;

pub use faults::{Fault, Phase, Point};
pub use operator::{Command, End, Machines, Operator};
pub use state::World;
