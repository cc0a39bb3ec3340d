//! Getting layers onto machines: who needs which, room, receiving, unpacking, assembling and removing.
//!
//! Everything here blocks and streams; the agent calls it from threads of its own.

mod beneath;
mod copy;
mod decompress;
mod merge;
mod metadata;
mod partial;
mod whiteout;

pub mod assemble;
pub mod garbage;
pub mod mounts;
pub mod receive;
pub mod registry;
pub mod remove;
pub mod room;
pub mod store;
pub mod unpack;

#[cfg(test)]
mod tests;
