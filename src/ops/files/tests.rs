//! Configs and templates of images in a store, as the operator's side sees them before anything is touched.

use std::path::Path;

use super::*;
use crate::image::Store;
use crate::model::{Arch, Bundle, Digest, ImageKind, LayerContent, LayerInfo};

/// Puts a layer of these files into the store.
fn layer(store: &Store, files: &[(&str, &str)]) -> LayerInfo {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, text.as_bytes()).unwrap();
    }
    let bytes = tar.into_inner().unwrap();
    let mut writer = store.ingest().unwrap();
    std::io::Write::write_all(&mut writer, &bytes).unwrap();
    let (digest, size) = writer.finish().unwrap();
    LayerInfo {
        diff_id: Digest::of(&bytes),
        digest,
        size,
        unpacked_size: size,
        files: files.len() as u64,
        compression: crate::model::Compression::None,
        content: LayerContent::Files,
    }
}

pub(in crate::ops) fn image(name: &str, kind: ImageKind, layers: Vec<LayerInfo>) -> ImageContract {
    let script = String::new;
    ImageContract {
        name: name.to_owned(),
        manifest: Digest::of(name),
        arch: Arch::Amd64,
        kind,
        version: None,
        environment: Environment::new(),
        scripts: crate::model::Scripts {
            init: script(),
            clean: script(),
            check: script(),
            init_registry: script(),
            clean_registry: script(),
            init_cri: None,
            clean_cri: None,
        },
        vip: None,
        commands: vec![],
        scripts_are_named: true,
        entrypoint_commands: 0,
        bundle: Bundle::default(),
        layers,
        pod_networks: vec![],
        kubeadm: None,
        configs: vec![],
    }
}

fn images(store: &Store) -> Vec<ImageContract> {
    let rootfs = layer(store, &[("etc/a.yaml", "a: 1"), ("etc/b.conf.tmpl", "{{ .registryDomain }}")]);
    let upper = layer(store, &[("etc/a.yaml", "a: 2"), ("etc/.wh.gone", "")]);
    let application = layer(store, &[("manifests/x.yaml.tmpl", "x: {{ .X }}"), ("etc/a.yaml", "own: 1")]);
    vec![
        image("kubernetes:v1", ImageKind::Rootfs, vec![rootfs]),
        image("patch:v1", ImageKind::Patch, vec![upper]),
        image("web:v1", ImageKind::Application, vec![application]),
    ]
}

fn config(path: &str, strategy: Strategy, image: Option<&str>) -> PlacedConfig {
    let config = Config { image: image.map(str::to_owned), ..Config::plain(path, strategy, "b: 3") };
    PlacedConfig { place: "Clusterfile:12:9".to_owned(), config }
}

fn home() -> (tempfile::TempDir, Store) {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(Path::new(home.path())).unwrap();
    (home, store)
}

#[test]
fn a_config_is_for_the_image_it_names_or_for_those_that_have_the_file() {
    let (_home, store) = home();
    let images = images(&store);
    for (config, trees) in [
        (config("etc/a.yaml", Strategy::Merge, None), &["kubernetes:v1", "web:v1"][..]),
        (config("etc/b.conf", Strategy::Append, None), &["kubernetes:v1"]),
        (config("etc/a.yaml", Strategy::Merge, Some("docker.io/library/web:v1")), &["web:v1"]),
        (config("etc/a.yaml", Strategy::Merge, Some("patch:v1")), &["kubernetes:v1"]),
        (config("opt/new", Strategy::Overwrite, None), &["kubernetes:v1", "web:v1"]),
        (config("opt/new", Strategy::Overwrite, Some("web:v1")), &["web:v1"]),
    ] {
        let files = Files::read(&store, &images, std::slice::from_ref(&config)).unwrap();
        assert_eq!(files.configs[0].config.trees, trees, "{config:?}");
    }
}

