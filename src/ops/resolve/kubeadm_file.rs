//! The cluster's networks together with the `etc/kubeadm.yml` of its images, since each may say what the other is.

use super::network::{self, network};
use crate::error::{Class, Problem, Problems};
use crate::model::{ComponentDocument, Config, Declared, ImageContract, ImageKind, Network, base_images};
use crate::ops::files::Files;
use crate::plan;
use crate::steps::State;
use crate::yaml;

use super::documents::OF_NEW_MACHINES;

/// What all machines have in common of what kubeadm is told.
pub(super) struct Settled {
    /// The cluster's networks.
    pub(super) network: Network,
    /// The images' `etc/kubeadm.yml`, as Configs and variables leave it.
    pub(super) kubeadm_file: Option<String>,
}

/// Settles both. The file is read twice, since a template may speak of networks which only the file itself may say.
pub(super) fn settle(
    declared: &Declared,
    documents: &[ComponentDocument],
    last: Option<&State>,
    images: &[ImageContract],
    files: &Files,
) -> Result<Settled, Problems> {
    let with = |network: &Network| {
        let own = &declared.environment;
        let variables = plan::of_kubeadm_file(images, &declared.name, network, own, &declared.wishes);
        files.kubeadm_file(images, &variables)
    };
    let assumed = network::assumed(&declared.network, last, images)?;
    let of_images = with(&assumed)?;
    let network = network(&declared.network, documents, last, images, of_images.as_deref())?;
    let kubeadm_file = with(&network)?;
    if let Some(made) = last.filter(|state| state.authority.is_some()) {
        refuse_changes(made, images, files, kubeadm_file.as_deref())?;
    }
    Ok(Settled { network, kubeadm_file })
}

/// A cluster that is made does not become another one by a Config or a variable of this file's, as little as by a document.
fn refuse_changes(
    made: &State,
    images: &[ImageContract],
    files: &Files,
    now: Option<&str>,
) -> Result<(), Problems> {
    let manifests = |image: &ImageContract| image.manifest.clone();
    // What was made of another image is compared with that image's own file by nobody here.
    if !base_images(images).map(manifests).eq(base_images(&made.images).map(manifests)) {
        return Ok(());
    }
    let cluster = &made.cluster;
    let variables = plan::of_kubeadm_file(
        &made.images,
        &cluster.name,
        &cluster.network,
        &cluster.environment,
        &cluster.wishes,
    );
    // The same image may have another name by now.
    let name = |images: &[ImageContract]| {
        images.iter().find(|image| image.kind == ImageKind::Rootfs).map(|image| image.name.clone())
    };
    let (before, after) = (name(&made.images), name(images));
    let renamed = |mut config: Config| {
        if let (Some(before), Some(after)) = (&before, &after) {
            let trees = config.trees.iter_mut().filter(|tree| *tree == before);
            trees.for_each(|tree| tree.clone_from(after));
        }
        config.placed()
    };
    let operators: Vec<_> = cluster.configs.iter().cloned().map(renamed).collect();
    let then = files.kubeadm_file_by(&operators, &made.images, &variables)?;
    if of_the_cluster(now)? == of_the_cluster(then.as_deref())? {
        return Ok(());
    }
    Err(Problem::new(
        Class::Refused,
        "the images' etc/kubeadm.yml cannot be changed once the cluster is made",
    )
    .saw("a Config or a variable makes another one of it than the cluster was made with")
    .remedy("write Configs and variables of etc/kubeadm.yml as they were when the cluster was made")
    .into())
}

/// Returns the documents that machines which are in have read already.
fn of_the_cluster(text: Option<&str>) -> Result<Vec<serde_json::Value>, Problem> {
    let Some(text) = text else { return Ok(vec![]) };
    let mut documents = yaml::documents("the image's etc/kubeadm.yml", text)?;
    documents.retain(|document| {
        let kind = document.get("kind").and_then(serde_json::Value::as_str);
        !kind.is_some_and(|kind| OF_NEW_MACHINES.contains(&kind))
    });
    Ok(documents)
}
