//! From the log into the view: synced writes are applied in batches, and the view is made durable before any part of
//! the log that it covers is removed.

use std::{io, path::Path};

use crate::{
    ViewKind,
    limits::VIEW_BATCH_WRITES_MAX,
    shared::{Claim, Shared},
};

impl Shared {
    /// Moves everything synced from the overlay into the view.
    pub(crate) fn apply(&self, claim: &Claim) -> io::Result<()> {
        loop {
            let (batch, synced) = {
                let state = self.state();
                let batch = state.overlay.batch(state.synced, VIEW_BATCH_WRITES_MAX);
                (batch, state.synced)
            };
            let Some(batch) = batch else {
                if claim.view.applied()? > synced {
                    return Err(io::Error::other("the view is ahead of the log"));
                }
                return Ok(());
            };
            claim.view.apply(&batch.entries, batch.applied)?;
            self.state().overlay.applied(&batch);
        }
    }

    /// Makes the view durable, up to what the log holds durably.
    pub(crate) fn sync_view(&self, claim: &Claim) -> io::Result<()> {
        let (synced, pending) = {
            let state = self.state();
            (state.synced, state.overlay.batch(state.synced, 1).is_some())
        };
        if !pending {
            claim.view.apply(&[], synced)?;
        }
        claim.view.flush()?;
        match self.settings.view {
            ViewKind::Sled | ViewKind::File => self.platform.disk.sync_tree(&view_dir(&self.dir)),
            ViewKind::Memory => Ok(()),
        }
    }
}

pub(crate) fn view_dir(dir: &Path) -> std::path::PathBuf {
    dir.join("view")
}
