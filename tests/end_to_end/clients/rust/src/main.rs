//! The AWS SDK for Rust drives every way of putting and reading once, fan-out included; any surprise ends the program with
//! exit code 101.

use std::{collections::BTreeSet, time::Duration};

use aws_config::BehaviorVersion;
use aws_sdk_kinesis::{
    Client,
    error::ProvideErrorMetadata,
    primitives::Blob,
    types::{
        ConsumerStatus, PutRecordsRequestEntry, ShardIteratorType, StartingPosition, StreamStatus,
        SubscribeToShardEventStream,
    },
};

const STREAM: &str = "numbers";

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let settings = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let client = Client::new(&settings);
    let streams = client.list_streams().send().await.expect("list streams");
    assert_eq!(streams.stream_names(), ["flights"]);
    create(&client).await;
    put(&client).await;
    read(&client).await;
    refusals(&client).await;
    fan_out(&client).await;
    split(&client).await;
    let delete = client.delete_stream().stream_name(STREAM);
    delete
        .enforce_consumer_deletion(true)
        .send()
        .await
        .expect("delete the stream");
    println!("Rust: every action answered as expected");
}

async fn create(client: &Client) {
    let create = client.create_stream().stream_name(STREAM).shard_count(2);
    create.send().await.expect("create a stream");
    active(client).await;
    let tags = client
        .add_tags_to_stream()
        .stream_name(STREAM)
        .tags("team", "flights");
    tags.send().await.expect("add a tag");
    let tags = client
        .list_tags_for_stream()
        .stream_name(STREAM)
        .send()
        .await
        .expect("list tags");
    assert_eq!(tags.tags()[0].key(), "team");
    let shards = client
        .list_shards()
        .stream_name(STREAM)
        .send()
        .await
        .expect("list shards");
    assert_eq!(shards.shards().len(), 2);
}

async fn active(client: &Client) {
    for _ in 0..200 {
        let summary = client
            .describe_stream_summary()
            .stream_name(STREAM)
            .send()
            .await;
        let summary = summary.expect("describe the stream");
        let summary = summary.stream_description_summary().expect("a description");
        if *summary.stream_status() == StreamStatus::Active {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the stream did not become ACTIVE");
}

async fn put(client: &Client) {
    let one = client.put_record().stream_name(STREAM).partition_key("JFK");
    one.data(Blob::new("late"))
        .send()
        .await
        .expect("put a record");
    let entry = |n: usize| {
        let entry = PutRecordsRequestEntry::builder().partition_key(format!("key-{n}"));
        entry
            .data(Blob::new(format!("record {n}")))
            .build()
            .expect("an entry")
    };
    let many = client.put_records().stream_name(STREAM);
    let many = many.set_records(Some((0..50).map(entry).collect()));
    let put = many.send().await.expect("put records");
    assert_eq!(
        (put.failed_record_count(), put.records().len()),
        (Some(0), 50)
    );
}

async fn shard_ids(client: &Client) -> Vec<String> {
    let shards = client
        .list_shards()
        .stream_name(STREAM)
        .send()
        .await
        .expect("list shards");
    shards
        .shards()
        .iter()
        .map(|shard| shard.shard_id().to_owned())
        .collect()
}

async fn read(client: &Client) {
    let mut found = BTreeSet::new();
    for shard in shard_ids(client).await {
        let from = client
            .get_shard_iterator()
            .stream_name(STREAM)
            .shard_id(&shard);
        let from = from.shard_iterator_type(ShardIteratorType::TrimHorizon);
        let mut iterator = from.send().await.expect("an iterator").shard_iterator;
        loop {
            let page = client.get_records().set_shard_iterator(iterator).limit(20);
            let page = page.send().await.expect("records");
            for record in page.records() {
                assert!(record.approximate_arrival_timestamp().is_some());
                found.insert(record.data().as_ref().to_vec());
            }
            if page.millis_behind_latest() == Some(0) && page.records().is_empty() {
                break;
            }
            iterator = page.next_shard_iterator;
        }
    }
    assert_eq!(found.len(), 51);
}

async fn refusals(client: &Client) {
    let missing = client.describe_stream().stream_name("nowhere").send().await;
    let missing = missing.expect_err("no such stream").into_service_error();
    assert!(missing.is_resource_not_found_exception(), "{missing:?}");
    let said = "Stream nowhere under account 000000000000 not found.";
    assert_eq!(missing.message(), Some(said));
    let again = client
        .create_stream()
        .stream_name(STREAM)
        .shard_count(1)
        .send()
        .await;
    let again = again.expect_err("it is there already").into_service_error();
    assert!(again.is_resource_in_use_exception(), "{again:?}");
    let bad = client.get_records().shard_iterator("AAAA").send().await;
    let bad = bad.expect_err("no iterator").into_service_error();
    assert!(bad.is_invalid_argument_exception(), "{bad:?}");
}

async fn fan_out(client: &Client) {
    let summary = client
        .describe_stream_summary()
        .stream_name(STREAM)
        .send()
        .await;
    let arn = summary
        .expect("describe the stream")
        .stream_description_summary;
    let arn = arn.expect("a description").stream_arn;
    let made = client
        .register_stream_consumer()
        .stream_arn(&arn)
        .consumer_name("board");
    let made = made.send().await.expect("register a consumer").consumer;
    let consumer = made.expect("a consumer").consumer_arn;
    for attempt in 0.. {
        let described = client.describe_stream_consumer().consumer_arn(&consumer);
        let described = described.send().await.expect("describe the consumer");
        let described = described.consumer_description().expect("a description");
        if *described.consumer_status() == ConsumerStatus::Active {
            break;
        }
        assert!(attempt < 200, "the consumer did not become ACTIVE");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let mut found = 0;
    for shard in shard_ids(client).await {
        let from = StartingPosition::builder().r#type(ShardIteratorType::TrimHorizon);
        let from = from.build().expect("a position");
        let subscribe = client.subscribe_to_shard().consumer_arn(&consumer);
        let subscribe = subscribe.shard_id(shard).starting_position(from);
        let mut events = subscribe.send().await.expect("subscribe").event_stream;
        while let Some(event) = events.recv().await.expect("an event") {
            let SubscribeToShardEventStream::SubscribeToShardEvent(event) = event else {
                continue;
            };
            found += event.records().len();
            if event.millis_behind_latest() == 0 {
                break;
            }
        }
    }
    assert_eq!(found, 51);
}

async fn split(client: &Client) {
    let shards = shard_ids(client).await;
    let split = client
        .split_shard()
        .stream_name(STREAM)
        .shard_to_split(&shards[0]);
    split
        .new_starting_hash_key("12345")
        .send()
        .await
        .expect("split a shard");
    active(client).await;
    assert_eq!(shard_ids(client).await.len(), 4);
}
