//! A registry that a cluster pulls from, spoken to by those that list what it serves and put images into it.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};
use oci_client::client::{Certificate, CertificateEncoding, ClientConfig, ClientProtocol};
use oci_client::errors::{OciDistributionError, OciErrorCode};
use oci_client::manifest::OciDescriptor;
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference, RegistryOperation};

use super::document::{DOCKER_INDEX, DOCKER_MANIFEST, INDEX, MANIFEST};
use super::passage::Passage;
use super::token_service;
use crate::error::{Class, Context, Problem, Result};
use crate::model::{Digest, ManifestOrder, RegistryDoor, ServedRepository};

/// How many repositories are asked for at a time.
const PAGE: usize = 500;

/// How many questions go on at once.
const AT_ONCE: usize = 8;

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the registry may be silent; it may have to hash and to sync a large blob before it answers.
const READ_TIMEOUT: Duration = Duration::from_mins(5);

/// What a token is for that opens the list of all repositories.
const CATALOG: &str = "registry:catalog:*";

/// A repository's name for questions that are about none.
const ANY: &str = "any";

/// A registry that proves its address under the cluster's authority, or its name under that of its owner.
pub struct ServedRegistry {
    /// How one is reached that goes by its name.
    passage: Option<Passage>,
    door: RegistryDoor,
    client: Client,
    auth: RegistryAuth,
    address: String,
}

