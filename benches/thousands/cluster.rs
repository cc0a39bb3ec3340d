//! A cluster of thousands of machines, as its Clusterfile declares it and as its images bring it.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};

use anyhow::{Context as _, Result};
use sealift::model::{
    Arch, Bundle, Cluster, Compression, Declared, DeclaredMachines, Digest, Environment, ImageContract,
    ImageKind, LayerContent, LayerInfo, MachineSpec, Network, Scripts,
};
use sealift::plan::{Desired, Origin, RegistryAccess};

/// Control planes; all others are workers.
const CONTROL_PLANES: u32 = 3;

/// Returns a Clusterfile that names every machine on a line of its own.
pub(crate) fn clusterfile(machines: u32) -> String {
    let mut text = String::from(
        "apiVersion: sealift.io/v1\nkind: Cluster\nmetadata:\n  name: measured\nspec:\n  images:\n    - kubernetes:v1.36.3\n    \
         - calico:v3.30.3\n  ssh:\n    user: root\n  hosts:\n    - role: control-plane\n      addresses:\n",
    );
    for number in 0..machines {
        if number == CONTROL_PLANES {
            text.push_str("    - role: worker\n      labels:\n        rack: a1\n      addresses:\n");
        }
        let _ = writeln!(text, "        - {}", address(number));
    }
    text
}

fn address(number: u32) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 0, 0, 1)) + number)
}

/// Returns what is desired, of what was declared. All machines are named by addresses, and the images are these.
pub(crate) fn desired(declared: &Declared) -> Result<Desired> {
    let DeclaredMachines::Given(given) = &declared.machines else {
        anyhow::bail!("the Clusterfile names no machines");
    };
    let spec = |one: &sealift::model::DeclaredMachine| {
        let address = one.ssh.ip().context("a machine is not named by its address")?;
        let node = one.node.clone();
        anyhow::Ok(MachineSpec { node, ..MachineSpec::new(one.ssh.clone(), address, one.role) })
    };
    let images = vec![rootfs(), application()];
    Ok(Desired {
        cluster: Cluster {
            name: declared.name.clone(),
            images: images.iter().map(|image| image.name.clone()).collect(),
            machines: given.iter().map(spec).collect::<Result<_>>()?,
            environment: Environment::from([("criData".to_owned(), "/data/containerd".to_owned())]),
            command: None,
            arguments: Environment::new(),
            wishes: std::collections::BTreeMap::new(),
            hooks: vec![],
            network: Network {
                pods: "100.64.0.0/10".parse()?,
                services: "10.96.0.0/22".parse()?,
                vip: IpAddr::from([10, 103, 97, 2]),
                dns_domain: "cluster.local".to_owned(),
            },
            interface: None,
            host_aliases: vec![],
            certificate_names: vec![],
            registry: sealift::model::ClusterRegistry::default(),
            documents: vec![],
            configs: vec![],
        },
        images,
        registry: RegistryAccess {
            username: "sealift".to_owned(),
            password: "0123456789abcdef0123456789abcdef".to_owned(),
            authority: "-----BEGIN CERTIFICATE-----".repeat(40),
            authority_key: String::new(),
            former: None,
        },
        launch: "launch".to_owned(),
        leaving: vec![],
        parting: vec![],
        hook_places: [].into(),
        origin: Origin::Given,
        kubeadm_file: None,
        former: None,
    })
}

fn rootfs() -> ImageContract {
    let scripts = Scripts {
        init: "init-cri.sh && init.sh".to_owned(),
        clean: "clean.sh".to_owned(),
        check: "check.sh".to_owned(),
        init_registry: "init-registry.sh".to_owned(),
        clean_registry: "clean-registry.sh".to_owned(),
        init_cri: None,
        clean_cri: None,
    };
    ImageContract {
        name: "kubernetes:v1.36.3".to_owned(),
        manifest: Digest::of("kubernetes"),
        arch: Arch::Amd64,
        kind: ImageKind::Rootfs,
        version: "v1.36.3".parse().ok(),
        environment: variables(&["registryDomain", "registryPort", "criData", "sandboxImage", "defaultVIP"]),
        scripts,
        vip: None,
        commands: vec![],
        scripts_are_named: true,
        entrypoint_commands: 0,
        bundle: Bundle::default(),
        layers: (0..9).map(|number| layer("kubernetes", number)).collect(),
        pod_networks: vec![],
        kubeadm: None,
        configs: vec![],
    }
}

fn application() -> ImageContract {
    ImageContract {
        name: "calico:v3.30.3".to_owned(),
        manifest: Digest::of("calico"),
        kind: ImageKind::Application,
        version: None,
        environment: variables(&["NAME", "NAMESPACE"]),
        commands: vec!["helm upgrade -i $(NAME) charts/calico -n $(NAMESPACE)".to_owned()],
        layers: (0..3).map(|number| layer("calico", number)).collect(),
        pod_networks: vec!["calico".to_owned()],
        ..rootfs()
    }
}

fn variables(names: &[&str]) -> Environment {
    names.iter().map(|name| ((*name).to_owned(), format!("the image's {name}"))).collect()
}

fn layer(image: &str, number: u32) -> LayerInfo {
    LayerInfo {
        digest: Digest::of(format!("{image} {number} packed")),
        diff_id: Digest::of(format!("{image} {number}")),
        size: 30_000_000,
        unpacked_size: 90_000_000,
        files: 200,
        compression: Compression::Zstd,
        content: if number == 2 { LayerContent::Registry } else { LayerContent::Files },
    }
}
