//! The difference between what is desired and what is observed, as plain data.

mod applications;
mod apply;
mod commands;
mod configs;
mod configuration;
mod consents;
mod credentials;
mod departure;
mod desired;
mod endpoints;
mod environment;
mod families;
mod fingerprint;
mod foreseen;
mod hooks;
mod kubeadm_file;
mod layers;
mod lost;
mod networks;
mod preflight;
mod preparation;
mod progress;
mod receipts;
mod reconfigure;
mod removal;
mod roster;
mod schema;
mod situation;
mod step;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod told;

pub use applications::{check_of, clean_of, is_another_version, keep_wishes, successor};
pub use apply::apply;
pub use commands::{commanded, is_command_idle, launch_commands, machine_commands, unused_arguments};
pub use configs::{configs_of_application, configs_of_rootfs, tree_of};
pub use consents::{Consents, WithoutApi};
pub use credentials::serving_registries;
pub use departure::node_to_delete;
pub use desired::{Desired, Former, IMAGE_SOCKET, Origin, RegistryAccess};
pub use endpoints::{Endpoints, REGISTRY_PORT, endpoints, hosts_of, hosts_once_joined};
pub use environment::{command_line, of_application, of_kubeadm_file, of_machine};
pub use families::second_address;
pub use fingerprint::fingerprint;
pub use foreseen::foreseen;
pub use kubeadm_file::{entrance, kubeadm_file, node, settings};
pub use layers::{Duty, layers_for, layers_of, registry_layers};
pub use networks::check as check_networks;
pub use preflight::{PORTS_OF_CONTROL_PLANE, PORTS_OF_WORKER, Preflight, ports, preflight};
pub use receipts::{
    connected, definition, filled, hooked, kubelet, launched, lay_out, prepared, ran, registry,
};
pub use reconfigure::configuration_of;
pub use removal::{Definition, FailedHooks, remove};
pub use schema::schema;
pub use step::{Action, Disruption, FORMAT, FileChange, Plan, PlanBuilder, PlannedStep};
pub use told::Told;
