//! What becomes of an image's files before they are used: Configs change them, and templates are rendered.
//!
//! The same code foretells it for a plan and does it on a machine. Nothing is read or written here.

mod apply;
mod difference;
mod format;
mod merge;
mod process;
mod templates;
mod tree;

pub use apply::{apply, check};
pub use difference::difference;
pub use templates::{FOLDERS, target};
pub use tree::{Change, File, Tree, foretell, giving_way_to_templates, holds, missing, outcome};

#[cfg(test)]
mod tests;
