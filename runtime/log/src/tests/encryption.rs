//! Logs whose shards are encrypted: what lies on the disk, what comes out again, and what is refused.

use std::path::Path;

use super::{
    stopped::{files, repaired, surveyed},
    *,
};
use crate::{
    encryption::cipher::Secret,
    layout::{
        frame::{HEAD_BYTES, HEADER_BYTES, crc_of},
        frames::Frames,
        segment::Segment,
    },
    stopped::{BackupFile, restore},
};

const KEY: u32 = 9;
const PLAIN: &str = "nobody else may read this";

pub(super) fn secret(byte: u8) -> Secret {
    Secret::new([byte; 32])
}

async fn unlocked(world: &World) -> Log {
    let log = world.open().await;
    log.add_key(KEY, secret(1)).unwrap();
    log
}

/// Whether any file below `dir` holds these bytes.
pub(super) fn holds(dir: &Path, text: &str) -> bool {
    files(dir).iter().any(|(_, bytes)| {
        bytes
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    })
}

async fn encrypted(clean: bool) -> World {
    let mut world = World::new();
    world.settings.view = ViewKind::Sled;
    let log = unlocked(&world).await;
    log.extend_format().await.unwrap();
    log.encrypt_shard(A, Some(KEY));
    for text in ["a", "b", "c", "d", "e", "f"] {
        durably(&log, puts(A, &[&text.repeat(1500), PLAIN])).await;
    }
    if clean {
        log.stop().await;
    }
    drop(log);
    world
}

async fn first_letters(log: &Log) -> String {
    let letters = texts(log, A).await;
    letters.iter().map(|(_, text)| &text[..1]).collect()
}

#[tokio::test]
async fn the_disk_holds_the_plain_text_without_encryption_and_not_with_it() {
    let world = World::new();
    let log = unlocked(&world).await;
    durably(&log, puts(A, &[PLAIN])).await;
    assert!(holds(world.dir.path(), PLAIN) && holds(world.dir.path(), "key"));
    let format = || std::fs::read_to_string(world.dir.path().join("FORMAT")).unwrap();
    assert_eq!(format(), "1\n", "every version opens what is not encrypted");
    for clean in [true, false] {
        let world = encrypted(clean).await;
        surveyed(&world).await;
        let log_dir = world.dir.path().join("log");
        assert!(!holds(world.dir.path(), PLAIN) && !holds(&log_dir, "key"));
        let log = unlocked(&world).await;
        assert_eq!(first_letters(&log).await, "anbncndnenfn");
        let format = std::fs::read_to_string(world.dir.path().join("FORMAT"));
        assert_eq!(format.unwrap(), "2\n");
    }
}

#[tokio::test]
async fn keys_may_change_and_end_and_every_record_stays_readable() {
    let world = World::new();
    let log = unlocked(&world).await;
    log.add_key(10, secret(2)).unwrap();
    for (key, text) in [
        (None, "plain"),
        (Some(KEY), "first"),
        (Some(10), "second"),
        (None, "open"),
    ] {
        log.encrypt_shard(A, key);
        durably(&log, puts(A, &[text])).await;
        assert_eq!(holds(world.dir.path(), text), key.is_none(), "{text}");
        assert_eq!(texts(&log, A).await.last().unwrap().1, text);
    }
    drop(log);
    let log = unlocked(&world).await;
    let unread = log.read(A, Cursor::Index(0), ALL).await.unwrap_err();
    assert!(
        unread.to_string().contains("data key 10 is not there"),
        "{unread}"
    );
    log.add_key(10, secret(2)).unwrap();
    let all = texts(&log, A).await;
    assert_eq!(
        all.iter().map(|(_, text)| &text[..]).collect::<Vec<_>>(),
        ["plain", "first", "second", "open"]
    );
    log.encrypt_shard(A, Some(11));
    let refused = log.place(puts(A, &["for a key that nobody has"])).await;
    assert!(matches!(refused, Err(Refused::Stopped(_))), "{refused:?}");
}

#[tokio::test]
async fn a_wrong_key_and_changed_bytes_with_right_checksums_are_refused() {
    let world = encrypted(true).await;
    let log = world.open().await;
    log.add_key(KEY, secret(2)).unwrap();
    let unread = log.read(A, Cursor::Index(0), ALL).await.unwrap_err();
    assert!(matches!(unread, ReadError::Damaged { .. }), "{unread}");
    log.stop().await;
    drop(log);
    let path = world.segments().await.remove(0);
    let file = world
        .platform
        .disk
        .open(&path, OpenMode::ReadWrite)
        .await
        .unwrap();
    let page = file.read_at(4096, 0).await.unwrap();
    let segment = Segment::parse(0, path, file, &page).unwrap();
    let (mut header, bodies) = Frames::of(&segment).at(0).unwrap().unwrap();
    let mut forged = bodies.to_vec();
    let last = forged.len() - 1;
    forged[last] ^= 1;
    header.body_crc = crc_of(&forged);
    let head = header.encode(segment.seal(0));
    assert_eq!(head.len(), HEADER_BYTES + HEAD_BYTES);
    let bufs = [head.into(), forged.into()];
    segment.file.write_all_at(&bufs, 4096).await.unwrap();
    let log = unlocked(&world).await;
    let unread = log.read(A, Cursor::Index(0), ALL).await.unwrap_err();
    assert!(unread.to_string().contains("it was changed"), "{unread}");
    let rest = log.read(A, Cursor::Index(102), ALL).await.unwrap();
    assert_eq!(rest.records.len() % 2, 0);
}

#[tokio::test]
async fn check_repair_and_backup_need_no_key() {
    let world = encrypted(false).await;
    let found = surveyed(&world).await;
    assert!(
        !found.log_is_damaged() && !found.cache_is_damaged(),
        "{found:?}"
    );
    assert_eq!(found.totals.records, 12);

    let log = unlocked(&world).await;
    let out = tempfile::tempdir().unwrap();
    let path = out.path().join("backup");
    let mut file = BackupFile::create(&world.platform, &path).await.unwrap();
    let backup = log.backup().unwrap();
    let mut at = backup.begins();
    while let Some(page) = backup.page(at).await.unwrap() {
        at = page.next;
        file.add(&page).await.unwrap();
    }
    file.finish(backup.position()).await.unwrap();
    drop((backup, log));
    assert!(!holds(out.path(), PLAIN));
    let mut copy = World::new();
    copy.settings = world.settings.clone();
    let scratch = out.path().join("scratch");
    let restored = restore(&world.platform, &path, copy.dir.path(), &scratch).await;
    assert_eq!(restored.unwrap().records, 12);
    assert_eq!(first_letters(&unlocked(&copy).await).await, "anbncndnenfn");

    // The second frame of the first segment. A start may or may not read it: it does not once an index vouches for it.
    world.flip(0, 4096 + 1800).await;
    assert!(repaired(&world).await.dropped_bytes > 0);
    assert_eq!(first_letters(&unlocked(&world).await).await, "ancndnenfn");
}
