//! The cluster's networks: what is declared, else what they were, else what images ask for, else what the family uses.

use std::fmt::Display;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::error::{Class, Context as _, Problem, Problems, Result};
use crate::kubeadm::{self, NodeMasks};
use crate::model::network_rules::{self, Breach};
use crate::model::{
    ComponentDocument, DeclaredMachine, DeclaredNetwork, Family, ImageContract, KubernetesVersion, Network,
    Subnets,
};
use crate::steps::State;
use crate::yaml;

/// Networks that the family uses where nobody says otherwise; kubeadm's own service range holds the virtual address.
const PODS: &str = "100.64.0.0/10";
const SERVICES: &str = "10.96.0.0/22";
const VIP: &str = "10.103.97.2";
/// The same in IPv6, of addresses that are nobody's on the Internet.
const PODS_6: &str = "fd00:100:64::/48";
const SERVICES_6: &str = "fd00:10:96::/112";
const VIP_6: &str = "fd00:10:103:97::2";
const DNS_DOMAIN: &str = "cluster.local";

/// What decides on networks beside what is declared of them.
#[derive(Clone, Copy)]
pub(super) struct Around<'a> {
    /// The operator's documents for components of Kubernetes.
    pub(super) documents: &'a [ComponentDocument],
    /// What was kept of the cluster the last time.
    pub(super) last: Option<&'a State>,
    /// The cluster's images.
    pub(super) images: &'a [ImageContract],
    /// The family of the machines' addresses, where they say it.
    pub(super) machines: Option<Family>,
    /// The machines that are listed; those that sealift makes are not.
    pub(super) given: &'a [DeclaredMachine],
}

/// Fills in what is not declared. A cluster that is made keeps its networks. `file` is the images' `etc/kubeadm.yml`.
pub(super) fn network(
    declared: &DeclaredNetwork,
    around: Around<'_>,
    file: Option<&str>,
) -> Result<Network, Problems> {
    let written = Written::of(around.documents)?;
    let families = Families::of(declared, &written, around.machines);
    let before = match around.last {
        Some(state) => state.cluster.network.clone(),
        None => defaults(families, around.images, file)?,
    };
    let of_images = of_images(file)?;
    let masks = NodeMasks::of(of_images.iter().chain(around.documents));
    let pods_place = written.pods.as_ref().map(|pods| pods.place.clone());
    let services_place = written.services.as_ref().map(|services| services.place.clone());
    let wanted = Network {
        pods: one("the pod network", declared.pods, written.pods)?.unwrap_or(before.pods),
        services: one("the Service network", declared.services, written.services)?.unwrap_or(before.services),
        vip: declared.vip.unwrap_or(before.vip),
        dns_domain: one("the DNS domain", declared.dns_domain.clone(), written.dns_domain)?
            .unwrap_or_else(|| before.dns_domain.clone()),
    };
    if around.last.is_some_and(|state| state.authority.is_some()) {
        if wanted != before {
            return Err(Problem::new(
                Class::Refused,
                "a cluster's networks cannot be changed once it is made",
            )
            .saw(format!("it has {}", told(&before)))
            .saw(format!("wanted are {}", told(&wanted)))
            .remedy("leave --pod-cidr, --service-cidr and --vip out, and the same fields of a Clusterfile")
            .into());
        }
        // What has stood so since sealift did not look at it stands in the way of nothing.
        let before = around.last.map_or(0, |state| state.cluster.machines.len());
        let new = around.given.iter().filter(|machine| !is_kept(machine, around.last));
        let mut found = named_in_vain(&wanted, new);
        if around.given.len() > before {
            found.extend(too_few_pieces(&wanted, None, &masks, around.given.len()));
        }
        Problems::check(found)?;
        return Ok(wanted);
    }
    let places = Standing {
        pods: pods_place.or_else(|| declared.places.of("/pods").map(str::to_owned)),
        services: services_place.or_else(|| declared.places.of("/services").map(str::to_owned)),
    };
    Problems::check(breaches(&wanted, &places, &masks, around))?;
    Ok(wanted)
}

