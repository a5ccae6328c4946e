//! What is kept, for how long, and that a restart goes on behind it.

use std::{sync::Arc, time::Duration};

use model::{FunctionName, FunctionVersion, ShardId, TriggerName};
use platform::Stop;

use super::*;
use crate::limits::LOG_FILE_BYTES_MAX;

const HOUR: Duration = Duration::from_secs(3_600);

async fn store(platform: &Platform, max: u64) -> Arc<LogStore> {
    let policy = config::Logs {
        keep: HOUR,
        max: ByteSize(max),
    };
    let opened = LogStore::open(platform, Path::new("data/logs"), &policy).await;
    Arc::new(opened.unwrap())
}

fn say(store: &LogStore, attempt: u32, at: Timestamp, message: &str) {
    store.log(GuestLog {
        trigger: TriggerName::parse("board").unwrap(),
        function: FunctionName::parse("count").unwrap(),
        version: FunctionVersion(1),
        shard: ShardId(0),
        request_id: "board/0/1+1".to_owned(),
        attempt,
        level: 2,
        message: message.to_owned(),
        at,
    });
}

async fn messages(store: &LogStore, wanted: Wanted) -> Vec<String> {
    let (lines, _) = store.read(&wanted).await.unwrap();
    lines.into_iter().map(|line| line.message).collect()
}

fn all() -> Wanted {
    Wanted {
        limit: 1_000,
        ..Wanted::default()
    }
}

#[tokio::test(start_paused = true)]
async fn lines_outlive_a_restart_and_numbers_go_on() {
    let platform = Platform::simulated(1);
    let first = store(&platform, 1 << 20).await;
    let (stop, token) = Stop::new();
    let writer = {
        let store = Arc::clone(&first);
        let run = async move { store.run(&token).await };
        platform.tasks.spawn("logs", run)
    };
    let now = platform.clock.wall();
    for message in ["one", "two", "three"] {
        say(&first, 1, now, message);
    }
    stop.stop();
    writer.await.unwrap();
    drop(first);

    let second = store(&platform, 1 << 20).await;
    say(&second, 1, now, "four");
    assert_eq!(
        messages(&second, all()).await,
        ["one", "two", "three", "four"]
    );
    let mut after = 0;
    for (limit, page) in [
        (2, vec!["one", "two"]),
        (9, vec!["three", "four"]),
        (9, vec![]),
    ] {
        let wanted = Wanted {
            after,
            limit,
            ..Wanted::default()
        };
        let (lines, next) = second.read(&wanted).await.unwrap();
        let told: Vec<&str> = lines.iter().map(|line| line.message.as_str()).collect();
        assert_eq!(told, page, "after {after}");
        after = next;
    }
    assert_eq!(after, 4);
}

#[tokio::test(start_paused = true)]
async fn half_a_line_of_an_earlier_run_harms_no_other() {
    let platform = Platform::simulated(1);
    let first = store(&platform, 1 << 20).await;
    say(&first, 1, platform.clock.wall(), "whole");
    first.write().await;
    let path = Path::new("data/logs/00000000000000000001.ndjson");
    let mut text = platform.disk.read(path).await.unwrap().to_vec();
    text.extend_from_slice(br#"{"id":2,"at_"#);
    platform.disk.replace(path, &text).await.unwrap();

    let second = store(&platform, 1 << 20).await;
    say(&second, 1, platform.clock.wall(), "next");
    second.write().await;
    let third = store(&platform, 1 << 20).await;
    assert_eq!(messages(&third, all()).await, ["whole", "next"]);
}

#[tokio::test(start_paused = true)]
async fn files_go_when_they_are_too_old() {
    let platform = Platform::simulated(1);
    let kept = store(&platform, 1 << 20).await;
    say(&kept, 1, platform.clock.wall(), "old");
    kept.write().await;
    kept.expire(platform.clock.wall()).await;
    assert!(kept.bytes().await > ByteSize(0));
    platform.clock.shift(HOUR + Duration::from_millis(1));
    kept.expire(platform.clock.wall()).await;
    assert_eq!(kept.bytes().await, ByteSize(0));
    say(&kept, 1, platform.clock.wall(), "new");
    kept.write().await;
    let again = store(&platform, 1 << 20).await;
    assert_eq!(messages(&again, all()).await, ["new"]);
}

#[tokio::test(start_paused = true)]
async fn the_oldest_files_make_room() {
    let platform = Platform::simulated(1);
    let max = 4 << 20;
    assert!(max / 4 < LOG_FILE_BYTES_MAX);
    let kept = store(&platform, max).await;
    let long = "x".repeat(100_000);
    for _ in 0..60 {
        say(&kept, 1, platform.clock.wall(), &long);
        kept.write().await;
    }
    let bytes = kept.bytes().await.bytes();
    assert!((max / 2..=max).contains(&bytes), "{bytes}");
    let again = store(&platform, max).await;
    let (lines, newest) = again.read(&all()).await.unwrap();
    assert!(lines[0].id > 1);
    assert_eq!((lines.last().unwrap().id, newest), (60, 60));
}

#[tokio::test(start_paused = true)]
async fn the_tail_of_an_attempt_is_its_newest_lines_that_fit() {
    let store = store(&Platform::simulated(1), 1 << 20).await;
    for (attempt, ms, message) in [
        (1, 5, "an earlier life of attempt 1"),
        (1, 10, "first"),
        (1, 11, "second"),
        (2, 12, "third"),
    ] {
        say(&store, attempt, Timestamp::from_millis(ms), message);
    }
    let since = Timestamp::from_millis(10);
    for (attempt, bytes, tail) in [
        (1, 100, "info first\ninfo second"),
        (1, 20, "info second"),
        (1, 5, ""),
        (2, 100, "info third"),
        (3, 100, ""),
    ] {
        let told = store.tail("board/0/1+1", attempt, since, bytes);
        assert_eq!(told, tail, "{attempt} {bytes}");
    }
    assert_eq!(store.tail("another", 1, since, 100), "");
}
