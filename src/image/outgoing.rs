//! Images on their way from the operator into a cluster's registry: found wherever they are, and brought into the store first.

use std::collections::BTreeSet;
use std::path::Path;

use super::ImageReference;
use super::collect::{self, Found, Sources};
use super::document::{Descriptor, Manifest};
use super::store::Store;
use crate::error::{Class, Context, Problem, Problems, Result};
use crate::model::{Arch, Digest, ManifestOrder};

/// An image in the store, with what a registry has to be told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Its name.
    pub name: String,
    /// Its manifest, under the repository and tag that it will have. As in a cluster image's registry, the host of its name
    /// is not part of them.
    pub manifest: ManifestOrder,
    /// The blobs that the manifest names, each with its size in bytes.
    pub blobs: Vec<(Digest, u64)>,
}

/// Brings images for `arch` into the store, which the caller holds. Each is named by the path of an archive or layout, or
/// by a name that the store, the local Docker engine or a registry knows. All problems are told.
pub async fn gather(
    store: &Store,
    sources: &Sources,
    arch: Arch,
    names: &[String],
) -> Result<Vec<Outgoing>, Problems> {
    let (mut images, mut problems) = (vec![], vec![]);
    for name in names {
        match found(store, sources, arch, name).await {
            Ok(found) => {
                for (reference, found) in found {
                    match outgoing(store, &reference, &found) {
                        Ok(image) => images.push(image),
                        Err(problem) => problems.push(problem),
                    }
                }
            }
            Err(problem) => problems.push(problem),
        }
    }
    problems.extend(clashes(&images));
    Problems::check(problems)?;
    Ok(images)
}

async fn found(
    store: &Store,
    sources: &Sources,
    arch: Arch,
    name: &str,
) -> Result<Vec<(ImageReference, Found)>> {
    let path = Path::new(name);
    let is_path = name.starts_with(['/', '.']);
    if is_path || path.exists() {
        match collect::all_of(store, path, arch)? {
            Some(images) if images.is_empty() => {
                return Err(Problem::new(
                    Class::Config,
                    format!("{name} holds no image for {arch} that has a name"),
                )
                .remedy("load it under a name with `sealift load --tag`, and push that"));
            }
            Some(images) => return Ok(images),
            // A directory may well be called as an image is.
            None if is_path => {
                return Err(Problem::new(Class::Config, format!("{name} holds no image"))
                    .saw("it is neither an OCI layout, an OCI archive nor a docker archive"));
            }
            None => {}
        }
    }
    let reference: ImageReference = name.parse()?;
    let found = collect::one(store, sources, arch, &reference).await?;
    Ok(vec![(reference, found)])
}

fn outgoing(store: &Store, reference: &ImageReference, found: &Found) -> Result<Outgoing> {
    let digest = found.manifest.digest.clone();
    let tag = match (reference.tag(), reference.digest()) {
        (Some(tag), _) => tag.to_owned(),
        (None, Some(pinned)) if pinned != digest => {
            return Err(Problem::new(
                Class::Config,
                format!("`{reference}` pins an image of many platforms, of which a registry would have one"),
            )
            .remedy("name it by a tag, or by the digest of the platform's own manifest")
            .saw(format!("the manifest for this cluster is {digest}")));
        }
        (None, _) => digest.to_string(),
    };
    let mut content = String::new();
    let mut blob = store.read_blob(&digest)?;
    std::io::Read::read_to_string(&mut blob, &mut content)
        .problem_with(Class::Config, || format!("the manifest of `{reference}` cannot be read"))?;
    let media_type = collect::media_type(content.as_bytes())?;
    let manifest: Manifest = store.document(&digest)?;
    let mut seen = BTreeSet::new();
    let blobs = manifest.layers.iter().chain([&manifest.config]);
    let blobs: Vec<&Descriptor> = blobs.filter(|blob| seen.insert(&blob.digest)).collect();
    if let Some(missing) = blobs.iter().find(|blob| !store.has_blob(&blob.digest)) {
        return Err(Problem::new(
            Class::Config,
            format!("a blob of the image `{reference}` is not in the store"),
        )
        .saw(&missing.digest)
        .remedy("load, build or pull the image again"));
    }
    Ok(Outgoing {
        name: reference.to_string(),
        manifest: ManifestOrder {
            repository: reference.repository().to_owned(),
            reference: tag,
            digest,
            media_type,
            content,
        },
        blobs: blobs.into_iter().map(|blob| (blob.digest.clone(), blob.size)).collect(),
    })
}

