//! The archive of a stopped log: every object that the log names is read whole. One that is damaged or missing is told with
//! the records that went with it, and a repair writes what is right into a new one of its name.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use model::ShardSlot;
use platform::OpenMode;

use super::{Directory, Found, Lost, repair};
use crate::{
    archive::{
        archive_dir,
        manifest::{Manifest, State},
        object::{self, Builder, Head},
        object_name,
    },
    clean::seal,
    layout::sealed::Identity,
};

/// One object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archived {
    pub path: PathBuf,
    /// `NotCompared` for one that lies elsewhere.
    pub found: Found,
    pub bytes: u64,
    pub records: u64,
    /// What the index beside it still knows and the object no longer has.
    pub lost: Vec<Lost>,
    manifest: Manifest,
    log_id: u128,
}

impl Archived {
    #[must_use]
    pub fn is_right(&self) -> bool {
        matches!(self.found, Found::Good { .. } | Found::NotCompared)
    }

    fn identity(&self) -> Identity {
        object::identity(self.log_id, self.manifest.id)
    }

    fn index(&self) -> PathBuf {
        self.path.with_extension("idx")
    }

    /// Leaves an object that holds what is right; the damaged one is moved aside.
    pub(super) async fn mend(
        &self,
        directory: &Directory,
        aside: &Path,
    ) -> io::Result<Option<PathBuf>> {
        let disk = &directory.platform.disk;
        let (mut right, mut set_aside) = (Vec::new(), None);
        if disk.exists(&self.path).await {
            let bytes = disk.read(&self.path).await?;
            right = object::salvage(self.manifest.id, &bytes).0;
            set_aside = Some(repair::move_aside(disk, aside, &self.path).await?);
        }
        right.sort_by_key(|entry| (entry.slot, entry.frame.first_index));
        let mut builder = Builder::new(Head {
            of: self.identity(),
            source: self.manifest.source,
            day: 0,
        });
        for entry in &right {
            builder.add(entry.slot, &entry.frame, &entry.part)?;
        }
        disk.create_dir_all(&archive_dir(&directory.dir)).await?;
        disk.replace(&self.path, &builder.finish()?.bytes).await?;
        if disk.exists(&self.index()).await {
            disk.remove_file(&self.index()).await?;
        }
        disk.sync_dir(&archive_dir(&directory.dir)).await?;
        Ok(set_aside)
    }
}

/// Every object that counts.
pub(super) async fn survey(
    directory: &Directory,
    manifests: &BTreeMap<Bytes, Bytes>,
    log_id: Option<u128>,
) -> io::Result<Vec<Archived>> {
    let mut found = Vec::new();
    let kept = manifests
        .iter()
        .filter_map(|(key, value)| Manifest::decode(key, value));
    for manifest in kept.filter(|manifest| manifest.state == State::Kept) {
        let path = archive_dir(&directory.dir).join(object_name(manifest.id));
        let mut archived = Archived {
            path,
            found: Found::Missing,
            bytes: 0,
            records: 0,
            lost: Vec::new(),
            manifest,
            log_id: log_id.unwrap_or_default(),
        };
        look(directory, &mut archived).await?;
        found.push(archived);
    }
    Ok(found)
}

async fn look(directory: &Directory, archived: &mut Archived) -> io::Result<()> {
    let disk = &directory.platform.disk;
    let mut there = BTreeSet::new();
    if disk.exists(&archived.path).await {
        let bytes = disk.read(&archived.path).await?;
        let (entries, whole) = object::salvage(archived.manifest.id, &bytes);
        let head = Head::decode(&bytes).is_some_and(|head| head.of == archived.identity());
        archived.bytes = bytes.len() as u64;
        archived.records = entries
            .iter()
            .map(|entry| u64::from(entry.frame.count))
            .sum();
        archived.found = match (head, whole) {
            (true, true) => Found::Good {
                entries: entries.len() as u64,
            },
            (false, _) => Found::Wrong("its head is not right".to_owned()),
            (true, false) => Found::Wrong("a part of it is not right".to_owned()),
        };
        let places = entries
            .iter()
            .map(|entry| (entry.slot, entry.frame.first_index));
        there.extend(places);
    } else if archived.manifest.elsewhere {
        archived.found = Found::NotCompared;
    }
    if !archived.is_right() {
        archived.lost = lost(directory, archived, &there).await?;
    }
    Ok(())
}

/// What the index beside the log says was there and is not.
async fn lost(
    directory: &Directory,
    archived: &Archived,
    there: &BTreeSet<(ShardSlot, u64)>,
) -> io::Result<Vec<Lost>> {
    let (platform, path) = (&directory.platform, archived.index());
    let Some(contents) = seal::contents_at(platform, &path, archived.identity()).await else {
        return Ok(Vec::new());
    };
    let file = platform.disk.open(&path, OpenMode::Read).await?;
    let mut lost = Vec::new();
    for run in &contents.runs {
        let bytes = file.read_at(run.file_len(), run.offset).await?;
        let frames = run.decode(&bytes, archived.manifest.id).unwrap_or_default();
        let gone = frames
            .iter()
            .filter(|frame| !there.contains(&(run.slot, frame.first_index)));
        lost.extend(gone.map(|frame| Lost {
            slot: run.slot,
            first_index: frame.first_index,
            count: frame.count,
            arrived: frame.arrived,
        }));
    }
    Ok(lost)
}
