//! The Docker network of a cluster: found, made where nothing else is, and removed.

use bollard::models::{
    EndpointIpamConfig, EndpointSettings, Ipam, IpamConfig, Network, NetworkConnectRequest,
    NetworkCreateRequest,
};
use bollard::query_parameters::{ListNetworksOptions, ListNetworksOptionsBuilder};
use ipnet::{IpNet, Ipv4Net};

use super::engine::{Engine, if_there, refused, status, words};
use super::names::{CLUSTER_LABEL, ClusterName, Place};
use super::subnet;
use crate::error::{Class, Problem, Result};

/// Returns the addresses of the cluster's network; `None` is a network that does not exist.
pub(super) async fn find(engine: &Engine, cluster: &ClusterName) -> Result<Option<Ipv4Net>> {
    find_among(&list(engine, None).await?, cluster)
}

fn find_among(networks: &[Network], cluster: &ClusterName) -> Result<Option<Ipv4Net>> {
    let Some(network) = of_name(networks, cluster).next() else { return Ok(None) };
    let name = cluster.network();
    if !is_of(network, cluster) {
        return Err(Problem::new(Class::Refused, format!("the Docker network {name} is not sealift's"))
            .remedy("give the cluster another name, or remove that network"));
    }
    match addresses(network).find_map(|net| if let IpNet::V4(net) = net { Some(net) } else { None }) {
        Some(net) => Ok(Some(net)),
        None => Err(Problem::new(Class::Machine, format!("the Docker network {name} has no IPv4 addresses"))
            .remedy(format!("remove it: docker network rm {name}"))),
    }
}

/// Makes the cluster's network where neither a Docker network nor any of `taken` is; one that was made meanwhile is
/// taken as it is.
pub(super) async fn make(engine: &Engine, cluster: &ClusterName, taken: &[IpNet]) -> Result<Ipv4Net> {
    let mut taken = taken.to_vec();
    loop {
        // One list answers both questions: who adds this network after it was made chooses the same addresses, and
        // the engine refuses one of the two.
        let networks = list(engine, None).await?;
        if let Some(network) = find_among(&networks, cluster)? {
            return Ok(network);
        }
        let all: Vec<IpNet> = networks.iter().flat_map(addresses).chain(taken.iter().copied()).collect();
        let Some(chosen) = subnet::free(&all) else { return Err(no_room(&all)) };
        match engine.docker.create_network(request(cluster, chosen)).await {
            Ok(made) if is_only_one(engine, cluster).await? => {
                tracing::debug!(network = made.id, %chosen, "made a network");
                return Ok(chosen);
            }
            Ok(made) => remove_one(engine, &made.id, &cluster.network()).await?,
            // Somebody was faster, or the engine knows of a network that it does not list.
            Err(error) if words(&error).contains("overlap") => {
                if find(engine, cluster).await?.is_none() {
                    taken.push(IpNet::V4(chosen));
                }
            }
            Err(error) if status(&error) == Some(409) => {}
            Err(error) => return Err(refused(format!("make the network {}", cluster.network()))(error)),
        }
    }
}

/// Returns where a network would be made now.
pub(super) async fn first_free(engine: &Engine, taken: &[IpNet]) -> Result<Ipv4Net> {
    let networks = list(engine, None).await?;
    let all: Vec<IpNet> = networks.iter().flat_map(addresses).chain(taken.iter().copied()).collect();
    subnet::free(&all).ok_or_else(|| no_room(&all))
}

/// Engines before version 25 let two networks have one name, and then find neither by it.
async fn is_only_one(engine: &Engine, cluster: &ClusterName) -> Result<bool> {
    Ok(of_name(&list(engine, None).await?, cluster).count() == 1)
}

fn of_name<'a>(
    networks: &'a [Network],
    cluster: &ClusterName,
) -> impl Iterator<Item = &'a Network> + use<'a> {
    let name = cluster.network();
    networks.iter().filter(move |network| network.name.as_deref() == Some(&name))
}

/// Makes the cluster's network again with the addresses that its containers were made for.
pub(super) async fn restore(engine: &Engine, cluster: &ClusterName, addresses: Ipv4Net) -> Result<Ipv4Net> {
    let name = cluster.network();
    if let Err(error) = engine.docker.create_network(request(cluster, addresses)).await {
        return find(engine, cluster).await?.ok_or_else(|| {
            refused(format!("make the network {name} again with {addresses}"))(error)
                .remedy("remove the Docker network that has these addresses now, or remove the cluster")
        });
    }
    Ok(addresses)
}

