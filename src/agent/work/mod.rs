//! The kinds of work, one file each. Every one looks whether its work is done before it acts.

mod application;
mod clean;
mod come_back;
mod commands;
mod endpoints;
mod hook;
mod init;
mod init_scripts;
mod join;
mod kubelet;
mod kubelet_arguments;
mod launch;
mod lay_out;
mod prepare;
mod pulling;
mod reconfigure;
mod registry;
mod registry_content;
mod registry_data;
mod registry_peers;
mod registry_users;
mod script;
mod statics;
mod uninstall;
mod words;

pub(super) use clean::leave;
pub(super) use reconfigure::put_aside;

use super::command::Tell;
use crate::error::Result;
use crate::wire::Work;

/// Carries out a piece of work.
pub(super) fn carry_out(work: &Work, tell: Tell<'_>) -> Result<()> {
    match work {
        Work::LayOut(work) => lay_out::carry_out(work, tell),
        Work::Endpoints(work) => endpoints::carry_out(work, tell),
        Work::Registry(work) => registry::carry_out(work, tell),
        Work::RegistryUsers(work) => registry_users::carry_out(work, tell),
        Work::FillRegistry(work) => registry_content::carry_out(work, tell),
        Work::Prepare(work) => prepare::carry_out(work, tell),
        Work::Init(work) => init::carry_out(work, tell),
        Work::ComeBack(work) => come_back::carry_out(work, tell),
        Work::Join(work) => join::carry_out(work, tell),
        Work::Kubelet(work) => kubelet_arguments::carry_out(work, tell),
        Work::UploadConfiguration(work) => reconfigure::upload(work, tell),
        Work::ControlPlaneConfiguration(work) => reconfigure::control_plane(work, tell),
        Work::KubeletConfiguration(work) => reconfigure::kubelet(work, tell),
        Work::ProxyConfiguration(work) => reconfigure::proxy(work, tell),
        Work::PutBack(work) => reconfigure::put_back(work, tell),
        Work::Commands(work) => commands::carry_out(work, tell),
        Work::Hook(work) => hook::carry_out(work, tell),
        Work::Launch(work) => launch::carry_out(work, tell),
        Work::Uninstall(work) => uninstall::carry_out(work, tell),
        Work::Clean(work) => clean::carry_out(work, tell),
    }
}
