//! An API server in memory, as far as the lock and the state need one: objects by path, each with its version.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

/// The server. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct FakeApi {
    objects: Arc<Mutex<BTreeMap<String, Value>>>,
    /// Written just before the next write of somebody else.
    intruder: Arc<Mutex<Option<(String, Value)>>>,
}

impl FakeApi {
    pub(crate) fn client(&self) -> Client {
        let api = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let api = api.clone();
            async move { Ok::<_, Infallible>(api.answer(request).await) }
        });
        Client::new(service, "default")
    }

    /// Returns an object.
    pub(crate) fn object(&self, path: &str) -> Option<Value> {
        self.objects.lock().unwrap().get(path).cloned()
    }

    /// Keeps an object, whatever was there.
    pub(crate) fn put(&self, path: &str, object: Value) {
        self.write(path, object);
    }

    /// Lets somebody else write an object just before the next write.
    pub(crate) fn intrude(&self, path: &str, object: Value) {
        *self.intruder.lock().unwrap() = Some((path.to_owned(), object));
    }

    async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let path = parts.uri.path().to_owned();
        if parts.method == Method::GET {
            return match self.object(&path) {
                Some(object) => respond(StatusCode::OK, &object),
                None => refuse(StatusCode::NOT_FOUND),
            };
        }
        if parts.method == Method::DELETE {
            return match self.objects.lock().unwrap().remove(&path) {
                Some(object) => respond(StatusCode::OK, &object),
                None => refuse(StatusCode::NOT_FOUND),
            };
        }
        let object: Value = serde_json::from_slice(&body).unwrap();
        if let Some((path, object)) = self.intruder.lock().unwrap().take() {
            self.write(&path, object);
        }
        if parts.method == Method::POST {
            let path = format!("{path}/{}", object["metadata"]["name"].as_str().unwrap());
            if self.object(&path).is_some() {
                return refuse(StatusCode::CONFLICT);
            }
            return respond(StatusCode::CREATED, &self.write(&path, object));
        }
        let stale =
            |present: Value| object["metadata"]["resourceVersion"] != present["metadata"]["resourceVersion"];
        if parts.method == Method::PUT && self.object(&path).is_none_or(stale) {
            return refuse(StatusCode::CONFLICT);
        }
        respond(StatusCode::OK, &self.write(&path, object))
    }

    /// Keeps an object as its next version.
    fn write(&self, path: &str, mut object: Value) -> Value {
        let mut objects = self.objects.lock().unwrap();
        let version = objects.get(path).map_or(0, |present| {
            present["metadata"]["resourceVersion"].as_str().unwrap().parse::<u64>().unwrap()
        });
        object["metadata"]["resourceVersion"] = (version + 1).to_string().into();
        objects.insert(path.to_owned(), object.clone());
        object
    }
}

fn respond(status: StatusCode, object: &Value) -> Response<Body> {
    Response::builder().status(status).body(Body::from(serde_json::to_vec(object).unwrap())).unwrap()
}

fn refuse(status: StatusCode) -> Response<Body> {
    let reason = status.canonical_reason().unwrap_or_default().replace(' ', "");
    respond(
        status,
        &json!({"kind": "Status", "status": "Failure", "message": reason, "reason": reason, "code": status.as_u16()}),
    )
}
