//! Stories of subscribers: pushed to, kept alive, replaced, let go.

use std::{collections::BTreeMap, time::Duration};

use model::{HashKey, SequenceNumber, ShardId, seams::ReadFrom};
use platform::Platform;

use super::{
    capacity_tests,
    tests::{declared, key, record, started, texts},
    *,
};

const DAY: Duration = Duration::from_hours(24);
const FIRST: ShardId = ShardId(0);

async fn with_consumers(names: &[&str]) -> (Platform, Streams) {
    let (platform, streams) = started().await;
    streams
        .declare(key("flights"), declared(1, DAY))
        .await
        .unwrap();
    register(&streams, names).await;
    (platform, streams)
}

async fn register(streams: &Streams, names: &[&str]) {
    for name in names {
        let name = (*name).to_owned();
        let register = move |stream: &mut Amendment<'_>| {
            let now = stream.now();
            let consumer = Consumer {
                name,
                created: now,
                active_from: now,
                gone_from: None,
                tags: BTreeMap::new(),
                policy: None,
            };
            stream.traits_mut().add_consumer(consumer, now);
            Ok::<(), ()>(())
        };
        streams.amend(key("flights"), register).await.unwrap();
    }
}

async fn deregister(streams: &Streams, name: &'static str) {
    let change = move |stream: &mut Amendment<'_>| {
        let now = stream.now();
        let found = stream.traits_mut().consumer_mut(name, None, now).unwrap();
        found.gone_from = Some(now.plus(Duration::from_millis(500)));
        Ok::<(), ()>(())
    };
    streams.amend(key("flights"), change).await.unwrap();
}

fn id(streams: &Streams, name: &str) -> ConsumerId {
    let facts = streams.describe(&key("flights")).unwrap();
    let consumer = facts
        .traits
        .consumers
        .iter()
        .find(|consumer| consumer.name == name);
    ConsumerId {
        stream: key("flights"),
        name: name.to_owned(),
        created_s: consumer.unwrap().created.as_seconds(),
    }
}

fn subscribed(streams: &Streams, name: &str, from: ReadFrom) -> Subscription {
    streams.subscribe(id(streams, name), FIRST, from).unwrap()
}

async fn put(streams: &Streams, data: &[&str]) {
    let records = data.iter().map(|data| record(data, 0)).collect();
    streams.put(&key("flights"), records, None).await.unwrap();
}

async fn next(subscription: &mut Subscription) -> Delivery {
    subscription.next().await.unwrap().unwrap()
}