impl ServedRegistry {
    /// Prepares to speak with the registry behind `door`; nothing is connected yet. Must be called within a runtime.
    pub fn behind(door: &RegistryDoor) -> Result<Self> {
        // The program's own beginning does this too; whoever comes second changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (address, passage) = match &door.external {
            None => (door.at.to_string(), None),
            Some(external) => {
                let name = format!("{}:{}", external.domain, door.at.port());
                let servers = [door.at].into_iter().chain(external.elsewhere.iter().copied()).collect();
                (name, Some(Passage::open(external.domain.clone(), servers)?))
            }
        };
        let client = client(door, passage.as_ref())?;
        let auth = RegistryAuth::Basic(door.username.clone(), door.password.clone());
        Ok(Self { passage, door: door.clone(), client, auth, address })
    }

    /// Tells whether it lets in who comes.
    pub async fn admits(&self) -> Result<bool> {
        match self.client.catalog(&self.reference(ANY, "any"), &self.auth, Some(1), None).await {
            Ok(_) => Ok(true),
            Err(error) if is_refusal(&error) => Ok(false),
            Err(error) => Err(self.failed("cannot be asked whom it lets in", &error)),
        }
    }

    /// Tells whether it lets pull who comes. Unlike [`Self::admits`] this asks for nothing that only a registry's keeper may see.
    pub async fn lets_pull(&self) -> Result<bool> {
        let any = self.reference(ANY, "any");
        // The client takes a token service that does not answer for one that gives no token.
        let asked = async {
            self.client.auth(&any, &self.auth, RegistryOperation::Pull).await?;
            self.client.fetch_manifest_digest(&any, &self.auth).await
        };
        match asked.await {
            Ok(_) => Ok(true),
            Err(error) if is_absent(&error) => Ok(true),
            Err(error) if is_refusal(&error) => Ok(false),
            Err(error) => Err(self.failed("does not answer as a registry does", &error)),
        }
    }

    /// Lists all repositories, by name, with their tags.
    pub async fn list(&self) -> Result<Vec<ServedRepository>> {
        let names = self.repositories().await?;
        let listed = names.into_iter().map(|name| async {
            let tags = self.tags(&name).await?;
            Ok::<_, Problem>(ServedRepository { name, tags })
        });
        let mut listed: Vec<_> = stream::iter(listed).buffer_unordered(AT_ONCE).try_collect().await?;
        listed.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(listed)
    }

    async fn repositories(&self) -> Result<Vec<String>> {
        let any = self.reference(ANY, "any");
        let (client, auth) = self.keeper().await?;
        let mut names: Vec<String> = vec![];
        loop {
            let page = client.catalog(&any, &auth, Some(PAGE), names.last().map(String::as_str));
            let page = page.await.map_err(|error| self.failed("cannot list its repositories", &error))?;
            let is_last = page.repositories.len() < PAGE;
            names.extend(page.repositories);
            if is_last {
                return Ok(names);
            }
        }
    }

    /// Returns who may ask for all repositories: the client gets tokens for one of them only.
    async fn keeper(&self) -> Result<(Client, RegistryAuth)> {
        let token = match &self.door.external {
            Some(external) => token_service::token(&self.door, external, CATALOG).await?,
            None => None,
        };
        match token {
            Some(token) => {
                let client = client(&self.door, self.passage.as_ref())?;
                Ok((client, RegistryAuth::Bearer(token)))
            }
            None => Ok((self.client.clone(), self.auth.clone())),
        }
    }

    async fn tags(&self, repository: &str) -> Result<BTreeMap<String, Digest>> {
        let any = self.reference(repository, "any");
        let tags = match self.client.list_tags(&any, &self.auth, None, None).await {
            Ok(listed) => listed.tags,
            Err(error) if is_absent(&error) => vec![],
            // A repository whose tags are gone has `null` for them.
            Err(OciDistributionError::JsonError(_)) => vec![],
            Err(error) => return Err(self.failed(&format!("cannot list the tags of {repository}"), &error)),
        };
        let mut digests = BTreeMap::new();
        for tag in tags {
            // A tag that goes meanwhile is none.
            if let Some(digest) = self.digest(repository, &tag).await? {
                digests.insert(tag, digest);
            }
        }
        Ok(digests)
    }

    /// Returns the digest of what a tag names; `None` when there is no such tag.
    pub async fn digest(&self, repository: &str, tag: &str) -> Result<Option<Digest>> {
        let reference = self.reference(repository, tag);
        match self.client.fetch_manifest_digest(&reference, &self.auth).await {
            Ok(digest) => digest.parse().map(Some),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(self.failed(&format!("cannot look at {repository}:{tag}"), &error)),
        }
    }

    /// Returns those of the blobs that a repository lacks.
    pub async fn missing(&self, repository: &str, blobs: &[Digest]) -> Result<Vec<Digest>> {
        let reference = self.reference(repository, "any");
        self.client.store_auth_if_needed(&self.address, &self.auth).await;
        let looks = blobs.iter().cloned().map(|blob| {
            let reference = &reference;
            async move {
                let there = self.client.blob_exists(reference, &blob.to_string()).await;
                let there = there
                    .map_err(|error| self.failed(&format!("cannot look for the blob {blob}"), &error))?;
                Ok::<_, Problem>((!there).then_some(blob))
            }
        });
        let looked: Vec<Option<Digest>> = stream::iter(looks).buffered(AT_ONCE).try_collect().await?;
        Ok(looked.into_iter().flatten().collect())
    }

    /// Puts a blob of `size` bytes into a repository. The registry compares it with its digest.
    pub async fn put_blob(
        &self,
        repository: &str,
        blob: &Digest,
        size: u64,
        content: impl Stream<Item = std::io::Result<Bytes>> + Send + 'static,
    ) -> Result<()> {
        let reference = self.reference(repository, "any");
        self.client.store_auth_if_needed(&self.address, &self.auth).await;
        let content = content.map_err(OciDistributionError::from);
        let put = self.client.push_blob_stream(&reference, content, &blob.to_string(), Some(size)).await;
        put.map(drop).map_err(|error| self.failed(&format!("cannot take the blob {blob}"), &error))
    }

    /// Puts a manifest into a repository that has its blobs, and makes sure that it is served as it is. Tells whether that
    /// changed anything.
    pub async fn put_manifest(&self, order: &ManifestOrder) -> Result<bool> {
        let ManifestOrder { repository, reference, digest, media_type, content } = order;
        let name = format!("{repository}:{reference}");
        if self.digest(repository, reference).await?.as_ref() == Some(digest) {
            return Ok(false);
        }
        let media_type =
            media_type.parse().problem(Class::Config, "the manifest's media type cannot be said")?;
        let at = self.reference(repository, reference);
        let put = self.client.push_manifest_raw(&at, content.clone().into_bytes(), media_type).await;
        put.map_err(|error| self.failed(&format!("cannot take the manifest of {name}"), &error))?;
        match self.digest(repository, reference).await? {
            Some(served) if served == *digest => Ok(true),
            served => {
                let served = served.map_or_else(|| "nothing".to_owned(), |served| served.to_string());
                Err(Problem::new(
                    Class::Machine,
                    format!("the registry does not serve {name} as it was put there"),
                )
                .saw(format!("put was {digest}, served is {served}")))
            }
        }
    }

    /// Reads a manifest or index, to the byte, with its media type.
    pub async fn manifest(&self, repository: &str, digest: &Digest) -> Result<(String, String)> {
        let at = self.reference(repository, &digest.to_string());
        let accepted = [MANIFEST, INDEX, DOCKER_MANIFEST, DOCKER_INDEX];
        let (bytes, _) = self
            .client
            .pull_manifest_raw(&at, &self.auth, &accepted)
            .await
            .map_err(|error| self.failed(&format!("cannot give the manifest {digest}"), &error))?;
        let media_type = super::collect::media_type(&bytes)?;
        let text = String::from_utf8(bytes.to_vec()).problem(Class::Config, "the manifest is no text")?;
        Ok((text, media_type))
    }

    /// Opens a blob for reading.
    pub async fn blob(
        &self,
        repository: &str,
        blob: &Digest,
    ) -> Result<impl Stream<Item = std::io::Result<Bytes>> + Send + 'static> {
        let reference = self.reference(repository, "any");
        self.client.store_auth_if_needed(&self.address, &self.auth).await;
        let layer = OciDescriptor { digest: blob.to_string(), ..OciDescriptor::default() };
        let opened = self.client.pull_blob_stream(&reference, &layer).await;
        let opened = opened.map_err(|error| self.failed(&format!("cannot give the blob {blob}"), &error))?;
        Ok(opened.stream)
    }

    fn reference(&self, repository: &str, at: &str) -> Reference {
        let (registry, repository, at) = (self.address.clone(), repository.to_owned(), at.to_owned());
        if at.contains(':') {
            Reference::with_digest(registry, repository, at)
        } else {
            Reference::with_tag(registry, repository, at)
        }
    }

    fn failed(&self, what: &str, error: &OciDistributionError) -> Problem {
        let (class, remedy) = match error {
            refused if is_refusal(refused) => (Class::Machine, Some(self.when_refused())),
            OciDistributionError::RequestError(error) if error.is_connect() => {
                (Class::Machine, Some(self.when_unreached()))
            }
            OciDistributionError::RequestError(_) | OciDistributionError::IoError(_) => {
                (Class::Connection, None)
            }
            _ => (Class::Machine, None),
        };
        let problem = Problem::new(class, format!("the registry at {}: {what}", self.address));
        let problem = causes(error).into_iter().fold(problem, Problem::saw);
        match remedy {
            Some(remedy) => problem.remedy(remedy),
            None => problem,
        }
    }
}

