//! What the components of a cluster that is made were told the last time, so that it is seen what is to be otherwise.

use crate::error::Problems;
use crate::model::{Cluster, Config, ImageContract, ImageKind, KubernetesVersion, base_images};
use crate::ops::files::Files;
use crate::plan::{self, Former, Told};
use crate::steps::{Applied, State};

/// Returns what was told the last time; `None` where nothing was. `now` is what the images' file says now.
///
/// A run that was cut off may have made the cluster, though the operator does not know its identity yet: what it told counts.
pub(super) fn former(
    last: Option<&State>,
    images: &[ImageContract],
    files: &Files,
    now: Option<&str>,
) -> Result<Option<Former>, Problems> {
    let was_told = |state: &&State| state.authority.is_some() || state.applied.is_some();
    let Some(made) = last.filter(was_told) else { return Ok(None) };
    let kubeadm_file = match &made.applied {
        Some(applied) => applied.kubeadm_file.clone(),
        None => by_an_older_version(made, images, files, now)?,
    };
    let (documents, certificate_names) =
        (made.cluster.documents.clone(), made.cluster.certificate_names.clone());
    let version = version(&made.images);
    let told = Told {
        documents: &documents,
        kubeadm_file: kubeadm_file.as_deref(),
        certificate_names: &certificate_names,
        version,
    };
    let told = || told.configuration();
    let made_with = made.applied.as_ref().map_or_else(told, |applied| applied.made_with.clone());
    let version = version.cloned();
    Ok(Some(Former { documents, kubeadm_file, certificate_names, version, made_with }))
}

/// Returns what is kept of what the components are told now.
pub(super) fn applied(
    former: Option<&Former>,
    cluster: &Cluster,
    images: &[ImageContract],
    kubeadm_file: Option<String>,
) -> Applied {
    let told = Told {
        documents: &cluster.documents,
        kubeadm_file: kubeadm_file.as_deref(),
        certificate_names: &cluster.certificate_names,
        version: version(images),
    };
    let made_with = former.map_or_else(|| told.configuration(), |former| former.made_with.clone());
    Applied { kubeadm_file, made_with }
}

fn version(images: &[ImageContract]) -> Option<&KubernetesVersion> {
    images.iter().find(|image| image.kind == ImageKind::Rootfs)?.version.as_ref()
}

/// An older version did not keep the file: it is what the same images, Configs and variables make of it. Other images may have
/// another one, and what the former said is known by nobody.
fn by_an_older_version(
    made: &State,
    images: &[ImageContract],
    files: &Files,
    now: Option<&str>,
) -> Result<Option<String>, Problems> {
    let manifests = |image: &ImageContract| image.manifest.clone();
    if !base_images(images).map(manifests).eq(base_images(&made.images).map(manifests)) {
        return Ok(now.map(str::to_owned));
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
    files.kubeadm_file_by(&operators, &made.images, &variables)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Store;
    use crate::ops::testing::state;

    #[test]
    fn what_a_run_told_that_was_cut_off_is_known_though_the_cluster_is_not() {
        let home = tempfile::tempdir().unwrap();
        let files = Files::read(&Store::open(home.path()).unwrap(), &[], &[]).unwrap();
        let mut last = state();
        let file = |number: u8| format!("kind: ClusterConfiguration\na: {number}\n");
        let of = |last: Option<&State>| former(last, &[], &files, Some("now")).unwrap();
        assert!(of(None).is_none() && of(Some(&last)).is_none(), "nothing was told yet");
        last.applied = Some(applied(None, &last.cluster, &[], Some(file(1))));
        let told = of(Some(&last)).unwrap();
        assert_eq!(told.kubeadm_file, Some(file(1)));
        // Until the cluster is made it is not known which run makes it: the first may have.
        let kept = applied(Some(&told), &last.cluster, &[], Some(file(2)));
        assert_eq!(kept.made_with, last.applied.unwrap().made_with);
    }
}
