//! The contract, with the labels and commands of published images.

use super::*;
use crate::image::ImageConfig;
use crate::model::{Arch, Digest};

fn image(labels: &[(&str, &str)], env: &[(&str, &str)], entrypoint: &[&str], cmd: &[&str]) -> Image {
    let map =
        |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let list = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    Image {
        name: "kubernetes:v1.28.15".to_owned(),
        manifest: Digest::of(b""),
        config: ImageConfig {
            labels: map(labels),
            env: map(env),
            entrypoint: list(entrypoint),
            cmd: list(cmd),
            annotations: BTreeMap::new(),
        },
        layers: vec![],
        arch: Arch::Amd64,
    }
}

fn labelled(labels: &[(&str, &str)]) -> Result<ClusterImage> {
    ClusterImage::of(&image(labels, &[], &[], &[]))
}

/// The labels of labring's containerd flavour.
const CONTAINERD: [(&str, &str); 10] = [
    ("init", "init-cri.sh $registryDomain $registryPort && bash init.sh"),
    ("clean", "clean.sh && bash clean-cri.sh $criData"),
    ("check", "check.sh $registryData"),
    ("init-registry", "init-registry.sh $registryData $registryConfig"),
    ("clean-registry", "clean-registry.sh $registryData $registryConfig"),
    ("vip", "$defaultVIP"),
    ("image", "ghcr.io/labring/lvscare:v5.0.1"),
    ("version", "v1.28.15"),
    ("sealos.io.type", "rootfs"),
    ("sealos.io.version", "v1beta1"),
];

#[test]
fn a_published_rootfs_is_read() {
    let env = [("defaultVIP", "10.103.97.2"), ("registryPort", "5000"), ("PATH", "/usr/bin")];
    let read = ClusterImage::of(&image(&CONTAINERD, &env, &[], &[])).unwrap();
    assert_eq!(read.kind, ImageKind::Rootfs);
    assert_eq!(read.kubernetes_version.unwrap().to_string(), "v1.28.15");
    assert_eq!(read.vip, Some("10.103.97.2".parse().unwrap()));
    assert_eq!(read.environment.keys().collect::<Vec<_>>(), ["defaultVIP", "registryPort"]);
    assert_eq!(
        read.scripts.command(Script::Init),
        Some("init-cri.sh $registryDomain $registryPort && bash init.sh"),
        "the shell on the machine expands it"
    );
    assert_eq!(read.scripts.command(Script::InitCri), None);
    assert!(read.commands.is_empty());
}

#[test]
fn scripts_without_a_label_have_their_usual_names() {
    let read = labelled(&[("sealos.io.type", "rootfs"), ("version", "v1.30.0"), ("init-cri", "init-cri.sh")])
        .unwrap();
    let commands: Vec<_> = Script::ALL.map(|script| read.scripts.command(script)).into();
    assert_eq!(
        commands,
        [
            Some("check.sh"),
            Some("init-registry.sh"),
            Some("init-cri.sh"),
            Some("init.sh"),
            Some("clean.sh"),
            None,
            Some("clean-registry.sh"),
        ]
    );
}

#[test]
fn the_kind_has_aliases_and_a_default() {
    for (labels, want) in [
        (&[][..], ImageKind::Application),
        (&[("sealos.io.type", "")], ImageKind::Application),
        (&[("apps.sealos.io/type", "patch")], ImageKind::Patch),
        (&[("sealift.io.type", "patch"), ("sealos.io.type", "application")], ImageKind::Patch),
        (&[("sealos.io.type", "application"), ("version", "not a version")], ImageKind::Application),
    ] {
        assert_eq!(labelled(labels).unwrap().kind, want, "{labels:?}");
    }
}

#[test]
fn what_is_not_understood_is_refused() {
    for (labels, want) in [
        (&[("sealos.io.type", "rotfs")][..], "no kind of image"),
        (&[("sealos.io.type", "rootfs")], "which Kubernetes"),
        (&[("sealos.io.type", "rootfs"), ("version", "latest")], "not a Kubernetes version"),
        (
            &[("sealos.io.type", "rootfs"), ("version", "v1.30.0"), ("sealos.io.version", "v2")],
            "contract that is not understood",
        ),
        (
            &[("sealos.io.type", "rootfs"), ("version", "v1.30.0"), ("apps.sealos.io/distribution", "k3s")],
            "only Kubernetes made by kubeadm",
        ),
        (&[("vip", "10.0.0")], "not an address"),
    ] {
        let problem = labelled(labels).unwrap_err();
        assert!(problem.message.contains(want), "{labels:?}: {problem}");
        assert!(problem.to_string().contains("kubernetes:v1.28.15"), "{problem}");
        assert!(!problem.remedies.is_empty(), "{problem}");
    }
}

