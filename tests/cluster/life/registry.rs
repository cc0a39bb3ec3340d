//! Images that are pushed to all registries are there for every node while any one of these serves, and for registries that come later;
//! and credentials change while nodes pull.

use serde_json::Value;

use super::{Life, Machine, NAME};

const PUSHED: &str = "quay.io/team/pushed:1";

impl Life {
    /// An image goes to all registries, once. A node gets it while a registry is stopped.
    pub(super) fn push_an_image(&mut self) {
        self.builds(PUSHED, "FROM scratch\nCOPY file .\n", &[("file", "pushed")]);
        let push = ["registry", "push", PUSHED, "--name", NAME];
        assert_eq!(self.operator.types(push).well().summary()["ending"], "done");
        assert_eq!(self.operator.types(push).well().summary()["ending"], "nothing-to-do");
        assert_eq!(self.missing_on(), Value::Null);
        self.first().sh("systemctl stop registry");
        for machine in [self.first(), self.machines.worker(0)] {
            pull(machine);
        }
        self.first().sh("systemctl start registry");
    }

    /// The registry of a control plane that came later has the image. All get other credentials, and pull with these alone.
    pub(super) fn change_registry_credentials(&mut self) {
        assert_eq!(self.missing_on(), Value::Null);
        let before = self.access();
        let ended = self.operator.types(["registry", "passwd", "--name", NAME, "--yes"]).well();
        assert_eq!(ended.summary()["ending"], "done", "{}", ended.told());
        let after = self.access();
        assert_eq!((&before["username"], &after["username"]), (&"sealift".into(), &"sealift2".into()));
        assert!(before["password"] != after["password"] && after["former"].is_null());
        let secret = after["password"].as_str().unwrap();
        assert!(!ended.told().contains(secret), "the new password is told");
        for machine in self.control_planes() {
            assert_eq!(machine.sh("cut -d: -f1 /etc/registry/registry_htpasswd"), "sealift2");
        }
        for machine in [self.control_planes()[0], self.machines.worker(0)] {
            machine.sh(&format!("crictl rmi {PUSHED} >/dev/null 2>&1 || true"));
            pull(machine);
        }
        assert_eq!(self.apply(&[]).summary()["ending"], "nothing-to-do");
    }

    /// Returns which registries lack the image; null is none.
    fn missing_on(&self) -> Value {
        let listed = self.operator.asks(["registry", "list", "--name", NAME]);
        let mut images = listed["images"].as_array().unwrap().iter();
        images.find(|image| image["repository"] == "team/pushed").unwrap()["missing_on"].clone()
    }

    fn access(&self) -> Value {
        let path = self.operator.home().join("clusters").join(NAME).join("state.json");
        let state: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        state["registry"].clone()
    }
}

fn pull(machine: Machine<'_>) {
    machine.sh(&format!("crictl pull {PUSHED}"));
}
