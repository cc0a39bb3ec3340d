//! Machines that a provider made, removed with all they hold.

use std::sync::Arc;

use super::site::Site;
use crate::engine::{Acted, Progress, Step};
use crate::error::Result;
use crate::model::BoxFuture;
use crate::provider::container::ContainerProvider;

pub(super) struct RemoveMachines {
    pub(super) site: Arc<Site>,
}

impl Step for RemoveMachines {
    fn title(&self) -> String {
        "remove the machines that sealift made".to_owned()
    }

    fn machine(&self) -> Option<&str> {
        None
    }

    fn act<'a>(&'a self, _: &'a Progress) -> BoxFuture<'a, Result<Acted>> {
        Box::pin(async {
            let provider = ContainerProvider::connect(&self.site.home).await?;
            provider.remove(&self.site.cluster().name).await.map_err(|problems| problems.as_one())?;
            Ok(Acted::Changed)
        })
    }
}
