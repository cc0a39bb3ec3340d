//! Variables of sealer v2 that say something about the cluster's networks and certificates.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::clusterfile::draft::{Draft, DraftMachines};
use crate::clusterfile::ledger::{Finding, Ledger};
use crate::clusterfile::native::not_certifiable;
use crate::clusterfile::place::Located;
use crate::clusterfile::subnets;
use crate::clusterfile::variables::Variables;
use crate::model::{Family, Subnets};

/// Understands those variables; they stay variables as well.
pub(super) fn understand(ledger: &Ledger, variables: &Variables, draft: &mut Draft) {
    draft.network.pods = network(ledger, variables, "PodCIDR");
    draft.network.services = network(ledger, variables, "SvcCIDR");
    draft.network.vip = vip(ledger, variables, draft);
    if let Some(names) = variables.get("CertSANs") {
        let listed = names.value.split(',').map(str::trim).filter(|name| !name.is_empty());
        for name in listed {
            match not_certifiable(name) {
                Some(why) => {
                    let message = format!("`{name}` in `CertSANs` cannot stand in a certificate: {why}");
                    ledger.error(
                        Finding::of(names, message)
                            .remedy("write names and addresses with commas between them"),
                    );
                }
                None => draft.rest.certificate_names.push(name.to_owned()),
            }
        }
    }
}

fn network(ledger: &Ledger, variables: &Variables, name: &str) -> Option<Located<Subnets>> {
    let text = variables.get(name)?;
    let nets = text.value.split(',').map(|piece| one_network(ledger, text, name, piece.trim()));
    let nets: Vec<_> = nets.collect();
    subnets::of_nets(ledger, nets.into_iter().collect::<Option<_>>()?)
}

fn one_network(ledger: &Ledger, text: &Located<String>, name: &str, piece: &str) -> Option<Located<IpNet>> {
    match piece.parse::<IpNet>() {
        Ok(net) if net.trunc() == net => Some(Located::new(net, text.place)),
        Ok(net) => {
            let message = format!("`{name}` is {net}, which does not begin its network");
            ledger.error(Finding::of(text, message).remedy(format!("write {name}={}", net.trunc())));
            None
        }
        Err(_) => {
            let message = format!("`{name}` must be a network, not `{piece}`");
            ledger.error(Finding::of(text, message).remedy(format!("write it as {name}=10.96.0.0/22")));
            None
        }
    }
}

/// The virtual address of the family that the cluster uses by itself, where there is one of each.
fn vip(ledger: &Ledger, variables: &Variables, draft: &Draft) -> Option<Located<IpAddr>> {
    let (four, six) = (variables.get("IPvsVIPv4"), variables.get("IPvsVIPv6"));
    let text = match first_family(draft) {
        Family::V4 => four.or(six)?,
        Family::V6 => six.or(four)?,
    };
    let Ok(address) = text.value.trim().parse() else {
        let message = format!("the virtual address must be an IP address, not `{}`", text.value);
        ledger.error(Finding::of(text, message).remedy("write it as IPvsVIPv4=10.103.97.2"));
        return None;
    };
    Some(Located::new(address, text.place))
}

fn first_family(draft: &Draft) -> Family {
    let DraftMachines::Given(machines) = &draft.machines else { return Family::V4 };
    let address = machines.iter().find_map(|machine| machine.value.ssh.ip());
    let networks = [&draft.network.services, &draft.network.pods];
    let of_networks = networks.into_iter().flatten().next().map(|subnets| subnets.value.family());
    address.map(Family::of).or(of_networks).unwrap_or(Family::V4)
}
