//! kube-proxy: its configuration, and its pods replaced so that they read it.

use std::time::Duration;

use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Client;
use kube::api::{Api, Patch, PatchParams};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::error::{Class, Context, Problem, Result};
use crate::model::Digest;

const NAMESPACE: &str = "kube-system";
/// kubeadm calls both the ConfigMap and the DaemonSet so.
const NAME: &str = "kube-proxy";
/// The configuration's key in the ConfigMap.
const KEY: &str = "config.conf";
/// Says in the pods which configuration they were made for; another one makes them be replaced.
const ANNOTATION: &str = "sealift.io/configuration";

/// How long the next pod may take to be Ready. Its image is there already.
const PATIENCE: Duration = Duration::from_mins(2);
const LOOK_EVERY: Duration = Duration::from_millis(500);

pub(super) async fn configuration(client: &Client) -> Result<Option<String>> {
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), NAMESPACE);
    let map = maps.get_opt(NAME).await;
    let map = map.problem(Class::Kubernetes, "the API does not show kube-proxy's configuration")?;
    Ok(map.and_then(|map| map.data?.remove(KEY)))
}

pub(super) async fn put_configuration(client: &Client, text: &str) -> Result<()> {
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), NAMESPACE);
    let patch = Patch::Merge(json!({"data": {KEY: text}}));
    let put = maps.patch(NAME, &PatchParams::default(), &patch).await;
    put.map(drop).problem(Class::Kubernetes, "kube-proxy's configuration cannot be put back")
}

pub(super) async fn roll(client: &Client, configuration: &Digest, tell: &dyn Fn(&str)) -> Result<()> {
    let sets: Api<DaemonSet> = Api::namespaced(client.clone(), NAMESPACE);
    let annotations = json!({ANNOTATION: configuration});
    let patch = Patch::Merge(json!({"spec": {"template": {"metadata": {"annotations": annotations}}}}));
    let rolled = sets.patch(NAME, &PatchParams::default(), &patch).await;
    rolled.problem(Class::Kubernetes, "kube-proxy's pods cannot be replaced")?;
    let mut best = -1;
    let mut since = Instant::now();
    loop {
        // While the API is away for a moment, nothing is known.
        if let Ok(set) = sets.get(NAME).await {
            let Progress { done, of } = Progress::of(&set);
            if done >= of {
                return Ok(());
            }
            if done > best {
                tell(&format!("{done} of {of} pods of kube-proxy are replaced"));
                (best, since) = (done, Instant::now());
            }
        }
        if since.elapsed() > PATIENCE {
            return Err(Problem::new(Class::Kubernetes, "kube-proxy's pods are not replaced")
                .saw(format!("{} of them are Ready with the new configuration, and no further one becomes so", best.max(0)))
                .remedy("look at them: kubectl -n kube-system get pods -l k8s-app=kube-proxy -o wide; one on a machine that is off holds up the others"));
        }
        sleep(LOOK_EVERY).await;
    }
}

/// How many pods are of the newest kind and Ready.
struct Progress {
    done: i32,
    of: i32,
}

impl Progress {
    fn of(set: &DaemonSet) -> Self {
        let Some(status) = &set.status else { return Self { done: 0, of: 1 } };
        let of = status.desired_number_scheduled;
        // What it says may be about what it was before.
        if status.observed_generation < set.metadata.generation {
            return Self { done: 0, of: of.max(1) };
        }
        let updated = status.updated_number_scheduled.unwrap_or_default();
        let unavailable = status.number_unavailable.unwrap_or_default();
        Self { done: updated.min(of - unavailable), of }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_are_replaced_when_all_are_new_and_ready() {
        let progress = |observed: i64, updated: i32, unavailable: i32| {
            let set = json!({
                "metadata": {"generation": 3},
                "spec": {"selector": {}, "template": {}},
                "status": {
                    "observedGeneration": observed, "desiredNumberScheduled": 4, "currentNumberScheduled": 4,
                    "numberMisscheduled": 0, "numberReady": 4 - unavailable, "updatedNumberScheduled": updated,
                    "numberUnavailable": unavailable,
                },
            });
            let Progress { done, of } = Progress::of(&serde_json::from_value(set).unwrap());
            (done, of)
        };
        assert_eq!(progress(2, 4, 0), (0, 4));
        assert_eq!(progress(3, 2, 1), (2, 4));
        assert_eq!(progress(3, 4, 1), (3, 4));
        assert_eq!(progress(3, 4, 0), (4, 4));
    }
}
