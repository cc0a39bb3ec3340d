//! Where machines come from when the operator has none.
