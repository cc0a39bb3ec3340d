//! Every way in, brought to one form: what flags and files say becomes a `model::Declared`.

mod last;
mod run;

pub(super) use last::declared as last;
pub(super) use run::run;
pub use run::{Hosts, RunRequest};
