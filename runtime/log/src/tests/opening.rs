//! What opening refuses, and what it builds again: formats, missing pieces, and a view that is damaged in any way.

use std::path::Path;

use platform::DiskFault;

use super::*;
use crate::{
    open::recovery::recover,
    view::{Entry, View, ViewFailed},
};

async fn with_format(text: &'static str) -> (World, Result<Log, OpenError>) {
    let world = World::new();
    let log = world.open().await;
    durably(&log, puts(A, &["a"])).await;
    log.stop().await;
    drop(log);
    let format = world.dir.path().join("FORMAT");
    let disk = &world.platform.disk;
    disk.replace(&format, text.as_bytes()).await.unwrap();
    let opened = world.try_open().await;
    assert!(disk.exists(&world.dir.path().join("CLEAN")).await || opened.is_ok());
    (world, opened)
}

#[tokio::test]
async fn a_newer_format_is_refused_with_both_numbers_and_nothing_is_touched() {
    let (world, opened) = with_format("7\n").await;
    let said = opened.unwrap_err().to_string();
    assert!(
        said.contains("format 7") && said.contains("up to 2"),
        "{said}"
    );
    assert!(said.contains("newer shardmill"), "{said}");
    let format = world.dir.path().join("FORMAT");
    world.platform.disk.replace(&format, b"1\n").await.unwrap();
    assert_eq!(texts(&world.open().await, A).await, seen(&[(100, "a")]));
}

