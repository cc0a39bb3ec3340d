//! How a file says to log in, for commands that take everything else from what is kept of a cluster.

use crate::model::{Declared, DeclaredMachines};

/// Lays what `file` says about logging in over `declared`; a machine is known by its host.
pub(in crate::ops) fn with_login_of(declared: Declared, file: &Declared) -> Declared {
    let login = file.login.or(&declared.login);
    let machines = match (declared.machines, &file.machines) {
        (DeclaredMachines::Given(mut machines), DeclaredMachines::Given(written)) => {
            for machine in &mut machines {
                if let Some(written) = written.iter().find(|written| written.ssh.host == machine.ssh.host) {
                    machine.login = written.login.or(&machine.login);
                }
            }
            DeclaredMachines::Given(machines)
        }
        (machines, _) => machines,
    };
    Declared { machines, login, ..declared }
}
