//! Whole files: what comes out for some versions, and what is wrong with documents.

use serde_json::{Value, json};

use super::*;
use crate::error::Problems;
use crate::model::{ComponentDocument, ControlGroups, Entrance, KubernetesVersion, Network};
use crate::yaml;

/// A cluster with its documents.
struct Given {
    version: KubernetesVersion,
    network: Network,
    image: Option<&'static str>,
    documents: Vec<ComponentDocument>,
}

/// Reads documents as a Clusterfile has them; places are JSON pointers.
fn given(version: &str, image: Option<&'static str>, documents: &str) -> Given {
    let network = Network {
        pods: "100.64.0.0/10".parse().unwrap(),
        services: "10.96.0.0/22".parse().unwrap(),
        vip: "10.103.97.2".parse().unwrap(),
        dns_domain: "cluster.local".to_owned(),
    };
    let documents = yaml::documents("Clusterfile", documents).unwrap().into_iter().map(|mut content| {
        let word = |key| content[key].as_str().unwrap().to_owned();
        let (api_version, kind) = (word("apiVersion"), word("kind"));
        content.as_object_mut().unwrap().retain(|key, _| key != "apiVersion" && key != "kind");
        let mut places = vec![];
        pointers(&content, "", &mut places);
        let places = places.into_iter().map(|pointer| (pointer.clone(), format!("f:{pointer}"))).collect();
        ComponentDocument { api_version, kind, content, places }
    });
    Given { version: version.parse().unwrap(), network, image, documents: documents.collect() }
}

fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    for (key, value) in value.as_object().into_iter().flatten() {
        pointers(value, &format!("{at}/{key}"), found);
    }
    for (index, value) in value.as_array().into_iter().flatten().enumerate() {
        pointers(value, &format!("{at}/{index}"), found);
    }
}

impl Given {
    fn settings(&self) -> ClusterSettings<'_> {
        ClusterSettings {
            name: "default",
            version: &self.version,
            network: &self.network,
            sans: vec!["api.example".to_owned(), "127.0.0.1".to_owned()],
            proxy: ProxyMode::choose(&self.version, ["6.1.0-18-amd64"]),
            may_set_conntrack: false,
            control_groups: ControlGroups::V1,
            any_control_groups_v1: true,
            containers: self.version.minor() > 30,
            has_local_time: true,
            single: false,
            registry: Some("sealos.hub"),
            image_file: self.image,
            documents: &self.documents,
        }
    }

    fn init(&self) -> Result<Rendering, Problems> {
        init(&self.settings(), &node())
    }

    fn join(&self, certificate_key: Option<&str>) -> Result<Rendering, Problems> {
        let ticket = JoinTicket {
            endpoint: "10.103.97.2:6443".parse().unwrap(),
            token: "abcdef.0123456789abcdef".to_owned(),
            authority: "sha256:00".to_owned(),
            certificate_key: certificate_key.map(str::to_owned),
        };
        join(&self.settings(), &node(), &ticket)
    }

    /// Returns a value of the first control plane's file.
    fn value(&self, kind: &str, pointer: &str) -> Option<Value> {
        let text = self.init().unwrap_or_else(|problems| panic!("{problems}")).text().unwrap();
        let documents = yaml::documents("file", &text).unwrap();
        documents.iter().find(|document| document["kind"] == kind)?.pointer(pointer).cloned()
    }
}

fn node() -> NodeSettings {
    NodeSettings {
        name: "node-1".to_owned(),
        address: "10.0.0.1".parse().unwrap(),
        second_address: None,
        cri_socket: "/run/containerd/containerd.sock".to_owned(),
        images: ImageSource::Runtime,
        rootfs: "/tree".to_owned(),
    }
}

/// An image's file in an old form.
const IMAGE: &str = "apiVersion: kubeadm.k8s.io/v1beta2\nkind: ClusterConfiguration\napiServer:\n  timeoutForControlPlane: 6m0s\n  extraArgs:\n    profiling: \"false\"\n    audit-log-maxage:\n---\napiVersion: kubeadm.k8s.io/v1beta2\nkind: InitConfiguration\nbootstrapTokens:\n- token: abcdef.0123456789abcdef\n";

