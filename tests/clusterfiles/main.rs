//! Clusterfiles: all that are good, all that are bad, and what any bytes at all lead to.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bad;
mod convert;
mod good;
mod made;
mod schema;