/// The next delivery that holds records.
async fn told(subscription: &mut Subscription) -> (Vec<String>, Option<SequenceNumber>) {
    loop {
        let delivery = next(subscription).await;
        if !delivery.page.records.is_empty() {
            return (texts(&delivery.page), delivery.continuation);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_put_is_pushed_and_a_later_subscription_goes_on_behind_it() {
    let (platform, streams) = with_consumers(&["board"]).await;
    let mut subscription = subscribed(&streams, "board", ReadFrom::Latest);
    put(&streams, &["a", "b", "c"]).await;
    let (records, continuation) = told(&mut subscription).await;
    assert_eq!(records, ["a", "b", "c"]);
    put(&streams, &["d"]).await;
    let continuation = continuation.unwrap();
    for from in [ReadFrom::After(continuation), ReadFrom::At(continuation)] {
        platform.clock.sleep(Duration::from_secs(5)).await;
        let mut later = subscribed(&streams, "board", from);
        assert_eq!(told(&mut later).await.0, ["d"], "{from:?}");
    }
    platform.clock.sleep(Duration::from_secs(5)).await;
    let mut all = subscribed(&streams, "board", ReadFrom::Oldest);
    assert_eq!(told(&mut all).await.0, ["a", "b", "c", "d"]);
}

#[tokio::test(start_paused = true)]
async fn an_idle_subscriber_is_told_that_it_is_at_the_tip() {
    let (platform, streams) = with_consumers(&["board"]).await;
    let began = platform.clock.monotonic().0;
    let mut subscription = subscribed(&streams, "board", ReadFrom::Oldest);
    for seconds in [0, 5, 10] {
        let delivery = next(&mut subscription).await;
        assert_eq!(
            (delivery.page.records.len(), delivery.page.behind_ms),
            (0, 0)
        );
        assert!(delivery.continuation.is_some());
        let passed = platform.clock.monotonic().0 - began;
        assert_eq!(passed.as_secs(), seconds);
    }
}

#[tokio::test(start_paused = true)]
async fn a_subscription_ends_after_five_minutes() {
    let (platform, streams) = with_consumers(&["board"]).await;
    let began = platform.clock.monotonic().0;
    let mut subscription = subscribed(&streams, "board", ReadFrom::Oldest);
    while subscription.next().await.unwrap().is_some() {}
    let passed = platform.clock.monotonic().0 - began;
    assert_eq!(passed.as_secs(), 300);
}

#[tokio::test(start_paused = true)]
async fn a_newer_subscription_takes_over_but_not_at_once() {
    let (platform, streams) = with_consumers(&["board", "other"]).await;
    let mut older = subscribed(&streams, "board", ReadFrom::Oldest);
    next(&mut older).await;
    let again = || streams.subscribe(id(&streams, "board"), FIRST, ReadFrom::Oldest);
    assert_eq!(again().unwrap_err(), SubscribeError::TooSoon);
    subscribed(&streams, "other", ReadFrom::Oldest);
    platform.clock.sleep(Duration::from_secs(5)).await;
    let waiting = older.next();
    let mut newer = again().unwrap();
    assert_eq!(waiting.await.unwrap_err(), SubscriptionEnded::TakenOver);
    drop(older);
    next(&mut newer).await;
    put(&streams, &["a"]).await;
    assert_eq!(told(&mut newer).await.0, ["a"]);
    drop(newer);
    assert_eq!(again().unwrap_err(), SubscribeError::TooSoon);
}

#[tokio::test(start_paused = true)]
async fn subscriptions_end_with_their_consumer_their_stream_and_their_server() {
    let (_, streams) = with_consumers(&["board", "other", "third"]).await;
    let mut subscriptions =
        ["board", "other", "third"].map(|name| subscribed(&streams, name, ReadFrom::Oldest));
    for subscription in &mut subscriptions {
        next(subscription).await;
    }
    let [mut board, mut other, mut third] = subscriptions;
    let (ended, ()) = tokio::join!(board.next(), deregister(&streams, "board"));
    assert_eq!(ended.unwrap_err(), SubscriptionEnded::Deregistered);
    let refused = streams.subscribe(id(&streams, "board"), FIRST, ReadFrom::Oldest);
    assert_eq!(
        refused.unwrap_err(),
        SubscribeError::NotActive(ConsumerStatus::Deleting)
    );
    let (ended, ()) = tokio::join!(other.next(), async { streams.end_subscriptions() });
    assert_eq!(ended.unwrap_err(), SubscriptionEnded::Stopping);
    assert_eq!(third.next().await.unwrap_err(), SubscriptionEnded::Stopping);
    let late = streams.subscribe(id(&streams, "third"), FIRST, ReadFrom::Oldest);
    assert_eq!(late.unwrap_err(), SubscribeError::Stopping);
}

#[tokio::test(start_paused = true)]
async fn each_consumer_is_given_two_mebibytes_of_a_shard_a_second() {
    let half = "x".repeat((1 << 19) - 1);
    for (limited, expected_ms) in [(true, 2_500..=3_000), (false, 0..=0)] {
        let provisioned = StreamMode::Provisioned;
        let (platform, streams) = capacity_tests::started(limited, 1, provisioned).await;
        register(&streams, &["board", "other"]).await;
        for _ in 0..16 {
            put(&streams, &[&half]).await;
            platform.clock.sleep(Duration::from_millis(500)).await;
        }
        for name in ["board", "other"] {
            let began = platform.clock.monotonic().0;
            let passed_ms = || (platform.clock.monotonic().0 - began).as_millis();
            let mut subscription = subscribed(&streams, name, ReadFrom::Oldest);
            let mut given = 0;
            while given < 16 {
                given += told(&mut subscription).await.0.len();
                // A page may exceed what was left.
                let most = 2 * (3 + 2 * passed_ms() / 1_000 + 1);
                assert!(!limited || given <= usize::try_from(most).unwrap());
            }
            assert!(
                expected_ms.contains(&passed_ms()),
                "{name}: {}",
                passed_ms()
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_that_was_given_much_is_let_go_at_once() {
    let (platform, streams) = capacity_tests::started(true, 1, StreamMode::Provisioned).await;
    register(&streams, &["board"]).await;
    for _ in 0..8 {
        put(&streams, &[&"x".repeat((1 << 19) - 1)]).await;
        platform.clock.sleep(Duration::from_millis(500)).await;
    }
    let mut subscription = subscribed(&streams, "board", ReadFrom::Oldest);
    let began = platform.clock.monotonic();
    let mut given = 0;
    while given < 4 {
        given += told(&mut subscription).await.0.len();
    }
    let (ended, ()) = tokio::join!(subscription.next(), async { streams.end_subscriptions() });
    assert_eq!(ended.unwrap_err(), SubscriptionEnded::Stopping);
    assert_eq!(platform.clock.monotonic(), began);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_shard_is_told_once_and_to_whoever_asks_again() {
    let (platform, streams) = with_consumers(&["board"]).await;
    put(&streams, &["a"]).await;
    let mut subscription = subscribed(&streams, "board", ReadFrom::Oldest);
    assert_eq!(told(&mut subscription).await.0, ["a"]);
    let split = streams.split(key("flights"), FIRST, HashKey(99));
    let (delivery, split) = tokio::join!(next(&mut subscription), split);
    split.unwrap();
    let end = if delivery.page.ended {
        delivery
    } else {
        next(&mut subscription).await
    };
    assert_eq!((end.page.ended, end.continuation), (true, None));
    assert_eq!(subscription.next().await, Ok(None));
    platform.clock.sleep(Duration::from_secs(5)).await;
    let mut late = subscribed(&streams, "board", ReadFrom::Latest);
    assert!(next(&mut late).await.page.ended);
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_that_does_not_listen_slows_nobody() {
    let (_, streams) = with_consumers(&["slow", "fast"]).await;
    let mut slow = subscribed(&streams, "slow", ReadFrom::Latest);
    let mut fast = subscribed(&streams, "fast", ReadFrom::Latest);
    for round in 0..100 {
        let data = round.to_string();
        put(&streams, &[&data]).await;
        assert_eq!(told(&mut fast).await.0, [data]);
    }
    assert_eq!(told(&mut slow).await.0.len(), 100);
}

#[tokio::test(start_paused = true)]
async fn only_known_consumers_and_shards_are_subscribed() {
    let (_, streams) = with_consumers(&["board"]).await;
    let stranger = ConsumerId {
        name: "stranger".to_owned(),
        ..id(&streams, "board")
    };
    let refused = streams.subscribe(stranger, FIRST, ReadFrom::Oldest);
    assert_eq!(refused.unwrap_err(), SubscribeError::NoSuchConsumer);
    let refused = streams.subscribe(id(&streams, "board"), ShardId(7), ReadFrom::Oldest);
    let missing = model::seams::SourceError::NoSuchShard(ShardId(7));
    assert_eq!(refused.unwrap_err(), SubscribeError::Source(missing));
}

#[tokio::test(start_paused = true)]
async fn a_place_before_all_that_is_left_waits_for_the_next_record() {
    let (platform, streams) = with_consumers(&["audit"]).await;
    let starting = streams.shown_shards(&key("flights")).unwrap()[0].starting;
    let places = [
        ReadFrom::Oldest,
        ReadFrom::At(starting),
        ReadFrom::At(SequenceNumber::MIN),
        ReadFrom::After(starting),
    ];
    let stream = key("flights");
    for from in places {
        let waiting = streams.wait_after(&stream, FIRST, from);
        let waited = platform.clock.timeout(Duration::from_secs(1), waiting);
        assert!(waited.await.is_err(), "{from:?}");
    }
    put(&streams, &["first"]).await;
    for from in places {
        let waiting = streams.wait_after(&stream, FIRST, from);
        let waited = platform.clock.timeout(Duration::from_secs(1), waiting);
        assert!(waited.await.is_ok(), "{from:?}");
    }
    let mut subscription = subscribed(&streams, "audit", ReadFrom::At(starting));
    assert_eq!(told(&mut subscription).await.0, ["first"]);
}
