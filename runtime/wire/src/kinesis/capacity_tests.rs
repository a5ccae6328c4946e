//! Conversations with a server that keeps AWS's limits: who asks for too much is told so in AWS's words, and may go on
//! when AWS would let it. Time is virtual.

use std::time::Duration;

use serde_json::{Value, json};

use super::actions_tests::Client;

const FULL: &str = "ProvisionedThroughputExceededException: Rate exceeded for shard shardId-000000000000 in stream flights under account 000000000000.";

async fn pass(client: &Client, time: Duration) {
    client.platform.clock.sleep(time).await;
}

async fn with_stream(shards: u32) -> Client {
    let client = Client::limited().await;
    let input = json!({"StreamName": "flights", "ShardCount": shards});
    client.done("CreateStream", input).await;
    pass(&client, Duration::from_secs(1)).await;
    client
}

fn record(bytes: usize, hash_key: &str) -> Value {
    let data = base64_simd::STANDARD.encode_to_string(vec![b'x'; bytes]);
    json!({"Data": data, "PartitionKey": "k", "ExplicitHashKey": hash_key})
}

fn put_one(bytes: usize) -> Value {
    let mut input = record(bytes, "0");
    input["StreamName"] = "flights".into();
    input
}

#[tokio::test(start_paused = true)]
async fn a_shard_takes_a_mebibyte_and_a_thousand_records_a_second() {
    let client = with_stream(1).await;
    client.done("PutRecord", put_one((1 << 20) - 1)).await;
    assert_eq!(client.refused("PutRecord", put_one(9)).await, FULL);
    pass(&client, Duration::from_millis(500)).await;
    assert_eq!(client.refused("PutRecord", put_one(600_000)).await, FULL);
    client.done("PutRecord", put_one(500_000)).await;
    pass(&client, Duration::from_secs(5)).await;
    let many = json!({"StreamName": "flights", "Records": vec![record(1, "0"); 400]});
    for failed in [0, 0, 200, 400] {
        let answer = client.done("PutRecords", many.clone()).await;
        assert_eq!(answer["FailedRecordCount"], failed);
    }
}

#[tokio::test(start_paused = true)]
async fn records_of_one_call_fail_alone_and_each_says_why() {
    let client = with_stream(2).await;
    let other = "340282366920938463463374607431768211455";
    let half = (1 << 19) - 1;
    let records = [
        record(half, "0"),
        record(half, other),
        record(half, "1"),
        record(half, "2"),
    ];
    let input = json!({"StreamName": "flights", "Records": records});
    let answer = client.done("PutRecords", input).await;
    assert_eq!(answer["FailedRecordCount"], 1);
    let results = answer["Records"].as_array().unwrap();
    let last = |result: &Value| result["ShardId"].as_str().and_then(|id| id.chars().last());
    let shards: Vec<_> = results[..3].iter().filter_map(last).collect();
    assert_eq!(shards, ['0', '1', '0']);
    assert_eq!(
        results[3],
        json!({
            "ErrorCode": "ProvisionedThroughputExceededException",
            "ErrorMessage": FULL.split_once(": ").unwrap().1,
        })
    );
    let iterator = client.iterator("TRIM_HORIZON", json!({})).await;
    assert_eq!(
        client.get(&iterator).await.0.len(),
        2,
        "what failed is not stored"
    );
}

#[tokio::test(start_paused = true)]
async fn a_large_record_takes_a_reserve_that_refills_slowly() {
    let client = with_stream(1).await;
    let size = json!({"StreamARN": "arn:aws:kinesis:eu-west-1:000000000000:stream/flights", "MaxRecordSizeInKiB": 4096});
    client.done("UpdateMaxRecordSize", size).await;
    client.done("PutRecord", put_one((4 << 20) - 1)).await;
    client.done("PutRecord", put_one(1 << 19)).await;
    assert_eq!(client.refused("PutRecord", put_one(2 << 20)).await, FULL);
    pass(&client, Duration::from_secs(3)).await;
    client.done("PutRecord", put_one((2 << 20) - 1)).await;
}

#[tokio::test(start_paused = true)]
async fn a_shard_is_read_five_times_a_second() {
    let client = with_stream(1).await;
    let iterator = client.iterator("TRIM_HORIZON", json!({})).await;
    let get = json!({"ShardIterator": iterator});
    for _ in 0..5 {
        client.done("GetRecords", get.clone()).await;
    }
    assert_eq!(client.refused("GetRecords", get.clone()).await, FULL);
    pass(&client, Duration::from_millis(200)).await;
    client.done("GetRecords", get).await;
    let input = json!({"StreamName": "flights", "ShardId": "0", "ShardIteratorType": "LATEST"});
    pass(&client, Duration::from_secs(1)).await;
    for _ in 0..5 {
        client.done("GetShardIterator", input.clone()).await;
    }
    assert_eq!(client.refused("GetShardIterator", input).await, FULL);
}

