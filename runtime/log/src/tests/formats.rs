//! Every released format, as a folder of its time: it must open, today and with every later version, and hold what was
//! put into it. Record times are of its making, so nothing here depends on the day of the test.

use std::path::Path;

use super::*;

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

#[tokio::test]
async fn a_folder_of_format_1_opens_with_all_its_records_after_any_kind_of_stop() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/formats/1");
    for clean in [true, false] {
        let mut world = World::new();
        world.settings = Settings::default();
        copied(&fixtures, world.dir.path());
        if !clean {
            std::fs::remove_file(world.dir.path().join("CLEAN")).unwrap();
        }
        let log = Log::open(&world.platform, world.dir.path(), world.settings.clone()).await;
        let log = log.unwrap();
        assert_eq!(log.status().recovered.clean, clean);
        let mut held = Vec::new();
        for slot in [ShardSlot(1), ShardSlot(2)] {
            log.open_shard(slot, 1, 1);
            let records = all_records(&log, slot, Cursor::Index(0)).await;
            held.push(
                records
                    .into_iter()
                    .map(|record| (record.partition_key, record.data)),
            );
        }
        let mut held: Vec<_> = held.into_iter().flatten().collect();
        held.sort();
        let of = |key: &'static str, data: &'static str| (Bytes::from(key), Bytes::from(data));
        let put = [
            of("JFK", "four"),
            of("UA1545", "one"),
            of("UA1545", "three"),
            of("UA1545", "two"),
        ];
        assert_eq!(held, put);
        let streams = log.scan(b"r", None, 10).unwrap();
        assert!(
            streams.iter().any(|(key, _)| key.ends_with(b"flights")),
            "{streams:?}"
        );
        log.stop().await;
    }
}
