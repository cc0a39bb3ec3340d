//! Applications and patches on a cluster that is there: launched, changed alone, caught lying, moved, taken off.

use std::fs;
use std::path::Path;

use sealift::engine::Event;
use serde_json::{Value, json};

use super::registries::UNSEEN;
use super::{Life, Machine, NAME, events, kubectl, step};
use crate::machines::GREETING;
use crate::operator::Ended;

/// An application whose manifest is a template, a patch, and an application that says it did what it did not.
const NOTES: &str = "test-notes:v1";
const PATCH: &str = "test-patch:v1";
const LIAR: &str = "test-liar:v1";

impl Life {
    /// A patch and two applications come to a cluster that serves.
    pub(super) fn add_applications(&mut self) {
        self.build_images();
        self.declared.images.extend([json!(PATCH), wished(NOTES, "green"), wished(GREETING, "green")]);
        let ended = self.apply(&[]);
        let steps = events::steps(&ended.lines);
        step(&steps, &format!("launch {NOTES}"), Some(&self.first().address()));
        // The patch lies over the rootfs of every machine, rendered with the machine's variables.
        for machine in self.small() {
            let laid = machine.sh(&format!("cat /var/lib/sealift/data/{NAME}/rootfs/etc/patched.conf"));
            let role = if machine.address() == self.first().address() { "master" } else { "node" };
            assert_eq!(laid, format!("role={role}"), "{}", machine.hostname());
        }
        assert_eq!(colour(self.first(), "notes"), "green");
        assert_eq!(colour(self.first(), "greeting"), "green");
        // What they print is told as theirs.
        let said = |source: &str, words: &str| {
            ended.lines.iter().any(|line| matches!(&line.event,
                Some(Event::StepSaid { source: Some(from), line, .. }) if from == source && line.contains(words)))
        };
        assert!(said(NOTES, "configmap/notes created"), "{}", ended.told());
        assert!(said(GREETING, "STATUS: deployed"), "{}", ended.told());
        assert_eq!(self.apply(&[]).summary()["ending"], "nothing-to-do");
    }

    /// Of one application the variables change: it alone is launched again.
    pub(super) fn change_an_application(&mut self) {
        let before = self.launches();
        let words = ["run", NOTES, "--name", NAME, "--yes", "-e", "COLOUR=red"];
        let ended = self.operator.types(words).well();
        assert_launched_alone(&ended, &self.first().address());
        assert_eq!(self.operator.types(words).well().summary()["ending"], "nothing-to-do");
        self.wish(NOTES, "red");
        assert_eq!(
            (colour(self.first(), "notes"), colour(self.first(), "greeting")),
            ("red".into(), "green".into())
        );
        let after = self.launches();
        assert_ne!(after[NOTES], before[NOTES]);
        assert_eq!(after[GREETING], before[GREETING]);
        for what in ["launched", "run", "machine"] {
            assert!(after[NOTES][what].is_string(), "{after}");
        }
    }

    /// A script that exits well and did not do its work is found out, and nothing is written down for it.
    pub(super) fn find_a_liar_out(&mut self) {
        let ended = self.operator.types(["run", LIAR, "--name", NAME, "--yes"]);
        assert_eq!(ended.code(), Some(6), "{}", ended.told());
        assert!(ended.told().contains("its own check finds their work not done"), "{}", ended.told());
        assert!(self.launches()[LIAR]["launched"].is_null(), "{}", self.launches());
        let problem = self.operator.types(["uninstall", "test-liat", "--name", NAME, "--yes"]);
        assert_eq!(problem.code(), Some(2), "{}", problem.told());
        assert!(problem.told().contains("did you mean"), "{}", problem.told());
        self.operator.types(["uninstall", LIAR, "--name", NAME, "--yes"]).well();
        assert_eq!(self.apply(&[]).summary()["ending"], "nothing-to-do");
    }

    /// The control plane that their files were on has left. They are launched from another, and taken off from there.
    pub(super) fn take_applications_off(&mut self) {
        self.wish(NOTES, "blue");
        self.apply(&[]);
        assert_eq!(colour(self.control_planes()[0], "notes"), "blue");
        let machine = self.launches()[NOTES]["machine"].clone();
        assert!(self.control_planes().iter().any(|one| machine == one.address()), "{machine}");
        self.take_off_without_clean();
        let ended = self.operator.types(["uninstall", NOTES, "greeting", "--name", NAME, "--yes"]).well();
        assert_eq!(ended.summary()["ending"], "done");
        self.declared.images.retain(|image| image["name"].is_null());
        let commanding = self.control_planes()[0];
        let left = kubectl(commanding, "get configmap,deployment -o name");
        assert!(!left.contains("notes") && !left.contains("greeting"), "{left}");
        let kept = kubectl(commanding, "get configmap sealift-applications -n kube-system -o yaml");
        assert!(!kept.contains(NOTES) && !kept.contains(GREETING), "{kept}");
        assert_eq!(self.apply(&[]).summary()["ending"], "nothing-to-do");
        let places = "find /var/lib/sealift/data/*/applications -maxdepth 1 -mindepth 1 -type d -not -name '.*' | wc -l";
        let trees: usize =
            self.control_planes().iter().map(|one| one.sh(places).parse::<usize>().unwrap()).sum();
        assert!(trees <= 2, "{trees} trees of applications are left");
    }

