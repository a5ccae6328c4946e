//! Removing: objects of which nothing is readable any more, and what a crash left unfinished.
//!
//! The log first says that an object leaves, then it is deleted, then the log forgets it: what is on its way out is known
//! after a crash at any point.

use std::{io, sync::Arc};

use model::Timestamp;
use tracing::{debug, warn};

use super::{
    Object,
    manifest::{self, State as Kept},
    moving,
};
use crate::{clean::Cleaner, limits::ARCHIVE_RETRY_PAUSE};

impl Cleaner {
    /// Only a log that fails is an error.
    pub(crate) async fn remove_archived(&mut self) -> io::Result<()> {
        let expired = self.expired_objects();
        if !expired.is_empty() {
            let leaving = expired
                .iter()
                .map(|object| moving::manifest(object, Kept::Leaving).write());
            if self.place_writes(leaving.collect()).await?.is_none() {
                return Ok(());
            }
            let mut state = self.shared.state();
            for object in expired {
                state.objects.remove(&object.id);
                state.live.remove(&object.id);
                state.strays.insert(object.id, object.elsewhere);
            }
        }
        self.delete_strays().await
    }

    /// Those that nobody reads and no backup holds.
    fn expired_objects(&self) -> Vec<Arc<Object>> {
        let state = self.shared.state();
        if state.stopped.is_some() || state.stopping {
            return Vec::new();
        }
        let objects = state.objects.values().filter(|object| {
            let live = state.live.get(&object.id).copied().unwrap_or_default();
            live == 0 && Arc::strong_count(object) == 1
        });
        objects.map(Arc::clone).collect()
    }

    async fn delete_strays(&mut self) -> io::Result<()> {
        let now = self.shared.platform.clock.wall();
        let strays = self.shared.state().strays.clone();
        if strays.is_empty() || self.strays_from.is_some_and(|from: Timestamp| now < from) {
            return Ok(());
        }
        let (archive, disk) = (&self.shared.archive, &self.shared.platform.disk);
        for (id, elsewhere) in strays {
            if self.shared.ends() {
                return Ok(());
            }
            let Some(deleted) = self.meanwhile(archive.delete(elsewhere, id)).await? else {
                return Ok(());
            };
            if let Err(error) = deleted {
                warn!(%error, "an object of the archive could not be deleted, it is tried again");
                self.strays_from = Some(now.plus(ARCHIVE_RETRY_PAUSE));
                return Ok(());
            }
            let index = archive.index_path(id);
            if disk.exists(&index).await {
                disk.remove_file(&index).await?;
            }
            if self
                .place_writes(vec![manifest::forget(id)])
                .await?
                .is_none()
            {
                return Ok(());
            }
            self.shared.state().strays.remove(&id);
            debug!(id, "an object of the archive is deleted");
        }
        Ok(())
    }
}