#[tokio::test]
async fn a_format_that_is_no_number_or_missing_beside_data_fails_closed() {
    for garbage in ["", "0\n", "one\n", "1 2\n"] {
        let (_world, opened) = with_format(garbage).await;
        let damaged = matches!(opened, Err(OpenError::Damaged { .. }));
        assert!(damaged, "{garbage:?}: {opened:?}");
    }
    let (world, opened) = with_format("1\n").await;
    drop(opened);
    let format = world.dir.path().join("FORMAT");
    world.platform.disk.remove_file(&format).await.unwrap();
    let opened = world.try_open().await;
    assert!(
        matches!(opened, Err(OpenError::Damaged { .. })),
        "{opened:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_a_failed_sync_left_in_the_page_cache_is_written_anew_or_not_shown() {
    let platform = Platform::simulated(1);
    let dir = Path::new("/data");
    let settings = Settings {
        view: ViewKind::Memory,
        ..Settings::default()
    };
    let open = async || {
        let log = Log::open(&platform, dir, settings.clone()).await.unwrap();
        log.open_shard(A, 7, 100);
        log
    };
    let log = open().await;
    durably(&log, puts(A, &["a"])).await;
    let sync = platform.disk.operations() + 1;
    platform.disk.fault(sync, DiskFault::Fails);
    let placed = log.place(puts(A, &["b"])).await.unwrap();
    assert!(log.durable(placed.at).await.is_err());
    drop(log);
    let log = open().await;
    let shown = texts(&log, A).await;
    assert_eq!(shown.len(), 2);
    drop(log);
    platform.disk.crash();
    assert_eq!(texts(&open().await, A).await, shown);
}

#[derive(Debug)]
struct Unwritable;

impl View for Unwritable {
    fn applied(&self) -> Result<u64, ViewFailed> {
        Ok(0)
    }
    fn log(&self) -> Result<Option<u128>, ViewFailed> {
        Ok(None)
    }
    fn adopt(&self, _: u128) -> Result<(), ViewFailed> {
        Ok(())
    }
    fn get(&self, _: &[u8]) -> Result<Option<Entry>, ViewFailed> {
        Ok(None)
    }
    fn scan(
        &self,
        _: &[u8],
        _: Option<&[u8]>,
        _: usize,
    ) -> Result<Vec<(Bytes, Entry)>, ViewFailed> {
        Ok(Vec::new())
    }
    fn apply(&self, _: &[(Bytes, Entry)], _: u64) -> Result<(), ViewFailed> {
        Err(ViewFailed::of("as the test wants"))
    }
    fn flush(&self) -> Result<(), ViewFailed> {
        Ok(())
    }
}

#[tokio::test]
async fn a_failed_view_write_in_recovery_asks_for_a_new_view_and_is_no_damage_of_the_log() {
    let world = World::new();
    let log = world.open().await;
    for _ in 0..limits::VIEW_BATCH_WRITES_MAX + 1 {
        log.place(sets("key", Some("value"))).await.unwrap();
    }
    log.stop().await;
    let dir = world.dir.path();
    let found = recover(&world.platform, dir, &world.settings, &Unwritable, None).await;
    assert!(matches!(found, Err(OpenError::View(_))), "{found:?}");
}

async fn files_below(world: &World, dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for name in world.platform.disk.list(dir).await.unwrap() {
        files.push(dir.join(name));
    }
    files.retain(|path| path.is_file());
    files
}

async fn a_log_with_a_sled_view() -> World {
    let mut world = World::new();
    world.settings.view = ViewKind::Sled;
    let log = world.open().await;
    for round in 0..40_u32 {
        let key = Bytes::from(format!("k{:02}", round % 20));
        let value = Some(Bytes::from(format!("value {round} {}", "x".repeat(200))));
        let writes = vec![ViewWrite { key, value }];
        durably(
            &log,
            Commit {
                writes,
                ..Commit::default()
            },
        )
        .await;
    }
    log.stop().await;
    world
}

#[tokio::test]
async fn whatever_bit_of_the_view_flips_its_entries_are_those_of_the_log() {
    let world = a_log_with_a_sled_view().await;
    let view = world.dir.path().join("view");
    let expected = {
        let log = world.open().await;
        let expected = log.scan(b"k", None, 100).unwrap();
        log.stop().await;
        expected
    };
    assert_eq!(expected.len(), 20);
    let mut rebuilt = 0;
    for round in 0..60_u64 {
        for path in files_below(&world, &view).await {
            let mut bytes = world.platform.disk.read(&path).await.unwrap().to_vec();
            let used = bytes
                .iter()
                .rposition(|byte| *byte != 0)
                .map_or(0, |at| at + 1);
            if used > 0 {
                let at = usize::try_from(round * 7919).unwrap() % used;
                bytes[at] ^= 1 << (round % 8);
                std::fs::write(&path, bytes).unwrap();
            }
        }
        let log = world.open().await;
        assert_eq!(
            log.scan(b"k", None, 100).unwrap(),
            expected,
            "round {round}"
        );
        rebuilt += u32::from(log.status().recovered.view_rebuilt);
        log.stop().await;
    }
    assert!(rebuilt > 0);
}

/// Puts the view of one place into another.
async fn bring_view(disk: &platform::Disk, from: &Path, to: &Path) {
    let to = to.join("view");
    if disk.exists(&to).await {
        disk.remove_dir_all(&to).await.unwrap();
    }
    disk.copy_tree(&from.join("view"), &to).unwrap();
}

#[tokio::test]
async fn an_older_view_goes_on_and_one_of_another_log_is_built_again() {
    let world = a_log_with_a_sled_view().await;
    let kept = tempfile::tempdir().unwrap();
    let disk = &world.platform.disk;
    bring_view(disk, world.dir.path(), kept.path()).await;
    let log = world.open().await;
    for key in ["k00", "k07", "new"] {
        durably(&log, sets(key, Some("later"))).await;
    }
    let expected = log.scan(b"", None, 100).unwrap();
    log.stop().await;
    let foreign = a_log_with_a_sled_view().await;
    let log = foreign.open().await;
    for _ in 0..9 {
        durably(&log, sets("k01", Some("of another log"))).await;
    }
    log.stop().await;
    for (from, rebuilt) in [(kept.path(), false), (foreign.dir.path(), true)] {
        bring_view(disk, from, world.dir.path()).await;
        let log = world.open().await;
        assert_eq!(log.scan(b"", None, 100).unwrap(), expected);
        assert_eq!(log.status().recovered.view_rebuilt, rebuilt);
        log.stop().await;
    }
}

#[tokio::test]
async fn a_view_ahead_of_the_log_shows_that_acknowledged_frames_are_missing() {
    let world = a_log_with_a_sled_view().await;
    let last = world.segments().await.pop().unwrap();
    world.platform.disk.remove_file(&last).await.unwrap();
    let marker = world.dir.path().join("CLEAN");
    world.platform.disk.remove_file(&marker).await.unwrap();
    let opened = world.try_open().await;
    assert!(
        matches!(opened, Err(OpenError::Damaged { .. })),
        "{opened:?}"
    );
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_directory_that_may_not_be_written_is_named() {
    // Nobody may make a directory here, whoever runs the tests.
    let dir = Path::new("/sys/kernel/shardmill");
    let opened = Log::open(&Platform::real(), dir, Settings::default()).await;
    let said = opened.unwrap_err().to_string();
    let named = "open the data directory /sys/kernel/shardmill: it may not be written";
    assert!(said.starts_with(named), "{said}");
}

#[tokio::test]
async fn a_clock_that_jumps_back_over_a_restart_puts_no_record_before_another() {
    let hour = Duration::from_secs(3600);
    let mut world = World::new();
    world.platform.clock.shift(hour);
    let log = world.open().await;
    let first = durably(&log, puts(A, &["a"])).await.appends[0].arrived;
    log.stop().await;
    drop(log);
    world.platform = Platform::real();
    let log = world.open().await;
    assert!(world.platform.clock.wall() < first);
    let second = durably(&log, puts(A, &["b"])).await.appends[0].arrived;
    assert_eq!(second, first);
    assert_eq!(log.index_at_time(A, first), 100);
    assert_eq!(log.index_at_time(A, first.plus(hour)), 102);
}