/// Connects a container to the cluster's network at the address of its place, as it was when it was made.
pub(super) async fn connect(engine: &Engine, cluster: &ClusterName, place: Place) -> Result<()> {
    let name = cluster.network();
    let Some(network) = find(engine, cluster).await? else {
        return Err(Problem::new(Class::Machine, format!("the Docker network {name} is gone"))
            .remedy("run the same command again: it makes the network anew"));
    };
    let request = NetworkConnectRequest {
        container: place.container(cluster),
        endpoint_config: Some(endpoint(cluster, place, network)),
    };
    let connected = engine.docker.connect_network(&name, request).await;
    connected.map_err(refused(format!("connect the container to the network {name}")))
}

/// What makes a container reachable at its place: its address, and its host name for the others.
pub(super) fn endpoint(cluster: &ClusterName, place: Place, network: Ipv4Net) -> EndpointSettings {
    EndpointSettings {
        ipam_config: Some(EndpointIpamConfig {
            ipv4_address: Some(place.address(network).to_string()),
            ..Default::default()
        }),
        aliases: Some(vec![place.hostname(cluster)]),
        ..Default::default()
    }
}

/// A bridge whose gateway is .1. What Docker hands out by itself to containers that are not machines comes from the
/// end, where no machine's address is.
fn request(cluster: &ClusterName, chosen: Ipv4Net) -> NetworkCreateRequest {
    let at = |last: u32| std::net::Ipv4Addr::from_bits(chosen.network().to_bits() + last);
    NetworkCreateRequest {
        name: cluster.network(),
        driver: Some("bridge".to_owned()),
        labels: Some(cluster.labels()),
        ipam: Some(Ipam {
            config: Some(vec![IpamConfig {
                subnet: Some(chosen.to_string()),
                gateway: Some(at(1).to_string()),
                ip_range: Some(format!("{}/29", at(248))),
                ..Default::default()
            }]),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// Removes the cluster's networks.
pub(super) async fn remove(engine: &Engine, cluster: &ClusterName) -> Result<()> {
    let filter = ListNetworksOptionsBuilder::default().filters(&cluster.filter()).build();
    for network in list(engine, Some(filter)).await? {
        if let Network { id: Some(id), name: Some(name), .. } = network {
            remove_one(engine, &id, &name).await?;
        }
    }
    Ok(())
}

async fn remove_one(engine: &Engine, id: &str, name: &str) -> Result<()> {
    if_there(engine.docker.remove_network(id).await).map(|_| ()).map_err(|error| {
        refused(format!("remove the network {name}"))(error)
            .remedy(format!("see what else is connected to it: docker network inspect {name}"))
    })
}

async fn list(engine: &Engine, filter: Option<ListNetworksOptions>) -> Result<Vec<Network>> {
    engine.docker.list_networks(filter).await.map_err(refused("list its networks"))
}

/// Returns the names of all clusters that have a network.
pub(super) async fn clusters(engine: &Engine) -> Result<Vec<String>> {
    let networks = list(engine, None).await?;
    Ok(networks.into_iter().filter_map(|network| network.labels?.remove(CLUSTER_LABEL)).collect())
}

fn is_of(network: &Network, cluster: &ClusterName) -> bool {
    let label = network.labels.as_ref().and_then(|labels| labels.get(CLUSTER_LABEL));
    label.is_some_and(|label| label == cluster.as_str())
}

fn addresses(network: &Network) -> impl Iterator<Item = IpNet> + use<'_> {
    let configs = network.ipam.iter().filter_map(|ipam| ipam.config.as_ref()).flatten();
    configs.filter_map(|config| config.subnet.as_deref()?.parse().ok())
}

fn no_room(taken: &[IpNet]) -> Problem {
    let problem = Problem::new(Class::Config, "there is no free network of addresses for the machines")
        .remedy("remove Docker networks that are not used: docker network prune")
        .remedy("choose narrower pod and Service networks, or disconnect a VPN that routes them");
    taken.iter().filter(|net| net.prefix_len() <= 16).fold(problem, Problem::saw)
}
