//! The cluster's networks: what is declared, else what they were, else what images ask for, else what the family uses.

use std::fmt::Display;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::error::{Class, Context as _, Problem, Problems, Result};
use crate::model::{ComponentDocument, DeclaredNetwork, ImageContract, Network};
use crate::steps::State;
use crate::yaml;

/// Networks that the family uses where nobody says otherwise; kubeadm's own service range holds the virtual address.
const PODS: &str = "100.64.0.0/10";
const SERVICES: &str = "10.96.0.0/22";
const VIP: &str = "10.103.97.2";
const DNS_DOMAIN: &str = "cluster.local";

/// Fills in what is not declared. A cluster that is made keeps its networks.
pub(super) fn network(
    declared: &DeclaredNetwork,
    documents: &[ComponentDocument],
    last: Option<&State>,
    images: &[ImageContract],
    file: Option<&str>,
) -> Result<Network, Problems> {
    let before = match last {
        Some(state) => state.cluster.network.clone(),
        None => defaults(images, file)?,
    };
    let written = Written::of(documents)?;
    let wanted = Network {
        pods: one("the pod network", declared.pods, written.pods)?.unwrap_or(before.pods),
        services: one("the Service network", declared.services, written.services)?.unwrap_or(before.services),
        vip: declared.vip.unwrap_or(before.vip),
        dns_domain: one("the DNS domain", declared.dns_domain.clone(), written.dns_domain)?
            .unwrap_or_else(|| before.dns_domain.clone()),
    };
    if last.is_some_and(|state| state.authority.is_some()) && wanted != before {
        return Err(Problem::new(Class::Refused, "a cluster's networks cannot be changed once it is made")
            .saw(format!("it has {}", told(&before)))
            .saw(format!("wanted are {}", told(&wanted)))
            .remedy("leave --pod-cidr, --service-cidr and --vip out, and the same fields of a Clusterfile")
            .into());
    }
    Ok(wanted)
}

/// Returns the networks as far as they are known without any document for kubeadm.
pub(super) fn assumed(
    declared: &DeclaredNetwork,
    last: Option<&State>,
    images: &[ImageContract],
) -> Result<Network> {
    let before = last.map_or_else(|| defaults(images, None), |state| Ok(state.cluster.network.clone()))?;
    Ok(Network {
        pods: declared.pods.unwrap_or(before.pods),
        services: declared.services.unwrap_or(before.services),
        vip: declared.vip.unwrap_or(before.vip),
        dns_domain: declared.dns_domain.clone().unwrap_or(before.dns_domain),
    })
}

/// Networks as a ClusterConfiguration has them.
#[derive(Default)]
struct Written {
    pods: Option<Located<IpNet>>,
    services: Option<Located<IpNet>>,
    dns_domain: Option<Located<String>>,
}

/// A value with where it stands.
struct Located<T> {
    value: T,
    place: String,
}

impl Written {
    fn of(documents: &[ComponentDocument]) -> Result<Self> {
        let Some(document) = documents.iter().find(|document| document.kind == "ClusterConfiguration") else {
            return Ok(Self::default());
        };
        let range = |name| range(document, &format!("/networking/{name}"));
        let domain = "/networking/dnsDomain";
        Ok(Self {
            pods: range("podSubnet")?,
            services: range("serviceSubnet")?,
            dns_domain: document
                .text(domain)
                .map(|value| Located { value: value.to_owned(), place: place(document, domain) }),
        })
    }
}

fn range(document: &ComponentDocument, pointer: &str) -> Result<Option<Located<IpNet>>> {
    let Some(text) = document.text(pointer) else { return Ok(None) };
    let place = place(document, pointer);
    if let Some((first, _)) = text.split_once(',') {
        return Err(Problem::new(
            Class::Config,
            format!("{place}: `{text}` is a network of both address families, and clusters are made of one"),
        )
        .remedy(format!("write the one that the machines are reached in, such as {first}")));
    }
    let value = text.parse().problem_with(Class::Config, || format!("{place}: `{text}` is no network"));
    let value = value.map_err(|problem| problem.remedy("write it as 100.64.0.0/10"))?;
    Ok(Some(Located { value, place }))
}

