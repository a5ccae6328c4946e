//! Opening and stopping: the lock, the format, recovery, the two running parts, and the clean-stop marker.
//!
//! The marker says where a clean stop ended. It is removed before anything is written, so it never vouches for more
//! than it saw.

pub(crate) mod recovery;
pub(crate) mod scan;

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use platform::{DiskLock, LockError, Platform, Task, is_full, is_out_of_files};
use tokio::sync::{Notify, Semaphore};
use tracing::{debug, warn};

use crate::{
    Log, Settings, ViewKind,
    append::{commit::Commit, committer::Committer, progress::Progress, queue},
    archive::{Archive, opening},
    clean::{Cleaner, apply::view_dir},
    encryption::keyring::Keyring,
    errors::{OpenError, Stopped},
    layout::{format, frame::crc_of},
    limits::{LOCK_RETRY_PAUSE, LOCK_WAIT_MAX, WAITING_BYTES_MAX},
    open::recovery::{Found, recover},
    shared::{Claim, Shared},
    stopped::{self, is_readonly},
    view::{NotOpened, View, file::FileView, memory::MemoryView, sled::SledView},
};

/// Where a clean stop ended.
pub(crate) const MARKER: &str = "CLEAN";

fn marker_text(end: u64) -> String {
    format!("{end} {:08x}\n", crc_of(&end.to_le_bytes()))
}

/// A marker that is not whole vouches for nothing.
pub(crate) fn parse_marker(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    let end = text.split(' ').next()?.parse().ok()?;
    (text == marker_text(end)).then_some(end)
}

/// The running parts; they end with the last handle, or when asked to stop.
#[derive(Debug)]
pub(crate) struct Held {
    shared: Arc<Shared>,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    committer: Task<()>,
    cleaner: Task<()>,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.shared.end("the last handle is gone");
        if let Some(running) = &self.running {
            running.committer.abort();
            running.cleaner.abort();
        }
    }
}

impl Log {
    /// Opens the data directory `dir`, creating it if need be. Damaged data is never skipped.
    pub async fn open(
        platform: &Platform,
        dir: &Path,
        settings: Settings,
    ) -> Result<Self, OpenError> {
        let opened = Self::open_as_it_is(platform, dir, settings).await;
        opened.map_err(|error| {
            if matches!(&error, OpenError::Io(error) if is_full(error.kind())) {
                let dir = dir.to_owned();
                return OpenError::Full { dir };
            }
            if matches!(&error, OpenError::Io(error) if is_out_of_files(error)) {
                return OpenError::OutOfFiles;
            }
            error
        })
    }

    async fn open_as_it_is(
        platform: &Platform,
        dir: &Path,
        settings: Settings,
    ) -> Result<Self, OpenError> {
        let disk = &platform.disk;
        let lock = take(platform, dir).await?;
        let new = format::check(platform, dir).await?;
        disk.sync_dir(dir).await?;
        let marker = dir.join(MARKER);
        let clean_end = if disk.exists(&marker).await {
            parse_marker(&disk.read(&marker).await?)
        } else {
            new.then_some(0)
        };
        let (view, mut found) = recover_all(platform, dir, &settings, clean_end).await?;
        let archive = Archive::new(platform, dir, &settings.archive);
        let restored = stopped::restored_until(platform, dir).await?;
        let manifests = opening::manifests(view.as_ref(), restored)?;
        let log = (&mut found.state, found.log_id);
        opening::open(platform, dir, &archive, log, manifests).await?;
        if disk.exists(&marker).await {
            disk.remove_file(&marker).await?;
            disk.sync_dir(dir).await?;
        }
        let claim = Arc::new(Claim { view, _lock: lock });
        found.state.claim = Some(Arc::clone(&claim));
        let durable = found.state.durable;
        let shared = Arc::new(Shared {
            platform: platform.clone(),
            settings,
            dir: dir.to_owned(),
            state: Mutex::new(found.state),
            progress: Mutex::new(Progress::from(durable)),
            placed: Notify::new(),
            applied: Notify::new(),
            room: Arc::new(Semaphore::new(WAITING_BYTES_MAX)),
            indexes: Mutex::default(),
            archive,
            keyring: Keyring::default(),
        });
        shared.measure_space().await?;
        let committer = Committer {
            shared: Arc::clone(&shared),
            _claim: Arc::clone(&claim),
            active: found.active,
            log_id: found.log_id,
            previous: found.previous,
            unsynced: None,
            unchecked_bytes: 0,
            untold_bytes: 0,
        };
        debug!(end = durable, "log opened");
        if !found.recovered.clean {
            shared.place_counters();
        }
        let cleaner = Cleaner::new(&shared, claim);
        let running = Running {
            committer: platform.tasks.dedicated("log committer", committer.run()),
            cleaner: platform.tasks.dedicated("log cleaner", cleaner.run()),
        };
        let held = Held {
            shared: Arc::clone(&shared),
            running: Some(running),
        };
        Ok(Self {
            shared,
            held: Arc::new(Mutex::new(held)),
            recovered: found.recovered,
        })
    }

