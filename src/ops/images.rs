//! What is done with images: built, listed, looked at, removed, saved and loaded.

use std::path::Path;

use bytesize::ByteSize;

use super::context::Context;
use super::contract;
use super::reporter::Data;
use crate::error::{Class, Context as _, Problem, Problems, Result};
use crate::image::build::BuildOptions;
use crate::image::store::Sweep;
use crate::image::{ImageReference, Store, archive};
use crate::model::Arch;

/// Builds an image.
pub async fn build(context: &Context, options: BuildOptions) -> Result<(), Problems> {
    let store = Store::open(&context.home)?;
    context.reporter.note(&format!("building {}", options.name));
    let built = crate::image::build::build(&store, options).await?;
    for warning in &built.warnings {
        context.reporter.warn(warning);
    }
    let image = &built.image;
    context.reporter.result(&Data {
        text: format!("{}  {}  {}", image.name, image.manifest, ByteSize(image.size())),
        json: serde_json::json!({
            "name": image.name, "digest": image.manifest, "size": image.size(), "collected": built.collected,
        }),
    })?;
    Ok(())
}

/// Lists all images, with `table` for people.
pub fn images(context: &Context, table: impl FnOnce(Vec<[String; 4]>) -> String) -> Result<()> {
    let listed = Store::open(&context.home)?.list()?;
    let rows = listed.iter().map(|image| {
        [
            image.name.clone(),
            image.architecture.clone(),
            image.manifest.short(),
            ByteSize(image.size).to_string(),
        ]
    });
    let text = table(rows.collect());
    let json = listed.iter().map(|image| {
        serde_json::json!({
            "name": image.name, "architecture": image.architecture, "digest": image.manifest, "size": image.size,
            "created": image.created,
        })
    });
    context.reporter.result(&Data { text, json: json.collect() })
}

/// Shows what an image promises.
pub fn inspect(context: &Context, name: &str) -> Result<()> {
    let contract = contract::read(&Store::open(&context.home)?, name, Arch::THIS)?;
    let json =
        serde_json::to_value(&contract).problem(Class::Internal, "cannot write the image's contract")?;
    let text = crate::yaml::to_string(&json)?;
    context.reporter.result(&Data { text, json })
}

/// Removes names, and the blobs that no image needs any more. All problems are told.
pub fn remove_image(context: &Context, names: &[String]) -> Result<(), Problems> {
    let store = Store::open(&context.home)?;
    let problems: Vec<Problem> = names
        .iter()
        .filter_map(|name| match store.remove(name) {
            Ok(Sweep::Postponed) => {
                context
                    .reporter
                    .warn("another sealift uses the store; unused blobs go with the next removal");
                None
            }
            Ok(_) => None,
            Err(problem) => Some(problem),
        })
        .collect();
    Problems::check(problems)
}

/// Saves images to an OCI archive.
pub fn save(context: &Context, names: &[String], output: &Path) -> Result<()> {
    let store = Store::open(&context.home)?;
    let images = names.iter().map(|name| store.resolve(name, Arch::THIS)).collect::<Result<Vec<_>>>()?;
    archive::save(&store, &images, output)
}

/// Loads the images of an archive.
pub fn load(context: &Context, input: &Path, name: Option<&ImageReference>) -> Result<()> {
    let store = Store::open(&context.home)?;
    let images = archive::load(&store, input, name)?;
    let lines: Vec<String> =
        images.iter().map(|image| format!("{}  {}\n", image.name, image.manifest)).collect();
    let json = images
        .iter()
        .map(|image| serde_json::json!({"name": image.name, "digest": image.manifest}))
        .collect();
    context.reporter.result(&Data { text: lines.concat(), json })
}
