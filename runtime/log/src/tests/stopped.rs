//! Logs that directory, whole and damaged: what a survey says of them, and that a repaired one opens with all that is left.

use std::path::Path;

use super::*;
use crate::stopped::{BackupFile, Directory, Found, Repaired, Survey, repair, restore, survey};

/// Sled that was just dropped may still write; it has let go once its file can be locked.
fn wait_for_sled(world: &World) {
    let path = world.dir.path().join("view/db");
    if let Ok(file) = std::fs::OpenOptions::new().read(true).open(path) {
        file.lock().unwrap();
    }
}

pub(super) async fn surveyed(world: &World) -> Survey {
    wait_for_sled(world);
    let directory = Directory::hold(&world.platform, world.dir.path())
        .await
        .unwrap();
    let scratch = world.dir.path().with_extension("scratch");
    survey(&directory, &scratch).await.unwrap()
}

pub(super) async fn repaired(world: &World) -> Repaired {
    wait_for_sled(world);
    let directory = Directory::hold(&world.platform, world.dir.path())
        .await
        .unwrap();
    let scratch = world.dir.path().with_extension("scratch");
    let found = survey(&directory, &scratch).await.unwrap();
    repair(&directory, &found).await.unwrap()
}

/// Six puts in two segments or more, a key written between them, and a clean stop or none.
async fn written(clean: bool) -> World {
    let mut world = World::new();
    world.settings.view = ViewKind::Sled;
    let log = world.open().await;
    for text in ["a", "b", "c", "d", "e", "f"] {
        durably(&log, puts(A, &[&text.repeat(1500)])).await;
        durably(&log, sets("key", Some("value"))).await;
    }
    if clean {
        log.stop().await;
    }
    drop(log);
    world
}

async fn first_letters(world: &World) -> String {
    let log = world.open().await;
    let letters = texts(&log, A).await;
    log.stop().await;
    letters.iter().map(|(_, text)| &text[..1]).collect()
}