/// Where networks stand, as far as they stand somewhere.
struct Standing {
    pods: Option<String>,
    services: Option<String>,
}

/// Finds what Kubernetes does not take, of this version or of any.
fn breaches(network: &Network, places: &Standing, masks: &NodeMasks, around: Around<'_>) -> Vec<Problem> {
    let mut found = too_few_pieces(network, places.pods.as_ref(), masks, around.given.len());
    found.extend(named_in_vain(network, around.given));
    let pods = network.pods.each().filter_map(|net| network_rules::of_pods(&net, masks.of_net(&net)?));
    found.extend(pods.map(|breach| problem(places.pods.as_ref(), breach)));
    let services = network_rules::of_services(&network.services);
    found.extend(services.into_iter().map(|breach| problem(places.services.as_ref(), breach)));
    let both = network_rules::of_both(&network.pods, &network.services);
    let both_place = places.services.clone().or_else(|| places.pods.clone());
    found.extend(both.map(|breach| problem(both_place.as_ref(), breach)));
    if let Some(family) = around.machines.filter(|family| *family != network.services.family()) {
        let (name, written) = ("the Services' network", network.services);
        let message =
            format!("{name} {written} begins with another address family than the machines', {family}");
        let remedy = format!("write one of {family}, or one of each family with that of {family} first");
        found.push(problem(places.services.as_ref().or(places.pods.as_ref()), Breach { message, remedy }));
    }
    if Family::of(network.vip) != network.services.family() {
        let message = format!(
            "the virtual address {} is of another address family than the Services' network {}",
            network.vip, network.services
        );
        let remedy = "choose it of the family of the machines' addresses".to_owned();
        found.push(problem(None, Breach { message, remedy }));
    }
    let version = around.images.iter().find_map(|image| image.version.as_ref());
    if let Some(breach) = version.and_then(|version| too_old(network, version)) {
        found.push(problem(places.pods.as_ref(), breach));
    }
    found
}

/// Whether a machine was in the cluster the last time, by no fewer addresses.
fn is_kept(machine: &DeclaredMachine, last: Option<&State>) -> bool {
    let mut before = last.iter().flat_map(|state| &state.cluster.machines);
    let second = machine.second_address;
    before.any(|old| old.ssh == machine.ssh && (second.is_none() || old.second_address == second))
}

fn problem(place: Option<&String>, Breach { message, remedy }: Breach) -> Problem {
    let message = place.map_or_else(|| message.clone(), |place| format!("{place}: {message}"));
    Problem::new(Class::Config, message).remedy(remedy)
}

/// Finds pods' networks that have no piece for each of so many machines.
fn too_few_pieces(
    network: &Network,
    place: Option<&String>,
    masks: &NodeMasks,
    machines: usize,
) -> Vec<Problem> {
    let few = |net: IpNet| network_rules::of_pods_of(&net, masks.of_net(&net)?, machines);
    network.pods.each().filter_map(few).map(|breach| problem(place, breach)).collect()
}

/// Finds machines that are named by two addresses where pods have one family alone.
fn named_in_vain<'a>(
    network: &Network,
    machines: impl IntoIterator<Item = &'a DeclaredMachine>,
) -> Vec<Problem> {
    let one_family = network.pods.second().is_none();
    let with_two = machines.into_iter().filter(|_| one_family);
    let with_two = with_two.filter_map(|machine| Some((machine, machine.second_address?)));
    let in_vain = with_two.map(|(machine, address)| {
        let message = format!(
            "the machine has a second address, {address}, and pods have {} alone",
            network.pods.family()
        );
        Problem::new(Class::Config, message)
            .on(&machine.ssh)
            .saw(format!("the pods' network is {}", network.pods))
            .remedy("leave it out, or give pods and Services a network of each address family")
    });
    in_vain.collect()
}

