//! Variables of sealer v2 that say something about the cluster's networks and certificates.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::clusterfile::draft::Draft;
use crate::clusterfile::ledger::{Finding, Ledger};
use crate::clusterfile::native::not_certifiable;
use crate::clusterfile::place::Located;
use crate::clusterfile::variables::Variables;

/// Understands those variables; they stay variables as well.
pub(super) fn understand(ledger: &Ledger, variables: &Variables, draft: &mut Draft) {
    draft.network.pods = network(ledger, variables, "PodCIDR");
    draft.network.services = network(ledger, variables, "SvcCIDR");
    draft.network.vip = vip(ledger, variables);
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

fn network(ledger: &Ledger, variables: &Variables, name: &str) -> Option<Located<IpNet>> {
    let text = variables.get(name)?;
    let first = match text.value.split_once(',') {
        None => text.value.trim(),
        Some((first, _)) => {
            two_families(ledger, text, name);
            first.trim()
        }
    };
    match first.parse::<IpNet>() {
        Ok(net) if net.trunc() == net => Some(Located::new(net, text.place)),
        Ok(net) => {
            let message = format!("`{name}` is {net}, which does not begin its network");
            ledger.error(Finding::of(text, message).remedy(format!("write {name}={}", net.trunc())));
            None
        }
        Err(_) => {
            let message = format!("`{name}` must be a network, not `{first}`");
            ledger.error(Finding::of(text, message).remedy(format!("write it as {name}=10.96.0.0/22")));
            None
        }
    }
}

fn vip(ledger: &Ledger, variables: &Variables) -> Option<Located<IpAddr>> {
    let (four, six) = (variables.get("IPvsVIPv4"), variables.get("IPvsVIPv6"));
    if let (Some(_), Some(six)) = (four, six) {
        two_families(ledger, six, "IPvsVIPv6");
    }
    let text = four.or(six)?;
    let Ok(address) = text.value.trim().parse() else {
        let message = format!("the virtual address must be an IP address, not `{}`", text.value);
        ledger.error(Finding::of(text, message).remedy("write it as IPvsVIPv4=10.103.97.2"));
        return None;
    };
    Some(Located::new(address, text.place))
}

fn two_families(ledger: &Ledger, text: &Located<String>, name: &str) {
    let finding = Finding::of(
        text,
        format!("`{name}` asks for two address families, and this version makes clusters of one"),
    );
    ledger.not_acted_on(finding.remedy("keep the family of the machines' addresses"));
}
