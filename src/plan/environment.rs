//! The variables that an image's templates, scripts and commands see on a machine.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::desired::{Desired, RESERVED};
use crate::kubeadm;
use crate::model::{
    Environment, ImageContract, ImageName, ImageWishes, MachineFacts, MachineSpec, Network, RegistryStyle,
    Role, base_images,
};

/// Returns the variables of a machine: images < what sealift knows < the operator's for all < the operator's for one of the
/// images < the machine's own < credentials.
///
/// Names follow the sealos contract, so that unmodified images find what they look for.
pub fn of_machine(desired: &Desired, machine: &MachineSpec, facts: &MachineFacts) -> Environment {
    let mut environment = Environment::new();
    for image in desired.base_images() {
        environment.extend(image.environment.clone());
    }
    environment.extend(known(desired));
    environment.insert("HostIP".to_owned(), machine.address.to_string());
    if desired.registry_style() == RegistryStyle::Container {
        environment.extend(of_sealer(desired));
        let family = if machine.address.is_ipv6() { "6" } else { "4" };
        environment.insert("HostIPFamily".to_owned(), family.to_owned());
    }
    environment.insert("cgroupDriver".to_owned(), kubeadm::cgroup_driver(facts.control_groups).to_owned());
    environment.insert("restrictOOMScoreAdj".to_owned(), (!facts.may_lower_oom_score).to_string());
    let mode = match machine.role {
        Role::ControlPlane => "master",
        Role::Worker => "node",
    };
    environment.insert("SEALOS_SYS_RUN_MODE".to_owned(), mode.to_owned());
    let of_images = desired.base_images().filter_map(|image| wished(desired, image));
    finish(environment, desired, of_images.chain([&machine.environment]))
}

/// Returns the variables of a template that stands in place of `etc/kubeadm.yml`: those that are alike on all machines, since it
/// says what the cluster is.
pub fn of_kubeadm_file(
    images: &[ImageContract],
    cluster: &str,
    network: &Network,
    operators: &Environment,
    wishes: &BTreeMap<ImageName, ImageWishes>,
) -> Environment {
    let base = base_images(images);
    let mut environment: Environment = base.clone().flat_map(|image| image.environment.clone()).collect();
    environment.extend(named(cluster, network));
    if let Some(version) = base.clone().find_map(|image| image.version.as_ref()) {
        environment.insert("SEALOS_SYS_KUBE_VERSION".to_owned(), version.to_string());
    }
    let of_images = base.filter_map(|image| wishes.get(&image.name)).flat_map(|wishes| &wishes.environment);
    let own = operators.iter().chain(of_images).filter(|(name, _)| !name.starts_with(RESERVED));
    environment.extend(own.map(|(name, value)| (name.clone(), value.clone())));
    environment
}

/// Returns the variables of an application's templates and commands.
pub fn of_application(desired: &Desired, image: &ImageContract) -> Environment {
    let mut environment = known(desired);
    let system: Environment =
        environment.clone().into_iter().filter(|(name, _)| name.starts_with(RESERVED)).collect();
    environment.extend(image.environment.clone());
    environment.extend(system);
    if (!image.bundle.is_empty() || image.is_rootfs_of_sealer())
        && desired.registry_style() == RegistryStyle::Container
    {
        environment.extend(of_sealer(desired));
    }
    finish(environment, desired, wished(desired, image))
}

/// What the operator wants of one image.
fn wished<'a>(desired: &'a Desired, image: &ImageContract) -> Option<&'a Environment> {
    desired.cluster.wishes.get(&image.name).map(|wishes| &wishes.environment)
}

/// What sealift knows of the cluster.
fn known(desired: &Desired) -> Environment {
    let mut environment = named(&desired.cluster.name, &desired.cluster.network);
    if let Some(interface) = &desired.cluster.interface {
        environment.insert("interface".to_owned(), interface.clone());
        environment.insert("Interface".to_owned(), interface.clone());
    }
    if let Ok(version) = desired.version() {
        environment.insert("SEALOS_SYS_KUBE_VERSION".to_owned(), version.to_string());
    }
    environment
}

/// The cluster's name and networks.
fn named(cluster: &str, network: &Network) -> Environment {
    Environment::from([
        ("podCIDR".to_owned(), network.pods.to_string()),
        ("serviceCIDR".to_owned(), network.services.to_string()),
        ("PodCIDR".to_owned(), network.pods.to_string()),
        ("SvcCIDR".to_owned(), network.services.to_string()),
        ("clusterName".to_owned(), cluster.to_owned()),
        ("defaultVIP".to_owned(), network.vip.to_string()),
    ])
}