/// Finds images that would take each other's place: a cluster's registry knows no hosts.
fn clashes(images: &[Outgoing]) -> Vec<Problem> {
    let place = |image: &Outgoing| (image.manifest.repository.clone(), image.manifest.reference.clone());
    let mut problems = vec![];
    for (index, image) in images.iter().enumerate() {
        let same = images[..index].iter().find(|other| place(other) == place(image));
        if let Some(other) = same.filter(|other| other.manifest.digest != image.manifest.digest) {
            let (repository, tag) = place(image);
            let message = format!(
                "`{}` and `{}` would both be `{repository}:{tag}` in the cluster's registry",
                other.name, image.name
            );
            problems.push(Problem::new(Class::Config, message).remedy("push one of them under another tag"));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::super::archive;
    use super::super::build::build;
    use super::super::collect::{EngineSource, RegistrySource};
    use super::super::testing::{context, docker_archive, home, options, write_tar};
    use super::*;

    const ALONE: Sources = Sources { engine: EngineSource::Unused, registries: RegistrySource::Unused };

    async fn built(store: &Store, name: &str, text: &str) -> crate::image::Image {
        let context = context(&[("Kubefile", "FROM scratch\nCOPY file .\n"), ("file", text)]);
        build(store, options(context.path(), name)).await.unwrap().image
    }

    async fn gathered(store: &Store, names: &[&str]) -> Result<Vec<Outgoing>, Problems> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        gather(store, &ALONE, Arch::THIS, &names).await
    }

    #[tokio::test]
    async fn images_come_from_the_store_archives_and_layouts() {
        let ((_a, store), (_b, other)) = (home(), home());
        let folder = tempfile::tempdir().unwrap();
        let own = built(&store, "quay.io/x/own:1", "own").await;
        let saved = built(&other, "ghcr.io/y/saved:2", "saved").await;
        let (oci, docker) = (folder.path().join("oci.tar"), folder.path().join("docker.tar"));
        archive::save(&other, std::slice::from_ref(&saved), &oci).unwrap();
        write_tar(&docker, &docker_archive("nginx:3", "docker"));
        let layout = other.blob_path(&saved.manifest).ancestors().nth(3).unwrap().display().to_string();
        let paths = [oci.display().to_string(), docker.display().to_string(), layout];
        let names = ["quay.io/x/own:1", &paths[0], &paths[1], &paths[2]];
        let images = gathered(&store, &names).await.unwrap();
        let places: Vec<_> = images
            .iter()
            .map(|image| (image.manifest.repository.as_str(), image.manifest.reference.as_str()))
            .collect();
        assert_eq!(places, [("x/own", "1"), ("y/saved", "2"), ("library/nginx", "3"), ("y/saved", "2")]);
        assert_eq!(images[0].manifest.digest, own.manifest);
        assert_eq!(Digest::of(&images[0].manifest.content), own.manifest, "it is the manifest to the byte");
        for image in &images {
            assert!(image.blobs.iter().all(|(blob, size)| store.blob_size(blob).unwrap() == *size));
            assert_eq!(image.blobs.len(), 2, "a layer and the configuration");
        }
        let names: Vec<String> = store.list().unwrap().into_iter().map(|image| image.name).collect();
        assert_eq!(names, ["quay.io/x/own:1"], "what only passes through gets no name here");
    }

    #[tokio::test]
    async fn all_that_cannot_be_had_is_told() {
        let (_home, store) = home();
        let folder = tempfile::tempdir().unwrap();
        let (text, nothing) = (folder.path().join("text"), folder.path().join("nothing"));
        std::fs::write(&text, "no image").unwrap();
        built(&store, "quay.io/x/y:1", "one").await;
        built(&store, "ghcr.io/x/y:1", "other").await;
        let names = [
            "No Name",
            "x:1",
            &text.display().to_string(),
            &nothing.display().to_string(),
            "quay.io/x/y:1",
            "ghcr.io/x/y:1",
        ];
        let problems = gathered(&store, &names).await.unwrap_err();
        let told: Vec<&str> = problems.list().iter().map(|problem| problem.message.as_str()).collect();
        assert_eq!(told.len(), 5, "{told:#?}");
        for (told, says) in told.iter().zip([
            "is not the name of an image",
            "`x:1` cannot be had for",
            "cannot read the archive",
            "nothing",
            "would both be `x/y:1`",
        ]) {
            assert!(told.contains(says), "{told} / {says}");
        }
    }
}
