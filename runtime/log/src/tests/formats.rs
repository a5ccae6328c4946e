//! Every released format, as a folder of its time: it must open, today and with every later version, and hold what was
//! put into it. Record times are of its making, so nothing here depends on the day of the test.

use std::path::{Path, PathBuf};

use super::{archive::wait_until_archived, encryption::secret, *};

fn copied(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copied(&path, &to);
        } else {
            std::fs::copy(&path, to).unwrap();
        }
    }
}

fn fixture(format: u32) -> PathBuf {
    let formats = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/formats");
    formats.join(format.to_string())
}

/// A copy of the folder, as a clean stop or a kill would have left it.
fn world_of(format: u32, clean: bool) -> World {
    let mut world = World::new();
    world.settings = Settings::default();
    copied(&fixture(format), world.dir.path());
    if !clean {
        std::fs::remove_file(world.dir.path().join("CLEAN")).unwrap();
    }
    world
}

async fn opened(world: &World) -> Log {
    let log = Log::open(&world.platform, world.dir.path(), world.settings.clone()).await;
    let log = log.unwrap();
    for slot in [A, B] {
        log.open_shard(slot, 1, 1);
    }
    log
}

/// Keys and data of both shards.
async fn held(log: &Log) -> Vec<(String, String)> {
    let text = |bytes: &Bytes| String::from_utf8(bytes.to_vec()).unwrap();
    let mut held = Vec::new();
    for slot in [A, B] {
        let records = all_records(log, slot, Cursor::Index(0)).await;
        let pairs = records.iter();
        held.extend(pairs.map(|record| (text(&record.partition_key), text(&record.data))));
    }
    held.sort();
    held
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = pairs
        .iter()
        .map(|(key, data)| ((*key).to_owned(), (*data).to_owned()));
    owned.collect()
}

fn format_of(world: &World) -> String {
    std::fs::read_to_string(world.dir.path().join("FORMAT")).unwrap()
}

const FORMAT_1: [(&str, &str); 4] = [
    ("JFK", "four"),
    ("UA1545", "one"),
    ("UA1545", "three"),
    ("UA1545", "two"),
];

#[tokio::test]
async fn a_folder_of_format_1_opens_with_all_its_records_after_any_kind_of_stop() {
    for clean in [true, false] {
        let world = world_of(1, clean);
        let log = opened(&world).await;
        assert_eq!(log.status().recovered.clean, clean);
        assert_eq!(held(&log).await, pairs(&FORMAT_1));
        let streams = log.scan(b"r", None, 10).unwrap();
        assert!(
            streams.iter().any(|(key, _)| key.ends_with(b"flights")),
            "{streams:?}"
        );
        log.stop().await;
        assert_eq!(format_of(&world), "1\n");
    }
}

#[tokio::test]
async fn a_folder_of_format_1_becomes_one_of_format_2_and_opens_again_after_any_kind_of_stop() {
    for clean in [true, false] {
        let world = world_of(1, clean);
        let log = opened(&world).await;
        log.add_key(KEY, secret(1)).unwrap();
        log.extend_format().await.unwrap();
        log.encrypt_shard(A, Some(KEY));
        durably(&log, puts(A, &["five"])).await;
        if clean {
            log.stop().await;
        }
        drop(log);
        assert_eq!(format_of(&world), "2\n");
        let log = opened(&world).await;
        log.add_key(KEY, secret(1)).unwrap();
        let mut expected = pairs(&FORMAT_1);
        expected.push(("key".to_owned(), "five".to_owned()));
        expected.sort();
        assert_eq!(held(&log).await, expected);
        log.stop().await;
    }
}

const KEY: u32 = 9;
/// Of each shard in folder 2: most of them are in the archive.
const OF_FORMAT_2: usize = 40;

fn of_format_2(slot: ShardSlot) -> Vec<String> {
    let records = (0..OF_FORMAT_2).map(|number| {
        let fill = "x".repeat(300);
        format!("record {number:02} of shard {} {fill}", slot.0)
    });
    records
        .chain([format!("the newest of shard {}", slot.0)])
        .collect()
}

/// Makes what folder 2 is: plain records in shard 1, encrypted ones in shard 2, of both some in the archive and some in
/// the log, and one value.
async fn written(world: &World) {
    let log = world.open().await;
    log.add_key(KEY, secret(1)).unwrap();
    log.extend_format().await.unwrap();
    log.encrypt_shard(B, Some(KEY));
    durably(&log, sets("value", Some("kept"))).await;
    let [plain, encrypted] = [A, B].map(of_format_2);
    for (number, both) in plain.iter().zip(&encrypted).enumerate() {
        if number == OF_FORMAT_2 {
            wait_until_archived(&log).await;
        }
        durably(&log, puts(A, &[both.0])).await;
        durably(&log, puts(B, &[both.1])).await;
    }
    log.stop().await;
}

async fn holds_format_2(world: &World, clean: bool) {
    let log = opened(world).await;
    assert_eq!(log.status().recovered.clean, clean);
    assert!(log.status().archived_objects > 0, "{:?}", log.status());
    let unread = log.read(B, Cursor::Index(0), ALL).await.unwrap_err();
    assert!(
        unread.to_string().contains("data key 9 is not there"),
        "{unread}"
    );
    log.add_key(KEY, secret(1)).unwrap();
    for slot in [A, B] {
        let texts = texts(&log, slot).await.into_iter().map(|(_, text)| text);
        assert_eq!(texts.collect::<Vec<_>>(), of_format_2(slot));
    }
    let value = log.get(b"value").unwrap();
    assert_eq!(value, Some(Bytes::from_static(b"kept")));
    log.stop().await;
    assert_eq!(format_of(world), "2\n");
}

#[tokio::test]
async fn a_folder_of_format_2_opens_with_all_its_records_after_any_kind_of_stop() {
    for clean in [true, false] {
        holds_format_2(&world_of(2, clean), clean).await;
    }
}

#[tokio::test]
async fn what_is_written_today_reads_as_the_folder_of_format_2_does() {
    let mut world = World::new();
    world.settings.archive.after = Duration::ZERO;
    written(&world).await;
    world.settings = Settings::default();
    holds_format_2(&world, true).await;
}
