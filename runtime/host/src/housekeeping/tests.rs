//! Stories of a whole server without functions: what goes right after the start, and what goes from time to time.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use model::{
    NewRecord, Transaction, ViewWrite,
    keys::{self, Namespace},
};
use platform::{Platform, Stop};

use super::*;
use crate::{api::streams::key, assemble::assemble, config, options::UpOptions};

const FILE: &str = "
version: 1
server:
  dead_letters: { keep: 1h }
  logs: { keep: 1h }
streams:
  flights: { retention: 24h }
";

async fn start(platform: &Platform) -> Arc<Rooms> {
    start_with(platform, FILE).await
}

pub(crate) async fn start_with(platform: &Platform, file: &str) -> Arc<Rooms> {
    let options = UpOptions {
        development: None,
        file: PathBuf::from("triggers.yaml"),
        env: BTreeMap::new(),
        data: PathBuf::from("data"),
        listen: [127, 0, 0, 1].into(),
        port: 0,
        web: crate::options::WebOptions::default(),
        components: BTreeMap::new(),
        environment: "dev".to_owned(),
        packer: None,
        otlp: None,
        allow_native: false,
        insecure: false,
        auth: None,
        aws_limits: false,
        tls: None,
        testing: false,
        segment_bytes: None,
        faults: None,
        transition: None,
        runtimes: None,
        server_json: None,
        master: streams::MasterKeys::default(),
    };
    let project = config::read(&options.file, file, &options.env).unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], 4566));
    let (_, running) = Stop::new();
    let rooms = assemble(platform, &project, &options, address, running).await;
    Arc::new(rooms.unwrap())
}

pub(super) fn keep_house(rooms: &Arc<Rooms>) -> (Stop, platform::Task<()>) {
    let (stop, token) = Stop::new();
    let housekeeping = Housekeeping::new(Arc::clone(rooms)).run(token);
    let task = rooms.platform.tasks.spawn("housekeeping", housekeeping);
    (stop, task)
}

async fn put(rooms: &Rooms, data: &str) {
    let record = NewRecord {
        partition_key: "k".into(),
        explicit_hash_key: None,
        data: data.to_owned().into(),
    };
    let flights = key(rooms, "flights").unwrap();
    rooms
        .streams
        .put(&flights, vec![record], None)
        .await
        .unwrap();
}

/// What lies in the only shard and is not freed, visible or not.
fn held(rooms: &Rooms) -> u64 {
    rooms.log.count(model::ShardSlot(1), 0..u64::MAX).records
}

#[tokio::test(start_paused = true)]
async fn expired_records_go_right_after_the_start_after_a_jump_and_at_intervals() {
    let platform = Platform::simulated(1);
    let rooms = start(&platform).await;
    put(&rooms, "old").await;
    rooms.log.stop().await;
    drop(rooms);
    let day = Duration::from_hours(24);
    platform.clock.shift(day + Duration::from_secs(1));

    let rooms = start(&platform).await;
    put(&rooms, "young").await;
    assert_eq!(held(&rooms), 2);
    let (stop, task) = keep_house(&rooms);
    platform.clock.sleep(Duration::from_millis(1)).await;
    assert_eq!(held(&rooms), 1);

    platform.clock.shift(day);
    platform.clock.sleep(Duration::from_millis(1)).await;
    assert_eq!(held(&rooms), 0);

    put(&rooms, "last").await;
    platform.clock.sleep(day - HOUSEKEEPING_PERIOD).await;
    assert_eq!(held(&rooms), 1);
    platform.clock.sleep(3 * HOUSEKEEPING_PERIOD).await;
    assert_eq!(held(&rooms), 0);
    let before = platform.clock.monotonic();
    stop.stop();
    task.await.unwrap();
    assert_eq!(
        platform.clock.monotonic(),
        before,
        "a stop is not waited for"
    );
}

#[tokio::test(start_paused = true)]
async fn a_round_has_a_bound_and_the_next_one_goes_on() {
    let platform = Platform::simulated(1);
    let rooms = start(&platform).await;
    let trigger = TriggerName::parse("board").unwrap();
    let mut dead = 0;
    while dead <= EXPIRED_DEAD_LETTERS_MAX {
        let writes = (0..1_000).map(|index| {
            let lease = model::LeaseKey {
                trigger: trigger.clone(),
                shard: model::ShardId(0),
            };
            let sequence = model::SequenceNumber([0, 0, u64::try_from(dead + index).unwrap()]);
            let entry = keys::dead_letter(
                &lease,
                model::Position {
                    sequence,
                    sub_sequence: 0,
                },
            );
            ViewWrite {
                key: keys::dead_letter_time(platform.clock.wall(), &entry),
                value: Some(8_u64.to_be_bytes().to_vec().into()),
            }
        });
        let transaction = Transaction {
            writes: writes.collect(),
            ..Transaction::default()
        };
        rooms.journal.commit(transaction).await.unwrap();
        dead += 1_000;
    }
    let left = || {
        let prefix = keys::namespace(Namespace::DeadLetterTime);
        rooms.journal.scan(&prefix, None, usize::MAX).unwrap().len()
    };
    platform.clock.shift(Duration::from_hours(1));
    let (stop, token) = Stop::new();
    let mut housekeeping = Housekeeping::new(Arc::clone(&rooms));
    housekeeping.round(&token).await;
    assert_eq!(left(), dead - EXPIRED_DEAD_LETTERS_MAX);
    housekeeping.round(&token).await;
    assert_eq!(left(), 0);
    drop(stop);
}