impl ServedRegistry {
    fn when_refused(&self) -> &'static str {
        match self.passage {
            None => "make the registries and what is kept of the cluster agree again: sealift apply",
            Some(_) => {
                "give its user and password below `spec.registry`, of one who may do this, and apply that"
            }
        }
    }

    fn when_unreached(&self) -> &'static str {
        match self.passage {
            None => "look at the registry there: systemctl status registry",
            Some(_) => {
                "see that it runs, that its certificate has its name and is of `spec.registry.ca`, and that no firewall is between"
            }
        }
    }
}

/// Makes the client that goes by `passage`, where there is one.
fn client(door: &RegistryDoor, passage: Option<&Passage>) -> Result<Client> {
    let authority =
        Certificate { encoding: CertificateEncoding::Pem, data: door.authority.clone().into_bytes() };
    // Somebody else's registry may be one that this machine trusts anyway.
    let authorities = if door.authority.is_empty() { vec![] } else { vec![authority] };
    // A proxy that the environment names is not to see it. One that is named here and used for no address, or is our own,
    // takes its place.
    let (proxy, without) = match passage {
        None => ("http://127.0.0.1:9".to_owned(), Some("0.0.0.0/0,::/0".to_owned())),
        Some(passage) => (passage.url(), None),
    };
    let config = ClientConfig {
        protocol: ClientProtocol::Https,
        use_monolithic_push: true,
        tls_certs_only: authorities,
        connect_timeout: Some(CONNECT_TIMEOUT),
        read_timeout: Some(READ_TIMEOUT),
        https_proxy: Some(proxy),
        no_proxy: without,
        ..ClientConfig::default()
    };
    Client::try_from(config).problem(Class::Config, "the registry's authority cannot be read")
}

/// Tells whether the registry does not let in who came.
fn is_refusal(error: &OciDistributionError) -> bool {
    match error {
        OciDistributionError::UnauthorizedError { .. } | OciDistributionError::AuthenticationFailure(_) => {
            true
        }
        OciDistributionError::ServerError { code, .. } => matches!(code, 401 | 403),
        OciDistributionError::RegistryError { envelope, .. } => {
            let refused =
                |code: &OciErrorCode| matches!(code, OciErrorCode::Unauthorized | OciErrorCode::Denied);
            envelope.errors.iter().any(|error| refused(&error.code))
        }
        _ => false,
    }
}

/// Tells whether the registry says that there is no such thing.
fn is_absent(error: &OciDistributionError) -> bool {
    match error {
        OciDistributionError::ImageManifestNotFoundError(_) => true,
        OciDistributionError::ServerError { code, .. } => *code == 404,
        OciDistributionError::RegistryError { envelope, .. } => envelope.errors.iter().any(|error| {
            matches!(
                error.code,
                OciErrorCode::NameUnknown | OciErrorCode::ManifestUnknown | OciErrorCode::NotFound
            )
        }),
        OciDistributionError::RequestError(error) => {
            error.status().is_some_and(|status| status.as_u16() == 404)
        }
        _ => false,
    }
}

/// Returns an error's text with those of its causes, which the client leaves out of its own.
fn causes(error: &OciDistributionError) -> Vec<String> {
    let mut texts = vec![error.to_string()];
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let text = error.to_string();
        if !texts.iter().any(|told| told.contains(&text)) {
            texts.push(text);
        }
        cause = error.source();
    }
    texts
}
