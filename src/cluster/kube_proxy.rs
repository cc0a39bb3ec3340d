//! kube-proxy: its configuration, and its pods replaced so that they read it.

use std::time::Duration;

use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Client;
use kube::api::{Api, DeleteParams, ObjectMeta, Patch, PatchParams, PostParams};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::error::{Class, Context, Problem, Result};
use crate::model::Digest;

const NAMESPACE: &str = "kube-system";
/// kubeadm calls both the ConfigMap and the DaemonSet so.
const NAME: &str = "kube-proxy";
/// The configuration's key in the ConfigMap.
const KEY: &str = "config.conf";
/// The ConfigMap with what it was configured by before a change that has not come to its end.
const ASIDE: &str = "sealift-kube-proxy-aside";
/// Says in the pods which configuration they were made for; another one makes them be replaced.
const ANNOTATION: &str = "sealift.io/configuration";

/// How long the next pod may take to be Ready. Its image is there already.
const PATIENCE: Duration = Duration::from_mins(2);
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Tells whether the cluster has a kube-proxy. One that another pod network replaces was never made, or was taken away.
pub(super) async fn is_there(client: &Client) -> Result<bool> {
    let sets: Api<DaemonSet> = Api::namespaced(client.clone(), NAMESPACE);
    let set = sets.get_opt(NAME).await;
    set.map(|set| set.is_some())
        .problem(Class::Kubernetes, "the API does not tell whether there is a kube-proxy")
}

/// What there is of kube-proxy before a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KubeProxy {
    /// None: another pod network replaces it.
    Absent,
    /// One without the configuration that kubeadm gives it.
    Unconfigured,
    /// One that ran well with this configuration, of which there is a copy now.
    PutAside(String),
}

/// Copies the configuration, unless an earlier change did that and was cut off: what it copied is what ran well.
pub(super) async fn put_aside(client: &Client) -> Result<KubeProxy> {
    if !is_there(client).await? {
        return Ok(KubeProxy::Absent);
    }
    Ok(copy(client).await?.map_or(KubeProxy::Unconfigured, KubeProxy::PutAside))
}

async fn copy(client: &Client) -> Result<Option<String>> {
    let unreadable = "the API does not show kube-proxy's configuration";
    if let Some(kept) = maps(client).get_opt(ASIDE).await.problem(Class::Kubernetes, unreadable)? {
        return Ok(text_of(kept));
    }
    let Some(present) = maps(client).get_opt(NAME).await.problem(Class::Kubernetes, unreadable)? else {
        return Ok(None);
    };
    let Some(text) = text_of(present) else { return Ok(None) };
    let copy = ConfigMap {
        metadata: ObjectMeta { name: Some(ASIDE.to_owned()), ..ObjectMeta::default() },
        data: Some([(KEY.to_owned(), text.clone())].into()),
        ..ConfigMap::default()
    };
    let copied = maps(client).create(&PostParams::default(), &copy).await;
    copied.problem(Class::Kubernetes, "kube-proxy's configuration cannot be put aside")?;
    Ok(Some(text))
}

/// Lets the copy go; one that is not there is gone.
pub(super) async fn forget_aside(client: &Client) -> Result<()> {
    match maps(client).delete(ASIDE, &DeleteParams::default()).await {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        gone => {
            gone.map(drop).problem(Class::Kubernetes, "what was put aside of kube-proxy cannot be removed")
        }
    }
}

pub(super) async fn put_configuration(client: &Client, text: &str) -> Result<()> {
    let patch = Patch::Merge(json!({"data": {KEY: text}}));
    let put = maps(client).patch(NAME, &PatchParams::default(), &patch).await;
    put.map(drop).problem(Class::Kubernetes, "kube-proxy's configuration cannot be put back")
}

fn maps(client: &Client) -> Api<ConfigMap> {
    Api::namespaced(client.clone(), NAMESPACE)
}

fn text_of(map: ConfigMap) -> Option<String> {
    map.data?.remove(KEY)
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
    use super::super::testing::FakeApi;
    use super::*;

    #[tokio::test]
    async fn what_ran_well_is_kept_over_changes_that_are_cut_off() {
        let api = FakeApi::default();
        let client = api.client();
        assert_eq!(put_aside(&client).await.unwrap(), KubeProxy::Absent);
        let set = format!("/apis/apps/v1/namespaces/{NAMESPACE}/daemonsets/{NAME}");
        api.put(&set, json!({"metadata": {"name": NAME}, "spec": {"selector": {}, "template": {}}}));
        assert_eq!(put_aside(&client).await.unwrap(), KubeProxy::Unconfigured);
        assert_eq!(copy(&client).await.unwrap(), None, "there is none to be put aside");
        let configure = |text: &str| {
            let path = format!("/api/v1/namespaces/{NAMESPACE}/configmaps/{NAME}");
            api.put(&path, json!({"metadata": {"name": NAME}, "data": {KEY: text}}));
        };
        configure("good");
        assert_eq!(copy(&client).await.unwrap().as_deref(), Some("good"));
        // It was changed, and that was cut off twice.
        for text in ["bad", "worse"] {
            configure(text);
            assert_eq!(copy(&client).await.unwrap().as_deref(), Some("good"));
        }
        for _ in 0..2 {
            forget_aside(&client).await.unwrap();
        }
        assert_eq!(copy(&client).await.unwrap().as_deref(), Some("worse"));
    }

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
