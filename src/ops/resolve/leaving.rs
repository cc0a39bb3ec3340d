//! Machines that were in the cluster and are not declared any more, with how they are logged in to.

use std::collections::HashSet;

use super::{Reached, Wish, made};
use crate::error::{Problems, Result};
use crate::model::{DeclaredLogin, MachineSpec};
use crate::ops::context::Context;
use crate::ops::login::Secrets;
use crate::steps::{Provider, State};

/// Returns them; a machine that was leaving when the last run was cut off is still one of them.
pub(super) async fn leaving(
    context: &Context,
    wish: &Wish<'_>,
    wanted: &[Reached],
) -> Result<Vec<Reached>, Problems> {
    let Some(last) = wish.last else { return Ok(vec![]) };
    let gone = gone(last, wanted);
    if gone.is_empty() {
        return Ok(vec![]);
    }
    match last.provider {
        Provider::Container => made::known(context, wish, gone).await,
        Provider::BareMetal => {
            let mut secrets = Secrets::new(context);
            let reached = gone.into_iter().map(|spec| {
                let login = DeclaredLogin::from(&spec.login);
                Ok(Reached { options: super::options(&mut secrets, wish, &spec.name.0, &login)?, spec })
            });
            Ok(reached.collect::<Result<_>>()?)
        }
    }
}

/// A machine is the same under another name while its address is, and at another address while its name is.
fn gone(last: &State, wanted: &[Reached]) -> Vec<MachineSpec> {
    let names: HashSet<_> = wanted.iter().map(|wanted| &wanted.spec.name).collect();
    let addresses: HashSet<_> = wanted.iter().map(|wanted| wanted.spec.address).collect();
    let mut known = HashSet::new();
    let machines = last.cluster.machines.iter().chain(&last.leaving);
    machines
        .filter(|machine| !names.contains(&machine.name) && !addresses.contains(&machine.address))
        .filter(|machine| known.insert(&machine.name))
        .cloned()
        .collect()
}
