//! The cluster's networks: what is declared, else what they were, else what images ask for, else what the family uses.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::error::{Class, Context as _, Problem, Result};
use crate::model::{DeclaredNetwork, ImageContract, Network};
use crate::steps::State;

/// Networks that the family uses where nobody says otherwise; kubeadm's own service range holds the virtual address.
const PODS: &str = "100.64.0.0/10";
const SERVICES: &str = "10.96.0.0/22";
const VIP: &str = "10.103.97.2";
const DNS_DOMAIN: &str = "cluster.local";

/// Fills in what is not declared. A cluster that is made keeps its networks.
pub(super) fn network(
    declared: &DeclaredNetwork,
    last: Option<&State>,
    images: &[ImageContract],
) -> Result<Network> {
    let before = match last {
        Some(state) => state.cluster.network.clone(),
        None => defaults(images)?,
    };
    let wanted = Network {
        pods: declared.pods.unwrap_or(before.pods),
        services: declared.services.unwrap_or(before.services),
        vip: declared.vip.unwrap_or(before.vip),
        dns_domain: declared.dns_domain.clone().unwrap_or_else(|| before.dns_domain.clone()),
    };
    if last.is_some_and(|state| state.authority.is_some()) && wanted != before {
        return Err(Problem::new(Class::Refused, "a cluster's networks cannot be changed once it is made")
            .saw(format!("it has {}", told(&before)))
            .saw(format!("wanted are {}", told(&wanted)))
            .remedy("leave --pod-cidr, --service-cidr and --vip out, and the same fields of a Clusterfile"));
    }
    Ok(wanted)
}

fn defaults(images: &[ImageContract]) -> Result<Network> {
    let network =
        |text: &str| text.parse::<IpNet>().problem(Class::Internal, "a built-in network cannot be read");
    let vip = || VIP.parse::<IpAddr>().problem(Class::Internal, "a built-in address cannot be read");
    Ok(Network {
        pods: network(PODS)?,
        services: network(SERVICES)?,
        vip: images.iter().find_map(|image| image.vip).map_or_else(vip, Ok)?,
        dns_domain: DNS_DOMAIN.to_owned(),
    })
}

fn told(network: &Network) -> String {
    let Network { pods, services, vip, dns_domain } = network;
    format!("pods {pods}, Services {services}, virtual address {vip}, DNS domain {dns_domain}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_declared_wins_over_defaults() {
        let declared =
            DeclaredNetwork { vip: Some("10.9.9.9".parse().unwrap()), ..DeclaredNetwork::default() };
        let network = network(&declared, None, &[]).unwrap();
        assert_eq!(
            told(&network),
            "pods 100.64.0.0/10, Services 10.96.0.0/22, virtual address 10.9.9.9, DNS domain cluster.local"
        );
    }
}
