//! What may be wrong with the caches beside a log, on top of what a power loss leaves: a view and indexes that are newer or
//! older than the rest, torn, gone, of another place or of another log.
//!
//! Each is a cache that says something else than it should; none may change what the log says.

use std::{collections::VecDeque, path::PathBuf};

use platform::Rng;

use super::*;

/// Earlier disks that are kept to take old files from.
const EARLIER_MAX: usize = 40;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doubt {
    /// Nothing was lost of it, whatever the log lost.
    NewestView,
    /// As it was some operations or some lives ago.
    OlderView,
    TornView,
    NoView,
    /// Of another log that went as far or further.
    ForeignView,
    NewestIndexes,
    TornIndexes,
    NoIndexes,
    /// Each segment has the index of another one.
    SwappedIndexes,
    ForeignIndexes,
    /// Everything beside the log is that of some operations ago.
    OlderCaches,
}

impl Doubt {
    /// All of them in turn.
    pub(super) fn turn(number: u64) -> Self {
        let all = [
            Self::NewestView,
            Self::OlderView,
            Self::TornView,
            Self::NoView,
            Self::ForeignView,
            Self::NewestIndexes,
            Self::TornIndexes,
            Self::NoIndexes,
            Self::SwappedIndexes,
            Self::ForeignIndexes,
            Self::OlderCaches,
        ];
        all[usize::try_from(number).unwrap() % all.len()]
    }
}

/// Disks to take other files from.
#[derive(Debug)]
pub(super) struct Known {
    /// Nothing was lost of them; the newest last.
    earlier: VecDeque<Disk>,
    foreign: Disk,
}

impl Known {
    /// With another log that has lived for a while.
    pub(super) async fn new(seed: u64, archive_after: Duration) -> Self {
        let platform = Platform::simulated(seed + 1);
        let promised = Arc::new(Promised::default());
        let mut trace = Trace::begin(&platform, &promised, archive_after)
            .await
            .unwrap();
        for _ in 0..300 {
            trace.step().await.unwrap();
        }
        Self {
            earlier: VecDeque::new(),
            foreign: platform.disk.after_power_loss(Survival::Everything),
        }
    }

    pub(super) fn now(&mut self, disk: &Disk) {
        let copy = disk.after_power_loss(Survival::Everything);
        self.earlier.push_back(copy);
        if self.earlier.len() > EARLIER_MAX {
            self.earlier.pop_front();
        }
    }

    /// Gives the disk other caches.
    pub(super) async fn distort(&self, disk: &Disk, doubt: Doubt, rng: &Rng) {
        let below = |n: usize| usize::try_from(rng.below(n as u64)).unwrap();
        let newest = &self.earlier[self.earlier.len() - 1];
        let older = &self.earlier[below(self.earlier.len())];
        match doubt {
            Doubt::NewestView => take_view(disk, newest).await,
            Doubt::OlderView => take_view(disk, older).await,
            Doubt::ForeignView => take_view(disk, &self.foreign).await,
            Doubt::NoView => remove(disk, &view_files(disk).await).await,
            Doubt::TornView => tear(disk, &view_files(disk).await, rng).await,
            Doubt::NewestIndexes => take_indexes(disk, newest).await,
            Doubt::ForeignIndexes => take_indexes(disk, &self.foreign).await,
            Doubt::NoIndexes => remove(disk, &indexes(disk).await).await,
            Doubt::TornIndexes => tear(disk, &indexes(disk).await, rng).await,
            Doubt::SwappedIndexes => {
                let paths = indexes(disk).await;
                for two in paths.chunks_exact(2) {
                    let [one, other] = [&two[0], &two[1]];
                    let bytes = disk.read(one).await.unwrap();
                    put(disk, one, disk.read(other).await.unwrap()).await;
                    put(disk, other, bytes).await;
                }
            }
            Doubt::OlderCaches => {
                take_view(disk, older).await;
                take_indexes(disk, older).await;
            }
        }
        if disk.exists("/volume".as_ref()).await {
            disk.sync_tree("/volume".as_ref()).unwrap();
        }
    }
}

async fn files(disk: &Disk, folder: &str, suffix: &str) -> Vec<PathBuf> {
    let dir = PathBuf::from(DIR).join(folder);
    if !disk.exists(&dir).await {
        return Vec::new();
    }
    let names = disk.list(&dir).await.unwrap();
    let names = names.iter().filter(|name| name.ends_with(suffix));
    names.map(|name| dir.join(name)).collect()
}

async fn view_files(disk: &Disk) -> Vec<PathBuf> {
    files(disk, "view", "").await
}

async fn indexes(disk: &Disk) -> Vec<PathBuf> {
    files(disk, "log", ".idx").await
}

async fn put(disk: &Disk, path: &std::path::Path, bytes: Bytes) {
    let file = disk.open(path, OpenMode::ReadWrite).await.unwrap();
    file.set_len(0).await.unwrap();
    file.write_all_at(&[bytes], 0).await.unwrap();
}

async fn remove(disk: &Disk, paths: &[PathBuf]) {
    for path in paths {
        disk.remove_file(path).await.unwrap();
    }
}

/// The whole view of another disk, or none where it has none.
async fn take_view(disk: &Disk, from: &Disk) {
    remove(disk, &view_files(disk).await).await;
    let dir = PathBuf::from(DIR).join("view");
    for path in view_files(from).await {
        disk.create_dir_all(&dir).await.unwrap();
        put(disk, &path, from.read(&path).await.unwrap()).await;
    }
}

/// Indexes of another disk for segments that are here, and for some that are not.
async fn take_indexes(disk: &Disk, from: &Disk) {
    if disk.exists(&PathBuf::from(DIR).join("log")).await {
        for path in indexes(from).await {
            put(disk, &path, from.read(&path).await.unwrap()).await;
        }
    }
}

/// Cuts each file short, writes zeros into it, or flips one of its bits.
async fn tear(disk: &Disk, paths: &[PathBuf], rng: &Rng) {
    for path in paths {
        let mut bytes = disk.read(path).await.unwrap().to_vec();
        let at = usize::try_from(rng.below(bytes.len() as u64 + 1)).unwrap();
        match rng.below(3) {
            0 => bytes.truncate(at),
            1 => {
                let end = bytes.len().min(at + 512);
                bytes[at..end].fill(0);
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << rng.below(8);
                }
            }
        }
        put(disk, path, bytes.into()).await;
    }
}