/// Both families as Kubernetes has them now came with v1.20: what older ones have is an attempt that was given up.
fn too_old(network: &Network, version: &KubernetesVersion) -> Option<Breach> {
    let since = kubeadm::BOTH_FAMILIES_SINCE;
    (network.pods.second().is_some() && version.minor() < since).then(|| Breach {
        message: format!(
            "pods are to have addresses of both families, {}, and Kubernetes {version} has for that only an attempt that v1.{since} gave up",
            network.pods
        ),
        remedy: format!("keep one family, or use an image of Kubernetes v1.{since} or later"),
    })
}

/// Returns the networks as far as they are known without any document for kubeadm.
pub(super) fn assumed(declared: &DeclaredNetwork, around: Around<'_>) -> Result<Network> {
    let families = Families::of(declared, &Written::default(), around.machines);
    let before = around
        .last
        .map_or_else(|| defaults(families, around.images, None), |state| Ok(state.cluster.network.clone()))?;
    Ok(Network {
        pods: declared.pods.unwrap_or(before.pods),
        services: declared.services.unwrap_or(before.services),
        vip: declared.vip.unwrap_or(before.vip),
        dns_domain: declared.dns_domain.clone().unwrap_or(before.dns_domain),
    })
}

/// The families that the cluster's networks have, the one that it uses by itself first.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Families {
    first: Family,
    second: Option<Family>,
}

impl Families {
    /// Takes them from the networks that somebody wrote, else from the machines' addresses.
    fn of(declared: &DeclaredNetwork, written: &Written, machines: Option<Family>) -> Self {
        let value = |written: &Option<Located<Subnets>>| written.as_ref().map(|written| written.value);
        let pods = declared.pods.or(value(&written.pods));
        let services = declared.services.or(value(&written.services));
        let known = pods.or(services).map(|subnets| Self::of_subnets(&subnets));
        known.unwrap_or(Self { first: machines.unwrap_or(Family::V4), second: None })
    }

    fn of_subnets(subnets: &Subnets) -> Self {
        Self { first: subnets.family(), second: subnets.second().map(|_| subnets.family().other()) }
    }

    /// Chooses a network of each of the families.
    fn choose(self, four: &str, six: &str) -> Result<Subnets> {
        let of = |family| match family {
            Family::V4 => four,
            Family::V6 => six,
        };
        let text = match self.second {
            None => of(self.first).to_owned(),
            Some(second) => format!("{},{}", of(self.first), of(second)),
        };
        text.parse().problem(Class::Internal, "a built-in network cannot be read")
    }
}