#[tokio::test(start_paused = true)]
async fn ten_mebibytes_at_once_close_a_shard_to_readers_for_five_seconds() {
    let client = with_stream(1).await;
    for _ in 0..11 {
        client.done("PutRecord", put_one((1 << 20) - 1)).await;
        pass(&client, Duration::from_secs(1)).await;
    }
    let iterator = client.iterator("TRIM_HORIZON", json!({})).await;
    let (records, next) = client.get(&iterator).await;
    assert_eq!(records.len(), 10);
    let get = json!({"ShardIterator": next});
    for ms in [0, 3_000, 1_900] {
        pass(&client, Duration::from_millis(ms)).await;
        assert_eq!(client.refused("GetRecords", get.clone()).await, FULL);
    }
    pass(&client, Duration::from_millis(100)).await;
    let answer = client.done("GetRecords", get).await;
    assert_eq!(answer["Records"].as_array().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn accounts_call_each_action_so_often_a_second() {
    let client = with_stream(1).await;
    for (action, input, passed, text) in [
        (
            "DescribeStream",
            json!({"StreamName": "flights"}),
            10,
            "LimitExceededException: Rate exceeded for stream flights under account 000000000000.",
        ),
        (
            "ListTagsForResource",
            json!({"ResourceARN": "arn:aws:kinesis:eu-west-1:000000000000:stream/flights"}),
            5,
            "LimitExceededException: Rate exceeded for stream flights under account 000000000000.",
        ),
        (
            "ListStreams",
            json!({}),
            5,
            "LimitExceededException: Rate exceeded for account 000000000000.",
        ),
        (
            "DescribeLimits",
            json!({}),
            1,
            "LimitExceededException: Rate exceeded for account 000000000000.",
        ),
    ] {
        for _ in 0..passed {
            client.done(action, input.clone()).await;
        }
        assert_eq!(client.refused(action, input.clone()).await, text);
        pass(&client, Duration::from_secs(1)).await;
        client.done(action, input).await;
    }
}

#[tokio::test(start_paused = true)]
async fn accounts_have_few_streams_in_transition_and_so_many_shards() {
    let client = Client::limited().await;
    let create =
        |name: usize, shards: u32| json!({"StreamName": name.to_string(), "ShardCount": shards});
    for name in 0..5 {
        client.done("CreateStream", create(name, 4_000)).await;
    }
    pass(&client, Duration::from_millis(300)).await;
    assert_eq!(
        client.refused("CreateStream", create(9, 1)).await,
        "LimitExceededException: This request would exceed the limit on the number of streams that can simultaneously be in CREATING or DELETING. Limit: 5"
    );
    pass(&client, Duration::from_secs(1)).await;
    assert_eq!(
        client.refused("CreateStream", create(9, 1)).await,
        "LimitExceededException: This request would exceed the shard limit for the account 000000000000 in eu-west-1. Current shard count for the account: 20000. Limit: 20000. Number of additional shards that would have resulted from this request: 1. Refer to the AWS Service Limits page (http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current limits and how to request higher limits."
    );
}

#[tokio::test(start_paused = true)]
async fn the_mode_of_a_stream_changes_twice_a_day() {
    let client = with_stream(1).await;
    let arn = "arn:aws:kinesis:eu-west-1:000000000000:stream/flights";
    let mode = |mode: &str| json!({"StreamARN": arn, "StreamModeDetails": {"StreamMode": mode}});
    for asked in ["ON_DEMAND", "PROVISIONED"] {
        client.done("UpdateStreamMode", mode(asked)).await;
        pass(&client, Duration::from_secs(1)).await;
    }
    assert_eq!(
        client.refused("UpdateStreamMode", mode("ON_DEMAND")).await,
        "LimitExceededException: UpdateStreamMode can be called 2 times within 24 hours. Stream flights under account 000000000000 has reached this limit."
    );
    pass(&client, Duration::from_hours(24)).await;
    client.done("UpdateStreamMode", mode("ON_DEMAND")).await;
}

#[tokio::test(start_paused = true)]
async fn a_server_without_limits_refuses_nothing() {
    let client = Client::with_stream(1).await;
    for _ in 0..30 {
        client.done("PutRecord", put_one(1 << 19)).await;
        client.done("DescribeLimits", json!({})).await;
    }
    let iterator = client.iterator("TRIM_HORIZON", json!({})).await;
    for _ in 0..10 {
        client.get(&iterator).await;
    }
}
