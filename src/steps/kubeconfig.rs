//! The operator's kubeconfig, in a file of its own: nobody's `~/.kube/config` is touched.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::site::Site;
use super::state::State;
use crate::engine::{Acted, Progress, Step};
use crate::error::{Class, Problem, Result};
use crate::kubeadm::API_PORT;
use crate::model::{BoxFuture, Kubeconfig};
use crate::wire::TakeKubeconfig;
use crate::{fsx, yaml};

pub(super) struct FetchKubeconfig {
    pub(super) site: Arc<Site>,
}

impl Step for FetchKubeconfig {
    fn title(&self) -> String {
        "fetch the kubeconfig".to_owned()
    }

    fn machine(&self) -> Option<&str> {
        None
    }

    fn act<'a>(&'a self, _: &'a Progress) -> BoxFuture<'a, Result<Acted>> {
        Box::pin(fetch(&self.site))
    }
}

/// Fetches it from a control plane that serves.
pub async fn fetch(site: &Site) -> Result<Acted> {
    let commanding = site.commanding().await?;
    let text = site.agent(commanding).await?.ask(TakeKubeconfig {}).await?;
    keep(&site.home, &site.cluster().name, &text, commanding.address)
}

/// Returns where a cluster's kubeconfig is kept.
pub fn path(home: &Path, cluster: &str) -> PathBuf {
    State::directory(home, cluster).join("kubeconfig")
}

/// Keeps a control plane's kubeconfig as the operator's, with that control plane as its server.
pub fn keep(home: &Path, cluster: &str, text: &str, control_plane: IpAddr) -> Result<Acted> {
    let server = SocketAddr::new(control_plane, API_PORT);
    let own = for_operator(text, cluster, &format!("https://{server}"))?;
    let path = path(home, cluster);
    if fsx::read_if_exists(&path)?.is_some_and(|present| present == own.as_bytes()) {
        return Ok(Acted::Unchanged);
    }
    fsx::write_atomically(&path, own, 0o600)?;
    Ok(Acted::Changed)
}

/// Tells where the operator's kubeconfig of a cluster leads. One that is no kubeconfig is as good as none.
pub fn look(home: &Path, cluster: &str) -> Result<Kubeconfig> {
    let Some(bytes) = fsx::read_if_exists(&path(home, cluster))? else { return Ok(Kubeconfig::Missing) };
    Ok(server(&String::from_utf8_lossy(&bytes)).map_or(Kubeconfig::Missing, Kubeconfig::LeadsTo))
}

/// Returns the host in `https://10.0.0.1:6443` or `https://[fd00::1]:6443`, without brackets.
fn server(text: &str) -> Option<String> {
    let documents = yaml::documents("the kubeconfig", text).ok()?;
    let url = documents.first()?.get("clusters")?.get(0)?.get("cluster")?.get("server")?.as_str()?;
    let (_, rest) = url.split_once("://")?;
    let rest = rest.trim_end_matches('/');
    let (host, _) = rest.rsplit_once(':').filter(|_| !rest.ends_with(']')).unwrap_or((rest, ""));
    Some(host.trim_start_matches('[').trim_end_matches(']').to_owned())
}

/// Gives the entries the cluster's name, so that several clusters' files can be used together, and a server
/// address that holds outside of the cluster.
fn for_operator(text: &str, cluster: &str, server: &str) -> Result<String> {
    let unusable =
        || Problem::new(Class::Kubernetes, "the control plane's kubeconfig is not as kubeadm writes it");
    let mut documents = yaml::documents("admin.conf", text)?;
    let config = documents.first_mut().ok_or_else(unusable)?;
    let user = format!("{cluster}-admin");
    for (list, name) in [("clusters", cluster), ("users", &user), ("contexts", cluster)] {
        config.get_mut(list).and_then(|list| list.get_mut(0)).ok_or_else(unusable)?["name"] = name.into();
    }
    config["clusters"][0]["cluster"]["server"] = server.into();
    config["contexts"][0]["context"] = serde_json::json!({"cluster": cluster, "user": user});
    config["current-context"] = cluster.into();
    yaml::to_string(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_named_after_the_cluster() {
        let text = "apiVersion: v1\nkind: Config\nclusters:\n- name: kubernetes\n  cluster:\n    server: https://apiserver.cluster.local:6443\n    certificate-authority-data: QUJD\nusers:\n- name: kubernetes-admin\n  user: {}\ncontexts:\n- name: x\n  context: {cluster: kubernetes, user: kubernetes-admin}\ncurrent-context: x\n";
        insta::assert_snapshot!(for_operator(text, "demo", "https://10.0.0.1:6443").unwrap(), @r#"
        apiVersion: v1
        kind: Config
        clusters:
        - name: demo
          cluster:
            server: https://10.0.0.1:6443
            certificate-authority-data: QUJD
        users:
        - name: demo-admin
          user: {}
        contexts:
        - name: demo
          context:
            cluster: demo
            user: demo-admin
        current-context: demo
        "#);
        assert!(for_operator("a: b\n", "demo", "https://x").is_err());
    }

    #[test]
    fn it_tells_where_it_leads() {
        let home = tempfile::tempdir().unwrap();
        let seen = |text: &str| {
            std::fs::create_dir_all(State::directory(home.path(), "demo")).unwrap();
            std::fs::write(path(home.path(), "demo"), text).unwrap();
            look(home.path(), "demo").unwrap()
        };
        let leading = |url: &str| format!("clusters:\n- name: demo\n  cluster: {{server: '{url}'}}\n");
        assert_eq!(look(home.path(), "demo").unwrap(), Kubeconfig::Missing);
        for (url, host) in [
            ("https://10.0.0.1:6443", "10.0.0.1"),
            ("https://[fd00::1]:6443", "fd00::1"),
            ("https://[fd00::1]", "fd00::1"),
            ("https://api.example.org/", "api.example.org"),
        ] {
            assert_eq!(seen(&leading(url)), Kubeconfig::LeadsTo(host.to_owned()));
        }
        for rubbish in ["", "a: b\n", "\u{0}{"] {
            assert_eq!(seen(rubbish), Kubeconfig::Missing, "{rubbish:?}");
        }
    }
}