pub(super) fn files(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.file_name() != Some("LOCK".as_ref()) {
            found.push((path.clone(), std::fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn a_healthy_log_is_read_whole_and_neither_check_nor_repair_changes_it() {
    for clean in [true, false] {
        let world = written(clean).await;
        // A log that was let go may still write its last index.
        surveyed(&world).await;
        let before = files(world.dir.path());
        let found = surveyed(&world).await;
        assert!(
            !found.log_is_damaged() && !found.cache_is_damaged(),
            "{found:?}"
        );
        assert_eq!(found.totals.records, 6);
        assert!(matches!(found.view, Found::Good { .. }), "{:?}", found.view);
        assert_eq!(repaired(&world).await, Repaired::default());
        assert!(files(world.dir.path()) == before);
        assert_eq!(first_letters(&world).await, "abcdef");
    }
}

#[tokio::test]
async fn a_server_that_holds_the_folder_is_named() {
    let world = World::new();
    let _log = world.open().await;
    let held = Directory::hold(&world.platform, world.dir.path()).await;
    assert!(
        matches!(held, Err(OpenError::Locked { pid: Some(_) })),
        "{held:?}"
    );
}

#[tokio::test]
async fn any_one_frame_that_is_damaged_is_found_and_all_others_survive_a_repair() {
    let letters = "abcdef";
    for clean in [true, false] {
        for (at, letter) in letters.char_indices() {
            let world = written(clean).await;
            let text: String = std::iter::repeat_n(letter, 1500).collect();
            let mut hit = None;
            for path in world.segments().await {
                let mut bytes = std::fs::read(&path).unwrap();
                let found = bytes
                    .windows(1500)
                    .position(|window| window == text.as_bytes());
                if let Some(found) = found {
                    bytes[found + 700] ^= 1;
                    std::fs::write(&path, bytes).unwrap();
                    hit = Some(path);
                }
            }
            assert!(hit.is_some());
            let found = surveyed(&world).await;
            assert_eq!(found.holes.len(), 1, "{letter} {clean}: {found:?}");
            let hole = &found.holes[0];
            assert_eq!(
                (hole.lost[0].first_index, hole.lost[0].count),
                (100 + at as u64, 1)
            );
            assert_eq!(hole.known_bytes, hole.until - hole.from);
            let done = repaired(&world).await;
            assert_eq!(done.aside.len(), 1);
            assert!(!surveyed(&world).await.log_is_damaged());
            assert_eq!(repaired(&world).await, Repaired::default());
            assert_eq!(first_letters(&world).await, letters.replace(letter, ""));
        }
    }
}

#[tokio::test]
async fn a_key_whose_frame_is_damaged_keeps_the_value_that_the_view_has() {
    let world = written(true).await;
    let last = world.segments().await.pop().unwrap();
    let mut bytes = std::fs::read(&last).unwrap();
    let value = bytes
        .windows(8)
        .rposition(|window| window == b"keyvalue")
        .unwrap();
    bytes[value] ^= 1;
    std::fs::write(&last, bytes).unwrap();
    let found = surveyed(&world).await;
    assert_eq!(found.holes[0].kept, [("key".into(), "value".into())]);
    assert_eq!(repaired(&world).await.keys_kept, 1);
    let log = world.open().await;
    assert_eq!(log.get(b"key").unwrap(), Some("value".into()));
    assert!(log.place(puts(A, &["g"])).await.unwrap().appends[0].first_index >= 106);
}

#[tokio::test]
async fn a_segment_that_is_gone_cut_short_or_of_another_log_is_bridged() {
    for damage in ["gone", "short", "header", "salt", "other"] {
        let world = written(true).await;
        let path = world.segments().await[1].clone();
        let bytes = std::fs::read(&path).unwrap();
        match damage {
            "gone" => std::fs::remove_file(&path).unwrap(),
            "short" => std::fs::write(&path, &bytes[..5000]).unwrap(),
            "header" | "salt" => {
                let mut bytes = bytes;
                bytes[if damage == "header" { 40 } else { 30 }] ^= 1;
                std::fs::write(&path, bytes).unwrap();
                if damage == "salt" {
                    std::fs::remove_file(path.with_extension("idx")).unwrap_or_default();
                }
            }
            _ => {
                let other = written(true).await;
                std::fs::copy(&other.segments().await[1], &path).unwrap();
            }
        }
        let opened = world.try_open().await;
        // A segment with an index is not read at the start, so what it lacks is noticed by a check or a reader.
        let noticed = matches!(opened, Err(OpenError::Damaged { .. }));
        assert_eq!(noticed, damage != "short", "{damage}");
        if let Ok(log) = &opened {
            log.stop().await;
        }
        drop(opened);
        repaired(&world).await;
        let found = surveyed(&world).await;
        assert!(!found.log_is_damaged(), "{damage}: {found:?}");
        assert_eq!(repaired(&world).await, Repaired::default());
        let left = first_letters(&world).await;
        if damage == "header" {
            assert_eq!(left, "abcdef");
        } else {
            assert!(
                left.len() < 6 && left.starts_with('a') && left.ends_with('f'),
                "{damage}: {left}"
            );
        }
    }
}

#[tokio::test]
async fn an_end_that_is_gone_is_noticed_and_its_numbers_are_not_given_again() {
    let world = written(true).await;
    let last = world.segments().await.pop().unwrap();
    std::fs::remove_file(last).unwrap();
    let found = surveyed(&world).await;
    assert!(found.log_is_damaged() && !found.holes[0].bridged);
    repaired(&world).await;
    assert!(!surveyed(&world).await.log_is_damaged());
    let log = world.open().await;
    let placed = durably(&log, puts(A, &["g"])).await;
    assert!(placed.appends[0].first_index > 106);
}

#[tokio::test]
async fn a_damaged_index_and_a_damaged_view_are_said_and_cost_nothing() {
    let world = written(true).await;
    let index = world.segments().await[0].with_extension("idx");
    let mut bytes = std::fs::read(&index).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&index, bytes).unwrap();
    let db = world.dir.path().join("view/db");
    let mut bytes = std::fs::read(&db).unwrap();
    let value = bytes.windows(5).position(|window| window == b"value");
    if let Some(value) = value {
        bytes[value] ^= 1;
    }
    std::fs::write(&db, bytes).unwrap();
    let found = surveyed(&world).await;
    assert!(!found.log_is_damaged() && found.cache_is_damaged());
    assert!(
        matches!(found.indexes[0].1, Found::Wrong(_)),
        "{:?}",
        found.indexes
    );
    assert_eq!(first_letters(&world).await, "abcdef");
}

async fn backed_up(world: &World, log: &Log) -> (PathBuf, u64) {
    let backup = log.backup().unwrap();
    // What comes later is not in it, and what is cleaned meanwhile is.
    durably(log, puts(A, &["later"])).await;
    let path = world.dir.path().join("the.backup");
    let mut file = BackupFile::create(&world.platform, &path).await.unwrap();
    let mut from = backup.begins();
    while let Some(page) = backup.page(from).await.unwrap() {
        file.add(&page).await.unwrap();
        from = page.next;
    }
    assert_eq!(from, backup.position());
    file.finish(from).await.unwrap();
    (path, from)
}

#[tokio::test]
async fn a_backup_restores_what_was_acknowledged_before_its_position() {
    let world = written(true).await;
    let log = world.open().await;
    let (path, position) = backed_up(&world, &log).await;
    let mut other = World::new();
    other.settings.view = ViewKind::Sled;
    let scratch = other.dir.path().with_extension("scratch");
    let restored = restore(&world.platform, &path, other.dir.path(), &scratch).await;
    let restored = restored.unwrap();
    assert_eq!((restored.position, restored.records), (position, 6));
    assert_eq!(first_letters(&other).await, "abcdef");
    let again = restore(&world.platform, &path, other.dir.path(), &scratch).await;
    assert!(again.unwrap_err().to_string().contains("not empty"));
    // No number that the first log gave meanwhile is given again.
    let copy = other.open().await;
    let placed = copy.place(puts(A, &["g"])).await.unwrap();
    assert!(placed.appends[0].first_index > log.end_index(A));
}

#[tokio::test]
async fn a_backup_that_is_damaged_or_cut_short_restores_nothing() {
    let world = written(true).await;
    let log = world.open().await;
    let (path, _) = backed_up(&world, &log).await;
    let whole = std::fs::read(&path).unwrap();
    for at in [0, 30, 60, whole.len() / 2, whole.len() - 1] {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        let short = whole[..at].to_vec();
        for damaged in [bytes, short] {
            std::fs::write(&path, damaged).unwrap();
            let other = World::new();
            let scratch = other.dir.path().with_extension("scratch");
            let restored = restore(&world.platform, &path, other.dir.path(), &scratch).await;
            assert!(restored.is_err(), "byte {at}");
            assert!(!other.dir.path().join("FORMAT").exists());
        }
    }
}

#[tokio::test]
async fn missing_oldest_segments_are_named_at_start_and_by_a_check_and_a_repair_goes_on_without_them()
 {
    for trimmed in [false, true] {
        for clean in [true, false] {
            let world = written(clean).await;
            if trimmed {
                let log = world.open().await;
                let before = world.segments().await.len();
                log.trim(A, Timestamp::from_millis(u64::MAX));
                while world.segments().await.len() >= before {
                    tokio::task::yield_now().await;
                }
                for text in ["g", "h", "i", "j"] {
                    durably(&log, puts(A, &[&text.repeat(2500)])).await;
                }
                log.stop().await;
            }
            assert!(!surveyed(&world).await.log_is_damaged());
            let oldest = &world.segments().await[0];
            world.platform.disk.remove_file(oldest).await.unwrap();
            let said = world.try_open().await.unwrap_err().to_string();
            assert!(said.contains("the oldest segments are missing"), "{said}");
            let found = surveyed(&world).await;
            assert_eq!(found.holes.len(), 1, "{found:?}");
            assert_eq!(found.holes[0].fault.path, *oldest);
            repaired(&world).await;
            assert!(!surveyed(&world).await.log_is_damaged());
            let letters = first_letters(&world).await;
            let kept = if trimmed { "j" } else { "f" };
            assert!(letters.ends_with(kept), "{letters}");
        }
    }
}
