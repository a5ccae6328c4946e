//! Conversations about what recordings of AWS show and implementations often miss: sizes of pages, lives of tokens, names
//! that mean the same thing.

use std::time::Duration;

use serde_json::{Value, json};

use super::actions_tests::Client;

fn count(answer: &Value, member: &str) -> usize {
    answer[member].as_array().unwrap().len()
}

#[tokio::test(start_paused = true)]
async fn large_pages_may_be_asked_for_and_are_not_given() {
    let client = Client::with_stream(1_001).await;
    for limit in [json!(null), json!(10_000)] {
        let input = json!({"StreamName": "flights", "Limit": limit});
        let answer = client.done("DescribeStream", input).await;
        let described = &answer["StreamDescription"];
        assert_eq!(
            (count(described, "Shards"), &described["HasMoreShards"]),
            (100, &json!(true))
        );
        let input = json!({"StreamName": "flights", "MaxResults": limit});
        let answer = client.done("ListShards", input).await;
        assert_eq!(count(&answer, "Shards"), 1_000);
        let rest = client
            .done("ListShards", json!({"NextToken": answer["NextToken"]}))
            .await;
        assert_eq!(
            (count(&rest, "Shards"), &rest["NextToken"]),
            (1, &Value::Null)
        );
    }
    for name in 0..100 {
        let input = json!({"StreamName": format!("s{name}"), "ShardCount": 1});
        client.done("CreateStream", input).await;
    }
    for input in [json!({}), json!({"Limit": 10_000})] {
        let answer = client.done("ListStreams", input).await;
        assert_eq!(
            (count(&answer, "StreamNames"), &answer["HasMoreStreams"]),
            (100, &json!(true))
        );
        assert_eq!(count(&answer, "StreamSummaries"), 100);
    }
}

#[tokio::test(start_paused = true)]
async fn tokens_and_iterators_are_good_for_five_minutes() {
    let client = Client::with_stream(2).await;
    client
        .done("CreateStream", json!({"StreamName": "other"}))
        .await;
    let streams = client.done("ListStreams", json!({"Limit": 1})).await;
    let shards = json!({"StreamName": "flights", "MaxResults": 1});
    let shards = client.done("ListShards", shards).await;
    let iterator = client.iterator("TRIM_HORIZON", json!({})).await;
    let later = [
        ("ListStreams", json!({"NextToken": streams["NextToken"]})),
        ("ListShards", json!({"NextToken": shards["NextToken"]})),
        ("GetRecords", json!({"ShardIterator": iterator})),
    ];
    client.platform.clock.shift(Duration::from_secs(300));
    for (action, input) in &later {
        client.done(action, input.clone()).await;
    }
    client.platform.clock.shift(Duration::from_secs(1));
    for (action, input) in later {
        let refused = client.refused(action, input).await;
        let kind = refused.split(':').next().unwrap();
        assert!(kind.starts_with("Expired"), "{action}: {refused}");
    }
}

#[tokio::test(start_paused = true)]
async fn iterators_in_quotes_and_shards_by_any_name_are_understood() {
    let client = Client::with_stream(1).await;
    client.put("a").await;
    for shard in ["0", "shardId-0", "anything-00000", "shardId-000000000000"] {
        let input =
            json!({"StreamName": "flights", "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"});
        let iterator = client.done("GetShardIterator", input).await["ShardIterator"].take();
        let quoted = format!("\"{}\"", iterator.as_str().unwrap());
        assert_eq!(client.get(&json!(quoted)).await.0, ["a"], "{shard}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_missing_stream_is_told_by_its_name_whatever_named_it() {
    let client = Client::with_stream(1).await;
    let arn = "arn:aws:kinesis:eu-west-1:000000000000:stream/none";
    let missing = "ResourceNotFoundException: Stream none under account 000000000000 not found.";
    for (action, more) in [
        ("DescribeStream", json!({})),
        ("DescribeStreamSummary", json!({})),
        ("ListShards", json!({})),
        ("PutRecord", json!({"PartitionKey": "k", "Data": ""})),
        (
            "PutRecords",
            json!({"Records": [{"PartitionKey": "k", "Data": ""}]}),
        ),
        (
            "SplitShard",
            json!({"ShardToSplit": "0", "NewStartingHashKey": "9"}),
        ),
        (
            "MergeShards",
            json!({"ShardToMerge": "0", "AdjacentShardToMerge": "1"}),
        ),
        (
            "UpdateShardCount",
            json!({"TargetShardCount": 2, "ScalingType": "UNIFORM_SCALING"}),
        ),
        ("RegisterStreamConsumer", json!({"ConsumerName": "c"})),
        ("ListStreamConsumers", json!({})),
        ("AddTagsToStream", json!({"Tags": {"a": "b"}})),
        ("RemoveTagsFromStream", json!({"TagKeys": ["a"]})),
        ("ListTagsForStream", json!({})),
        (
            "IncreaseStreamRetentionPeriod",
            json!({"RetentionPeriodHours": 48}),
        ),
        (
            "DecreaseStreamRetentionPeriod",
            json!({"RetentionPeriodHours": 24}),
        ),
        (
            "EnableEnhancedMonitoring",
            json!({"ShardLevelMetrics": ["ALL"]}),
        ),
        (
            "DisableEnhancedMonitoring",
            json!({"ShardLevelMetrics": ["ALL"]}),
        ),
        (
            "UpdateStreamMode",
            json!({"StreamModeDetails": {"StreamMode": "ON_DEMAND"}}),
        ),
        ("UpdateMaxRecordSize", json!({"MaxRecordSizeInKiB": 2048})),
        ("DeleteStream", json!({})),
    ] {
        let mut input = more;
        input["StreamARN"] = arn.into();
        assert_eq!(client.refused(action, input).await, missing, "{action}");
    }
}

#[tokio::test(start_paused = true)]
async fn more_shards_than_a_stream_can_have_are_refused_as_an_account_without_room_is() {
    let client = Client::with_stream(3).await;
    let text = |more: u32| {
        format!(
            "LimitExceededException: This request would exceed the shard limit for the account 000000000000 in eu-west-1. Current shard count for the account: 3. Limit: 20000. Number of additional shards that would have resulted from this request: {more}. Refer to the AWS Service Limits page (http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current limits and how to request higher limits."
        )
    };
    let create = json!({"StreamName": "large", "ShardCount": 100_000});
    assert_eq!(client.refused("CreateStream", create).await, text(100_000));
    let scale = json!({"StreamName": "flights", "TargetShardCount": 100_000, "ScalingType": "UNIFORM_SCALING"});
    assert_eq!(
        client.refused("UpdateShardCount", scale).await,
        text(99_997)
    );
}
