//! The machine's end: serves the wire, does the work of steps there.

mod api;
mod authority;
mod blocking;
mod care;
mod claim;
mod command;
mod family_paths;
mod fence;
mod hosts;
mod kubernetes;
mod leftovers;
mod lock;
mod look;
mod members;
mod membership;
mod namespaces;
mod operator;
mod ownership;
mod paths;
mod reach;
mod receipts;
mod registry;
mod transient;
mod tree;
mod units;
mod work;
mod worker;

pub use operator::serve_standard_streams;
pub use worker::run as run_work;