    /// Makes everything placed durable, marks the clean stop, ends the running parts and gives up the directory. What
    /// is placed from now on is refused, and nothing is answered any more once it has stopped.
    pub async fn stop(&self) {
        self.shared.state().stopping = true;
        self.shared.placed.notify_one();
        let running = {
            let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            held.running.take()
        };
        let Some(running) = running else {
            // Somebody else is stopping it; an error would mean that they are done and gone.
            let _stopped = self.shared.durable(u64::MAX).await;
            return;
        };
        let mut ended_well = running.committer.await.is_ok();
        self.shared.applied.notify_one();
        ended_well &= running.cleaner.await.is_ok();
        let claim = self.shared.state().claim();
        if let Ok(claim) = claim
            && ended_well
            && let Err(error) = self.mark_clean(&claim).await
        {
            warn!(%error, "no clean-stop marker: the next start scans as after a crash");
        }
        self.shared.end("asked to stop");
    }

    async fn mark_clean(&self, claim: &Claim) -> std::io::Result<()> {
        self.shared.apply(claim)?;
        self.shared.sync_view(claim)?;
        let end = self.shared.state().durable;
        let marker = self.shared.dir.join(MARKER);
        self.shared
            .platform
            .disk
            .replace(&marker, marker_text(end).as_bytes())
            .await
    }
}

impl Shared {
    /// After an unclean stop the jumped counters are the first thing on disk, before any number of this run is seen.
    fn place_counters(&self) {
        let mut state = self.state();
        let oldest = state.segments.keys().next().copied();
        let mut writes = state.counter_writes();
        writes.push(queue::begins_write(oldest.unwrap_or(state.next)));
        let commit = Commit {
            writes,
            ..Commit::default()
        };
        let wall = self.platform.clock.wall();
        let placed = queue::encode(commit, &self.keyring)
            .and_then(|all| state.place(all.urgent(), wall, None));
        if let Err(refused) = placed {
            warn!(%refused, "the counters are not written down");
        }
    }
}

impl Log {
    /// Resolves once the log has stopped, by request or because a disk operation failed.
    pub async fn stopped(&self) -> Stopped {
        // Nothing ever reaches this far, so only a stop ends the wait.
        let stopped = self.shared.durable(u64::MAX).await;
        stopped
            .err()
            .unwrap_or_else(|| Stopped("the last handle is gone".to_owned()))
    }
}

/// An error that says no more than a number gets the name of the directory.
fn unwritable(dir: &Path, reason: std::io::Error) -> OpenError {
    if is_readonly(reason.kind()) {
        let dir = dir.to_owned();
        return OpenError::Unwritable { dir, reason };
    }
    OpenError::Io(reason)
}