/// What an operator writes over it, in a new form.
const OPERATOR: &str = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\napiServer:\n  certSANs: [more.example]\n  extraArgs:\n  - {name: profiling, value: \"true\"}\n  - {name: audit-log-path, value: null}\n---\napiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nmaxPods: 50\nevictionHard: null\n---\napiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nmode: ipvs\n---\napiVersion: kubeadm.k8s.io/v1beta3\nkind: JoinConfiguration\nnodeRegistration:\n  kubeletExtraArgs:\n    v: \"4\"\n";

#[test]
fn files_of_some_versions() {
    for version in ["v1.19.16", "v1.22.17", "v1.28.15", "v1.36.3"] {
        let given = given(version, Some(IMAGE), OPERATOR);
        insta::assert_snapshot!(format!("init-{version}"), given.init().unwrap().explained());
        insta::assert_snapshot!(format!("join-worker-{version}"), given.join(None).unwrap().explained());
    }
    let given = given("v1.36.3", None, "");
    insta::assert_snapshot!("join-control-plane", given.join(Some("00ff")).unwrap().text().unwrap());
}

#[test]
fn the_same_comes_out_for_the_same() {
    let given = given("v1.30.0", Some(IMAGE), OPERATOR);
    assert_eq!(given.init().unwrap().text(), given.init().unwrap().text());
    let explained = yaml::documents("explained", &given.init().unwrap().explained()).unwrap();
    assert_eq!(explained, yaml::documents("text", &given.init().unwrap().text().unwrap()).unwrap());
}

#[test]
fn layers_win_in_their_order() {
    let cluster = "ClusterConfiguration";
    let old = given("v1.28.15", Some(IMAGE), OPERATOR);
    for (kind, pointer, want) in [
        // Built-in, the image's, the operator's.
        (cluster, "/apiServer/extraArgs/enable-aggregator-routing", Some(json!("true"))),
        (cluster, "/apiServer/timeoutForControlPlane", Some(json!("6m0s"))),
        (cluster, "/apiServer/extraArgs/profiling", Some(json!("true"))),
        // Nothing is "not set" in an image, and takes away in a Clusterfile.
        (cluster, "/apiServer/extraArgs/audit-log-maxage", Some(json!("7"))),
        (cluster, "/apiServer/extraArgs/audit-log-path", None),
        ("KubeletConfiguration", "/evictionHard", None),
        // What an image would give to everybody is made anew.
        ("InitConfiguration", "/bootstrapTokens/0/token", None),
        // The image that it is meant for is another one.
        (cluster, "/imageRepository", None),
        (
            cluster,
            "/apiServer/certSANs",
            Some(json!(["more.example", "127.0.0.1", API_NAME, "10.103.97.2", "api.example"])),
        ),
        ("KubeProxyConfiguration", "/ipvs/excludeCIDRs", Some(json!(["10.103.97.2/32"]))),
    ] {
        assert_eq!(old.value(kind, pointer), want, "{kind} {pointer}");
    }
    let new = given("v1.36.3", Some(IMAGE), OPERATOR);
    let health = new.value("InitConfiguration", "/timeouts/controlPlaneComponentHealthCheck");
    assert_eq!(health, Some(json!("6m0s")));
    let of_sealer = ClusterSettings { registry: Some("sea.hub"), ..new.settings() };
    assert!(
        init(&of_sealer, &node()).unwrap().text().unwrap().contains("imageRepository: sea.hub:5000/library")
    );
}

#[test]
fn what_cannot_hold_is_told_with_its_place() {
    let cluster =
        |fields: &str| format!("apiVersion: kubeadm.k8s.io/v1beta3\nkind: ClusterConfiguration\n{fields}\n");
    let newest =
        |kind: &str, fields: &str| format!("apiVersion: kubeadm.k8s.io/v1beta4\nkind: {kind}\n{fields}\n");
    for (document, want) in [
        (
            cluster("kubernetesVersion: v1.27.0"),
            "f:/kubernetesVersion: it asks for Kubernetes v1.27.0, but the image brings v1.28.15",
        ),
        (
            cluster("controlPlaneEndpoint: lb.example:6443"),
            "f:/controlPlaneEndpoint: `controlPlaneEndpoint` cannot be `lb.example:6443`",
        ),
        (cluster("networking: null"), "f:/networking: `networking` cannot be removed"),
        (
            cluster("networking: {podSubnet: null}"),
            "f:/networking/podSubnet: `networking.podSubnet` cannot be removed",
        ),
        (cluster("apiServer: null"), "f:/apiServer: `apiServer` cannot be removed"),
        (
            newest("InitConfiguration", "bootstrapTokens: [{token: abcdef.0123456789abcdef}]"),
            "f:/bootstrapTokens: `bootstrapTokens` is made anew",
        ),
        (
            newest("ClusterConfiguration", "apiServer: {extraArgs: [{value: v}]}"),
            "f:/apiServer/extraArgs/0: an argument of `extraArgs` has no name",
        ),
        (
            cluster("etcd: {external: {endpoints: [a]}}"),
            "f:/etcd/external: sealift cares for an etcd on the control planes",
        ),
        (
            cluster("apiServers: {}"),
            "f:/apiServers: unknown field `apiServers` in ClusterConfiguration of kubeadm.k8s.io/v1beta3",
        ),
        (
            cluster("featureGates: {EtcdLernerMode: true}"),
            "f:/featureGates/EtcdLernerMode: kubeadm v1.28 has no feature gate `EtcdLernerMode`",
        ),
        (
            newest("ClusterConfiguration", "encryptionAlgorithm: ECDSA-P256"),
            "f:/encryptionAlgorithm: `encryptionAlgorithm` has no counterpart in kubeadm.k8s.io/v1beta3",
        ),
        (
            newest("InitConfiguration", "timeouts: {etcdAPICall: 1m}"),
            "f:/timeouts/etcdAPICall: `timeouts` has no counterpart",
        ),
        (
            newest(
                "ClusterConfiguration",
                "scheduler: {extraArgs: [{name: v, value: \"1\"}, {name: v, value: \"2\"}]}",
            ),
            "f:/scheduler/extraArgs/0/value: `scheduler.extraArgs.v` is given more than once",
        ),
        (
            newest("InitConfiguration", "localAPIEndpoint: {bindPort: 7443}"),
            "f:/localAPIEndpoint/bindPort: `localAPIEndpoint.bindPort` cannot be `7443`",
        ),
        (
            newest(
                "InitConfiguration",
                "nodeRegistration: {kubeletExtraArgs: [{name: node-ip, value: 10.0.0.9}]}",
            ),
            "f:/nodeRegistration/kubeletExtraArgs",
        ),
    ] {
        let problems = given("v1.28.15", None, &document).init().unwrap_err();
        let told = problems.list()[0].message.clone();
        assert!(told.starts_with(want) && problems.list().len() == 1, "{document}{problems}");
    }
    let join = newest("JoinConfiguration", "discovery: {bootstrapToken: {token: a.b}}");
    let problems = given("v1.36.3", None, &join).join(None).unwrap_err();
    assert!(
        problems.list()[0]
            .message
            .starts_with("f:/discovery/bootstrapToken: `discovery.bootstrapToken` is made anew"),
        "{problems}"
    );
    // What a join is told is the same whatever an image says.
    let image = "apiVersion: kubeadm.k8s.io/v1beta3\nkind: JoinConfiguration\ndiscovery:\n  bootstrapToken: {unsafeSkipCAVerification: true}\n";
    let text = given("v1.36.3", Some(image), "").join(None).unwrap().text().unwrap();
    assert!(!text.contains("unsafeSkip") && !text.contains("controlPlane:"), "{text}");
}

#[test]
fn an_image_that_contradicts_itself_is_refused() {
    for (image, want) in [
        (
            "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: v1.35.0\n",
            "it asks for Kubernetes v1.35.0",
        ),
        (
            "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfigurations\n",
            "is not a kind that kubeadm reads",
        ),
        (
            "apiVersion: kubeadm.k8s.io/v1alpha3\nkind: ClusterConfiguration\n",
            "is no apiVersion of ClusterConfiguration",
        ),
        (
            "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nmaxPod: 1\n",
            "unknown field `maxPod`",
        ),
        ("a: [\n", "is not valid YAML"),
    ] {
        let problems = given("v1.36.3", Some(image), "").init().unwrap_err();
        let told = problems.list()[0].message.clone();
        assert!(told.starts_with("the image's etc/kubeadm.yml") && told.contains(want), "{problems}");
    }
}

#[test]
fn the_built_in_file_is_all_there_for_the_version_that_it_was_written_for() {
    let mut written = given("v1.19.8", None, "");
    written.network.pods = "100.64.0.0/10".parse().unwrap();
    let settings = ClusterSettings {
        registry: Some("sea.hub"),
        may_set_conntrack: true,
        containers: false,
        ..written.settings()
    };
    let text = init(&settings, &node()).unwrap().text().unwrap();
    let rendered = yaml::documents("file", &text).unwrap();
    let built_in = yaml::documents("built-in", include_str!("builtin.yml")).unwrap();
    for document in built_in.iter().filter(|document| document["kind"] != "JoinConfiguration") {
        let found = rendered.iter().find(|other| other["kind"] == document["kind"]).unwrap();
        for missing in missing(document, found, "") {
            // The runtime, the mode and the control groups follow the machines; the name of the argument is newer.
            let computed = [
                "/nodeRegistration/criSocket",
                "/mode",
                "/ipvs",
                "/cgroupDriver",
                "/serializeImagePulls",
                "/controllerManager/extraArgs/experimental-cluster-signing-duration",
            ];
            assert!(computed.contains(&missing.as_str()), "{missing} is missing in\n{text}");
        }
    }
}

/// Returns where a value has something that another one has not got, or otherwise.
fn missing(one: &Value, other: &Value, at: &str) -> Vec<String> {
    match (one, other) {
        (Value::Object(fields), Value::Object(others)) => fields
            .iter()
            .flat_map(|(key, value)| {
                missing(value, others.get(key).unwrap_or(&Value::Null), &format!("{at}/{key}"))
            })
            .collect(),
        _ if one == other => vec![],
        _ => vec![at.to_owned()],
    }
}

#[test]
fn images_are_pulled_one_after_the_other_where_somebody_says_so() {
    let document =
        |fields| format!("apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n{fields}\n");
    for (fields, want) in [
        ("maxPods: 50", Some(json!(5))),
        ("serializeImagePulls: false", Some(json!(5))),
        ("serializeImagePulls: true", None),
        ("serializeImagePulls: true\nmaxParallelImagePulls: 1", Some(json!(1))),
    ] {
        let given = given("v1.28.15", None, &document(fields));
        assert_eq!(given.value("KubeletConfiguration", "/maxParallelImagePulls"), want, "{fields}");
    }
}

#[test]
fn the_proxy_mode_follows_version_and_oldest_kernel() {
    for (version, kernels, want) in [
        ("v1.36.3", vec!["6.1.0", "5.13.1-generic"], ProxyMode::Nftables),
        ("v1.36.3", vec!["6.1.0", "5.10.0"], ProxyMode::Iptables),
        ("v1.32.0", vec!["6.1.0"], ProxyMode::Iptables),
        ("v1.36.3", vec!["rubbish"], ProxyMode::Iptables),
    ] {
        assert_eq!(ProxyMode::choose(&version.parse().unwrap(), kernels), want, "{version}");
    }
}

#[test]
fn a_control_plane_is_remade_with_the_patches_that_it_came_in_with() {
    let document = |kind: &str, directory: &str| {
        format!("apiVersion: kubeadm.k8s.io/v1beta4\nkind: {kind}\npatches:\n  directory: {directory}\n")
    };
    let (init, join) =
        (document("InitConfiguration", "/etc/made"), document("JoinConfiguration", "etc/patches"));
    for (documents, made, joined) in [
        (format!("{init}---\n{join}"), Some("/etc/made"), Some("/tree/etc/patches")),
        (init, Some("/etc/made"), None),
        (join, None, Some("/tree/etc/patches")),
        (String::new(), None, None),
    ] {
        let given = given("v1.36.3", None, &documents);
        for (entrance, want) in [(Entrance::Made, made), (Entrance::Joined, joined)] {
            let told = patches_directory(&given.settings(), &node(), entrance).unwrap();
            assert_eq!(told.as_deref(), want, "{documents}");
            let file = remade(&given.settings(), &node(), entrance).unwrap().text().unwrap();
            let file = yaml::documents("file", &file).unwrap();
            assert_eq!(
                file[0].pointer("/patches/directory"),
                want.map(|want| json!(want)).as_ref(),
                "{documents}"
            );
        }
    }
}

/// A cluster of both families with documents of the operator's.
fn of_both_families(version: &str, documents: &str) -> Given {
    let mut given = given(version, None, documents);
    given.network.pods = "10.8.0.0/16,fd01::/48".parse().unwrap();
    given.network.services = "10.96.0.0/22,fd02::/112".parse().unwrap();
    given
}

#[test]
fn only_the_version_that_has_to_be_told_of_both_families_is_told() {
    let gate =
        |version| of_both_families(version, "").value("ClusterConfiguration", "/featureGates/IPv6DualStack");
    assert_eq!(gate("v1.20.15"), Some(json!(true)));
    assert_eq!(gate("v1.21.14"), None);
    assert_eq!(gate("v1.36.3"), None);
    let one = given("v1.20.15", None, "");
    assert_eq!(one.value("ClusterConfiguration", "/featureGates"), None);
    assert_eq!(
        one.value("ClusterConfiguration", "/scheduler/extraArgs/feature-gates"),
        Some(json!("TTLAfterFinished=true,EphemeralContainers=true"))
    );
}

#[test]
fn the_gate_of_both_families_stays_on_beside_gates_of_the_operators() {
    let own = "apiVersion: kubeadm.k8s.io/v1beta2\nkind: ClusterConfiguration\nscheduler: {extraArgs: {feature-gates: AllAlpha=false}}\n";
    let said =
        of_both_families("v1.20.15", own).value("ClusterConfiguration", "/scheduler/extraArgs/feature-gates");
    assert_eq!(said, Some(json!("AllAlpha=false,IPv6DualStack=true")));
    let off = "apiVersion: kubeadm.k8s.io/v1beta2\nkind: ClusterConfiguration\nfeatureGates: {IPv6DualStack: false}\n";
    for version in ["v1.20.15", "v1.22.17"] {
        let problems = of_both_families(version, off).init().unwrap_err();
        assert!(
            problems.list()[0]
                .message
                .starts_with("f:/featureGates/IPv6DualStack: `featureGates.IPv6DualStack` is off"),
            "{problems}"
        );
        assert!(given(version, None, off).init().is_ok());
    }
}

#[test]
fn a_pair_of_networks_may_be_said_again_however_it_is_spelt() {
    let own = "apiVersion: kubeadm.k8s.io/v1beta3\nkind: ClusterConfiguration\nnetworking: {podSubnet: \"10.8.0.0/16, fd01:0:0::/48\"}\n";
    assert!(of_both_families("v1.28.15", own).init().is_ok());
    let swapped = own.replace("10.8.0.0/16, fd01:0:0::/48", "fd01::/48,10.8.0.0/16");
    let problems = of_both_families("v1.28.15", &swapped).init().unwrap_err();
    assert!(problems.list()[0].message.starts_with("f:/networking/podSubnet: "), "{problems}");
}

#[test]
fn a_nodes_piece_of_an_ipv6_network_is_said_as_each_version_takes_it() {
    for (version, argument, gate) in [
        ("v1.20.15", "node-cidr-mask-size", None),
        ("v1.22.17", "node-cidr-mask-size", Some(json!(false))),
        ("v1.23.17", "node-cidr-mask-size-ipv6", None),
    ] {
        let mut alone = given(version, None, "");
        alone.network.pods = "fd01::/108".parse().unwrap();
        let pointer = format!("/controllerManager/extraArgs/{argument}");
        assert_eq!(alone.value("ClusterConfiguration", &pointer), Some(json!("120")), "{version}");
        assert_eq!(alone.value("ClusterConfiguration", "/featureGates/IPv6DualStack"), gate, "{version}");
    }
    let mut both = of_both_families("v1.22.17", "");
    both.network.pods = "10.8.0.0/16,fd01::/108".parse().unwrap();
    assert_eq!(
        both.value("ClusterConfiguration", "/controllerManager/extraArgs/node-cidr-mask-size-ipv6"),
        Some(json!("120"))
    );
}

#[test]
fn what_an_operator_says_of_a_nodes_piece_is_said_once() {
    let own = |argument: &str| {
        format!(
            "apiVersion: kubeadm.k8s.io/v1beta2\nkind: ClusterConfiguration\ncontrollerManager: {{extraArgs: {{{argument}: \"112\"}}}}\n"
        )
    };
    let (any, six) = ("node-cidr-mask-size", "node-cidr-mask-size-ipv6");
    for (version, pods, argument, want) in [
        // kubeadm takes a network of this size for one with pieces of /64, unless it is told by its own name.
        ("v1.29.10", "fd01::/104", any, six),
        ("v1.22.17", "fd01::/104", any, any),
        ("v1.22.17", "fd01::/104", six, any),
        ("v1.20.15", "fd01::/104", six, any),
        ("v1.29.10", "fd01::/104", six, six),
        // Where it does not mind, what is written stays.
        ("v1.29.10", "fd01::/50", any, any),
    ] {
        let mut given = given(version, None, &own(argument));
        given.network.pods = pods.parse().unwrap();
        let arguments = given.value("ClusterConfiguration", "/controllerManager/extraArgs").unwrap();
        let masks: Vec<_> = arguments
            .as_object()
            .unwrap()
            .iter()
            .filter(|(name, _)| name.starts_with(any))
            .map(|(name, mask)| (name.as_str(), mask.as_str().unwrap()))
            .collect();
        assert_eq!(masks, [(want, "112")], "{version} {pods} {argument}");
        let gate = given.value("ClusterConfiguration", "/featureGates/IPv6DualStack");
        assert_eq!(gate, version.starts_with("v1.22").then(|| json!(false)), "{version} {argument}");
    }
}

#[test]
fn masks_that_the_controller_manager_refuses_are_refused_before() {
    let own = |arguments: &str| {
        format!(
            "apiVersion: kubeadm.k8s.io/v1beta3\nkind: ClusterConfiguration\ncontrollerManager: {{extraArgs: {{{arguments}}}}}\n"
        )
    };
    for version in ["v1.22.17", "v1.29.10"] {
        let problems = of_both_families(version, &own("node-cidr-mask-size: \"26\"")).init().unwrap_err();
        let told = "f:/controllerManager/extraArgs/node-cidr-mask-size: `controllerManager.extraArgs.node-cidr-mask-size` is for pods of one";
        assert!(problems.list()[0].message.starts_with(told), "{problems}");
    }
    let image = "apiVersion: kubeadm.k8s.io/v1beta3\nkind: ClusterConfiguration\ncontrollerManager: {extraArgs: {node-cidr-mask-size: \"24\"}}\n";
    let mut of_image = of_both_families("v1.29.10", "");
    of_image.image = Some(image);
    let problems = of_image.init().unwrap_err();
    assert!(problems.list()[0].message.starts_with("the image's etc/kubeadm.yml: "), "{problems}");
    let mut taken = of_both_families("v1.29.10", &own("node-cidr-mask-size: null"));
    taken.image = Some(image);
    assert!(taken.init().is_ok());
    let twice = own("node-cidr-mask-size: \"26\", node-cidr-mask-size-ipv4: \"26\"");
    let problems = given("v1.29.10", None, &twice).init().unwrap_err();
    assert!(problems.list()[0].message.contains("`node-cidr-mask-size-ipv4` together"), "{problems}");
    let no_pieces = own("node-cidr-mask-size: \"26\", allocate-node-cidrs: \"false\"");
    assert!(of_both_families("v1.29.10", &no_pieces).init().is_ok(), "nobody reads masks there");
}

#[test]
fn the_mask_of_a_family_that_pods_have_not_is_left_out_where_an_image_says_it() {
    let masks = "apiVersion: kubeadm.k8s.io/v1beta3\nkind: ClusterConfiguration\n\
                 controllerManager: {extraArgs: {node-cidr-mask-size-ipv4: \"26\", node-cidr-mask-size-ipv6: \"112\"}}\n";
    for version in ["v1.22.17", "v1.29.10"] {
        let mut of_image = given(version, None, "");
        of_image.image = Some(masks);
        let arguments = of_image.value("ClusterConfiguration", "/controllerManager/extraArgs").unwrap();
        assert!(!arguments.to_string().contains("ipv6"), "{version}: {arguments}");
        assert!(arguments.to_string().contains("\"26\""), "{version}: {arguments}");
        let problems = given(version, None, masks).init().unwrap_err();
        let told = "f:/controllerManager/extraArgs/node-cidr-mask-size-ipv6: ";
        assert!(problems.list()[0].message.starts_with(told), "{problems}");
    }
}

#[test]
fn the_gate_of_both_families_cannot_be_off_wherever_it_is_said() {
    let cluster = "apiVersion: kubeadm.k8s.io/v1beta2\nkind: ClusterConfiguration\n";
    let gates = |text: &str| format!("feature-gates: \"{text}\"");
    let off = gates("AllAlpha=true,IPv6DualStack=false");
    for (document, told) in [
        (
            format!("{cluster}controllerManager: {{extraArgs: {{{off}}}}}\n"),
            "f:/controllerManager/extraArgs/feature-gates: ",
        ),
        (
            format!("apiVersion: kubeadm.k8s.io/v1beta2\nkind: JoinConfiguration\nnodeRegistration: {{kubeletExtraArgs: {{{off}}}}}\n"),
            "f:/nodeRegistration/kubeletExtraArgs/feature-gates: ",
        ),
        (
            "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nfeatureGates: {IPv6DualStack: false}\n".to_owned(),
            "f:/featureGates/IPv6DualStack: ",
        ),
        (
            "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nfeatureGates: {IPv6DualStack: false}\n".to_owned(),
            "f:/featureGates/IPv6DualStack: ",
        ),
    ] {
        for version in ["v1.20.15", "v1.22.17"] {
            let problems = of_both_families(version, &document).init().unwrap_err();
            assert!(problems.list()[0].message.starts_with(told), "{problems}");
            assert!(problems.list()[0].message.contains("IPv6DualStack"), "{problems}");
        }
        assert!(given("v1.22.17", None, &document).init().is_ok());
    }
    let on = format!(
        "{cluster}controllerManager: {{extraArgs: {{{}}}}}\n",
        gates("IPv6DualStack=false,IPv6DualStack=true")
    );
    assert!(of_both_families("v1.22.17", &on).init().is_ok());
    let mut of_image = of_both_families("v1.22.17", "");
    of_image.image = Some(
        "apiVersion: kubeadm.k8s.io/v1beta2\nkind: ClusterConfiguration\nfeatureGates: {IPv6DualStack: false}\n",
    );
    let problems = of_image.init().unwrap_err();
    assert!(
        problems.list()[0].message.starts_with("the image's etc/kubeadm.yml: `featureGates."),
        "{problems}"
    );
}
