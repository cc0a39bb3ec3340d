//! One pod asked to leave: through the eviction API, which honours budgets, or deleted where that was agreed to.

use http::Request;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, DeleteParams, Preconditions};
use kube::core::Status;
use kube::{Client, Error};
use serde_json::json;

use super::pods::PodKey;
use crate::error::{Class, Context, Result};
use crate::model::KubernetesVersion;

/// The first minor version whose eviction API is `policy/v1`
/// (https://kubernetes.io/docs/reference/using-api/deprecation-guide/#v1-25).
const STABLE_SINCE: u64 = 22;

/// What became of the question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// It is on its way, or was gone already.
    Goes,
    /// Not now, and why.
    NotNow(String),
}

/// Which eviction API a cluster has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Stable,
    Beta,
}

impl Dialect {
    /// Chooses by the API server's version; one that cannot be read is new.
    pub(super) fn of(version: &str) -> Self {
        match version.parse::<KubernetesVersion>() {
            Ok(version) if version.minor() < STABLE_SINCE => Self::Beta,
            _ => Self::Stable,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Stable => "policy/v1",
            Self::Beta => "policy/v1beta1",
        }
    }
}

/// Asks the API to let one pod go as its disruption budgets allow.
pub(super) async fn evict(client: &Client, dialect: Dialect, pod: &PodKey) -> Result<Answer> {
    let PodKey { namespace, name, uid } = pod;
    let body = json!({
        "apiVersion": dialect.name(), "kind": "Eviction", "metadata": {"name": name, "namespace": namespace},
        // A pod of the same name that was made meanwhile is not the one that is meant.
        "deleteOptions": {"preconditions": {"uid": uid}},
    });
    let request = Request::post(format!("/api/v1/namespaces/{namespace}/pods/{name}/eviction"))
        .header("content-type", "application/json")
        .body(body.to_string().into_bytes())
        .problem(Class::Internal, "cannot ask for an eviction")?;
    match client.request_text(request).await {
        Ok(_) => Ok(Answer::Goes),
        Err(Error::Api(status)) => Ok(answer(&status)),
        Err(error) => Err(error).problem_with(Class::Kubernetes, || format!("{pod} cannot be evicted")),
    }
}

/// What the API says who does not let a pod go; a pod that is gone needs no leave.
fn answer(status: &Status) -> Answer {
    match status.code {
        404 | 409 => Answer::Goes,
        _ => {
            let causes = status.details.iter().flat_map(|details| &details.causes);
            let causes: Vec<&str> = causes.map(|cause| cause.message.as_str()).collect();
            let why = if causes.is_empty() { status.message.clone() } else { causes.join("; ") };
            Answer::NotNow(why)
        }
    }
}

/// Deletes a pod without asking its budgets.
pub(super) async fn delete(client: &Client, pod: &PodKey, grace_seconds: Option<u32>) -> Result<Answer> {
    let parameters = DeleteParams {
        grace_period_seconds: grace_seconds,
        preconditions: Some(Preconditions { uid: Some(pod.uid.clone()), resource_version: None }),
        ..DeleteParams::default()
    };
    match Api::<Pod>::namespaced(client.clone(), &pod.namespace).delete(&pod.name, &parameters).await {
        Ok(_) => Ok(Answer::Goes),
        Err(Error::Api(status)) => Ok(answer(&status)),
        Err(error) => Err(error).problem_with(Class::Kubernetes, || format!("{pod} cannot be deleted")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_api_is_chosen_by_version() {
        for (version, want) in [
            ("v1.36.3", Dialect::Stable),
            ("v1.22.0", Dialect::Stable),
            ("v1.21.14", Dialect::Beta),
            ("v1.18.3+vendor.1", Dialect::Beta),
            ("", Dialect::Stable),
        ] {
            assert_eq!(Dialect::of(version), want, "{version}");
        }
    }

    #[test]
    fn a_budget_names_itself_and_a_pod_that_is_gone_goes() {
        let status = |value: serde_json::Value| -> Status { serde_json::from_value(value).unwrap() };
        let refused = status(json!({"status": "Failure", "code": 429, "reason": "TooManyRequests",
            "message": "Cannot evict pod as it would violate the pod's disruption budget.",
            "details": {"causes": [{"reason": "DisruptionBudget",
                "message": "The disruption budget web needs 2 healthy pods and has 2 currently"}]}}));
        assert_eq!(
            answer(&refused),
            Answer::NotNow("The disruption budget web needs 2 healthy pods and has 2 currently".to_owned())
        );
        let several =
            status(json!({"status": "Failure", "code": 500, "message": "This pod has more than one"}));
        assert_eq!(answer(&several), Answer::NotNow("This pod has more than one".to_owned()));
        for code in [404, 409] {
            assert_eq!(answer(&status(json!({"status": "Failure", "code": code}))), Answer::Goes, "{code}");
        }
    }
}
