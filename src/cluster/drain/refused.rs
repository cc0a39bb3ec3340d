//! A drain against an API server that does not let a pod go, over a real connection: what answers make of waiting.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::cluster::Api;
use crate::error::Class;
use crate::wire::{Drain, NodeKey, Overdue};

/// An API server with one Node and one pod on it, which a budget holds.
struct Server {
    listener: TcpListener,
    asked: AtomicUsize,
}

impl Server {
    async fn serve(self: Arc<Self>) {
        while let Ok((connection, _)) = self.listener.accept().await {
            tokio::spawn(self.clone().answer(connection));
        }
    }

    /// Answers one request and hangs up.
    async fn answer(self: Arc<Self>, connection: TcpStream) {
        let mut connection = BufReader::new(connection);
        let (mut first, mut length) = (String::new(), 0);
        connection.read_line(&mut first).await.unwrap();
        loop {
            let mut header = String::new();
            connection.read_line(&mut header).await.unwrap();
            if let Some(value) = header.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if header.trim().is_empty() {
                break;
            }
        }
        connection.read_exact(&mut vec![0; length]).await.unwrap();
        let (status, body) = self.reply(first.split(' ').nth(1).unwrap());
        let body = body.to_string();
        let text = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nretry-after: 10\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        connection.write_all(text.as_bytes()).await.unwrap();
    }

    fn reply(&self, path: &str) -> (&'static str, Value) {
        let node = json!({"metadata": {"name": "worker"}, "status": {"nodeInfo": {"machineID": "id"},
            "conditions": [{"type": "Ready", "status": "True"}]}});
        let owner = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "r", "controller": true});
        let pod = json!({"metadata": {"name": "web-1", "namespace": "shop", "uid": "p", "ownerReferences": [owner]}});
        if path.ends_with("/eviction") {
            self.asked.fetch_add(1, Ordering::Relaxed);
            let cause = json!({"reason": "DisruptionBudget", "message": "The disruption budget web needs 1 healthy pods and has 1 currently"});
            let refusal = json!({"kind": "Status", "status": "Failure", "code": 429, "reason": "TooManyRequests",
                "message": "Cannot evict pod as it would violate the pod's disruption budget.", "details": {"causes": [cause]}});
            return ("429 Too Many Requests", refusal);
        }
        let body = match path.split('?').next().unwrap_or_default() {
            "/version" => {
                let empty = ["gitCommit", "gitTreeState", "buildDate", "goVersion", "compiler", "platform"];
                let mut version = json!({"major": "1", "minor": "36", "gitVersion": "v1.36.3"});
                version.as_object_mut().unwrap().extend(empty.map(|name| (name.to_owned(), "".into())));
                version
            }
            "/api/v1/nodes" => json!({"kind": "NodeList", "metadata": {}, "items": [node]}),
            "/api/v1/pods" => json!({"kind": "PodList", "metadata": {}, "items": [pod]}),
            _ => node,
        };
        ("200 OK", body)
    }
}

/// The API says no to evictions as it says that it has too much to do, and asks to be asked again in ten seconds. Somebody who
/// silently did that, over and over, would keep the drain from its deadline and the operator from knowing why.
#[tokio::test]
async fn a_budget_that_says_no_is_heard_at_once_and_named_with_its_pod() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = Arc::new(Server { listener, asked: AtomicUsize::new(0) });
    tokio::spawn(server.clone().serve());
    let kubeconfig = tempfile::NamedTempFile::new().unwrap();
    let text = json!({"apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": url}}], "users": [{"name": "c", "user": {}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}]});
    std::fs::write(kubeconfig.path(), text.to_string()).unwrap();

    let api = Api::with_kubeconfig(kubeconfig.path()).await.unwrap();
    let order = Drain { node: NodeKey::MachineId("id".to_owned()), seconds: 0, overdue: Overdue::Fails };
    let problem = api.drain(&order, &|_| ()).await.unwrap_err();
    assert_eq!(server.asked.load(Ordering::Relaxed), 1, "{problem}");
    assert_eq!(problem.class, Class::Kubernetes);
    let held = "shop/web-1: The disruption budget web needs 1 healthy pods and has 1 currently";
    assert!(problem.seen.iter().any(|seen| seen == held), "{problem:?}");
}
