//! What is done to clusters: the commands that the matrix hits.

use crate::world::{Command, Machines};

/// A command, and what was there before.
pub(crate) struct Story {
    pub name: &'static str,
    /// All machines there are.
    pub machines: Vec<&'static str>,
    /// What was done before, undisturbed.
    pub before: Vec<Command>,
    /// What is hit.
    pub command: Command,
}

const MASTERS: [&str; 4] = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"];
const NODES: [&str; 3] = ["10.0.1.1", "10.0.1.2", "10.0.1.3"];

pub(crate) fn all() -> Vec<Story> {
    let every = || MASTERS.into_iter().chain(NODES).collect::<Vec<_>>();
    let small = || Machines::new(&MASTERS[..1], &NODES[..1]);
    let large = || Machines::new(&MASTERS[..3], &NODES[..2]);
    vec![
        Story { name: "run 1+1", machines: every(), before: vec![], command: Command::Run(small()) },
        Story { name: "run 3+2", machines: every(), before: vec![], command: Command::Run(large()) },
        Story {
            name: "reset 1+1",
            machines: every(),
            before: vec![Command::Run(small())],
            command: Command::Reset,
        },
        Story {
            name: "delete 3+2",
            machines: every(),
            before: vec![Command::Run(large())],
            command: Command::Delete,
        },
    ]
}
