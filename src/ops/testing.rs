//! What tests of commands begin with.

use serde_json::json;

use crate::steps::State;

/// Returns what is kept of a cluster of one worker that was never made.
pub(super) fn state() -> State {
    let machine =
        json!({"name": "10.0.0.1", "address": "10.0.0.1", "ssh": {"host": "10.0.0.1"}, "role": "worker"});
    let network = json!({
        "pods": "100.64.0.0/10", "services": "10.96.0.0/22", "vip": "10.103.97.2", "dns_domain": "cluster.local",
    });
    serde_json::from_value(json!({
        "cluster": {"name": "prod", "images": [], "machines": [machine], "environment": {}, "network": network},
        "images": [],
        "provider": "bare-metal",
        "launch": "1",
        "registry": {"username": "sealift", "password": "s", "authority": "", "authority_key": ""},
    }))
    .unwrap()
}
