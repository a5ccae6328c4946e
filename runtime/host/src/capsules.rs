//! Failed invocations kept as files, beside the data: the newest of each first record, as many as there is room for.
//!
//! In: capsules from the sandbox, which never waits for a disk. Out: files, each of which stands for itself, and their
//! contents for `replay`. A batch that failed is soon run again, so a capsule waits a moment for the one that takes its place.
//! Those of encrypted streams are encrypted under the stream's data key. Where the disk cannot keep up, capsules are lost;
//! they are a help, not a promise.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use log::{Log, cipher};
use model::StreamKey;
use platform::{Platform, StopToken};
use sandbox::{Capsule, CapsuleSink, Engine};
use streams::Streams;
use tokio::sync::Notify;
use tracing::{debug, warn};

use crate::limits::{
    CAPSULE_BYTES_MAX, CAPSULE_PAUSE, CAPSULES_BYTES_MAX, CAPSULES_MAX, CAPSULES_WAITING_MAX,
};

/// What stands behind the name of a file.
const ENDING: &str = ".json";

#[derive(Debug)]
pub(crate) struct Capsules {
    platform: Platform,
    folder: PathBuf,
    log: Log,
    streams: Streams,
    /// What is not written yet, by the name of its file.
    waiting: Mutex<BTreeMap<String, Bytes>>,
    comes: Notify,
}

impl Capsules {
    /// Takes what fails in the engine from now on; in a simulation nobody looks at it.
    pub(crate) fn of(
        platform: &Platform,
        data: &Path,
        engine: &Engine,
        (log, streams): (&Log, &Streams),
    ) -> Arc<Self> {
        let capsules = Arc::new(Self::new(platform, data, log, streams));
        if !platform.disk.is_simulated() {
            engine.keep_failures(Arc::clone(&capsules) as _);
        }
        capsules
    }

    fn new(platform: &Platform, data: &Path, log: &Log, streams: &Streams) -> Self {
        Self {
            platform: platform.clone(),
            folder: data.join("capsules"),
            log: log.clone(),
            streams: streams.clone(),
            waiting: Mutex::default(),
            comes: Notify::new(),
        }
    }

    /// Writes what comes until it is stopped, and what waits then.
    pub(crate) async fn run(self: Arc<Self>, stop: StopToken) {
        let mut files: Option<Files> = None;
        let clock = &self.platform.clock;
        while !stop.is_stopped() {
            tokio::select! {
                biased;
                () = stop.stopped() => {}
                () = self.comes.notified() => {
                    tokio::select! {
                        biased;
                        () = stop.stopped() => {}
                        () = clock.sleep(CAPSULE_PAUSE) => {}
                    }
                }
            }
            while let Some((name, bytes)) = self.next() {
                if let Err(error) = self.write(&mut files, name.clone(), &bytes).await {
                    warn!(%error, folder = %self.folder.display(), "a failed invocation could not be kept");
                }
                self.written(&name, &bytes);
            }
        }
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeMap<String, Bytes>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self) -> Option<(String, Bytes)> {
        let waiting = self.waiting();
        let (name, bytes) = waiting.first_key_value()?;
        Some((name.clone(), bytes.clone()))
    }

    /// It need not wait any more, unless a newer one has taken its place.
    fn written(&self, name: &str, bytes: &Bytes) {
        let mut waiting = self.waiting();
        if waiting
            .get(name)
            .is_some_and(|newest| newest.as_ptr() == bytes.as_ptr())
        {
            waiting.remove(name);
        }
    }

    async fn write(&self, files: &mut Option<Files>, name: String, bytes: &[u8]) -> io::Result<()> {
        let disk = &self.platform.disk;
        let files = match files {
            Some(files) => files,
            None => {
                disk.create_dir_all(&self.folder).await?;
                files.insert(Files::found(&self.platform, &self.folder).await?)
            }
        };
        disk.replace_private(&self.folder.join(&name), bytes)
            .await?;
        for old in files.add(name, bytes.len()) {
            disk.remove_file(&self.folder.join(old)).await?;
        }
        Ok(())
    }

    /// The ids of all that are kept.
    pub(crate) async fn ids(&self) -> Vec<String> {
        let names = self.platform.disk.list(&self.folder).await;
        let mut names: BTreeSet<String> = names.unwrap_or_default().into_iter().collect();
        names.extend(self.waiting().keys().cloned());
        let mut ids: Vec<String> = names.iter().filter_map(|it| id(it)).collect();
        ids.sort();
        ids
    }