    /// What `clean` would undo was undone by hand, and so it fails for ever.
    fn take_off_without_clean(&self) {
        kubectl(self.control_planes()[0], "delete configmap notes");
        let held_up = self.operator.types(["uninstall", NOTES, "--name", NAME, "--yes"]);
        assert!(!held_up.status.success(), "{}", held_up.told());
        assert!(held_up.told().contains("--without-clean"), "{}", held_up.told());
        self.operator.types(["uninstall", NOTES, "--without-clean", "--name", NAME, "--yes"]).well();
        let again = self.operator.types(["run", NOTES, "--name", NAME, "--yes"]).well();
        assert!(again.told().contains("configmap/notes created"), "{}", again.told());
    }

    /// Wishes another colour in the Clusterfile; the application keeps its place among the images.
    fn wish(&mut self, image: &str, colour: &str) {
        let declared = self.declared.images.iter_mut().filter(|declared| declared["name"] == image);
        declared.for_each(|declared| *declared = wished(image, colour));
    }

    /// Returns what `status` says of applications, by their images.
    fn launches(&self) -> Value {
        let (_, status) = self.operator.looks(["status", "--name", NAME]);
        let applications = status["applications"].as_array().unwrap().iter();
        applications
            .map(|one| (one["image"].as_str().unwrap().to_owned(), one.clone()))
            .collect::<serde_json::Map<_, _>>()
            .into()
    }

    fn build_images(&self) {
        self.builds(
            UNSEEN,
            "FROM docker.io/sealift/hello:v1\nCOPY unseen /unseen\n",
            &[("unseen", "never pulled before\n")],
        );
        self.builds(NOTES, "\
FROM scratch
LABEL sealos.io.type=application clean='clean.sh'
ENV COLOUR=grey
COPY . .
ENTRYPOINT [\"kubectl apply -f manifests/notes.yaml\"]
CMD [\"kubectl get configmap notes -o name\"]
", &[
            ("manifests/notes.yaml.tmpl", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: notes}\ndata: {colour: {{ .COLOUR | quote }}}\n"),
            ("images/shim/unseen", UNSEEN),
            ("scripts/clean.sh", "set -e\ncd ..\nkubectl delete -f manifests/notes.yaml\n"),
        ]);
        self.builds(
            PATCH,
            "FROM scratch\nLABEL sealos.io.type=patch\nCOPY etc etc\n",
            &[("etc/patched.conf.tmpl", "role={{ .SEALOS_SYS_RUN_MODE }}\n")],
        );
        self.builds(
            LIAR,
            "\
FROM scratch
LABEL sealos.io.type=application check='kubectl get configmap promised'
COPY scripts scripts
CMD [\"bash scripts/lie.sh\"]
",
            &[("scripts/lie.sh", "kubectl get configmap promised || echo 'all is well'\n")],
        );
    }

    pub(super) fn builds(&self, name: &str, kubefile: &str, files: &[(&str, &str)]) {
        let context = self.operator.person().join(name.replace(':', "-"));
        for (path, text) in files.iter().chain(&[("Kubefile", kubefile)]) {
            let path = context.join(path);
            fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).unwrap();
            fs::write(path, text).unwrap();
        }
        let context = context.display().to_string();
        let (code, built) = self.operator.looks(["build", "--offline", "-t", name, &context]);
        assert_eq!(code, Some(0), "{built}");
    }
}

fn wished(image: &str, colour: &str) -> Value {
    json!({"name": image, "env": {"COLOUR": colour}})
}

fn colour(control_plane: Machine<'_>, name: &str) -> String {
    kubectl(control_plane, &format!("get configmap {name} -o jsonpath={{.data.colour}}"))
}

#[track_caller]
fn assert_launched_alone(ended: &Ended, on: &str) {
    let steps = events::steps(&ended.lines);
    let on_machines: Vec<&str> =
        steps.iter().filter(|step| step.machine.is_some()).map(|step| step.title.as_str()).collect();
    assert_eq!(on_machines, [format!("launch {NOTES}")], "{}", ended.told());
    step(&steps, &format!("launch {NOTES}"), Some(on));
}
