//! Spare segments: files of full length, zeroed or used before, that wait to become the next segment.
//!
//! Writing over blocks that are there already saves the file system's journal at every sync, and the spares are the
//! reserve with which a full disk still cleans, trims and moves checkpoints. A file becomes a spare, and a spare a segment,
//! by a rename that is synced before anything relies on it.

use std::{
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    sync::Arc,
};

use platform::{Monotonic, OpenMode, Platform, is_full};
use tracing::{debug, warn};

use crate::{
    clean::{Cleaner, Dead, seal::index_path},
    limits::{
        CALM_BYTES_PER_SECOND, CALM_TIME_MIN, RESERVED_SEGMENTS, SPARE_PIECE_BYTES,
        SPARE_PIECES_PER_SYNC, SPARES_MAX,
    },
    shared::Shared,
};

/// How fast the log grew when it was last looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    since: Monotonic,
    from: u64,
    calm: bool,
}

const SUFFIX: &str = ".spare";
const UNFINISHED: &str = ".spare.tmp";

fn fresh_path(platform: &Platform, dir: &Path, suffix: &str) -> PathBuf {
    dir.join(format!("{:016x}{suffix}", platform.rng.u64()))
}

/// The spares of an earlier run; what is unfinished or of another length is deleted.
pub(crate) async fn find(
    platform: &Platform,
    dir: &Path,
    segment_bytes: u64,
) -> io::Result<Vec<PathBuf>> {
    let mut spares = Vec::new();
    for name in platform.disk.list(dir).await? {
        let path = dir.join(&name);
        if name.ends_with(UNFINISHED) {
            platform.disk.remove_file(&path).await?;
        } else if name.ends_with(SUFFIX) {
            let file = platform.disk.open(&path, OpenMode::Read).await?;
            if file.len().await? == segment_bytes {
                spares.push(path);
            } else {
                platform.disk.remove_file(&path).await?;
            }
        }
    }
    Ok(spares)
}

impl Cleaner {
    /// Frees a segment that nobody needs: as a spare where one is missing and no reader still holds the file.
    pub(crate) async fn free(&self, dead: &Dead) -> io::Result<()> {
        let shared = &self.shared;
        let (disk, dir) = (&shared.platform.disk, shared.log_dir());
        let index = index_path(&dead.segment);
        if disk.exists(&index).await {
            disk.remove_file(&index).await?;
        }
        let wanted = shared.state().spares.len() < SPARES_MAX;
        let whole = dead.segment.file.len().await? == shared.settings.segment_bytes;
        if wanted && whole && Arc::strong_count(&dead.segment) == 1 {
            let spare = fresh_path(&shared.platform, &dir, SUFFIX);
            disk.rename(&dead.segment.path, &spare).await?;
            disk.sync_dir(&dir).await?;
            shared.state().spares.push(spare);
        } else {
            disk.remove_file(&dead.segment.path).await?;
            disk.sync_dir(&dir).await?;
        }
        Ok(())
    }

    /// Zeroes one more spare where it is missing and the log has grown enough to need it. A full disk is no failure.
    pub(crate) async fn prepare_spare(&mut self) -> io::Result<()> {
        if !self.wants_spare() {
            return Ok(());
        }
        let shared = &self.shared;
        let unfinished = fresh_path(&shared.platform, &shared.log_dir(), UNFINISHED);
        let zeroed = match self.zero(&unfinished).await {
            Err(error) if is_full(error.kind()) => {
                warn!("no room for a spare segment, puts are refused until there is");
                shared.state().full = true;
                false
            }
            other => other?,
        };
        let disk = &shared.platform.disk;
        if !zeroed {
            // Not even its name found room, perhaps.
            return match disk.remove_file(&unfinished).await {
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
                other => other,
            };
        }
        let spare = unfinished.with_extension("");
        disk.rename(&unfinished, &spare).await?;
        disk.sync_dir(&shared.log_dir()).await?;
        shared.state().spares.push(spare);
        debug!("spare segment ready");
        shared.measure_space().await
    }

    /// A log that holds little never pays for zeroing, and one that grows fast only for its reserve.
    fn wants_spare(&mut self) -> bool {
        let calm = self.is_calm();
        let state = self.shared.state();
        let size = self.shared.settings.segment_bytes;
        let begins = state.segments.keys().next().copied();
        let grown = begins.is_some_and(|begins| state.next - begins >= size / 8);
        let wanted = if calm { SPARES_MAX } else { RESERVED_SEGMENTS };
        let missing = state.spares.len() < wanted;
        missing && grown && !state.full && !state.stopping && state.stopped.is_none()
    }

    /// Whether the log grew slowly of late.
    fn is_calm(&mut self) -> bool {
        let now = self.shared.platform.clock.monotonic();
        let next = self.shared.state().next;
        let pace = self.pace.get_or_insert(Pace {
            since: now,
            from: next,
            calm: false,
        });
        let took = now.0.saturating_sub(pace.since.0);
        if took >= CALM_TIME_MIN {
            let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            let grown = next.saturating_sub(pace.from).saturating_mul(1_000);
            *pace = Pace {
                since: now,
                from: next,
                calm: grown / millis.max(1) <= CALM_BYTES_PER_SECOND,
            };
        }
        pace.calm
    }

    /// `false` when the log stops meanwhile. Piece by piece, so that commits and the view go on.
    async fn zero(&self, path: &Path) -> io::Result<bool> {
        let disk = &self.shared.platform.disk;
        let file = disk.open(path, OpenMode::CreateNew).await?;
        let size = self.shared.settings.segment_bytes;
        let (mut at, mut pieces) = (0, 0);
        while at < size {
            let len = usize::try_from(size - at)
                .map_or(SPARE_PIECE_BYTES, |left| left.min(SPARE_PIECE_BYTES));
            file.write_zeroes(len, at).await?;
            at += len as u64;
            pieces += 1;
            if pieces % SPARE_PIECES_PER_SYNC == 0 {
                file.sync_data().await?;
                self.shared.apply(&self.claim)?;
            }
            if self.shared.ends() {
                return Ok(false);
            }
        }
        file.sync_all().await?;
        Ok(true)
    }
}

impl Shared {
    /// After a put was refused: others may have made room, and a log that writes nothing would never see it.
    pub(crate) async fn look_for_room(&self) {
        // Only what is free without the spares counts: with them the disk may look roomy just before they are used up.
        let free = self.platform.disk.free_bytes(&self.dir).await;
        if free.is_ok_and(|free| free >= self.reserve_bytes()) {
            self.state().full = false;
        }
    }

    /// What stays free of puts: for cleaning, for checkpoints, and for the view and the indexes.
    fn reserve_bytes(&self) -> u64 {
        let size = self.settings.segment_bytes;
        size * RESERVED_SEGMENTS as u64 + size / 4
    }

    pub(crate) fn log_dir(&self) -> PathBuf {
        self.dir.join("log")
    }

    /// Refuses puts before the disk is full, so that there is always room to clean and to move checkpoints, also for the
    /// view.
    pub(crate) async fn measure_space(&self) -> io::Result<()> {
        let free = self.platform.disk.free_bytes(&self.dir).await?;
        let size = self.settings.segment_bytes;
        let mut state = self.state();
        let held = state.spares.len() as u64 * size;
        state.full = free.saturating_add(held) < self.reserve_bytes();
        Ok(())
    }
}
