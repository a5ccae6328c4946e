//! Records that outlive their segments: readers see no difference, segments are used again, and what the archive holds
//! survives whatever happens to it and to the log.

use std::{path::Path, time::Duration};

use super::{
    encryption::{holds, secret},
    sealing::{compare, fill},
    stopped::{repaired, surveyed},
    *,
};
use crate::{
    ArchiveSettings, Folder,
    archive::{
        archive_dir,
        manifest::{Manifest, State},
        object_id, object_name,
    },
    backup::Backup,
    stopped::{BackupFile, Found, restore},
};

type Put = Vec<(ShardSlot, u64, Timestamp)>;

fn archiving() -> World {
    let mut world = World::new();
    world.settings.view = ViewKind::Sled;
    world.settings.archive.after = Duration::ZERO;
    world
}

/// Until only the segment that is being filled, and at most one more, is in the log.
pub(super) async fn wait_until_archived(log: &Log) {
    while log.status().segments > 2 {
        // What is full now moves at the next look.
        log.trim(A, Timestamp::from_millis(0));
        tokio::task::yield_now().await;
        assert_eq!(log.status().poisoned, None);
    }
}

fn names(dir: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return Vec::new();
    };
    let names = entries.map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

fn objects(world: &World) -> Vec<PathBuf> {
    let dir = archive_dir(world.dir.path());
    let names = names(&dir)
        .into_iter()
        .filter(|name| name.ends_with(".arc"));
    names.map(|name| dir.join(name)).collect()
}

async fn archived() -> (World, Log, Put) {
    let world = archiving();
    let log = world.open().await;
    let put = fill(&world, &log).await;
    wait_until_archived(&log).await;
    (world, log, put)
}

#[tokio::test]
async fn what_outlives_its_segment_is_read_as_before_and_the_segment_is_used_again() {
    let (world, log, put) = archived().await;
    assert!(log.status().archived_objects >= 5, "{:?}", log.status());
    compare(&log, &put).await;
    log.stop().await;
    drop(log);
    for clean in [true, false, true] {
        let log = world.open().await;
        compare(&log, &put).await;
        if clean {
            log.stop().await;
        }
    }
    let found = surveyed(&world).await;
    assert!(!found.log_is_damaged() && !found.cache_is_damaged());
    assert!(found.archive.iter().all(|object| object.records > 0));
}

#[tokio::test]
async fn indexes_and_the_view_are_made_again_from_what_is_kept() {
    let (world, log, put) = archived().await;
    log.stop().await;
    drop(log);
    let dir = archive_dir(world.dir.path());
    for name in names(&dir).iter().filter(|name| name.ends_with(".idx")) {
        std::fs::remove_file(dir.join(name)).unwrap();
    }
    std::fs::remove_dir_all(world.dir.path().join("view")).unwrap();
    let log = world.open().await;
    assert!(log.status().recovered.view_rebuilt || log.status().archived_objects > 0);
    compare(&log, &put).await;
}

#[tokio::test]
async fn a_damaged_index_is_made_again_when_somebody_reads() {
    let (world, log, put) = archived().await;
    log.stop().await;
    drop(log);
    let dir = archive_dir(world.dir.path());
    for name in names(&dir).iter().filter(|name| name.ends_with(".idx")) {
        let path = dir.join(name);
        let mut bytes = std::fs::read(&path).unwrap();
        // Of the frames: what stands before them is right, so the start takes it over.
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(path, bytes).unwrap();
    }
    let log = world.open().await;
    let newest = put.iter().rfind(|(slot, _, _)| *slot == A).unwrap();
    assert!(log.index_at_time(A, newest.2) <= newest.1);
    for slot in [A, B] {
        all_records(&log, slot, Cursor::Index(0)).await;
    }
    compare(&log, &put).await;
}

#[tokio::test]
async fn what_expires_together_lies_together_and_goes_as_a_whole() {
    let world = archiving();
    let log = world.open().await;
    let day = Duration::from_hours(24);
    log.set_retention(A, day);
    log.set_retention(B, 30 * day);
    let put = fill(&world, &log).await;
    wait_until_archived(&log).await;
    compare(&log, &put).await;
    let before = log.status().archived_objects;
    log.trim(A, Timestamp::from_millis(u64::MAX));
    while log.status().archived_objects * 3 > before * 2 {
        tokio::task::yield_now().await;
    }
    let left = objects(&world).len();
    assert!(left >= log.status().archived_objects);
    let kept: Vec<u64> = texts(&log, B)
        .await
        .iter()
        .map(|(index, _)| *index)
        .collect();
    let ours = put.iter().filter(|(slot, _, _)| *slot == B);
    assert_eq!(kept, ours.map(|(_, index, _)| *index).collect::<Vec<_>>());
    log.trim(B, Timestamp::from_millis(u64::MAX));
    while log.status().archived_objects > 0 || !objects(&world).is_empty() {
        tokio::task::yield_now().await;
    }
    log.stop().await;
    drop(log);
    let log = world.open().await;
    assert_eq!(log.status().archived_objects, 0);
    assert_eq!(names(&archive_dir(world.dir.path())), [""; 0]);
    let placed = durably(&log, puts(A, &["more"])).await;
    assert!(placed.appends[0].first_index > put.last().unwrap().1);
}

