//! Opening and stopping: the lock, the format, recovery, the two running parts, and the clean-stop marker.
//!
//! The marker says where a clean stop ended. It is removed before anything is written, so it never vouches for more
//! than it saw.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use platform::{DiskLock, LockError, Platform, Task};
use tokio::sync::{Notify, Semaphore, watch};
use tracing::warn;

use crate::{
    Log, Settings, ViewKind,
    clean::{Cleaner, view_dir},
    committer::{Committer, Progress, Shared},
    errors::OpenError,
    limits::WAITING_BYTES_MAX,
    recovery::{Found, recover},
    view::{View, ViewFailed, memory::MemoryView, sled::SledView},
};

const FORMAT: u32 = 1;

/// What only one process may have: the lock, and the parts that run under it.
#[derive(Debug)]
pub(crate) struct Held {
    shared: Arc<Shared>,
    committer: Option<Task<()>>,
    cleaner: Option<Task<()>>,
    lock: Option<DiskLock>,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.shared.end("the last handle is gone");
        for task in [self.committer.take(), self.cleaner.take()]
            .into_iter()
            .flatten()
        {
            task.abort();
        }
        self.shared.placed.notify_one();
    }
}

impl Log {
    /// Opens the data directory `dir`, creating it if need be. Damaged data is never skipped.
    pub async fn open(
        platform: &Platform,
        dir: &Path,
        settings: Settings,
    ) -> Result<Self, OpenError> {
        let disk = &platform.disk;
        disk.create_dir_all(&dir.join("log")).await?;
        let lock = disk
            .lock(&dir.join("LOCK"))
            .await
            .map_err(|error| match error {
                LockError::HeldBy { pid } => OpenError::Locked { pid },
                LockError::Io(error) => OpenError::Io(error),
            })?;
        check_format(platform, dir).await?;
        disk.sync_dir(dir).await?;
        let marker = dir.join("CLEAN");
        let clean_end = if disk.exists(&marker).await {
            let text = disk.read(&marker).await?;
            std::str::from_utf8(&text)
                .ok()
                .and_then(|text| text.trim().parse().ok())
        } else {
            None
        };
        let (view, found) = recover_all(platform, dir, &settings, clean_end).await?;
        if disk.exists(&marker).await {
            disk.remove_file(&marker).await?;
            disk.sync_dir(dir).await?;
        }
        let durable = found.state.durable;
        let shared = Arc::new(Shared {
            platform: platform.clone(),
            settings,
            dir: dir.to_owned(),
            state: Mutex::new(found.state),
            view,
            progress: watch::Sender::new(Progress {
                durable,
                stopped: None,
            }),
            placed: Notify::new(),
            applied: Notify::new(),
            room: Arc::new(Semaphore::new(WAITING_BYTES_MAX)),
        });
        shared.measure_space().await?;
        let committer = Committer {
            shared: Arc::clone(&shared),
            active: found.active,
            log_id: found.log_id,
            previous: found.previous,
            unchecked_bytes: 0,
        };
        let cleaner = Cleaner {
            shared: Arc::clone(&shared),
        };
        let held = Held {
            shared: Arc::clone(&shared),
            committer: Some(platform.tasks.dedicated("log committer", committer.run())),
            cleaner: Some(platform.tasks.dedicated("log cleaner", cleaner.run())),
            lock: Some(lock),
        };
        Ok(Self {
            shared,
            held: Arc::new(Mutex::new(held)),
            recovered: found.recovered,
        })
    }

    /// Makes everything placed durable, marks the clean stop, ends the running parts and gives up the lock. What is
    /// placed from now on is refused.
    pub async fn stop(&self) {
        self.shared.state().stopping = true;
        self.shared.placed.notify_one();
        let (committer, cleaner, lock) = {
            let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            (held.committer.take(), held.cleaner.take(), held.lock.take())
        };
        let mut ended_well = true;
        if let Some(committer) = committer {
            ended_well &= committer.await.is_ok();
        }
        self.shared.applied.notify_one();
        if let Some(cleaner) = cleaner {
            ended_well &= cleaner.await.is_ok();
        }
        let poisoned = self.shared.state().stopped.is_some();
        if lock.is_some() && ended_well && !poisoned {
            if let Err(error) = self.mark_clean().await {
                warn!(%error, "no clean-stop marker: the next start scans as after a crash");
            }
            self.shared.end("asked to stop");
        }
    }

    async fn mark_clean(&self) -> std::io::Result<()> {
        self.shared.apply()?;
        self.shared.sync_view()?;
        let end = self.shared.state().durable;
        let marker = self.shared.dir.join("CLEAN");
        self.shared
            .platform
            .disk
            .replace(&marker, format!("{end}\n").as_bytes())
            .await
    }
}

async fn check_format(platform: &Platform, dir: &Path) -> Result<(), OpenError> {
    let path = dir.join("FORMAT");
    if !platform.disk.exists(&path).await {
        platform
            .disk
            .replace(&path, format!("{FORMAT}\n").as_bytes())
            .await?;
        return Ok(());
    }
    let text = platform.disk.read(&path).await?;
    let number = std::str::from_utf8(&text)
        .ok()
        .and_then(|text| text.trim().parse().ok());
    match number {
        Some(FORMAT) => Ok(()),
        Some(found) if found > FORMAT => Err(OpenError::Newer {
            found,
            known: FORMAT,
        }),
        Some(_) | None => Err(OpenError::Damaged {
            path,
            offset: 0,
            what: "the format is not a known number".to_owned(),
        }),
    }
}

/// Recovers the log over its view; a view that cannot be trusted is deleted and built again, once.
async fn recover_all(
    platform: &Platform,
    dir: &Path,
    settings: &Settings,
    clean_end: Option<u64>,
) -> Result<(Arc<dyn View>, Found), OpenError> {
    let reason = match open_view(dir, settings.view) {
        Ok(view) => match recover(platform, dir, settings, view.as_ref(), clean_end).await {
            Err(OpenError::View(reason)) => reason,
            other => return other.map(|found| (view, found)),
        },
        Err(failure) => failure.0,
    };
    warn!(
        reason,
        "the view is damaged: deleted and built again from the log"
    );
    platform.disk.remove_dir_all(&view_dir(dir)).await?;
    let view = open_view(dir, settings.view).map_err(|failure| OpenError::View(failure.0))?;
    let mut found = recover(platform, dir, settings, view.as_ref(), clean_end).await?;
    found.recovered.view_rebuilt = true;
    Ok((view, found))
}

fn open_view(dir: &Path, kind: ViewKind) -> Result<Arc<dyn View>, ViewFailed> {
    Ok(match kind {
        ViewKind::Sled => Arc::new(SledView::open(&view_dir(dir))?),
        ViewKind::Memory => Arc::new(MemoryView::default()),
    })
}