/// What only the scripts, templates and applications of sealer's images ask for.
fn of_sealer(desired: &Desired) -> Environment {
    let network = &desired.cluster.network;
    // An operator who calls the registry otherwise need not know how sealer calls its name.
    let domain = desired.variable("registryDomain").unwrap_or_default();
    let port = desired.variable("registryPort").unwrap_or_default();
    let host = |number: u32| address_of(network.services.first(), number).map(|address| address.to_string());
    let known = [
        ("RegistryDomain", Some(domain.to_owned())),
        ("RegistryPort", Some(port.to_owned())),
        ("RegistryURL", Some(format!("{domain}:{port}"))),
        ("LocalRegistryDomain", Some(domain.to_owned())),
        ("LocalRegistryPort", Some(port.to_owned())),
        ("LocalRegistryURL", Some(format!("{domain}:{port}"))),
        (if network.vip.is_ipv6() { "IPvsVIPv6" } else { "IPvsVIPv4" }, Some(network.vip.to_string())),
        ("KubeSvcIP", host(1)),
        ("DNSSvcIP", host(10)),
    ];
    known.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// Returns an address of a network by its number, as Kubernetes counts: the first Service has number 1.
fn address_of(net: IpNet, number: u32) -> Option<IpAddr> {
    let address = match net.network() {
        IpAddr::V4(first) => IpAddr::V4(Ipv4Addr::from_bits(first.to_bits().checked_add(number)?)),
        IpAddr::V6(first) => IpAddr::V6(Ipv6Addr::from_bits(first.to_bits().checked_add(number.into())?)),
    };
    net.contains(&address).then_some(address)
}

/// Lays the operator's variables over, those for all under the others, and the registry's credentials, which are random
/// whatever an image says.
fn finish<'a>(
    mut environment: Environment,
    desired: &'a Desired,
    others: impl IntoIterator<Item = &'a Environment>,
) -> Environment {
    let own = std::iter::once(&desired.cluster.environment).chain(others).flatten();
    let own = own.filter(|(name, _)| !name.starts_with(RESERVED));
    environment.extend(own.map(|(name, value)| (name.clone(), value.clone())));
    environment.insert("registryUsername".to_owned(), desired.registry.username.clone());
    environment.insert("registryPassword".to_owned(), desired.registry.password.clone());
    environment
}

/// Expands `$(NAME)`, `$NAME` and `${NAME}` in a command as the sealos contract has it; `$$` is a dollar sign
/// and an unknown name stays as `$(NAME)`.
pub fn command_line(text: &str, environment: &Environment) -> String {
    let mut line = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(dollar) = rest.find('$') {
        line.push_str(&rest[..dollar]);
        rest = &rest[dollar + 1..];
        let (name, length) = match rest.chars().next() {
            Some('$') => {
                line.push('$');
                rest = &rest[1..];
                continue;
            }
            Some('(') => enclosed(rest, ')'),
            Some('{') => enclosed(rest, '}'),
            _ => bare(rest),
        };
        match (name, environment.get(name)) {
            ("", _) => line.push('$'),
            (_, Some(value)) => line.push_str(value),
            (name, None) => {
                line.push_str("$(");
                line.push_str(name);
                line.push(')');
            }
        }
        rest = &rest[length..];
    }
    line.push_str(rest);
    line
}

/// Puts values in the place of `$(NAME)`, `$NAME` and `${NAME}` in a command and leaves everything else as it is, for
/// [`command_line`], which leaves the values as they are.
pub(super) fn with_arguments(text: &str, arguments: &Environment) -> String {
    let mut line = String::with_capacity(text.len());
    for piece in pieces(text) {
        match piece {
            Piece::Text(text) => line.push_str(text),
            Piece::Reference { name, written } => match arguments.get(name) {
                Some(value) => line.push_str(&value.replace('$', "$$")),
                None => line.push_str(written),
            },
        }
    }
    line
}

/// Tells whether a command refers to a variable.
pub(super) fn refers_to(text: &str, wanted: &str) -> bool {
    pieces(text).any(|piece| matches!(piece, Piece::Reference { name, .. } if name == wanted))
}

/// A part of a command.
enum Piece<'a> {
    /// Words of its own.
    Text(&'a str),
    /// A variable, with how it is written.
    Reference { name: &'a str, written: &'a str },
}

