//! The cluster managed from where nothing is known of it.

use std::fs;

use super::{Cluster, NAME};
use crate::operator::Operator;

impl Cluster {
    pub(super) fn get(&mut self) {
        let worker = self.machines.worker(1).address();
        let words = ["get", "--from", &worker].map(str::to_owned);
        let elsewhere = Operator::new();
        let (code, told) = elsewhere.looks(words.into_iter().chain(self.machines.login()));
        assert_eq!((code, &told["cluster"]), (Some(0), &NAME.into()), "{told:#}");
        self.assert_is_known(&elsewhere);
        let (code, status) = elsewhere.looks(["status", "--name", NAME]);
        assert_eq!(code, Some(0), "{status:#}");
        let ended = elsewhere.types(["run", "--name", NAME, "--yes"]).well();
        assert_eq!(ended.summary()["ending"], "nothing-to-do");
    }

    pub(super) fn apply_from_nothing(&mut self) {
        let elsewhere = Operator::new();
        let words = self.apply_words(&elsewhere, Some("one"), &serde_json::json!({}));
        let ended = elsewhere.types(words).well();
        assert_eq!(ended.summary()["ending"], "nothing-to-do", "{}", ended.told());
        self.assert_is_known(&elsewhere);
    }

    pub(super) fn change_from_elsewhere(&mut self) {
        let elsewhere = Operator::new();
        let words = self.apply_words(&elsewhere, Some("two"), &serde_json::json!({}));
        elsewhere.types(words).well();
        assert_eq!(self.label(), "two");
        // Without a file nobody has said what is wanted of what another one did.
        let ended = self.operator.types(["run", "--name", NAME, "--yes"]);
        assert_eq!(ended.code(), Some(11), "{}", ended.told());
        assert!(ended.problems()[0].seen[0].starts_with("`apply "), "{}", ended.told());
        let (code, status) = self.operator.looks(["status", "--name", NAME]);
        assert_eq!(code, Some(0), "{status:#}");
        assert_eq!(self.apply(Some("one")).well().summary()["ending"], "done");
        assert_eq!(self.label(), "one");
    }

    /// Fails unless the operator has what the first one has: the definition, and a key that opens the API.
    fn assert_is_known(&self, elsewhere: &Operator) {
        let [here, there] = [&self.operator, elsewhere].map(|operator| {
            let cluster = operator.home().join("clusters").join(NAME);
            let state = fs::read_to_string(cluster.join("state.json")).unwrap();
            let state: serde_json::Value = serde_json::from_str(&state).unwrap();
            let kubeconfig = fs::read_to_string(cluster.join("kubeconfig")).unwrap();
            ([&state["cluster"], &state["registry"], &state["authority"]].map(Clone::clone), kubeconfig)
        });
        assert_eq!(here, there);
    }
}