#[test]
fn what_does_not_fit_the_images_is_told_with_its_place() {
    let (_home, store) = home();
    let images = images(&store);
    let told = |config: PlacedConfig| {
        let problems = Files::read(&store, &images, &[config]).err().unwrap();
        problems.list()[0].message.clone()
    };
    assert_eq!(
        told(config("etc/c.yaml", Strategy::Merge, None)),
        "Clusterfile:12:9: etc/c.yaml: none of the images has this file"
    );
    assert_eq!(
        told(config("etc/b.conf", Strategy::Delete, Some("web:v1"))),
        "Clusterfile:12:9: etc/b.conf: there is no such file"
    );
    assert_eq!(
        told(config("etc/a.yaml", Strategy::Merge, Some("web:v2"))),
        "Clusterfile:12:9: the cluster has no image `web:v2`"
    );
}

#[test]
fn kubeadms_file_is_what_patches_configs_and_templates_make_of_it() {
    let (_home, store) = home();
    let base = layer(&store, &[("etc/kubeadm.yml", "a: 1")]);
    let patched = layer(&store, &[("etc/kubeadm.yml", "a: 2")]);
    let template = layer(&store, &[("etc/kubeadm.yml.tmpl", "a: {{ .A }}")]);
    let rootfs = |layers| image("kubernetes:v1", ImageKind::Rootfs, layers);
    let patch = image("patch:v1", ImageKind::Patch, vec![patched]);
    let plain = vec![rootfs(vec![base.clone()])];
    let laid_over = vec![rootfs(vec![base]), patch];
    let rendered = vec![rootfs(vec![template])];
    let merged = config("etc/kubeadm.yml", Strategy::Merge, None);
    let environment = Environment::from([("A".to_owned(), "3".to_owned())]);
    for (images, configs, want) in [
        (&plain, vec![], "a: 1"),
        (&laid_over, vec![], "a: 2"),
        (&laid_over, vec![merged.clone()], "a: 2\nb: 3\n"),
        (&rendered, vec![], "a: 3"),
        (&rendered, vec![merged], "a: 3\nb: 3\n"),
    ] {
        let files = Files::read(&store, images, &configs).unwrap();
        let read = files.kubeadm_file(images, &environment).unwrap().unwrap();
        assert_eq!(read.trim_end(), want.trim_end(), "{configs:?}");
    }
    for layer in laid_over.iter().flat_map(|image| &image.layers) {
        std::fs::remove_file(store.blob_path(&layer.digest)).unwrap();
    }
    let mut kept = laid_over.clone();
    kept[0].kubeadm = Some("a: 1".to_owned());
    kept[1].kubeadm = Some("a: 2".to_owned());
    let files = Files::read(&store, &kept, &[]).unwrap();
    assert_eq!(files.kubeadm_file(&kept, &environment).unwrap().as_deref(), Some("a: 2"));
}

#[test]
fn layers_are_read_once_and_a_store_that_has_them_no_more_decides_nothing_anew() {
    let (_home, store) = home();
    let images = images(&store);
    let first = Files::read(&store, &images, &[config("etc/a.yaml", Strategy::Merge, None)]).unwrap();
    for layer in images.iter().flat_map(|image| &image.layers) {
        std::fs::write(store.blob_path(&layer.digest), "rotten").unwrap();
    }
    let again = Files::read(&store, &images, &first.configs).unwrap();
    assert_eq!(again.configs, first.configs);
    for layer in images.iter().flat_map(|image| &image.layers) {
        std::fs::remove_file(store.blob_path(&layer.digest)).unwrap();
    }
    let kept = Files::read(&store, &images, &first.configs).unwrap();
    assert_eq!(kept.configs, first.configs);
}

#[test]
fn a_secret_is_one_however_it_is_written() {
    for text in ["kind: Secret", "kind:   \"Secret\"", "{\"kind\":\"Secret\"}", "a: b\n---\nkind: 'Secret'\n"]
    {
        assert!(may_hold_a_secret(text), "{text}");
    }
    assert!(!may_hold_a_secret("kind: ConfigMap\nname: secret"));
}
