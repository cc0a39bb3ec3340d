//! The cluster written down: with the operator and in the cluster itself.

use std::sync::Arc;

use super::site::Site;
use crate::engine::{Acted, Progress, Step};
use crate::error::Result;
use crate::model::BoxFuture;
use crate::wire::{EndJoining, SaveState};

pub(super) struct KeepState {
    pub(super) site: Arc<Site>,
}

impl Step for KeepState {
    fn title(&self) -> String {
        "write the cluster down".to_owned()
    }

    fn machine(&self) -> Option<&str> {
        None
    }

    fn act<'a>(&'a self, _: &'a Progress) -> BoxFuture<'a, Result<Acted>> {
        Box::pin(async {
            let state = self.site.change_state(|state| {
                state.part_with(|machine| self.site.learned.departures.are_over(machine));
            });
            state.save(&self.site.home)?;
            let save = SaveState { state: state.to_json()? };
            self.site.command(save).await?;
            // Whoever joins next gets secrets of its own.
            self.site.command(EndJoining {}).await?;
            Ok(Acted::Changed)
        })
    }
}