fn place(document: &ComponentDocument, pointer: &str) -> String {
    document.places.of(pointer).map_or_else(|| format!("the {}", document.kind), str::to_owned)
}

/// Takes what one of two places says, or both say alike.
fn one<T: PartialEq + Display>(
    what: &str,
    declared: Option<T>,
    written: Option<Located<T>>,
) -> Result<Option<T>> {
    match (declared, written) {
        (Some(declared), Some(Located { value, place })) if declared != value => {
            let message =
                format!("{place}: {what} is {value} here, and {declared} in the cluster's own document");
            Err(Problem::new(Class::Config, message).remedy("say it in one of them"))
        }
        (declared, written) => Ok(declared.or(written.map(|written| written.value))),
    }
}

fn defaults(images: &[ImageContract], file: Option<&str>) -> Result<Network> {
    let network =
        |text: &str| text.parse::<IpNet>().problem(Class::Internal, "a built-in network cannot be read");
    let vip = || VIP.parse::<IpAddr>().problem(Class::Internal, "a built-in address cannot be read");
    let of_image = Written::of(&of_images(file)?)?;
    Ok(Network {
        pods: of_image.pods.map_or_else(|| network(PODS), |pods| Ok(pods.value))?,
        services: of_image.services.map_or_else(|| network(SERVICES), |services| Ok(services.value))?,
        vip: images.iter().find_map(|image| image.vip).map_or_else(vip, Ok)?,
        dns_domain: of_image.dns_domain.map_or_else(|| DNS_DOMAIN.to_owned(), |domain| domain.value),
    })
}

/// Returns the documents of the `etc/kubeadm.yml` that the images bring.
fn of_images(file: Option<&str>) -> Result<Vec<ComponentDocument>> {
    const FILE: &str = "the image's etc/kubeadm.yml";
    let Some(text) = file else { return Ok(vec![]) };
    let documents = yaml::documents(FILE, text)?.into_iter().map(|content| {
        let word = |key| content.get(key).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
        let (api_version, kind) = (word("apiVersion"), word("kind"));
        let places = std::iter::once((String::new(), FILE.to_owned())).collect();
        ComponentDocument { api_version, kind, content, places }
    });
    Ok(documents.collect())
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
        let network = network(&declared, &[], None, &[], None).unwrap();
        assert_eq!(
            told(&network),
            "pods 100.64.0.0/10, Services 10.96.0.0/22, virtual address 10.9.9.9, DNS domain cluster.local"
        );
    }

    #[test]
    fn a_document_for_kubeadm_says_what_the_networks_are() {
        let written = |pods: &str| ComponentDocument {
            api_version: "kubeadm.k8s.io/v1beta3".to_owned(),
            kind: "ClusterConfiguration".to_owned(),
            content: serde_json::json!({"networking": {"podSubnet": pods, "dnsDomain": "a.b"}}),
            places: std::iter::once(("/networking/podSubnet".to_owned(), "f:3:5".to_owned())).collect(),
        };
        let of =
            |pods: &str, declared: &DeclaredNetwork| network(declared, &[written(pods)], None, &[], None);
        let nothing = DeclaredNetwork::default();
        let found = of("10.160.0.0/12", &nothing).unwrap();
        assert_eq!(
            (found.pods.to_string(), found.dns_domain),
            ("10.160.0.0/12".to_owned(), "a.b".to_owned())
        );
        let other = DeclaredNetwork { pods: Some("10.0.0.0/8".parse().unwrap()), ..nothing.clone() };
        for (pods, declared) in
            [("10.160.0.0/12", &other), ("fd00::/64,10.0.0.0/8", &nothing), ("ten", &nothing)]
        {
            let problems = of(pods, declared).unwrap_err();
            assert!(problems.list()[0].message.starts_with("f:3:5: "), "{problems}");
        }
    }
}