#[tokio::test]
async fn a_reader_that_is_overtaken_by_a_trim_goes_on_at_the_oldest_record() {
    let (_world, log, put) = archived().await;
    let ours: Vec<_> = put.iter().filter(|(slot, _, _)| *slot == A).collect();
    let few = ReadLimit {
        records: 3,
        bytes: usize::MAX,
    };
    let first = log.read(A, Cursor::Index(0), few).await.unwrap();
    assert_eq!(first.records[0].index, ours[0].1);
    let middle = ours[ours.len() / 2];
    log.trim(A, middle.2);
    let next = log.read(A, first.next, few).await.unwrap();
    let oldest = ours.iter().find(|(_, _, time)| *time >= middle.2).unwrap();
    assert_eq!(next.records[0].index, oldest.1);
    log.drop_shard(A);
    let gone = log.read(A, next.next, few).await;
    assert!(matches!(gone, Err(ReadError::NoSuchShard(_))), "{gone:?}");
}

#[tokio::test]
async fn encrypted_records_stay_encrypted_under_their_key() {
    let world = archiving();
    let log = world.open().await;
    log.add_key(9, secret(1)).unwrap();
    log.extend_format().await.unwrap();
    log.encrypt_shard(A, Some(9));
    let text = "nobody else may read this ".repeat(40);
    for _ in 0..60 {
        durably(&log, puts(A, &[&text])).await;
    }
    wait_until_archived(&log).await;
    assert!(!objects(&world).is_empty());
    log.stop().await;
    drop(log);
    assert!(!holds(world.dir.path(), "nobody else"));
    let log = world.open().await;
    let unread = log.read(A, Cursor::Index(0), ALL).await.unwrap_err();
    assert!(
        unread.to_string().contains("data key 9 is not there"),
        "{unread}"
    );
    log.add_key(9, secret(1)).unwrap();
    let records = all_records(&log, A, Cursor::Index(0)).await;
    assert_eq!(records.len(), 60);
    assert!(
        records
            .iter()
            .all(|record| record.data == text && record.encrypted)
    );
}

#[tokio::test]
async fn the_archive_may_be_elsewhere_and_an_older_part_of_it_here() {
    let mut world = archiving();
    let log = world.open().await;
    let mut put = fill(&world, &log).await;
    wait_until_archived(&log).await;
    log.stop().await;
    drop(log);
    let here = objects(&world).len();
    let there = tempfile::tempdir().unwrap();
    world.settings.archive = ArchiveSettings {
        after: Duration::ZERO,
        elsewhere: Some(Arc::new(Folder::new(&world.platform.disk, there.path()))),
    };
    let log = world.open().await;
    put.extend(fill(&world, &log).await);
    wait_until_archived(&log).await;
    assert!(log.status().archived_objects > here);
    assert_eq!(objects(&world).len(), here);
    assert!(!names(there.path()).is_empty());
    compare(&log, &put).await;
    log.stop().await;
    drop(log);
    let log = world.open().await;
    compare(&log, &put).await;
    log.stop().await;
    drop(log);
    let found = surveyed(&world).await;
    assert!(!found.log_is_damaged());
    let there = found.archive.iter();
    let there = there.filter(|object| object.found == Found::NotCompared);
    assert_eq!(there.count(), found.archive.len() - here);
}

#[tokio::test]
async fn a_store_that_fails_leaves_records_where_they_are_until_it_works() {
    let mut world = archiving();
    let blocked = world.dir.path().join("blocked");
    std::fs::write(&blocked, "a file where the folder should be").unwrap();
    let folder = Folder::new(&world.platform.disk, &blocked.join("archive"));
    world.settings.archive.elsewhere = Some(Arc::new(folder));
    let log = world.open().await;
    let put = fill(&world, &log).await;
    while log.status().archive_refused.is_none() {
        tokio::task::yield_now().await;
    }
    compare(&log, &put).await;
    assert!(log.status().segments > 5 && log.status().poisoned.is_none());
    log.stop().await;
    drop(log);
    std::fs::remove_file(&blocked).unwrap();
    let log = world.open().await;
    wait_until_archived(&log).await;
    compare(&log, &put).await;
}