/// Networks as a ClusterConfiguration has them.
#[derive(Default)]
struct Written {
    pods: Option<Located<Subnets>>,
    services: Option<Located<Subnets>>,
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

fn range(document: &ComponentDocument, pointer: &str) -> Result<Option<Located<Subnets>>> {
    let Some(text) = document.text(pointer) else { return Ok(None) };
    let place = place(document, pointer);
    let value = text.parse::<Subnets>().map_err(|problem| {
        let told = Problem::new(Class::Config, format!("{place}: {}", problem.message));
        problem.remedies.into_iter().fold(told, Problem::remedy)
    })?;
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

/// Returns the networks where nobody declares any. Images say them for clusters of one family: where they do not fit, the family's own
/// are taken.
fn defaults(families: Families, images: &[ImageContract], file: Option<&str>) -> Result<Network> {
    let vip = match families.first {
        Family::V4 => VIP,
        Family::V6 => VIP_6,
    };
    let vip = || vip.parse::<IpAddr>().problem(Class::Internal, "a built-in address cannot be read");
    let fits = |subnets: &Subnets| Families::of_subnets(subnets) == families;
    let Written { pods, services, dns_domain } = Written::of(&of_images(file)?)?;
    let of_image = |written: Option<Located<Subnets>>| written.map(|net| net.value).filter(fits);
    Ok(Network {
        pods: of_image(pods).map_or_else(|| families.choose(PODS, PODS_6), Ok)?,
        services: of_image(services).map_or_else(|| families.choose(SERVICES, SERVICES_6), Ok)?,
        vip: images
            .iter()
            .find_map(|image| image.vip)
            .filter(|vip| Family::of(*vip) == families.first)
            .map_or_else(vip, Ok)?,
        dns_domain: dns_domain.map_or_else(|| DNS_DOMAIN.to_owned(), |domain| domain.value),
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
    use crate::model::Role;

    const NOTHING: Around<'_> =
        Around { documents: &[], last: None, images: &[], machines: None, given: &[] };

    fn pods(text: &str) -> DeclaredNetwork {
        DeclaredNetwork { pods: Some(text.parse().unwrap()), ..DeclaredNetwork::default() }
    }

    #[test]
    fn what_is_declared_wins_over_defaults() {
        let declared =
            DeclaredNetwork { vip: Some("10.9.9.9".parse().unwrap()), ..DeclaredNetwork::default() };
        let network = network(&declared, NOTHING, None).unwrap();
        assert_eq!(
            told(&network),
            "pods 100.64.0.0/10, Services 10.96.0.0/22, virtual address 10.9.9.9, DNS domain cluster.local"
        );
    }

    #[test]
    fn what_nobody_declares_is_of_the_families_that_are_used() {
        let six = Around { machines: Some(Family::V6), ..NOTHING };
        for (declared, around, want) in [
            (DeclaredNetwork::default(), six, "fd00:100:64::/48 fd00:10:96::/112 fd00:10:103:97::2"),
            (pods("fd01::/48"), six, "fd01::/48 fd00:10:96::/112 fd00:10:103:97::2"),
            (
                pods("10.8.0.0/16,fd01::/48"),
                NOTHING,
                "10.8.0.0/16,fd01::/48 10.96.0.0/22,fd00:10:96::/112 10.103.97.2",
            ),
            (
                pods("fd01::/48,10.8.0.0/16"),
                six,
                "fd01::/48,10.8.0.0/16 fd00:10:96::/112,10.96.0.0/22 fd00:10:103:97::2",
            ),
        ] {
            // An image's own are for a family that may be another one.
            let file = "apiVersion: kubeadm.k8s.io/v1beta3\nkind: ClusterConfiguration\nnetworking: {podSubnet: 10.244.0.0/16}\n";
            let found = network(&declared, around, Some(file)).unwrap();
            assert_eq!(format!("{} {} {}", found.pods, found.services, found.vip), want);
        }
    }

    fn written(pods: &str) -> ComponentDocument {
        ComponentDocument {
            api_version: "kubeadm.k8s.io/v1beta3".to_owned(),
            kind: "ClusterConfiguration".to_owned(),
            content: serde_json::json!({"networking": {"podSubnet": pods, "dnsDomain": "a.b"}}),
            places: std::iter::once(("/networking/podSubnet".to_owned(), "f:3:5".to_owned())).collect(),
        }
    }

    #[test]
    fn a_document_for_kubeadm_says_what_the_networks_are() {
        let of = |pods: &str, declared: &DeclaredNetwork| {
            network(declared, Around { documents: &[written(pods)], ..NOTHING }, None)
        };
        let nothing = DeclaredNetwork::default();
        let found = of("10.160.0.0/12", &nothing).unwrap();
        assert_eq!(
            (found.pods.to_string(), found.dns_domain),
            ("10.160.0.0/12".to_owned(), "a.b".to_owned())
        );
        let both = of("10.160.0.0/12,fd01::/48", &nothing).unwrap();
        assert_eq!(both.services.to_string(), "10.96.0.0/22,fd00:10:96::/112");
        for (written, declared, want) in [
            ("10.160.0.0/12", &pods("10.0.0.0/8"), "f:3:5: the pod network is 10.160.0.0/12 here"),
            (
                "10.160.0.0/12,10.0.0.0/8",
                &nothing,
                "f:3:5: 10.160.0.0/12 and 10.0.0.0/8 are networks of one address family",
            ),
            ("ten", &nothing, "f:3:5: `ten` is no network"),
            ("10.0.0.0/26", &nothing, "f:3:5: the pods' network 10.0.0.0/26 is smaller than the /24"),
            (
                "10.160.0.0/12,fd01::/122",
                &nothing,
                "f:3:5: the pods' network fd01::/122 is smaller than the /120",
            ),
        ] {
            let problems = of(written, declared).unwrap_err();
            assert!(problems.list()[0].message.starts_with(want), "{problems}");
        }
    }

    #[test]
    fn pods_have_a_piece_for_each_machine_wherever_their_network_is_said() {
        let machines = machines(5);
        let masked = |argument: &str, value: &str| ComponentDocument {
            content: serde_json::json!({"controllerManager": {"extraArgs": {argument: value}}}),
            ..written("10.160.0.0/22")
        };
        let of = |documents: &[ComponentDocument], pods: &DeclaredNetwork, file: Option<&str>| {
            let around = Around { documents, given: &machines, ..NOTHING };
            let found = network(pods, around, file);
            found.map(|_| ()).map_err(|problems| problems.list()[0].message.clone())
        };
        let few = "the pods' network 10.160.0.0/22 has pieces of /24 for 4 machines, and there are 5";
        let (small, nothing) = (pods("10.160.0.0/22"), DeclaredNetwork::default());
        assert_eq!(of(&[], &small, None), Err(few.to_owned()));
        assert_eq!(of(&[written("10.160.0.0/22")], &nothing, None), Err(format!("f:3:5: {few}")));
        assert_eq!(of(&[masked("node-cidr-mask-size-ipv4", "26")], &small, None), Ok(()));
        assert_eq!(of(&[masked("allocate-node-cidrs", "false")], &small, None), Ok(()));
        let mut taken = masked("node-cidr-mask-size", "26");
        taken.content["controllerManager"]["extraArgs"]["node-cidr-mask-size"] = serde_json::Value::Null;
        let of_image = "apiVersion: kubeadm.k8s.io/v1beta3\nkind: ClusterConfiguration\ncontrollerManager: {extraArgs: {node-cidr-mask-size: \"26\"}}\n";
        assert_eq!(of(&[], &small, Some(of_image)), Ok(()));
        assert_eq!(
            of(&[taken], &small, Some(of_image)),
            Err(few.to_owned()),
            "`null` takes the image's away"
        );
    }

    #[test]
    fn a_second_address_is_not_dropped_in_silence() {
        let mut machines = machines(2);
        machines[1].second_address = Some("fd00::1".parse().unwrap());
        for (documents, declared) in [
            (vec![], DeclaredNetwork::default()),
            (vec![written("10.160.0.0/12")], DeclaredNetwork::default()),
        ] {
            let around = Around { documents: &documents, given: &machines, ..NOTHING };
            let problems = network(&declared, around, None).unwrap_err();
            let message = "the machine has a second address, fd00::1, and pods have IPv4 alone";
            assert_eq!(problems.list()[0].message, message);
        }
        let around = Around { given: &machines, ..NOTHING };
        assert!(network(&pods("10.8.0.0/16,fd01::/48"), around, None).is_ok());
    }

    fn machines(count: u8) -> Vec<DeclaredMachine> {
        let machine = |last| DeclaredMachine::new(format!("10.0.0.{last}").parse().unwrap(), Role::Worker);
        (1..=count).map(machine).collect()
    }

    #[test]
    fn both_families_are_refused_where_kubernetes_cannot_have_them() {
        let declared = DeclaredNetwork {
            places: std::iter::once(("/pods".to_owned(), "f:9:5".to_owned())).collect(),
            ..pods("10.8.0.0/16,fd01::/48")
        };
        let found = network(&declared, NOTHING, None).unwrap();
        let old = too_old(&found, &"v1.19.16".parse().unwrap()).unwrap();
        assert!(old.message.contains("Kubernetes v1.19.16 has for that only an attempt"), "{old:?}");
        assert_eq!(too_old(&found, &"v1.20.15".parse().unwrap()), None);
        let six = Around { machines: Some(Family::V6), ..NOTHING };
        let problems = network(&declared, six, None).unwrap_err();
        assert!(problems.list()[0].message.starts_with("f:9:5: the Services' network"), "{problems}");
    }
}
