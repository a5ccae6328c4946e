//! Conversations about shards that split and merge: lineage, filters, and what is refused.

use serde_json::{Value, json};

use super::actions_tests::Client;

const HALF: &str = "170141183460469231731687303715884105728";

async fn split(client: &Client, shard: &str, at: &str) {
    let input = json!({"StreamName": "flights", "ShardToSplit": shard, "NewStartingHashKey": at});
    client.done("SplitShard", input).await;
    client.settle().await;
}

/// The ids of the shards that a filter selects, without their leading zeros.
async fn listed(client: &Client, filter: Value) -> Vec<u64> {
    let mut input = json!({"StreamName": "flights", "ShardFilter": filter, "MaxResults": 2});
    let mut ids = Vec::new();
    loop {
        let answer = client.done("ListShards", input).await;
        for shard in answer["Shards"].as_array().unwrap() {
            ids.push(shard["ShardId"].as_str().unwrap()[8..].parse().unwrap());
        }
        if answer["NextToken"].is_null() {
            return ids;
        }
        input = json!({"NextToken": answer["NextToken"], "MaxResults": 2});
    }
}

#[tokio::test(start_paused = true)]
async fn a_split_is_shown_when_it_is_over() {
    let client = Client::with_stream(1).await;
    let input = json!({"StreamName": "flights", "ShardToSplit": "0", "NewStartingHashKey": HALF});
    client.done("SplitShard", input.clone()).await;
    let named = json!({"StreamName": "flights"});
    let during = client.done("DescribeStream", named.clone()).await;
    let during = &during["StreamDescription"];
    assert_eq!(during["StreamStatus"], "UPDATING");
    assert_eq!(during["Shards"].as_array().unwrap().len(), 1);
    assert!(during["Shards"][0]["SequenceNumberRange"]["EndingSequenceNumber"].is_null());
    assert_eq!(
        client.refused("SplitShard", input).await,
        "ResourceInUseException: Stream flights under account 000000000000 not ACTIVE, instead in state UPDATING"
    );
    let put = json!({"StreamName": "flights", "PartitionKey": "a", "Data": ""});
    let put = client.done("PutRecord", put).await;
    assert_eq!(put["ShardId"], "shardId-000000000000");
    client.settle().await;
    let after = client.done("DescribeStream", named).await;
    let shards = after["StreamDescription"]["Shards"].as_array().unwrap();
    assert_eq!(shards.len(), 3);
    let ending = &shards[0]["SequenceNumberRange"]["EndingSequenceNumber"];
    assert_eq!(ending.as_str().unwrap().len(), 56);
    assert_eq!(shards[2]["ParentShardId"], "shardId-000000000000");
    assert_eq!(shards[2]["HashKeyRange"]["StartingHashKey"], HALF);
    assert!(shards[2]["AdjacentParentShardId"].is_null());
}

#[tokio::test(start_paused = true)]
async fn a_reader_of_a_closed_shard_is_told_its_children() {
    let client = Client::with_stream(1).await;
    client.put("before").await;
    let iterator = client.iterator("TRIM_HORIZON", json!({})).await;
    split(&client, "0", HALF).await;
    let latest = client.iterator("LATEST", json!({})).await;
    for (iterator, records) in [(iterator, 1), (latest, 0)] {
        let input = json!({"ShardIterator": iterator});
        let answer = client.done("GetRecords", input).await;
        assert_eq!(answer["Records"].as_array().unwrap().len(), records);
        assert!(answer["NextShardIterator"].is_null());
        let children = &answer["ChildShards"];
        assert_eq!(children[0]["ShardId"], "shardId-000000000001");
        assert_eq!(children[1]["ParentShards"], json!(["shardId-000000000000"]));
        assert_eq!(children[1]["HashKeyRange"]["StartingHashKey"], HALF);
    }
}

