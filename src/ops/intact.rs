//! Whether the layers that a plan sends are what their names say: looked at before any machine is touched.

use std::collections::BTreeMap;
use std::io;

use crate::error::{Class, Context as _, Problem, Problems, Result};
use crate::image::Store;
use crate::model::{Digest, ImageContract, ImageName};
use crate::plan::{Action, Plan};

/// Reads every layer that the plan sends, once, and tells of each that is not whole.
pub(super) async fn check<'a>(
    store: &Store,
    images: impl Iterator<Item = &'a ImageContract>,
    plan: &Plan,
) -> Result<(), Problems> {
    let (store, blobs) = (store.clone(), sent(images, plan));
    let read = move || blobs.iter().filter_map(|(blob, image)| look(&store, blob, image).err()).collect();
    let damaged: Vec<Problem> =
        tokio::task::spawn_blocking(read).await.problem(Class::Internal, "cannot read the image store")?;
    Problems::check(damaged)
}

/// Returns the blobs of the layers that are sent, with an image that each is of.
fn sent<'a>(images: impl Iterator<Item = &'a ImageContract>, plan: &Plan) -> BTreeMap<Digest, ImageName> {
    let wanted: Vec<&Digest> = plan
        .steps
        .iter()
        .filter_map(|step| match &step.action {
            Action::SendLayers { layers, .. } => Some(layers),
            _ => None,
        })
        .flatten()
        .collect();
    let layers = images.flat_map(|image| image.layers.iter().map(move |layer| (layer, &image.name)));
    let sent = layers.filter(|(layer, _)| wanted.contains(&&layer.diff_id));
    sent.map(|(layer, image)| (layer.digest.clone(), image.clone())).collect()
}

fn look(store: &Store, blob: &Digest, image: &ImageName) -> Result<()> {
    let read = store.read_blob(blob).and_then(|mut content| {
        io::copy(&mut content, &mut io::sink())
            .map(drop)
            .problem_with(Class::Config, || format!("a layer of {image} is damaged in the image store"))
    });
    read.map_err(|problem| problem.saw(blob).remedy("build, load or pull the image again"))
}
