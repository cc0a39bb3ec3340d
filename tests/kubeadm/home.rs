//! A home whose store has images of one release, and what `sealift render` says with it. The images hold what is asked of an image for
//! that: labels, variables and a file for kubeadm.

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;

use super::cases::{self, Case};

const SEALOS: &str = "registryDomain=sealos.hub registryPort=5000";
const CONTAINERD: &str = "SEALOS_SYS_CRI_ENDPOINT=/run/containerd/containerd.sock";

/// The images by name: variables, and their file for kubeadm.
const IMAGES: [(&str, &[&str], Option<&str>); 9] = [
    ("kubernetes", &[SEALOS, CONTAINERD], None),
    ("sealer", &["registryDomain=sea.hub registryPort=5000", CONTAINERD], None),
    (
        "docker",
        &[
            SEALOS,
            "SEALOS_SYS_CRI_ENDPOINT=/var/run/cri-dockerd.sock SEALOS_SYS_IMAGE_ENDPOINT=/var/run/image-cri-shim.sock",
        ],
        None,
    ),
    ("crio", &[SEALOS, "SEALOS_SYS_CRI_ENDPOINT=/var/run/crio/crio.sock"], None),
    ("v1beta1", &[SEALOS], Some("v1beta1.yml")),
    ("v1beta2", &[SEALOS], Some("v1beta2.yml")),
    ("v1beta3", &[SEALOS], Some("v1beta3.yml")),
    ("v1beta4", &[SEALOS], Some("v1beta4.yml")),
    ("template", &[SEALOS], Some("template.yml.tmpl")),
];

/// What a run puts in the place of these words, which are rendered where it is not known yet.
const OF_THE_RUN: [(&str, &str); 3] = [
    ("TOKEN-OF-THE-RUN", "abcdef.0123456789abcdef"),
    ("DIGEST-OF-THE-CA", "sha256:4f1b5c2ad0a5d1e4dbd6a3ff8e5c3f2e9a1b0c7d8e6f5a4b3c2d1e0f9a8b7c6d"),
    ("KEY-OF-THE-RUN", "e6a2eb8581237ab72a4f494f30285ec12a9694d750b9785706a83bfcbbbd2204"),
];

/// A home of sealift's own, gone with the test.
pub(crate) struct Home(TempDir);

/// What a machine gets.
pub(crate) struct File {
    pub(crate) machine: String,
    /// What is done with it.
    pub(crate) command: String,
    pub(crate) text: String,
}

impl Home {
    pub(crate) fn with_images_of(version: &str) -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        for (name, variables, file) in IMAGES {
            let context = home.0.path().join(name);
            fs::create_dir_all(context.join("etc")).unwrap();
            let file_of_image = |name: &str| fs::read(cases::root().join("images").join(name)).unwrap();
            if let Some(file) = file {
                let name = file.strip_suffix(".tmpl").map_or("kubeadm.yml", |_| "kubeadm.yml.tmpl");
                fs::write(context.join("etc").join(name), file_of_image(file)).unwrap();
            }
            let mut kubefile = format!(
                "FROM scratch\nLABEL sealos.io.type=rootfs sealos.io.version=v1beta1 version={version}\nCOPY etc etc\n"
            );
            kubefile.extend(variables.iter().map(|variables| format!("ENV {variables}\n")));
            fs::write(context.join("Kubefile"), kubefile).unwrap();
            home.run(&["build", "-t", &format!("{name}:test"), "--offline", context.to_str().unwrap()]);
        }
        home
    }

    /// Returns every machine's file.
    pub(crate) fn render(&self, case: &Case) -> Vec<File> {
        let path = |path: &Path| path.to_str().unwrap().to_owned();
        let mut arguments =
            vec!["render".to_owned(), "--output=json".to_owned(), "-f".to_owned(), path(&case.clusterfile)];
        arguments.extend(case.facts.iter().flat_map(|facts| ["--facts".to_owned(), path(facts)]));
        let said = self.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        let files: Vec<Value> = serde_json::from_str(&said).unwrap();
        let word = |file: &Value, name: &str| file[name].as_str().unwrap().to_owned();
        let read = |file| File {
            machine: word(file, "machine"),
            command: word(file, "command"),
            text: OF_THE_RUN.iter().fold(word(file, "file"), |text, (word, value)| text.replace(word, value)),
        };
        files.iter().map(read).collect()
    }

    fn run(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sealift"));
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command
            .env("RUST_BACKTRACE", "0")
            .env("HOME", self.0.path())
            .env("SEALIFT_HOME", self.0.path().join("sealift"));
        let ended = command.args(arguments).output().unwrap();
        let errors = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "{arguments:?}: {errors}");
        String::from_utf8(ended.stdout).unwrap()
    }
}