/// A copy of the log in a directory of its own, out of a backup that is made now.
async fn restored(world: &World, log: &Log, backup: &Backup) -> World {
    let path = world.dir.path().join("the.backup");
    let mut file = BackupFile::create(&world.platform, &path).await.unwrap();
    let mut from = backup.begins();
    while let Some(page) = backup.page(from).await.unwrap() {
        file.add(&page).await.unwrap();
        from = page.next;
    }
    assert_eq!(from, backup.end());
    file.finish(backup.position()).await.unwrap();
    assert_eq!(log.status().poisoned, None);
    let mut other = World::new();
    other.settings = world.settings.clone();
    let scratch = other.dir.path().with_extension("scratch");
    let restored = restore(&world.platform, &path, other.dir.path(), &scratch).await;
    restored.unwrap();
    other
}

#[tokio::test]
async fn a_backup_brings_the_archive_along() {
    let (world, log, put) = archived().await;
    let backup = log.backup().unwrap();
    // What expires meanwhile is in it all the same.
    log.trim(A, Timestamp::from_millis(u64::MAX));
    let other = restored(&world, &log, &backup).await;
    let copy = other.open().await;
    compare(&copy, &put).await;
}

#[tokio::test]
async fn a_restored_copy_deletes_nothing_elsewhere_that_the_first_log_was_putting() {
    let mut world = archiving();
    let there = tempfile::tempdir().unwrap();
    world.settings.archive.elsewhere =
        Some(Arc::new(Folder::new(&world.platform.disk, there.path())));
    let log = world.open().await;
    let id = object_id(8);
    let putting = Manifest {
        id,
        state: State::Writing,
        elsewhere: true,
        source: 0,
    };
    let write = putting.write();
    let commit = Commit {
        writes: vec![write.clone()],
        ..Commit::default()
    };
    durably(&log, commit).await;
    let path = there.path().join(object_name(id));
    std::fs::write(&path, "it counts in a moment").unwrap();
    let backup = log.backup().unwrap();
    let other = restored(&world, &log, &backup).await;
    let forgets = async |log: &Log| {
        while log.get(&write.key).unwrap().is_some() {
            tokio::task::yield_now().await;
        }
    };
    forgets(&other.open().await).await;
    assert!(path.exists());
    // What the log itself left unfinished is its own to delete.
    drop(backup);
    log.stop().await;
    drop(log);
    forgets(&world.open().await).await;
    assert!(!path.exists());
}

#[tokio::test]
async fn damage_is_told_and_a_repair_keeps_what_is_right() {
    let (world, log, put) = archived().await;
    log.stop().await;
    drop(log);
    let paths = objects(&world);
    let mut bytes = std::fs::read(&paths[0]).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&paths[0], bytes).unwrap();
    let log = world.open().await;
    let mut unread = Vec::new();
    for (slot, index, _) in &put {
        let read = log.read(*slot, Cursor::Index(*index), ALL).await;
        unread.extend(read.err().map(|error| error.to_string()));
    }
    assert!(
        unread.iter().any(|error| error.contains(".arc is wrong")),
        "{unread:?}"
    );
    log.stop().await;
    drop(log);
    std::fs::remove_file(&paths[1]).unwrap();
    let said = world.try_open().await.unwrap_err().to_string();
    assert!(
        said.contains("an object of the archive is missing"),
        "{said}"
    );
    let found = surveyed(&world).await;
    assert!(found.log_is_damaged());
    let damaged: Vec<_> = found
        .archive
        .iter()
        .filter(|object| !object.is_right())
        .collect();
    assert_eq!(damaged.len(), 2);
    let lost: u32 = damaged
        .iter()
        .flat_map(|object| &object.lost)
        .map(|lost| lost.count)
        .sum();
    assert!(lost > 0);
    let done = repaired(&world).await;
    assert_eq!((done.archive_mended, done.aside.len()), (2, 1));
    assert!(!surveyed(&world).await.log_is_damaged());
    let log = world.open().await;
    let mut left = 0;
    for slot in [A, B] {
        left += all_records(&log, slot, Cursor::Index(0)).await.len();
    }
    assert_eq!(left + usize::try_from(lost).unwrap(), put.len());
}
