//! The `etc/kubeadm.yml` that the images bring, as patches, Configs and variables leave it: one reading of it for the networks,
//! for what kubeadm is told, and for whether a cluster that is made would be another one.

use std::borrow::Cow;

use super::{Files, ImageTree};
use crate::configs::{self, File, Tree};
use crate::error::Problems;
use crate::model::{Environment, ImageContract, ImageKind, PlacedConfig, base_images};

/// Where it is in an image.
const FILE: &str = "etc/kubeadm.yml";
/// Where the template is that may stand in its place.
const TEMPLATE: &str = "etc/kubeadm.yml.tmpl";

impl Files {
    /// Returns the file as it is with these variables; `None` where no image brings one.
    pub(in crate::ops) fn kubeadm_file(
        &self,
        images: &[ImageContract],
        environment: &Environment,
    ) -> Result<Option<String>, Problems> {
        self.kubeadm_file_by(&self.configs, images, environment)
    }

    /// Returns the file as these Configs of the operator's leave it.
    pub(in crate::ops) fn kubeadm_file_by(
        &self,
        operators: &[PlacedConfig],
        images: &[ImageContract],
        environment: &Environment,
    ) -> Result<Option<String>, Problems> {
        let Some(tree) = self.trees.iter().find(|tree| tree.kind == ImageKind::Rootfs) else {
            return Ok(None);
        };
        let found = only_these(tree, images);
        let mut configs = tree.configs(operators);
        configs.retain(|placed| [FILE, TEMPLATE].contains(&placed.config.path.as_str()));
        let changes = configs::outcome(&found, &configs, environment)
            .map_err(|wrong| wrong.each(|problem| problem.saw(tree.told())))?;
        Ok(match (changes.into_iter().find(|change| change.path == FILE), found.get(FILE)) {
            (Some(change), _) => change.after,
            (None, Some(File::Text(text))) => Some(text.clone()),
            (None, _) => None,
        })
    }
}

/// Returns the tree without any other file; what is kept of the images where their layers are gone.
fn only_these<'a>(tree: &'a ImageTree, images: &[ImageContract]) -> Tree {
    let kept = || -> Tree {
        let text = base_images(images).filter_map(|image| image.kubeadm.clone()).next_back();
        text.into_iter().map(|text| (FILE.to_owned(), File::Text(text))).collect()
    };
    let files: Cow<'a, Tree> = tree.files.as_ref().map_or_else(|| Cow::Owned(kept()), Cow::Borrowed);
    let wanted = [FILE, TEMPLATE].into_iter();
    wanted.filter_map(|path| Some((path.to_owned(), files.get(path)?.clone()))).collect()
}
