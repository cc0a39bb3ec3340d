//! A Config: how one file of an image is changed before it is used.

use serde::{Deserialize, Serialize};

use super::ImageName;

/// A change of one file in the trees of images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// What it is called.
    pub name: String,
    /// The file, from the image's root on: no `/` before it, no `.` or `..` in it.
    pub path: String,
    /// How it is changed.
    pub strategy: Strategy,
    /// The image whose file it is; `None` is every image that has the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageName>,
    /// What is made of the data first, one after the other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub process: Vec<Process>,
    /// What is put into the file.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub data: String,
    /// In whose trees the file is changed, once the images are known; the rootfs image stands for the tree that it and all
    /// patches make.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trees: Vec<ImageName>,
}

/// How a file is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// The data's fields are laid over the file's.
    Merge,
    /// The data comes before what is in the file.
    Insert,
    /// The data comes after what is in the file.
    Append,
    /// The data is the file.
    Overwrite,
    /// There is no such file.
    Delete,
}

impl Strategy {
    /// Tells whether the file has to be there.
    pub fn needs_file(self) -> bool {
        self != Self::Overwrite
    }
}

/// What is made of the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Process {
    /// What comes after it is done to each value of the data, and not to the whole.
    Value,
    /// YAML becomes JSON on one line.
    ToJson,
    /// It is encoded as base64.
    ToBase64,
    /// Its values become those of a Secret.
    ToSecret,
}

impl Process {
    /// The words for it in a Clusterfile.
    pub const WORDS: [(&'static str, Self); 6] = [
        ("value", Self::Value),
        ("toJson", Self::ToJson),
        ("toBase64", Self::ToBase64),
        ("toSecret", Self::ToSecret),
        ("json", Self::ToJson),
        ("base64", Self::ToBase64),
    ];
}

/// A Config with where it is written, for messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedConfig {
    /// `file:line:column`, or what else tells where it is from.
    pub place: String,
    /// The Config.
    pub config: Config,
}

impl Config {
    /// Returns one for tests, called `c`: for any image, with its data as it is.
    #[cfg(test)]
    pub(crate) fn plain(path: &str, strategy: Strategy, data: &str) -> Self {
        Self {
            name: "c".to_owned(),
            path: path.to_owned(),
            strategy,
            image: None,
            process: vec![],
            data: data.to_owned(),
            trees: vec![],
        }
    }

    /// Puts it where nothing more is known than its name.
    pub fn placed(self) -> PlacedConfig {
        PlacedConfig { place: format!("the Config `{}`", self.name), config: self }
    }
}
