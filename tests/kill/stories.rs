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

fn every() -> Vec<&'static str> {
    MASTERS.into_iter().chain(NODES).collect()
}

fn small() -> Machines {
    Machines::new(&MASTERS[..1], &NODES[..1])
}

fn large() -> Machines {
    Machines::new(&MASTERS[..3], &NODES[..2])
}

/// Create, scale up, scale down and delete: what each change of the program has to pass.
pub(crate) fn every_change() -> Vec<Story> {
    vec![
        Story { name: "run 1+1", machines: every(), before: vec![], command: Command::Run(small()) },
        Story {
            name: "scale up",
            machines: every(),
            before: vec![Command::Run(small())],
            command: Command::ScaleUp(Machines::new(&MASTERS[1..3], &NODES[1..2])),
        },
        Story {
            name: "scale down",
            machines: every(),
            before: vec![Command::Run(large())],
            command: Command::ScaleDown(Machines::new(&MASTERS[..2], &NODES[..1])),
        },
        Story {
            name: "registry passwd",
            machines: every(),
            before: vec![Command::Run(small())],
            command: Command::Passwd,
        },
        Story {
            name: "configure 1+1",
            machines: every(),
            before: vec![Command::Run(small())],
            command: Command::Configure(small()),
        },
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

/// What takes longer, and hits the same kinds of steps in other surroundings.
pub(crate) fn of_the_part() -> Vec<Story> {
    let replacement = Command::Replace(MASTERS[0].to_owned(), MASTERS[3].to_owned());
    vec![
        Story {
            name: "configure 3+2 and let another in",
            machines: every(),
            before: vec![Command::Run(large())],
            command: Command::Configure(Machines::new(&MASTERS[..3], &NODES)),
        },
        Story { name: "run 3+2", machines: every(), before: vec![], command: Command::Run(large()) },
        Story {
            name: "replace the first control plane",
            machines: every(),
            before: vec![Command::Run(large())],
            command: replacement,
        },
        Story {
            name: "apply with other machines",
            machines: every(),
            before: vec![Command::Run(small())],
            command: Command::Apply(Machines::new(&MASTERS[1..2], &NODES[1..])),
        },
    ]
}
