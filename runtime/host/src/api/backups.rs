//! `backups`: one position of the running log, handed out page by page. The server keeps the pages until the backup is
//! given back, or nobody has asked for one for a while.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use log::backup::Backup;
use serde_json::json;

use super::{ApiError, Reply};
use crate::{
    assemble::Rooms,
    limits::{BACKUP_IDLE_MAX, BACKUPS_MAX},
};

/// The backups that are being made.
#[derive(Debug, Clone, Default)]
pub(crate) struct Backups(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    last: u64,
    held: BTreeMap<u64, Held>,
}

#[derive(Debug)]
struct Held {
    backup: Arc<Backup>,
    /// Counts pages, so that idleness shows.
    pages: u64,
}

impl Backups {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn begin(&self, rooms: &Rooms) -> Reply {
        let backup = rooms.log.backup().map_err(ApiError::failed)?;
        let (begins, position, end) = (backup.begins(), backup.position(), backup.end());
        let id = {
            let mut state = self.state();
            if state.held.len() >= BACKUPS_MAX {
                return Err(ApiError::conflict("begin a backup: others are being made")
                    .with_hint("wait until one of them is done"));
            }
            state.last += 1;
            let id = state.last;
            let backup = Arc::new(backup);
            state.held.insert(id, Held { backup, pages: 0 });
            id
        };
        let (backups, clock, stop) = (
            self.clone(),
            rooms.platform.clock.clone(),
            rooms.stop.clone(),
        );
        let watch = async move {
            let mut seen = None;
            while let Some(pages) = backups.pages(id) {
                if seen == Some(pages) {
                    backups.forget(id);
                    tracing::warn!(id, "a backup that nobody went on with is given up");
                }
                seen = Some(pages);
                tokio::select! {
                    biased;
                    () = stop.stopped() => return,
                    () = clock.sleep(BACKUP_IDLE_MAX) => {}
                }
            }
        };
        drop(rooms.platform.tasks.spawn("backup", watch));
        Ok(json!({ "id": id, "begins": begins, "position": position, "end": end }))
    }

    fn pages(&self, id: u64) -> Option<u64> {
        self.state().held.get(&id).map(|held| held.pages)
    }

    fn forget(&self, id: u64) {
        self.state().held.remove(&id);
    }

    /// The page at a log position; without data at the end.
    pub(crate) async fn page(&self, id: &str, from: &str) -> Reply {
        let missing =
            || ApiError::not_found("this backup").with_hint("begin again: `shardmill data backup`");
        let (Ok(id), Ok(from)) = (id.parse::<u64>(), from.parse::<u64>()) else {
            return Err(missing());
        };
        let backup = {
            let mut state = self.state();
            let held = state.held.get_mut(&id).ok_or_else(missing)?;
            held.pages += 1;
            Arc::clone(&held.backup)
        };
        let Some(page) = backup.page(from).await.map_err(ApiError::failed)? else {
            return Ok(json!({ "next": null }));
        };
        Ok(json!({
            "segment": page.segment,
            "offset": page.offset,
            "records": page.records,
            "next": page.next,
            "data": base64_simd::STANDARD.encode_to_string(&page.bytes),
        }))
    }

    pub(crate) fn end(&self, id: &str) -> Reply {
        if let Ok(id) = id.parse() {
            self.forget(id);
        }
        Ok(json!({}))
    }
}
