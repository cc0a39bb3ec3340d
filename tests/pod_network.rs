//! What sealift's own flannel image says to flannel and to the plugins of a node, of networks of one family and of both.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use sealift::{template, yaml};
use serde_json::{Value, json};

/// Renders the image's manifest and returns its ConfigMap's data and flannel's arguments.
fn rendered(pods: &str, interface: Option<&str>) -> (Value, Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("images/flannel/manifests/kube-flannel.yaml.tmpl");
    let source = std::fs::read_to_string(path).unwrap();
    let mut variables = BTreeMap::from([("podCIDR".to_owned(), pods.to_owned())]);
    variables.extend(interface.map(|name| ("interface".to_owned(), name.to_owned())));
    let text = template::render("kube-flannel.yaml.tmpl", &source, &variables).unwrap();
    let documents = yaml::documents("kube-flannel.yaml", &text).unwrap();
    let of = |kind: &str| documents.iter().find(|document| document["kind"] == kind).unwrap();
    (of("ConfigMap")["data"].clone(), of("DaemonSet")["spec"]["template"]["spec"]["containers"][0].clone())
}

/// Returns the list of plugins that a node's script writes, once flannel has written down which pieces of the networks it has.
fn list_of_plugins(script: &str, pieces: &str) -> Value {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("subnet.env");
    std::fs::write(&file, pieces).unwrap();
    let script = script.replace("/run/flannel/subnet.env", file.to_str().unwrap());
    let ended = Command::new("sh").args(["-euc", &script]).output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    serde_json::from_slice(&ended.stdout).unwrap()
}

#[test]
fn flannel_is_told_the_networks_of_every_family() {
    let backend = json!({"Type": "vxlan"});
    for (pods, want) in [
        ("10.244.0.0/16", json!({"Network": "10.244.0.0/16"})),
        ("fd01::/48", json!({"EnableIPv4": false, "EnableIPv6": true, "IPv6Network": "fd01::/48"})),
        (
            "10.244.0.0/16,fd01::/48",
            json!({"Network": "10.244.0.0/16", "EnableIPv6": true, "IPv6Network": "fd01::/48"}),
        ),
        (
            "fd01::/48,10.244.0.0/16",
            json!({"Network": "10.244.0.0/16", "EnableIPv6": true, "IPv6Network": "fd01::/48"}),
        ),
    ] {
        let (data, _) = rendered(pods, None);
        let mut told: Value = serde_json::from_str(data["net-conf.json"].as_str().unwrap()).unwrap();
        let told = told.as_object_mut().unwrap();
        assert_eq!(told.remove("Backend"), Some(backend.clone()), "{pods}");
        assert_eq!(told.remove("EnableNFTables"), Some(json!(true)), "{pods}");
        assert_eq!(Value::from(told.clone()), want, "{pods}");
        assert_eq!(data["10-flannel.conflist"].is_null(), pods.contains(':'), "{pods}");
    }
}

#[test]
fn flannel_looks_for_the_interface_by_the_nodes_address_in_whatever_family() {
    let public = json!("--public-ipv6=$(NODE_ADDRESS)");
    for (pods, interface, asks_for_public) in [
        ("10.244.0.0/16", None, false),
        ("fd01::/48", None, false),
        ("10.244.0.0/16,fd01::/48", None, false),
        ("fd01::/48,10.244.0.0/16", None, true),
        ("fd01::/48,10.244.0.0/16", Some("eth1"), false),
    ] {
        let (_, flannel) = rendered(pods, interface);
        let arguments = flannel["args"].as_array().unwrap();
        let by = json!(format!("--iface={}", interface.unwrap_or("$(NODE_ADDRESS)")));
        assert!(arguments.contains(&by), "{pods}: {arguments:?}");
        assert_eq!(arguments.contains(&public), asks_for_public, "{pods}: {arguments:?}");
    }
}

#[test]
fn pods_get_addresses_of_their_nodes_pieces_in_the_order_of_the_networks() {
    let six = "FLANNEL_IPV6_NETWORK=fd01::/48\nFLANNEL_IPV6_SUBNET=fd01:0:0:a::1/64\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n";
    let four = "FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.7.129/25\n";
    let small = "FLANNEL_IPV6_SUBNET=fd01::a101/120\nFLANNEL_MTU=1450\n";
    for (pods, pieces, want) in [
        ("10.244.0.0/16,fd01::/48", [four, six].concat(), vec!["10.244.7.128/25", "fd01:0:0:a::0/64"]),
        ("fd01::/48,10.244.0.0/16", [four, six].concat(), vec!["fd01:0:0:a::0/64", "10.244.7.128/25"]),
        ("fd01::/48", six.to_owned(), vec!["fd01:0:0:a::0/64"]),
        ("fd01::/108", small.to_owned(), vec!["fd01::a100/120"]),
    ] {
        let (data, flannel) = rendered(pods, None);
        let list = list_of_plugins(data["10-flannel.sh"].as_str().unwrap(), &pieces);
        let ranges: Vec<Value> = want.iter().map(|net| json!([{"subnet": net}])).collect();
        assert_eq!(list["plugins"][0]["ipam"]["ranges"], Value::from(ranges), "{pods}");
        assert_eq!(list["plugins"][0]["mtu"], 1450);
        let begun = flannel["lifecycle"]["postStart"]["exec"]["command"][2].as_str().unwrap();
        assert!(
            begun.contains("sh -eu /etc/kube-flannel/10-flannel.sh >/etc/cni/net.d/.10-flannel.new"),
            "{begun}"
        );
    }
}
