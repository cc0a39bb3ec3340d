//! The operator's files of a cluster removed, when there is no cluster any more.

use std::sync::Arc;

use super::site::Site;
use super::state::State;
use crate::distribute::remove::remove_tree;
use crate::engine::{Acted, Progress, Step};
use crate::error::Result;
use crate::model::BoxFuture;

pub(super) struct Forget {
    pub(super) site: Arc<Site>,
}

impl Step for Forget {
    fn title(&self) -> String {
        "forget the cluster".to_owned()
    }

    fn machine(&self) -> Option<&str> {
        None
    }

    fn act<'a>(&'a self, _: &'a Progress) -> BoxFuture<'a, Result<Acted>> {
        Box::pin(async {
            let removed = remove_tree(&State::directory(&self.site.home, &self.site.cluster().name))?;
            Ok(if removed { Acted::Changed } else { Acted::Unchanged })
        })
    }
}