#[tokio::test(start_paused = true)]
async fn filters_select_shards_by_their_place_in_time() {
    let client = Client::with_stream(2).await;
    client.settle().await;
    let middle = super::documents::seconds(client.platform.clock.wall().as_millis());
    client.settle().await;
    split(&client, "0", "99").await;
    let merge = json!({"StreamName": "flights", "ShardToMerge": "3", "AdjacentShardToMerge": "1"});
    client.done("MergeShards", merge).await;
    client.settle().await;
    for (filter, expected) in [
        (json!({"Type": "FROM_TRIM_HORIZON"}), &[0, 1, 2, 3, 4][..]),
        (json!({"Type": "AT_TRIM_HORIZON"}), &[0, 1]),
        (json!({"Type": "AT_LATEST"}), &[2, 4]),
        (
            json!({"Type": "AFTER_SHARD_ID", "ShardId": "shardId-000000000002"}),
            &[3, 4],
        ),
        (
            json!({"Type": "AT_TIMESTAMP", "Timestamp": middle}),
            &[0, 1],
        ),
        (
            json!({"Type": "AT_TIMESTAMP", "Timestamp": middle + 2.5}),
            &[1, 2, 3],
        ),
        (
            json!({"Type": "FROM_TIMESTAMP", "Timestamp": middle + 2.5}),
            &[1, 2, 3, 4],
        ),
    ] {
        assert_eq!(listed(&client, filter.clone()).await, expected, "{filter}");
    }
    for (filter, member) in [("AFTER_SHARD_ID", "ShardId"), ("AT_TIMESTAMP", "Timestamp")] {
        let input = json!({"StreamName": "flights", "ShardFilter": {"Type": filter}});
        assert_eq!(
            client.refused("ListShards", input).await,
            format!(
                "InvalidArgumentException: ShardFilter of type {filter} must specify {member}."
            )
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_split_or_merged_is_told_in_the_words_of_aws() {
    let client = Client::with_stream(3).await;
    let split = |shard: &str, at: &str| json!({"StreamName": "flights", "ShardToSplit": shard, "NewStartingHashKey": at});
    let merge = |lower: &str, upper: &str| json!({"StreamName": "flights", "ShardToMerge": lower, "AdjacentShardToMerge": upper});
    let scale = |to: u32| json!({"StreamName": "flights", "TargetShardCount": to, "ScalingType": "UNIFORM_SCALING"});
    for (action, input, expected) in [
        (
            "SplitShard",
            split("shardId-7", "5"),
            "ResourceNotFoundException: Could not find shard shardId-000000000007 in stream flights under account 000000000000.",
        ),
        (
            "SplitShard",
            split("0", "1"),
            "InvalidArgumentException: NewStartingHashKey 1 used in SplitShard() on shard shardId-000000000000 in stream flights under account 000000000000 is not both greater than one plus the shard's StartingHashKey 0 and less than the shard's EndingHashKey 113427455640312821154458202477256070484.",
        ),
        (
            "SplitShard",
            split("0", "999999999999999999999999999999999999999"),
            "InvalidArgumentException: NewStartingHashKey 999999999999999999999999999999999999999 used in SplitShard() on shard shardId-000000000000 in stream flights under account 000000000000 is not both greater than one plus the shard's StartingHashKey 0 and less than the shard's EndingHashKey 113427455640312821154458202477256070484.",
        ),
        (
            "MergeShards",
            merge("0", "2"),
            "InvalidArgumentException: Shards shardId-000000000000 and shardId-000000000002 in stream flights under account 000000000000 are not an adjacent pair of shards eligible for merging",
        ),
        (
            "MergeShards",
            merge("x", "2"),
            "ResourceNotFoundException: Could not find shard x in stream flights under account 000000000000.",
        ),
        (
            "UpdateShardCount",
            scale(7),
            "InvalidArgumentException: UpdateShardCount cannot scale up over double your current open shard count. Current open shard count: 3 Target shard count: 7",
        ),
        (
            "UpdateShardCount",
            scale(1),
            "InvalidArgumentException: UpdateShardCount cannot scale down below half your current open shard count. Current open shard count: 3 Target shard count: 1",
        ),
    ] {
        assert_eq!(client.refused(action, input).await, expected, "{action}");
    }
    client.done("MergeShards", merge("0", "1")).await;
    assert_eq!(
        client.refused("UpdateShardCount", scale(7)).await,
        "ResourceInUseException: Stream flights under account 000000000000 not ACTIVE, instead in state UPDATING"
    );
    client.settle().await;
    let closed = "InvalidArgumentException: Shard shardId-000000000001 in stream flights under account 000000000000 has already been merged or split, and thus is not eligible for merging or splitting.";
    for (action, input) in [
        (
            "SplitShard",
            split("1", "170141183460469231731687303715884105728"),
        ),
        ("MergeShards", merge("1", "2")),
    ] {
        assert_eq!(client.refused(action, input).await, closed, "{action}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_number_of_shards_follows_the_target() {
    let client = Client::with_stream(2).await;
    let arn = "arn:aws:kinesis:eu-west-1:000000000000:stream/flights";
    let input = json!({"StreamARN": arn, "TargetShardCount": 3, "ScalingType": "UNIFORM_SCALING"});
    assert_eq!(
        client.done("UpdateShardCount", input).await,
        json!({"StreamName": "flights", "StreamARN": arn, "CurrentShardCount": 2, "TargetShardCount": 3})
    );
    let open = async || {
        let summary = client
            .done("DescribeStreamSummary", json!({"StreamARN": arn}))
            .await;
        summary["StreamDescriptionSummary"]["OpenShardCount"].clone()
    };
    assert_eq!(open().await, 2);
    client.settle().await;
    assert_eq!(open().await, 3);
}
