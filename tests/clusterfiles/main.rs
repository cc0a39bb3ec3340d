//! Clusterfiles: all that are good, all that are bad, and what any bytes at all lead to.

mod convert;
mod good;
mod schema;