/// Makes the directory where it is missing and locks it.
async fn take(platform: &Platform, dir: &Path) -> Result<DiskLock, OpenError> {
    let made = platform.disk.create_dir_all(&dir.join("log")).await;
    made.map_err(|error| unwritable(dir, error))?;
    if let Some(kind) = platform.disk.network_file_system(dir) {
        warn!(
            kind,
            "the data directory is on a network file system, which may lose what it acknowledged and does not keep two \
             servers apart: use a disk of this machine"
        );
    }
    match lock(platform, &dir.join("LOCK")).await {
        Err(OpenError::Io(error)) => Err(unwritable(dir, error)),
        other => other,
    }
}

/// A log of this process that was just let go may still be finishing its last sync, so this waits a little.
pub(crate) async fn lock(platform: &Platform, path: &Path) -> Result<DiskLock, OpenError> {
    let mut waited = Duration::ZERO;
    loop {
        match platform.disk.lock(path).await {
            Ok(lock) => return Ok(lock),
            Err(LockError::Io(error)) => return Err(OpenError::Io(error)),
            Err(LockError::HeldBy { pid }) if waited >= LOCK_WAIT_MAX => {
                return Err(OpenError::Locked { pid });
            }
            Err(LockError::HeldBy { .. }) => {}
        }
        platform.clock.sleep(LOCK_RETRY_PAUSE).await;
        waited += LOCK_RETRY_PAUSE;
    }
}

/// Recovers with the view as it is or, where that cannot be trusted, with one built again from the log.
async fn recover_all(
    platform: &Platform,
    dir: &Path,
    settings: &Settings,
    clean_end: Option<u64>,
) -> Result<(Box<dyn View>, Found), OpenError> {
    let reason = match open_view(platform, dir, settings.view).await {
        Ok(view) => match recover(platform, dir, settings, view.as_ref(), clean_end).await {
            Err(OpenError::View(reason)) => reason,
            other => return other.map(|found| (view, found)),
        },
        Err(OpenError::View(reason)) => reason,
        Err(other) => return Err(other),
    };
    warn!(
        reason,
        "the view cannot be used: deleted and built again from the log"
    );
    delete_view(platform, dir).await?;
    let view = open_view(platform, dir, settings.view).await?;
    let mut found = recover(platform, dir, settings, view.as_ref(), clean_end).await?;
    found.recovered.view_rebuilt = true;
    Ok((view, found))
}

/// Sled that was dropped may still write files by their names, so this waits until it has let go.
pub(crate) async fn delete_view(platform: &Platform, dir: &Path) -> Result<(), OpenError> {
    let view = view_dir(dir);
    if !platform.disk.exists(&view).await {
        return Ok(());
    }
    let held = lock(platform, &view.join("db")).await?;
    platform.disk.remove_dir_all(&view).await?;
    drop(held);
    Ok(())
}

/// Only `OpenError::View` means that the view is damaged. A new one's name is durable before it is used.
async fn open_view(
    platform: &Platform,
    dir: &Path,
    kind: ViewKind,
) -> Result<Box<dyn View>, OpenError> {
    let known = platform.disk.exists(&view_dir(dir)).await;
    let view = open_kind(platform, dir, kind).await?;
    if !known {
        platform.disk.sync_dir(dir).await?;
    }
    Ok(view)
}

async fn open_kind(
    platform: &Platform,
    dir: &Path,
    kind: ViewKind,
) -> Result<Box<dyn View>, OpenError> {
    match kind {
        ViewKind::Memory => return Ok(Box::new(MemoryView::default())),
        ViewKind::File => {
            let opened = FileView::open(&platform.disk, &view_dir(dir)).await;
            return Ok(Box::new(opened?));
        }
        ViewKind::Sled => {}
    }
    let mut waited = Duration::ZERO;
    loop {
        match SledView::open(&view_dir(dir)) {
            Ok(view) => return Ok(Box::new(view)),
            Err(NotOpened::Damaged(failure)) => return Err(failure.into()),
            Err(NotOpened::Locked) if waited >= LOCK_WAIT_MAX => {
                return Err(OpenError::Locked { pid: None });
            }
            Err(NotOpened::Locked) => {}
        }
        // Sled closes its files a little after it was dropped.
        platform.clock.sleep(LOCK_RETRY_PAUSE).await;
        waited += LOCK_RETRY_PAUSE;
    }
}
