//! Registries as a source of images.

use std::io::Write as _;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use futures_util::TryStreamExt as _;
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::manifest::OciDescriptor;
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};

use super::{Found, RegistrySource, credentials, is_index};
use crate::error::{Class, Context, Problem, Result};
use crate::image::ImageReference;
use crate::image::document::{DOCKER_INDEX, DOCKER_MANIFEST, Descriptor, INDEX, Index, MANIFEST, Manifest};
use crate::image::store::Store;
use crate::model::{Arch, Digest};

/// How often a request is repeated that failed on the way.
const RETRIES: usize = 4;

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a registry may be silent.
const READ_TIMEOUT: Duration = Duration::from_mins(1);

/// The client of all registries; it speaks in the clear only with this machine.
pub(crate) struct Registry {
    use_of: RegistrySource,
}

impl Registry {
    pub(crate) fn of(use_of: RegistrySource) -> Self {
        Self { use_of }
    }

    /// Brings an image's manifest for `arch` and all its blobs into the store.
    pub(crate) async fn find(&self, store: &Store, wanted: &ImageReference, arch: Arch) -> Result<Found> {
        if self.use_of == RegistrySource::Unused {
            return Err(Problem::new(Class::Config, "registries are not to be asked"));
        }
        let auth = credentials::of_registry(wanted.registry());
        let pull = Pull { client: client(wanted), auth, store, wanted };
        let (top, media_type) = pull.manifest(wanted.upstream()).await?;
        let (manifest, index) = if is_index(&media_type) {
            let index: Index = store.document(&top.digest)?;
            let entry = platform(&index, arch)?;
            let at = wanted.upstream().clone_with_digest(entry.digest.to_string());
            let (manifest, _) = pull.manifest(&at).await?;
            (manifest, Some(top.digest))
        } else {
            (top, None)
        };
        pull.blobs(&manifest.digest).await?;
        Ok(Found { manifest, index })
    }
}

fn platform(index: &Index, arch: Arch) -> Result<&Descriptor> {
    let entries = index.manifests.iter();
    let matching =
        |entry: &&Descriptor| entry.platform.as_ref().is_some_and(|platform| platform.is_linux(arch));
    entries.clone().find(matching).ok_or_else(|| {
        let there: Vec<String> = entries
            .filter_map(|entry| entry.platform.as_ref())
            .map(|platform| format!("{}/{}", platform.os, platform.architecture))
            .collect();
        Problem::new(Class::Config, format!("it has the image, but not for linux/{arch}"))
            .saw(format!("it is there for {}", there.join(", ")))
    })
}

fn client(wanted: &ImageReference) -> Client {
    // The program's own beginning does this too; whoever comes second changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let registry = wanted.registry();
    let protocol = if is_this_machine(registry) {
        ClientProtocol::HttpsExcept(vec![registry.to_owned()])
    } else {
        ClientProtocol::Https
    };
    Client::new(ClientConfig {
        protocol,
        connect_timeout: Some(CONNECT_TIMEOUT),
        read_timeout: Some(READ_TIMEOUT),
        ..ClientConfig::default()
    })
}

/// Tells whether a registry is on this machine, where plain HTTP crosses no network.
fn is_this_machine(registry: &str) -> bool {
    let host = match registry.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, _)) => host,
        None => registry.split(':').next().unwrap_or(registry),
    };
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// One image on its way.
struct Pull<'a> {
    client: Client,
    auth: RegistryAuth,
    store: &'a Store,
    wanted: &'a ImageReference,
}

impl Pull<'_> {
    /// Brings a manifest or index; returns its descriptor and media type. Where `at` has a digest, the client
    /// compares it with what came.
    async fn manifest(&self, at: &Reference) -> Result<(Descriptor, String)> {
        let accepted = [MANIFEST, INDEX, DOCKER_MANIFEST, DOCKER_INDEX];
        let get = || self.client.pull_manifest_raw(at, &self.auth, &accepted);
        let (bytes, _) = get
            .retry(backoff())
            .when(is_passing)
            .await
            .problem_with(Class::Connection, || format!("cannot fetch the manifest of {at}"))?;
        let media_type = media_type(&bytes)?;
        let (digest, size) = self.store.ingest_from(bytes.as_ref(), None)?;
        Ok((Descriptor::new(&media_type, digest, size), media_type))
    }

    async fn blobs(&self, manifest: &Digest) -> Result<()> {
        let manifest: Manifest = self.store.document(manifest)?;
        for blob in manifest.layers.iter().chain([&manifest.config]) {
            if !self.store.has_blob(&blob.digest) {
                let fetch = || self.blob(blob);
                // A blob that came broken is fetched again, as one that did not come.
                fetch
                    .retry(backoff())
                    .when(|problem| problem.class != Class::Machine)
                    .await
                    .map_err(|problem| problem.saw(format!("while fetching {}", self.wanted)))?;
            }
        }
        Ok(())
    }

    async fn blob(&self, blob: &Descriptor) -> Result<()> {
        let failed = || format!("cannot fetch the blob {}", blob.digest);
        let layer = OciDescriptor {
            media_type: blob.media_type.clone(),
            digest: blob.digest.to_string(),
            size: i64::try_from(blob.size).unwrap_or(i64::MAX),
            ..OciDescriptor::default()
        };
        let mut stream = self
            .client
            .pull_blob_stream(self.wanted.upstream(), &layer)
            .await
            .problem_with(Class::Connection, failed)?
            .stream;
        let mut writer = self.store.ingest()?;
        while let Some(chunk) = stream.try_next().await.problem_with(Class::Connection, failed)? {
            writer.write_all(&chunk).problem_with(Class::Machine, failed)?;
        }
        writer.finish_as(&blob.digest).map(|_| ())
    }
}

fn backoff() -> ExponentialBuilder {
    ExponentialBuilder::default().with_jitter().with_max_times(RETRIES)
}

/// Tells whether asking again may help: the way there failed, or the registry is overloaded.
fn is_passing(error: &oci_client::errors::OciDistributionError) -> bool {
    use oci_client::errors::OciDistributionError as Error;
    match error {
        Error::RequestError(_) => true,
        Error::ServerError { code, .. } => *code == 429 || *code >= 500,
        _ => false,
    }
}

/// Reads what a manifest says it is; OCI's may leave it to its form.
pub(crate) fn media_type(bytes: &[u8]) -> Result<String> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Form {
        schema_version: u32,
        media_type: Option<String>,
        manifests: Option<serde_json::Value>,
    }
    let form: Form = serde_json::from_slice(bytes).problem(Class::Config, "its manifest is no JSON")?;
    if form.schema_version != 2 {
        return Err(Problem::new(Class::Config, "its manifest has an old form")
            .saw(format!("schema version {}", form.schema_version))
            .remedy("push the image again with a current tool"));
    }
    let by_form = if form.manifests.is_some() { INDEX } else { MANIFEST };
    Ok(form.media_type.unwrap_or_else(|| by_form.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_spoken_to_in_the_clear() {
        for (registry, want) in [
            ("localhost:5000", true),
            ("localhost", true),
            ("127.0.0.1:5000", true),
            ("[::1]:5000", true),
            ("registry.k8s.io", false),
            ("10.0.0.1:5000", false),
            ("localhost.example:5000", false),
        ] {
            assert_eq!(is_this_machine(registry), want, "{registry}");
        }
    }
}
