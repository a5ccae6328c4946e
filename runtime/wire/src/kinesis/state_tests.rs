//! Which settings a stream takes in which state: one table of every action that sets something, for every state.

use std::time::Duration;

use serde_json::{Value, json};

use super::actions_tests::Client;

const ARN: &str = "arn:aws:kinesis:eu-west-1:000000000000:stream/flights";
const GONE: &str =
    "ResourceNotFoundException: Stream flights under account 000000000000 not found.";

/// Of a stream that comes or goes none of these is taken; the flag says whether it is while the stream is UPDATING.
fn settings() -> [(&'static str, Value, bool); 19] {
    let name = |members: Value| named("StreamName", "flights", members);
    let stream_arn = |members: Value| named("StreamARN", ARN, members);
    let resource = |members: Value| named("ResourceARN", ARN, members);
    let policy = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": "*", "Action": "kinesis:PutRecord", "Resource": ARN,
    }]});
    let policy = policy.to_string();
    let key = json!({"EncryptionType": "KMS", "KeyId": "alias/k"});
    let metrics = json!({"ShardLevelMetrics": ["ALL"]});
    let provisioned = json!({"StreamModeDetails": {"StreamMode": "PROVISIONED"}});
    let by_key = json!({"RecordDistributionStrategy": "USER_PARTITION_KEY"});
    [
        ("DeleteStream", name(json!({})), false),
        (
            "IncreaseStreamRetentionPeriod",
            name(json!({"RetentionPeriodHours": 48})),
            true,
        ),
        (
            "DecreaseStreamRetentionPeriod",
            name(json!({"RetentionPeriodHours": 24})),
            true,
        ),
        ("AddTagsToStream", name(json!({"Tags": {"a": "1"}})), true),
        (
            "RemoveTagsFromStream",
            name(json!({"TagKeys": ["a"]})),
            true,
        ),
        ("TagResource", resource(json!({"Tags": {"a": "1"}})), true),
        ("UntagResource", resource(json!({"TagKeys": ["a"]})), true),
        (
            "PutResourcePolicy",
            resource(json!({"Policy": policy})),
            true,
        ),
        ("DeleteResourcePolicy", resource(json!({})), true),
        (
            "RegisterStreamConsumer",
            stream_arn(json!({"ConsumerName": "late"})),
            true,
        ),
        ("EnableEnhancedMonitoring", name(metrics.clone()), false),
        ("DisableEnhancedMonitoring", name(metrics), false),
        ("StartStreamEncryption", name(key.clone()), false),
        ("StopStreamEncryption", name(key), false),
        (
            "UpdateMaxRecordSize",
            stream_arn(json!({"MaxRecordSizeInKiB": 2048})),
            false,
        ),
        ("UpdateStreamMode", stream_arn(provisioned), false),
        (
            "UpdateStreamRecordDistributionStrategy",
            stream_arn(by_key),
            false,
        ),
        (
            "UpdateShardCount",
            name(json!({"TargetShardCount": 2, "ScalingType": "UNIFORM_SCALING"})),
            false,
        ),
        (
            "SplitShard",
            name(json!({"ShardToSplit": "shardId-000000000000", "NewStartingHashKey": "9"})),
            false,
        ),
    ]
}

fn named(member: &str, value: &str, mut members: Value) -> Value {
    members[member] = value.into();
    members
}

fn not_active(state: &str) -> String {
    format!(
        "ResourceInUseException: Stream flights under account 000000000000 not ACTIVE, instead in state {state}"
    )
}