    /// None where there is none of this id.
    pub(crate) async fn get(&self, id: &str) -> io::Result<Option<Bytes>> {
        let Some(name) = file_name(id) else {
            return Ok(None);
        };
        let waits = self.waiting().get(&name).cloned();
        if let Some(bytes) = waits {
            return self.opened(bytes).map(Some);
        }
        match self.platform.disk.read(&self.folder.join(name)).await {
            Ok(bytes) => self.opened(bytes).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What a file holds, encrypted or not.
    pub(crate) fn opened(&self, bytes: Bytes) -> io::Result<Bytes> {
        if cipher::key_of(&bytes).is_none() {
            return Ok(bytes);
        }
        let opened = self.log.decrypt(ABOUT, &bytes);
        opened.map_err(|unopened| io::Error::other(format!("it is encrypted: {unopened}")))
    }

    fn hidden(&self, stream: &StreamKey, bytes: Vec<u8>) -> Option<Bytes> {
        let Some(number) = self.streams.data_key(stream) else {
            return Some(bytes.into());
        };
        let key = self.log.data_key(number).ok()?;
        key.encrypt(ABOUT, &Bytes::from(bytes)).ok()
    }
}

/// What the cipher is told that it encrypts.
const ABOUT: &[u8] = b"capsule";

impl CapsuleSink for Capsules {
    fn keep(&self, capsule: &Capsule) {
        let id = capsule.id();
        let records = capsule.invocation.records.iter();
        let size: usize = records.map(|record| record.data.len()).sum();
        let size = size + capsule.invocation.event.as_ref().map_or(0, Bytes::len);
        let (Some(name), true) = (file_name(&id), size <= CAPSULE_BYTES_MAX) else {
            debug!(id, size, "a failed invocation is too large to be kept");
            return;
        };
        let Some(bytes) = self.hidden(&capsule.invocation.stream, capsule.encode()) else {
            return;
        };
        let mut waiting = self.waiting();
        if waiting.len() >= CAPSULES_WAITING_MAX && !waiting.contains_key(&name) {
            debug!(
                id,
                "a failed invocation is not kept: others are being written"
            );
            return;
        }
        waiting.insert(name, bytes);
        drop(waiting);
        self.comes.notify_one();
    }
}

/// `TRIGGER/SHARD-POSITION` as one name that every file system takes.
fn file_name(id: &str) -> Option<String> {
    let (trigger, entry) = id.split_once('/')?;
    let plain = |text: &str| {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
        !text.is_empty() && text.chars().all(fits) && !text.starts_with('.')
    };
    let entry = entry.replace(':', "_");
    (plain(trigger) && plain(&entry)).then(|| format!("{trigger}@{entry}{ENDING}"))
}

fn id(file_name: &str) -> Option<String> {
    let (trigger, entry) = file_name.strip_suffix(ENDING)?.rsplit_once('@')?;
    Some(format!("{trigger}/{}", entry.replace('_', ":")))
}

/// What is in the folder, the oldest first; of those that an earlier run left nobody knows which is older.
#[derive(Debug)]
struct Files {
    known: VecDeque<(String, usize)>,
    bytes: usize,
}

impl Files {
    async fn found(platform: &Platform, folder: &Path) -> io::Result<Self> {
        let mut known = VecDeque::new();
        for name in platform.disk.list(folder).await? {
            if id(&name).is_some() {
                let bytes = platform.disk.read(&folder.join(&name)).await?;
                known.push_back((name, bytes.len()));
            }
        }
        let bytes = known.iter().map(|(_, bytes)| bytes).sum();
        Ok(Self { known, bytes })
    }

    /// Which have to go.
    fn add(&mut self, name: String, bytes: usize) -> Vec<String> {
        if let Some(at) = self.known.iter().position(|(known, _)| *known == name)
            && let Some((_, before)) = self.known.remove(at)
        {
            self.bytes = self.bytes.saturating_sub(before);
        }
        self.known.push_back((name, bytes));
        self.bytes += bytes;
        let mut gone = Vec::new();
        while (self.known.len() > CAPSULES_MAX || self.bytes > CAPSULES_BYTES_MAX)
            && self.known.len() > 1
            && let Some((old, bytes)) = self.known.pop_front()
        {
            self.bytes = self.bytes.saturating_sub(bytes);
            gone.push(old);
        }
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_file_names_and_back() {
        for entry in ["board/3-4958", "board/3-4958:2", "a.b-c_d/0-1"] {
            let name = file_name(entry).unwrap();
            assert_eq!(id(&name).as_deref(), Some(entry), "{name}");
        }
        for none in ["", "board", "board/../x", "/x", "board/", "a b/1", "../x/1"] {
            assert_eq!(file_name(none), None, "{none}");
        }
    }

    #[test]
    fn the_oldest_go_when_there_are_too_many() {
        let mut files = Files {
            known: VecDeque::new(),
            bytes: 0,
        };
        for number in 0..CAPSULES_MAX {
            assert_eq!(files.add(number.to_string(), 1), [""; 0]);
        }
        assert_eq!(files.add("0".to_owned(), 2), [""; 0]);
        assert_eq!(files.add("new".to_owned(), 1), ["1"]);
        let gone = files.add("large".to_owned(), CAPSULES_BYTES_MAX);
        assert_eq!((gone.len(), files.known.len()), (CAPSULES_MAX, 1));
    }
}
