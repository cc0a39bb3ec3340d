//! The local Docker engine as a source of images.

use std::io::Write as _;

use bollard::Docker;
use futures_util::StreamExt as _;

use super::{EngineSource, Found};
use crate::error::{Class, Context, Problem, Result};
use crate::image::ImageReference;
use crate::image::archive::{DockerArchive, Files};
use crate::image::store::Store;
use crate::model::Arch;

/// How long the engine may take for one answer, in seconds.
const TIMEOUT: u64 = 120;

/// The engine, or why there is none.
pub(crate) enum Engine {
    Reachable(Docker),
    Unreachable(Problem),
    Unused,
}

impl Engine {
    /// Prepares to ask the engine; whether it answers is seen with the first question.
    pub(crate) fn of(source: &EngineSource) -> Self {
        let docker = match source {
            EngineSource::Unused => return Self::Unused,
            EngineSource::Usual => Docker::connect_with_local_defaults(),
            EngineSource::Socket(path) => {
                Docker::connect_with_unix(&path.to_string_lossy(), TIMEOUT, bollard::API_DEFAULT_VERSION)
            }
        };
        match docker.problem(Class::Config, "there is none") {
            Ok(docker) => Self::Reachable(docker),
            Err(problem) => Self::Unreachable(problem),
        }
    }

    /// Finds an image and brings it into the store; `None` when the engine does not have it.
    pub(crate) async fn find(
        &self,
        store: &Store,
        wanted: &ImageReference,
        arch: Arch,
    ) -> Result<Option<Found>> {
        let docker = match self {
            Self::Reachable(docker) => docker,
            Self::Unreachable(problem) => return Err(problem.clone()),
            Self::Unused => return Ok(None),
        };
        let name = wanted.to_string();
        let image = match docker.inspect_image(&name).await {
            Ok(image) => image,
            Err(bollard::errors::Error::DockerResponseServerError { status_code: 404, .. }) => {
                return Ok(None);
            }
            Err(error) => return Err(error).problem(Class::Config, "it does not answer"),
        };
        let architecture = image.architecture.unwrap_or_default();
        if architecture != arch.to_string() {
            return Err(Problem::new(Class::Config, format!("it has the image for {architecture} only")));
        }
        let archive = export(docker, &name).await?;
        let store = store.clone();
        let imported = tokio::task::spawn_blocking(move || import(&store, archive.path())).await;
        imported.problem(Class::Internal, "the conversion stopped")?.map(Some)
    }
}

/// Writes the engine's archive of the image into a temporary file: its list of contents may come last.
async fn export(docker: &Docker, name: &str) -> Result<tempfile::NamedTempFile> {
    let mut file = tempfile::NamedTempFile::new().problem(Class::Machine, "cannot write a temporary file")?;
    let mut chunks = std::pin::pin!(docker.export_image(name));
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.problem(Class::Config, "it cannot export the image")?;
        file.write_all(&chunk).problem(Class::Machine, "cannot write a temporary file")?;
    }
    Ok(file)
}

fn import(store: &Store, archive: &std::path::Path) -> Result<Found> {
    let nothing = || Problem::new(Class::Config, "its export holds no image");
    let archive = DockerArchive::of(Files::open(archive)?)?.map_err(|_| nothing())?;
    let image = archive.images().first().ok_or_else(nothing)?;
    Ok(Found { manifest: archive.import(store, image)?, index: None })
}