async fn status(client: &Client) -> Value {
    let input = json!({"StreamName": "flights"});
    let mut answer = client.done("DescribeStreamSummary", input).await;
    answer["StreamDescriptionSummary"]["StreamStatus"].take()
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_comes_or_goes_takes_no_setting() {
    let client = Client::new().await;
    let input = json!({"StreamName": "flights", "ShardCount": 1});
    client.done("CreateStream", input).await;
    // But for DeleteStream, which has a story of its own.
    for (action, input, _) in settings().into_iter().skip(1) {
        assert_eq!(
            client.refused(action, input).await,
            not_active("CREATING"),
            "{action}"
        );
    }
    client.platform.clock.shift(Duration::from_secs(1));
    client
        .done("DeleteStream", json!({"StreamName": "flights"}))
        .await;
    for (action, input, _) in settings() {
        assert_eq!(
            client.refused(action, input).await,
            not_active("DELETING"),
            "{action}"
        );
    }
    assert_eq!(status(&client).await, "DELETING");
    client.platform.clock.shift(Duration::from_secs(1));
    for (action, input, _) in settings() {
        assert_eq!(client.refused(action, input).await, GONE, "{action}");
    }
}

#[tokio::test(start_paused = true)]
async fn while_a_stream_is_updating_it_takes_what_leaves_its_shards_alone() {
    let client = Client::with_stream(1).await;
    let size = json!({"StreamARN": ARN, "MaxRecordSizeInKiB": 2048});
    client.done("UpdateMaxRecordSize", size).await;
    assert_eq!(status(&client).await, "UPDATING");
    for (action, input, taken) in settings() {
        if taken {
            client.done(action, input).await;
        } else {
            assert_eq!(
                client.refused(action, input).await,
                not_active("UPDATING"),
                "{action}"
            );
        }
    }
}

/// Streams on demand alone have it.
#[tokio::test(start_paused = true)]
async fn warmth_is_set_on_an_active_stream() {
    let client = Client::new().await;
    let commitment = json!({"MinimumThroughputBillingCommitment": {"Status": "ENABLED"}});
    client.done("UpdateAccountSettings", commitment).await;
    client
        .done("CreateStream", json!({"StreamName": "flights"}))
        .await;
    let warm = || json!({"StreamARN": ARN, "WarmThroughputMiBps": 5});
    let action = "UpdateStreamWarmThroughput";
    assert_eq!(client.refused(action, warm()).await, not_active("CREATING"));
    client.platform.clock.shift(Duration::from_secs(1));
    client.done(action, warm()).await;
    assert_eq!(client.refused(action, warm()).await, not_active("UPDATING"));
    client.settle().await;
    client
        .done("DeleteStream", json!({"StreamName": "flights"}))
        .await;
    assert_eq!(client.refused(action, warm()).await, not_active("DELETING"));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_comes_can_go_and_shows_no_shards() {
    let client = Client::new().await;
    let stream = json!({"StreamName": "flights"});
    let input = json!({"StreamName": "flights", "ShardCount": 1});
    client.done("CreateStream", input).await;
    client.done("DeleteStream", stream.clone()).await;
    let answer = client.done("DescribeStream", stream).await;
    let described = &answer["StreamDescription"];
    assert_eq!(described["StreamStatus"], "DELETING");
    assert_eq!(described["Shards"], json!([]));
    client.platform.clock.shift(Duration::from_secs(1));
    let refused = client.refused("DescribeStream", json!({"StreamName": "flights"}));
    assert_eq!(refused.await, GONE);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_missing_is_told_before_arguments_that_cannot_be_meant() {
    let client = Client::new().await;
    let key = json!({"EncryptionType": "NONE", "KeyId": "k"});
    let policy = json!({"ResourceARN": ARN, "Policy": "x"});
    for (action, input) in [
        ("AddTagsToStream", json!({"Tags": {"a;": "1"}})),
        ("RemoveTagsFromStream", json!({"TagKeys": [";"]})),
        ("StartStreamEncryption", key.clone()),
        ("StopStreamEncryption", key),
    ] {
        let input = named("StreamName", "flights", input);
        assert_eq!(client.refused(action, input).await, GONE, "{action}");
    }
    assert_eq!(client.refused("PutResourcePolicy", policy).await, GONE);
}
