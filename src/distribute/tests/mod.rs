//! The room against a naive model of layers, against hostile archives, and against being killed.

mod assemble;
mod child;
mod model;
mod receive;
mod remove;
mod tarball;
mod unpack;
