//! Where machines come from when the operator has none.

pub mod container;