#[test]
fn an_unset_vip_is_left_to_the_cluster() {
    for vip in ["$defaultVIP", "${defaultVIP}", "$(defaultVIP)", ""] {
        assert_eq!(labelled(&[("vip", vip)]).unwrap().vip, None, "{vip}");
    }
}

#[test]
fn each_element_is_a_command_and_cmd_can_be_replaced() {
    let read = ClusterImage::of(&image(
        &[],
        &[],
        &["cp -f opt/helm /usr/bin/helm"],
        &[
            "/bin/sh",
            "-c",
            "helm upgrade -i $(NAME) charts/x -n $(NAMESPACE) --create-namespace $(HELM_OPTS)",
            "echo",
        ],
    ))
    .unwrap();
    assert_eq!(
        read.commands,
        [
            "cp -f opt/helm /usr/bin/helm",
            "helm upgrade -i $(NAME) charts/x -n $(NAMESPACE) --create-namespace $(HELM_OPTS)",
            "echo"
        ]
    );
    assert_eq!(read.entrypoint_commands, 1);
}

#[test]
fn variables_are_expanded_as_sealos_does() {
    let environment: Environment =
        [("NAME", "calico"), ("EMPTY", ""), ("A_B", "c")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    for (text, want) in [
        ("helm upgrade -i $(NAME)", "helm upgrade -i calico"),
        ("$NAME-${NAME}.$NAME", "calico-calico.calico"),
        ("[$(EMPTY)$EMPTY]", "[]"),
        ("$(UNKNOWN) $UNKNOWN ${UNKNOWN}", "$(UNKNOWN) $UNKNOWN ${UNKNOWN}"),
        ("$$NAME $$(NAME) $$$NAME", "$NAME $(NAME) $calico"),
        ("${NAME:-x} $(echo $NAME) $1 $? $", "${NAME:-x} $(echo calico) $1 $? $"),
        ("$(NAME", "$(NAME"),
        ("$A_Bx ${A_B}x é$NAMEé", "$A_Bx cx écalicoé"),
    ] {
        assert_eq!(expand(text, &environment), want, "{text}");
    }
}

proptest::proptest! {
    #[test]
    fn without_a_dollar_nothing_changes(text in "[^$]*") {
        proptest::prop_assert_eq!(expand(&text, &Environment::new()), text);
    }

    #[test]
    fn no_command_makes_it_panic(text in r"[$(){}A-Cé ]{0,20}") {
        expand(&text, &Environment::from([("A".to_owned(), "é".to_owned())]));
    }
}

/// An image as sealer's builder annotates it.
fn sealers(extension: &str, labels: &[(&str, &str)]) -> Result<ClusterImage> {
    let mut image = image(labels, &[("PATH", "/bin")], &[], &["ignored"]);
    image.config.annotations.insert("sealer.image.extension".to_owned(), extension.to_owned());
    ClusterImage::of(&image)
}

const SEALER: [(&str, &str); 3] = [
    ("cluster.alpha.sealer.io/cluster-runtime-type", "kubernetes"),
    ("cluster.alpha.sealer.io/cluster-runtime-version", "v1.25.16"),
    ("cluster.alpha.sealer.io/container-runtime-type", "containerd"),
];

#[test]
fn a_rootfs_of_sealers_is_read() {
    let extension =
        r#"{"schemaVersion": "v1alpha1", "type": "kube-installer", "env": {"SvcCIDR": "10.96.0.0/22"}}"#;
    let labelled_only = ClusterImage::of(&image(&SEALER, &[], &[], &[])).unwrap();
    let annotated = sealers(extension, &SEALER).unwrap();
    for read in [&labelled_only, &annotated] {
        assert_eq!(read.kind, ImageKind::Rootfs);
        assert_eq!(read.kubernetes_version.as_ref().unwrap().to_string(), "v1.25.16");
        assert_eq!(read.environment["registryDomain"], "sea.hub");
        assert_eq!(read.environment["RegistryPort"], "5000");
        assert_eq!(read.environment["SEALOS_SYS_CRI_ENDPOINT"], "/run/containerd/containerd.sock");
        let command = |script| read.scripts.command(script).unwrap();
        // The registry is a container, so the runtime comes before it; at the port that scripts know is care.
        assert_eq!(
            command(Script::InitRegistry),
            "containerd.sh && bash init-registry.sh 5443 \"${PWD%/*}/registry\" $RegistryDomain"
        );
        assert_eq!(command(Script::InitCri), "containerd.sh");
        assert_eq!(command(Script::Init), "init-kube.sh");
        assert!(command(Script::Clean).starts_with("uninstall-containerd.sh && rm -rf "));
        assert_eq!(command(Script::Check), "-c :", "there is no check to run");
    }
    assert_eq!(annotated.environment["SvcCIDR"], "10.96.0.0/22");
    assert!(!annotated.environment.contains_key("PATH"));
    let docker = ClusterImage::of(&image(&SEALER[..2], &[], &[], &[])).unwrap();
    assert_eq!(docker.scripts.command(Script::InitCri), Some("docker.sh"));
    assert_eq!(docker.environment["SEALOS_SYS_CRI_ENDPOINT"], "/var/run/cri-dockerd.sock");
}

#[test]
fn an_application_of_sealers_runs_what_it_launches() {
    let extension =
        r#"{"type": "app-installer", "launch": {"cmds": ["kubectl apply -f manifests", "helm list"]}}"#;
    let read = sealers(extension, &[]).unwrap();
    assert_eq!((read.kind, read.commands.len()), (ImageKind::Application, 0));
    assert_eq!(read.bundle.commands(None), ["kubectl apply -f manifests", "helm list"]);
    assert_eq!(read.entrypoint_commands, 0);
}

#[test]
fn applications_in_an_image_of_sealers_are_launched_by_their_kind() {
    let applications = r#"[
        {"name": "web", "type": "kube", "files": ["web.yaml", "/more/it's $1.yaml"], "version": "v1"},
        {"name": "chart", "type": "helm", "files": ["chart"]},
        {"name": "tool", "type": "shell", "files": ["install.sh"], "env": {"COLOUR": "red", "SIZE": "1"}},
        {"name": "own", "files": null, "cmds": ["kubectl apply", "-f own.conf"], "env": {"COLOUR": "blue"}},
        {"name": "silent"}
    ]"#
    .replace("null", "[]");
    let names = r#"["tool", "web", "chart", "own"]"#;
    let lines = [
        "bash application/apps/tool/install.sh",
        "kubectl apply -f application/apps/web/web.yaml",
        r"kubectl apply -f 'application/apps/web/more/it'\''s $$1.yaml'",
        "helm upgrade --install chart application/apps/chart",
        "cd application/apps/own && kubectl apply -f own.conf",
    ];
    for (kind, labels) in [("app-installer", &[][..]), ("kube-installer", &SEALER[..])] {
        let extension = format!(
            r#"{{"type": "{kind}", "env": {{"SIZE": "3"}}, "applications": {applications}, "launch": {{"app_names": {names}}}}}"#
        );
        let read = sealers(&extension, labels).unwrap();
        assert_eq!(read.bundle.commands(None), lines, "{kind}");
        assert_eq!((&*read.environment["COLOUR"], &*read.environment["SIZE"]), ("red", "1"));
        let own = |name: &str| read.bundle.applications.iter().find(|one| one.name == name).unwrap();
        assert!(own("tool").environment.is_empty(), "what is common is not said again");
        assert_eq!(own("own").environment, Environment::from([("COLOUR".to_owned(), "blue".to_owned())]));
        let wanted = ["chart".to_owned(), "silent".to_owned()];
        assert_eq!(read.bundle.commands(Some(&wanted)), [lines[3]]);
        assert!(read.commands.is_empty(), "nothing of it runs on every machine");
    }
}

#[test]
fn what_is_not_launched_of_sealers_is_refused() {
    let k0s = [("cluster.alpha.sealer.io/cluster-runtime-type", "k0s")];
    let crio = [SEALER[1], ("cluster.alpha.sealer.io/container-runtime-type", "cri-o")];
    let docker_in_kubelet = [("cluster.alpha.sealer.io/cluster-runtime-version", "v1.22.17")];
    let rootfs = r#"{"type": "kube-installer"}"#;
    for (extension, labels) in [
        (rootfs, &k0s[..]),
        (rootfs, &crio[..]),
        (rootfs, &docker_in_kubelet[..]),
        (rootfs, &[]),
        (r#"{"type": "other"}"#, &[]),
        (r#"{"type": "app-installer", "launch": {"app_names": ["nginx"]}}"#, &[]),
        (r#"{"type": "app-installer", "applications": [{"name": "../etc"}]}"#, &[]),
        (r#"{"type": "app-installer", "applications": [{"name": "a", "files": ["../b"]}]}"#, &[]),
        ("no JSON", &[]),
    ] {
        let problem = sealers(extension, labels).unwrap_err();
        assert_eq!(problem.class, Class::Config, "{extension} {labels:?}: {problem}");
    }
}