/// Takes a command apart; all pieces together are the command.
fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let after = rest.strip_prefix('$');
        let (name, length) = match after.map(|after| (after, after.chars().next())) {
            None => ("", rest.find('$').unwrap_or(rest.len())),
            Some((_, Some('$'))) => ("", 2),
            Some((after, Some('('))) => with_dollar(enclosed(after, ')')),
            Some((after, Some('{'))) => with_dollar(enclosed(after, '}')),
            Some((after, _)) => with_dollar(bare(after)),
        };
        let (piece, others) = rest.split_at(length);
        rest = others;
        Some(if name.is_empty() { Piece::Text(piece) } else { Piece::Reference { name, written: piece } })
    })
}

fn with_dollar((name, length): (&str, usize)) -> (&str, usize) {
    (name, length + 1)
}

/// Returns the name between the brackets that `text` begins with, and the length with them; no name is none.
fn enclosed(text: &str, close: char) -> (&str, usize) {
    match text.find(close) {
        Some(end) if is_name(&text[1..end]) => (&text[1..end], end + 1),
        _ => ("", 0),
    }
}

fn bare(text: &str) -> (&str, usize) {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    if is_name(&text[..end]) { (&text[..end], end) } else { ("", 0) }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::super::testing;
    use super::*;

    #[test]
    fn a_machines_own_variables_win_and_the_interface_reaches_applications() {
        let mut desired = testing::desired(1, 1);
        desired.cluster.environment.insert("criData".to_owned(), "/data".to_owned());
        desired.cluster.interface = Some("eth1".to_owned());
        let mut machine = desired.cluster.machines[1].clone();
        machine.environment = Environment::from(
            ["criData", "SEALOS_SYS_RUN_MODE"].map(|name| (name.to_owned(), "mine".to_owned())),
        );
        let environment = of_machine(&desired, &machine, &testing::fresh(&machine));
        assert_eq!(environment["criData"], "mine");
        assert_eq!(environment["SEALOS_SYS_RUN_MODE"], "node");
        let environment = of_application(&desired, &desired.images[1]);
        assert_eq!((&*environment["criData"], &*environment["interface"]), ("/data", "eth1"));
        assert_eq!(environment["podCIDR"], "100.64.0.0/10");
    }

    #[test]
    fn commands_are_expanded_as_the_contract_has_it() {
        let environment = Environment::from([
            ("NAME".to_owned(), "calico".to_owned()),
            ("OPTS".to_owned(), "--set a=b".to_owned()),
        ]);
        for (text, want) in [
            ("helm upgrade -i $(NAME) charts/x $(OPTS)", "helm upgrade -i calico charts/x --set a=b"),
            ("echo $NAME ${NAME}s $NAME.", "echo calico calicos calico."),
            ("echo $(MISSING) $MISSING ${MISSING}", "echo $(MISSING) $(MISSING) $(MISSING)"),
            ("kill $$ $$NAME", "kill $ $NAME"),
            ("cost 5$ and $(date +%s) ${X:-y}", "cost 5$ and $(date +%s) ${X:-y}"),
        ] {
            assert_eq!(command_line(text, &environment), want, "{text}");
        }
    }

    #[test]
    fn arguments_take_their_place_and_leave_the_rest_for_later() {
        let arguments =
            [("SIZE", "2"), ("PRICE", "5$NAME"), ("EMPTY", "")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        let (arguments, environment) = (
            Environment::from(arguments),
            Environment::from([("NAME".to_owned(), "web".to_owned()), ("SIZE".to_owned(), "1".to_owned())]),
        );
        for (text, line, run) in [
            ("scale $NAME $(SIZE) ${SIZE}x $SIZE.", "scale $NAME 2 2x 2.", "scale web 2 2x 2."),
            ("pay $PRICE", "pay 5$$NAME", "pay 5$NAME"),
            ("kill $$SIZE $$ $", "kill $$SIZE $$ $", "kill $SIZE $ $"),
            (
                "[$EMPTY] ${X:-y} $(date +%s) $(SIZE",
                "[] ${X:-y} $(date +%s) $(SIZE",
                "[] ${X:-y} $(date +%s) $(SIZE",
            ),
        ] {
            let put = with_arguments(text, &arguments);
            assert_eq!((&*put, &*command_line(&put, &environment)), (line, run), "{text}");
        }
        assert!(refers_to("a ${SIZE}", "SIZE") && !refers_to("a $$SIZE $SIZES", "SIZE"));
    }
}
