//! Every way in, brought to one form: what flags and files say becomes a `model::Declared`.

mod file;
mod last;
mod login;
mod run;
mod scale;
mod uninstall;

pub(super) use file::file;
pub(super) use last::{kept, last};
pub(super) use login::with_login_of;
pub(super) use run::run;
pub(super) use scale::scale;
pub(super) use uninstall::{is_called, without};

pub use file::{Clusterfile, Place};
pub use run::{Hosts, RunRequest};
pub use scale::{ByRole, Change};
