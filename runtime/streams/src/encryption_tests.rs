//! Encrypted streams through their life: keys change, shards split, the server starts again, and only the right master
//! key opens them.

use std::path::Path;

use log::{Log, ViewKind};
use model::{
    AccountId, NewRecord, Region, ShardId, StreamKey, StreamName,
    seams::{ReadFrom, ReadLimit},
};
use platform::Platform;

use super::*;
use crate::{StreamMode, Traits, facts::StreamStatus};

const ALL: ReadLimit = ReadLimit {
    records: usize::MAX,
    bytes: usize::MAX,
};

fn flights() -> StreamKey {
    StreamKey {
        account: AccountId::parse("000000000000").unwrap(),
        region: Region::parse("us-east-1").unwrap(),
        name: StreamName::parse("flights").unwrap(),
    }
}

fn keys(file: &str) -> MasterKeys {
    MasterKeys {
        file: file.into(),
        ..MasterKeys::default()
    }
}

async fn start(platform: &Platform, file: &str) -> Result<(Log, Streams), OpenError> {
    let settings = log::Settings {
        view: ViewKind::Memory,
        ..log::Settings::default()
    };
    let log = Log::open(platform, Path::new("/data"), settings)
        .await
        .unwrap();
    let settings = Settings {
        transition: std::time::Duration::ZERO,
        ..Settings::default()
    };
    let streams = Streams::open_encrypted(platform, log.clone(), settings, keys(file)).await;
    if streams.is_err() {
        log.stop().await;
    }
    Ok((log, streams?))
}

async fn encrypt(streams: &Streams, key_id: &'static str) {
    let fresh = streams.fresh_key(&flights()).await.unwrap();
    let done = streams.amend(flights(), move |amendment| {
        assert_eq!(amendment.status(), StreamStatus::Active);
        amendment.encrypt(key_id.to_owned(), Some(fresh))
    });
    done.await.unwrap();
}

async fn put(streams: &Streams, data: &'static str) {
    let record = NewRecord {
        partition_key: data.into(),
        explicit_hash_key: None,
        data: data.into(),
    };
    streams.put(&flights(), vec![record], None).await.unwrap();
}

async fn read(streams: &Streams) -> Vec<(String, bool)> {
    let (mut found, stream) = (Vec::new(), flights());
    for shard in streams.shards(&stream).unwrap() {
        let page = streams.read(&stream, shard.facts.id, ReadFrom::Oldest, ALL);
        for record in page.await.unwrap().records.iter() {
            found.push((
                String::from_utf8_lossy(&record.data).into_owned(),
                record.encrypted,
            ));
        }
    }
    found
}

/// Whether the log on the simulated disk holds these bytes.
async fn on_disk(platform: &Platform, text: &str) -> bool {
    let dir = Path::new("/data/log");
    for name in platform.disk.list(dir).await.unwrap() {
        let bytes = platform.disk.read(&dir.join(name)).await.unwrap();
        if bytes
            .windows(text.len())
            .any(|window| window == text.as_bytes())
        {
            return true;
        }
    }
    false
}

#[tokio::test(start_paused = true)]
async fn records_are_encrypted_from_start_to_stop_through_new_keys_splits_and_restarts() {
    let platform = Platform::simulated(1);
    let (log, streams) = start(&platform, "/keys/master").await.unwrap();
    let made = streams.create(flights(), 1, StreamMode::Provisioned, Traits::default());
    made.await.unwrap();
    put(&streams, "plain flight").await;
    encrypt(&streams, "one").await;
    put(&streams, "first flight").await;
    encrypt(&streams, "two").await;
    put(&streams, "second flight").await;
    let whole = streams.shards(&flights()).unwrap()[0].facts.range;
    let middle = model::HashKey(whole.ending.0 / 2);
    streams.split(flights(), ShardId(0), middle).await.unwrap();
    put(&streams, "split flight").await;
    log.stop().await;
    drop((log, streams));

    let (log, streams) = start(&platform, "/keys/master").await.unwrap();
    put(&streams, "again flight").await;
    let stopped = streams.amend(flights(), |amendment| {
        amendment.stop_encryption();
        Ok::<_, VaultError>(())
    });
    stopped.await.unwrap();
    put(&streams, "open flight").await;
    let mut found = read(&streams).await;
    found.sort();
    let expected = [
        ("again flight", true),
        ("first flight", true),
        ("open flight", false),
        ("plain flight", false),
        ("second flight", true),
        ("split flight", true),
    ];
    assert_eq!(
        found,
        expected.map(|(data, encrypted)| (data.to_owned(), encrypted))
    );
    for (data, encrypted) in expected {
        assert_eq!(on_disk(&platform, data).await, !encrypted, "{data}");
    }
    log.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_missing_or_wrong_master_key_opens_nothing_and_the_right_one_still_does() {
    let platform = Platform::simulated(1);
    let (log, streams) = start(&platform, "/keys/master").await.unwrap();
    let made = streams.create(flights(), 1, StreamMode::Provisioned, Traits::default());
    made.await.unwrap();
    encrypt(&streams, "one").await;
    put(&streams, "first flight").await;
    log.stop().await;
    drop((log, streams));
    let foreign = "shardmill-master-key-1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
    platform
        .disk
        .create_dir_all(Path::new("/other"))
        .await
        .unwrap();
    platform
        .disk
        .replace(Path::new("/other/master"), foreign.as_bytes())
        .await
        .unwrap();
    for (file, part) in [
        ("/gone", "/gone is not there"),
        ("/other/master", "none of the master keys given"),
    ] {
        let said = start(&platform, file).await.unwrap_err().to_string();
        assert!(said.contains(part), "{said}");
    }
    // A new key in front takes over, and may then stand alone.
    let old = platform.disk.read(Path::new("/keys/master")).await.unwrap();
    let both = [foreign.as_bytes(), &old].concat();
    platform
        .disk
        .replace(Path::new("/keys/master"), &both)
        .await
        .unwrap();
    let (log, streams) = start(&platform, "/keys/master").await.unwrap();
    log.stop().await;
    drop((log, streams));
    let (log, streams) = start(&platform, "/other/master").await.unwrap();
    assert_eq!(read(&streams).await, [("first flight".to_owned(), true)]);
    log.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_without_a_data_key_cannot_say_that_it_is_encrypted() {
    let platform = Platform::simulated(1);
    let (log, streams) = start(&platform, "/keys/master").await.unwrap();
    let made = streams.create(flights(), 1, StreamMode::Provisioned, Traits::default());
    made.await.unwrap();
    let refused = streams.amend(flights(), |amendment| {
        amendment.encrypt("one".to_owned(), None)
    });
    assert!(refused.await.is_err());
    assert_eq!(streams.describe(&flights()).unwrap().traits.key_id, None);
    log.stop().await;
}
