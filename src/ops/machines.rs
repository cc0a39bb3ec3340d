//! How a command gets at machines: over SSH, or as a test plays them.

use crate::model::MachineSpec;
use crate::remote::{Machine, SshMachine, SshOptions};

/// Makes machines that can be reached out of what is known of them. Nothing is connected by that.
pub trait Machines: Send + Sync {
    /// Returns the machine of `spec`, which is logged in to as `options` say.
    fn machine(&self, spec: &MachineSpec, options: &SshOptions) -> Box<dyn Machine>;
}

/// Machines that answer SSH.
#[derive(Debug, Clone, Copy, Default)]
pub struct OverSsh;

impl Machines for OverSsh {
    fn machine(&self, spec: &MachineSpec, options: &SshOptions) -> Box<dyn Machine> {
        Box::new(SshMachine::of_spec(spec, options.clone()))
    }
}
