//! The archive at the start: what the log names is looked for, its indexes are read or made again, and shards get back
//! what moved. An object that should be there and is not stops the start; segments whose records moved are forgotten.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, ErrorKind},
    path::Path,
    sync::Arc,
};

use model::ShardSlot;
use platform::Platform;

use super::{
    Archive, Object,
    manifest::{self, Manifest, State as Kept},
    object::{self, FOOT_BYTES},
    store::{archive_dir, object_name},
};
use crate::{
    append::queue::State,
    clean::seal,
    errors::OpenError,
    layout::sealed::{self, Contents},
    open::scan::damaged,
    read::index::{Shard, Span},
    view::{View, ViewFailed},
};

/// What the log says about every object. Up to `restored` it is a copy of another log: what that one was putting or deleting
/// elsewhere may count there now, so it is not ours to delete.
pub(crate) fn manifests(view: &dyn View, restored: u64) -> Result<Vec<Manifest>, ViewFailed> {
    let entries = view.scan(&manifest::prefix(), None, usize::MAX)?;
    let decoded = entries.iter().map(|(key, entry)| {
        let value = entry.value.as_deref().unwrap_or_default();
        let unknown = || ViewFailed::of("an entry of the archive does not decode");
        let manifest = Manifest::decode(key, value).ok_or_else(unknown)?;
        let counts = manifest.state == Kept::Kept;
        Ok(Manifest {
            elsewhere: manifest.elsewhere && (counts || entry.position >= restored),
            ..manifest
        })
    });
    decoded.collect()
}

/// Puts archived records before those of the log that was just recovered.
pub(crate) async fn open(
    platform: &Platform,
    dir: &Path,
    archive: &Archive,
    (state, log_id): (&mut State, u128),
    manifests: Vec<Manifest>,
) -> Result<(), OpenError> {
    let mut sources = BTreeSet::new();
    let mut spans: BTreeMap<ShardSlot, Vec<Span>> = BTreeMap::new();
    for manifest in manifests {
        if manifest.state != Kept::Kept {
            state.strays.insert(manifest.id, manifest.elsewhere);
            continue;
        }
        sources.insert(manifest.source);
        let (object, contents) = find(platform, dir, archive, &manifest, log_id).await?;
        for run in &contents.runs {
            spans.entry(run.slot).or_default().push(Span {
                segment: object.id,
                segment_end: 0,
                run: *run,
                live_frames: u64::from(run.frames),
            });
        }
        state.live.insert(object.id, contents.frames);
        state.objects.insert(object.id, Arc::new(object));
    }
    remove_stray_files(platform, archive, dir, state).await?;
    for shard in state.shards.values_mut() {
        shard.forget_segments(&sources);
    }
    for source in sources {
        if let Some(live) = state.live.get_mut(&source) {
            *live = 0;
        }
    }
    for (slot, spans) in spans {
        let shard = state.shards.entry(slot).or_insert_with(Shard::new);
        shard.take_in(spans);
    }
    Ok(())
}

/// Indexes of objects that are gone, and what was not finished.
async fn remove_stray_files(
    platform: &Platform,
    archive: &Archive,
    dir: &Path,
    state: &State,
) -> Result<(), OpenError> {
    let folder = archive_dir(dir);
    if !platform.disk.exists(&folder).await {
        return Ok(());
    }
    let known: BTreeSet<_> = state
        .objects
        .keys()
        .map(|id| archive.index_path(*id))
        .collect();
    for name in platform.disk.list(&folder).await? {
        let path = folder.join(&name);
        let stray = name.ends_with(".idx") && !known.contains(&path);
        if stray || name.ends_with(".tmp") {
            platform.disk.remove_file(&path).await?;
        }
    }
    Ok(())
}

async fn find(
    platform: &Platform,
    dir: &Path,
    archive: &Archive,
    manifest: &Manifest,
    log_id: u128,
) -> Result<(Object, Contents), OpenError> {
    let id = manifest.id;
    let path = archive_dir(dir).join(object_name(id));
    // A backup brings back here what was elsewhere.
    let elsewhere = manifest.elsewhere && !platform.disk.exists(&path).await;
    let unread = |error: io::Error| {
        if error.kind() == ErrorKind::NotFound {
            return damaged(&path, 0, "an object of the archive is missing");
        }
        OpenError::Archive(error.to_string())
    };
    let identity = object::identity(log_id, id);
    let index = archive.index_path(id);
    let known = seal::contents_at(platform, &index, identity).await;
    // What lies elsewhere is believed to be there: the start does not wait for it.
    let bytes = match (&known, elsewhere) {
        (Some(contents), true) => contents.end,
        (Some(_) | None, _) => archive.len(elsewhere, id).await.map_err(unread)?,
    };
    let object = Object {
        id,
        log_id,
        source: manifest.source,
        elsewhere,
        bytes,
    };
    if let Some(contents) = known {
        return Ok((object, contents));
    }
    let again = index_again(platform, dir, archive, &object).await;
    let wrong = || damaged(&path, 0, "the index of an object of the archive is invalid");
    let contents = again.map_err(unread)?.ok_or_else(wrong)?;
    Ok((object, contents))
}

/// Reads the index of an object out of the object and puts it beside the log; `None` where it is wrong there too.
pub(crate) async fn index_again(
    platform: &Platform,
    dir: &Path,
    archive: &Archive,
    object: &Object,
) -> io::Result<Option<Contents>> {
    let Object { id, bytes, .. } = *object;
    let foot = bytes.saturating_sub(FOOT_BYTES as u64)..bytes;
    let foot = archive.read(object.elsewhere, id, foot).await?;
    let Some(range) = object::index_range(&foot, bytes) else {
        return Ok(None);
    };
    let stored = archive.read(object.elsewhere, id, range).await?;
    let head = sealed::head_len(&stored).and_then(|len| stored.get(..len));
    let identity = object::identity(object.log_id, id);
    let contents = head.and_then(|head| sealed::decode(identity, head));
    if contents.is_some() {
        platform.disk.create_dir_all(&archive_dir(dir)).await?;
        platform
            .disk
            .replace(&archive.index_path(id), &stored)
            .await?;
    }
    Ok(contents)
}
