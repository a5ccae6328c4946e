//! Conversations about what clients set on streams and accounts: kept, told back, refused in the words of AWS.

use std::time::Duration;

use serde_json::{Value, json};

use super::actions_tests::Client;

const ARN: &str = "arn:aws:kinesis:eu-west-1:000000000000:stream/flights";

async fn summary(client: &Client) -> Value {
    let input = json!({"StreamARN": ARN});
    let answer = client.done("DescribeStreamSummary", input).await;
    answer["StreamDescriptionSummary"].clone()
}

/// An input about the stream, by its name or by its ARN.
fn of_stream(member: &str, members: &Value) -> Value {
    let mut input = members.clone();
    input[member] = if member == "StreamName" {
        "flights".into()
    } else {
        ARN.into()
    };
    input
}

#[tokio::test(start_paused = true)]
async fn tags_are_the_same_by_name_and_by_arn() {
    let client = Client::with_stream(1).await;
    let tags = json!({"Tags": {"b": "2", "a": "1", "c": ""}});
    client
        .done("AddTagsToStream", of_stream("StreamName", &tags))
        .await;
    let more = json!({"Tags": {"a": "one", "d": "4"}});
    client
        .done("TagResource", of_stream("ResourceARN", &more))
        .await;
    let named = json!({"StreamName": "flights"});
    let keys = |answer: &Value| -> Vec<String> {
        let tags = answer["Tags"].as_array().unwrap().iter();
        tags.map(|tag| {
            format!(
                "{}={}",
                tag["Key"].as_str().unwrap(),
                tag["Value"].as_str().unwrap()
            )
        })
        .collect()
    };
    let listed = client.done("ListTagsForStream", named.clone()).await;
    assert_eq!(keys(&listed), ["a=one", "b=2", "c=", "d=4"]);
    assert_eq!(listed["HasMoreTags"], false);
    let page = json!({"StreamName": "flights", "ExclusiveStartTagKey": "a", "Limit": 2});
    let page = client.done("ListTagsForStream", page).await;
    assert_eq!(
        (keys(&page), &page["HasMoreTags"]),
        (vec!["b=2".to_owned(), "c=".to_owned()], &json!(true))
    );
    client
        .done(
            "RemoveTagsFromStream",
            json!({"StreamName": "flights", "TagKeys": ["a", "z"]}),
        )
        .await;
    client
        .done(
            "UntagResource",
            json!({"ResourceARN": ARN, "TagKeys": ["b"]}),
        )
        .await;
    let listed = client
        .done("ListTagsForResource", json!({"ResourceARN": ARN}))
        .await;
    assert_eq!(keys(&listed), ["c=", "d=4"]);
}

#[tokio::test(start_paused = true)]
async fn odd_tags_are_refused() {
    let client = Client::with_stream(1).await;
    let many: serde_json::Map<String, Value> =
        (0..51).map(|n| (n.to_string(), "".into())).collect();
    for (tags, expected) in [
        (
            json!({"a;": "1"}),
            "InvalidArgumentException: Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, _ . / = + - % @ :.",
        ),
        (
            json!({"a": "50%"}),
            "InvalidArgumentException: Failed to add tags to stream flights under account 000000000000 because some tags contained illegal characters. The allowed characters are Unicode letters, white-spaces, '_',',','/','=','+','-','@',':'.",
        ),
        (
            Value::Object(many),
            "InvalidArgumentException: Failed to add tags to stream flights under account 000000000000 because a given stream cannot have more than 10 tags associated with it.",
        ),
    ] {
        let input = json!({"StreamName": "flights", "Tags": tags});
        assert_eq!(client.refused("AddTagsToStream", input).await, expected);
    }
    let queue = json!({"ResourceARN": "arn:aws:kinesis:eu-west-1:000000000000:queue/q"});
    assert_eq!(
        client.refused("ListTagsForResource", queue).await,
        "UnknownOperationException: A queue is not implemented by this server."
    );
    assert_eq!(
        client.refused("ListQueues", json!({})).await,
        "UnknownOperationException: ListQueues is not implemented by this server."
    );
}

#[tokio::test(start_paused = true)]
async fn retention_grows_and_shrinks_by_its_own_action_each() {
    let client = Client::with_stream(1).await;
    let hours = |hours: i64| json!({"StreamName": "flights", "RetentionPeriodHours": hours});
    client
        .done("IncreaseStreamRetentionPeriod", hours(48))
        .await;
    client
        .done("IncreaseStreamRetentionPeriod", hours(48))
        .await;
    assert_eq!(summary(&client).await["RetentionPeriodHours"], 48);
    for (action, asked, expected) in [
        (
            "IncreaseStreamRetentionPeriod",
            47,
            "InvalidArgumentException: Requested retention period (47 hours) for stream flights can not be shorter than existing retention period (48 hours). Use DecreaseRetentionPeriod API.",
        ),
        (
            "DecreaseStreamRetentionPeriod",
            49,
            "InvalidArgumentException: Requested retention period (49 hours) for stream flights can not be longer than existing retention period (48 hours). Use IncreaseRetentionPeriod API.",
        ),
        (
            "DecreaseStreamRetentionPeriod",
            23,
            "InvalidArgumentException: Minimum allowed retention period is 24 hours. Requested retention period (23 hours) is too short.",
        ),
        (
            "IncreaseStreamRetentionPeriod",
            8761,
            "ValidationException: 1 validation error detected: Value '8761' at 'retentionPeriodHours' failed to satisfy constraint: Member must have value less than or equal to 8760",
        ),
    ] {
        assert_eq!(client.refused(action, hours(asked)).await, expected);
    }
    let both = json!({"StreamName": "!", "RetentionPeriodHours": 8761});
    assert_eq!(
        client.refused("IncreaseStreamRetentionPeriod", both).await,
        "ValidationException: 2 validation errors detected: Value '8761' at 'retentionPeriodHours' failed to satisfy constraint: Member must have value less than or equal to 8760; Value '!' at 'streamName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"
    );
    client
        .done("DecreaseStreamRetentionPeriod", hours(24))
        .await;
    assert_eq!(summary(&client).await["RetentionPeriodHours"], 24);
}

#[tokio::test(start_paused = true)]
async fn metrics_are_switched_on_and_off() {
    let client = Client::with_stream(1).await;
    let metrics = |names: Value| json!({"StreamName": "flights", "ShardLevelMetrics": names});
    let some = metrics(json!(["OutgoingBytes", "IncomingBytes"]));
    let answer = client.done("EnableEnhancedMonitoring", some).await;
    assert_eq!(answer["CurrentShardLevelMetrics"], json!([]));
    assert_eq!(
        answer["DesiredShardLevelMetrics"],
        json!(["IncomingBytes", "OutgoingBytes"])
    );
    assert_eq!(
        summary(&client).await["EnhancedMonitoring"],
        json!([{"ShardLevelMetrics": ["IncomingBytes", "OutgoingBytes"]}])
    );
    let all = client
        .done("EnableEnhancedMonitoring", metrics(json!(["ALL"])))
        .await;
    assert_eq!(all["DesiredShardLevelMetrics"].as_array().unwrap().len(), 7);
    let none = client
        .done("DisableEnhancedMonitoring", metrics(json!(["ALL"])))
        .await;
    assert_eq!(
        (&none["StreamARN"], &none["DesiredShardLevelMetrics"]),
        (&json!(ARN), &json!([]))
    );
}

#[tokio::test(start_paused = true)]
async fn an_encrypted_stream_says_so_until_it_is_no_more() {
    let client = Client::with_stream(1).await;
    let input = |kind: &str| json!({"StreamName": "flights", "EncryptionType": kind, "KeyId": "alias/aws/kinesis"});
    client.done("StartStreamEncryption", input("KMS")).await;
    assert_eq!(summary(&client).await["StreamStatus"], "UPDATING");
    assert_eq!(
        client.refused("StopStreamEncryption", input("KMS")).await,
        "ResourceInUseException: Stream flights under account 000000000000 not ACTIVE, instead in state UPDATING"
    );
    client.settle().await;
    let described = summary(&client).await;
    assert_eq!(
        (&described["EncryptionType"], &described["KeyId"]),
        (&json!("KMS"), &json!("alias/aws/kinesis"))
    );
    let put = async || {
        let record = json!({"StreamName": "flights", "PartitionKey": "k", "Data": "bmV3"});
        let one = client.done("PutRecord", record).await["EncryptionType"].clone();
        let records = json!([{"PartitionKey": "k", "Data": "bmV3"}]);
        let input = json!({"StreamName": "flights", "Records": records});
        (
            one,
            client.done("PutRecords", input).await["EncryptionType"].clone(),
        )
    };
    assert_eq!(put().await, (json!("KMS"), json!("KMS")));
    client.done("StopStreamEncryption", input("KMS")).await;
    let described = summary(&client).await;
    assert_eq!(
        (&described["EncryptionType"], &described["KeyId"]),
        (&json!("NONE"), &Value::Null)
    );
    client.settle().await;
    assert_eq!(put().await, (Value::Null, Value::Null));
    let from = json!({"StreamName": "flights", "ShardId": "shardId-000000000000", "ShardIteratorType": "TRIM_HORIZON"});
    let iterator = client.done("GetShardIterator", from).await["ShardIterator"].clone();
    let read = client
        .done("GetRecords", json!({"ShardIterator": iterator}))
        .await;
    let kinds: Vec<&Value> = read["Records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| &record["EncryptionType"])
        .collect();
    assert_eq!(
        kinds,
        [&json!("KMS"), &json!("KMS"), &Value::Null, &Value::Null]
    );
    assert_eq!(
        client.refused("StartStreamEncryption", input("NONE")).await,
        "InvalidArgumentException: EncryptionType must be KMS."
    );
}

#[tokio::test(start_paused = true)]
async fn modes_and_what_depends_on_them() {
    let client = Client::with_stream(1).await;
    let mode = |mode: &str| json!({"StreamARN": ARN, "StreamModeDetails": {"StreamMode": mode}});
    let auto = json!({"StreamARN": ARN, "RecordDistributionStrategy": "AUTO"});
    let warm = json!({"StreamARN": ARN, "WarmThroughputMiBps": 20});
    assert_eq!(
        client
            .refused("UpdateStreamRecordDistributionStrategy", auto.clone())
            .await,
        "InvalidArgumentException: RecordDistributionStrategy AUTO is only supported for streams in On-Demand mode."
    );
    client.done("UpdateStreamMode", mode("ON_DEMAND")).await;
    client.settle().await;
    assert_eq!(
        summary(&client).await["StreamModeDetails"]["StreamMode"],
        "ON_DEMAND"
    );
    let scale = json!({"StreamARN": ARN, "TargetShardCount": 2, "ScalingType": "UNIFORM_SCALING"});
    assert_eq!(
        client.refused("UpdateShardCount", scale).await,
        "ValidationException: Request is invalid. Stream flights under account 000000000000 is in On-Demand mode."
    );
    client
        .done("UpdateStreamRecordDistributionStrategy", auto)
        .await;
    client.settle().await;
    assert_eq!(
        client
            .refused("UpdateStreamWarmThroughput", warm.clone())
            .await,
        "ValidationException: Warm throughput needs a minimum throughput billing commitment for the account."
    );
    let commitment = json!({"MinimumThroughputBillingCommitment": {"Status": "ENABLED"}});
    client.done("UpdateAccountSettings", commitment).await;
    let warmed = client.done("UpdateStreamWarmThroughput", warm).await;
    assert_eq!(
        warmed["WarmThroughput"],
        json!({"TargetMiBps": 20, "CurrentMiBps": 0})
    );
    client.settle().await;
    let described = summary(&client).await;
    assert_eq!(
        described["WarmThroughput"],
        json!({"TargetMiBps": 20, "CurrentMiBps": 20})
    );
    assert_eq!(described["RecordDistributionStrategy"], "AUTO");
    client.done("UpdateStreamMode", mode("PROVISIONED")).await;
    let described = summary(&client).await;
    assert!(
        described["WarmThroughput"].is_null() && described["RecordDistributionStrategy"].is_null()
    );
}

#[tokio::test(start_paused = true)]
async fn a_stream_may_take_larger_records() {
    let client = Client::with_stream(1).await;
    let large = "x".repeat(2 << 20);
    let put = |data: &str| {
        let data = base64_simd::STANDARD.encode_to_string(data);
        json!({"StreamName": "flights", "PartitionKey": "k", "Data": data})
    };
    assert_eq!(
        client.refused("PutRecord", put(&large)).await,
        "ValidationException: 1 validation error detected: Value at 'data' failed to satisfy constraint: Member must have length less than or equal to 1048576"
    );
    assert_eq!(
        client
            .refused("UpdateMaxRecordSize", json!({"MaxRecordSizeInKiB": 4096}))
            .await,
        "InvalidArgumentException: Either StreamName or StreamARN should be provided."
    );
    client
        .done(
            "UpdateMaxRecordSize",
            json!({"StreamARN": ARN, "MaxRecordSizeInKiB": 4096}),
        )
        .await;
    assert_eq!(summary(&client).await["MaxRecordSizeInKiB"], 4096);
    client.done("PutRecord", put(&large)).await;
}

#[tokio::test(start_paused = true)]
async fn what_a_stream_is_made_with_is_kept() {
    let client = Client::new().await;
    let input = json!({"StreamName": "flights", "Tags": {"a": "1"}, "MaxRecordSizeInKiB": 2048, "RecordDistributionStrategy": "AUTO"});
    client.done("CreateStream", input).await;
    client.settle().await;
    let described = summary(&client).await;
    assert_eq!(described["MaxRecordSizeInKiB"], 2048);
    assert_eq!(described["RecordDistributionStrategy"], "AUTO");
    let tags = client
        .done("ListTagsForStream", json!({"StreamName": "flights"}))
        .await;
    assert_eq!(tags["Tags"], json!([{"Key": "a", "Value": "1"}]));
    for (input, expected) in [
        (
            json!({"StreamName": "a", "ShardCount": 1, "RecordDistributionStrategy": "AUTO"}),
            "InvalidArgumentException: RecordDistributionStrategy AUTO is only supported for streams in On-Demand mode.",
        ),
        (
            json!({"StreamName": "a", "ShardCount": 1, "WarmThroughputMiBps": 1}),
            "InvalidArgumentException: Warm throughput is only supported for streams in On-Demand mode.",
        ),
    ] {
        assert_eq!(client.refused("CreateStream", input).await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_provisioned_stream_names_its_shards() {
    let client = Client::new().await;
    let create = |mode: Value, count: Value| json!({"StreamName": "flights", "StreamModeDetails": mode, "ShardCount": count});
    let mode = |mode: &str| json!({ "StreamMode": mode });
    for more in [json!({}), json!({"WarmThroughputMiBps": 1})] {
        let mut input = create(mode("PROVISIONED"), Value::Null);
        input
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        assert_eq!(
            client.refused("CreateStream", input).await,
            "InvalidArgumentException: ShardCount is expected when StreamMode=PROVISIONED"
        );
    }
    for (named, count, expected) in [
        (mode("PROVISIONED"), json!(2), ("PROVISIONED", 2)),
        (mode("ON_DEMAND"), Value::Null, ("ON_DEMAND", 4)),
        (Value::Null, json!(3), ("PROVISIONED", 3)),
        (Value::Null, Value::Null, ("ON_DEMAND", 4)),
    ] {
        client.done("CreateStream", create(named, count)).await;
        client.settle().await;
        let made = summary(&client).await;
        let found = (
            made["StreamModeDetails"]["StreamMode"].as_str().unwrap(),
            made["OpenShardCount"].as_u64().unwrap(),
        );
        assert_eq!(found, expected);
        client
            .done("DeleteStream", json!({"StreamName": "flights"}))
            .await;
        client.settle().await;
    }
}

#[tokio::test(start_paused = true)]
async fn accounts_have_limits_and_a_commitment_that_holds_for_a_day() {
    let client = Client::with_stream(3).await;
    client
        .done("CreateStream", json!({"StreamName": "auto"}))
        .await;
    client.settle().await;
    assert_eq!(
        client.done("DescribeLimits", json!({})).await,
        json!({
            "ShardLimit": 20000, "OpenShardCount": 7, "OnDemandStreamCount": 1, "OnDemandStreamCountLimit": 50,
            "ChannelCount": 0, "ChannelCountLimit": 0,
        })
    );
    let status = async || {
        let answer = client.done("DescribeAccountSettings", json!({})).await;
        answer["MinimumThroughputBillingCommitment"].clone()
    };
    let set = async |status: &str| {
        let input = json!({"MinimumThroughputBillingCommitment": {"Status": status}});
        client.done("UpdateAccountSettings", input).await;
    };
    assert_eq!(status().await, json!({"Status": "DISABLED"}));
    set("ENABLED").await;
    let enabled = status().await;
    assert_eq!(enabled["Status"], "ENABLED");
    let day =
        enabled["EarliestAllowedEndAt"].as_f64().unwrap() - enabled["StartedAt"].as_f64().unwrap();
    assert_eq!(Duration::from_secs_f64(day), Duration::from_hours(24));
    set("DISABLED").await;
    assert_eq!(
        status().await["Status"],
        "ENABLED_UNTIL_EARLIEST_ALLOWED_END"
    );
    client.platform.clock.shift(Duration::from_hours(24));
    assert_eq!(status().await["Status"], "DISABLED");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_spreads_records_needs_no_keys_and_heeds_none() {
    let client = Client::with_stream(1).await;
    let auto = json!({"StreamName": "auto", "RecordDistributionStrategy": "AUTO"});
    client.done("CreateStream", auto).await;
    client.settle().await;
    for (action, input, path) in [
        ("PutRecord", json!({"Data": "YQ=="}), "partitionKey"),
        (
            "PutRecords",
            json!({"Records": [{"Data": "YQ=="}]}),
            "records.1.member.partitionKey",
        ),
    ] {
        let into = |stream: &str| {
            let mut input = input.clone();
            input["StreamName"] = stream.into();
            input
        };
        client.done(action, into("auto")).await;
        assert_eq!(
            client.refused(action, into("flights")).await,
            format!(
                "ValidationException: 1 validation error detected: Value null at '{path}' failed to satisfy \
                 constraint: Member must not be null"
            )
        );
    }
    let same = json!({"Data": "YQ==", "PartitionKey": "k", "ExplicitHashKey": "0"});
    let records = json!({"StreamName": "auto", "Records": vec![same; 200]});
    client.done("PutRecords", records).await;
    let (mut with, mut without) = (Vec::new(), 0);
    for shard in 0..4 {
        let from = json!({
            "StreamName": "auto", "ShardId": format!("shardId-{shard:012}"), "ShardIteratorType": "TRIM_HORIZON",
        });
        let iterator = client.done("GetShardIterator", from).await["ShardIterator"].clone();
        let page = client
            .done("GetRecords", json!({"ShardIterator": iterator}))
            .await;
        let records = page["Records"].as_array().unwrap();
        let keyed = records
            .iter()
            .filter(|record| record["PartitionKey"] == "k");
        with.push(keyed.count());
        let keyless = records
            .iter()
            .filter(|record| record.get("PartitionKey").is_none());
        without += keyless.count();
    }
    assert!(
        with.iter().all(|count| (20..80).contains(count)),
        "{with:?}"
    );
    assert_eq!((with.iter().sum::<usize>(), without), (200, 2));
}

#[tokio::test(start_paused = true)]
async fn reserved_ids_of_streams_are_checked_with_every_action() {
    let client = Client::with_stream(1).await;
    let record = json!({"Data": "YQ==", "PartitionKey": "k"});
    let mut one = record.clone();
    one["StreamName"] = "flights".into();
    for (action, mut input) in [
        ("PutRecord", one),
        (
            "PutRecords",
            json!({"StreamName": "flights", "Records": [record]}),
        ),
        ("DescribeStream", json!({"StreamName": "flights"})),
    ] {
        input["StreamId"] = "XX".into();
        assert_eq!(
            client.refused(action, input.clone()).await,
            "ValidationException: 1 validation error detected: Value 'XX' at 'streamId' failed to satisfy constraint: \
             Member must satisfy regular expression pattern: [a-z0-9]{20}-[a-z0-9]{3}"
        );
        input["StreamId"] = "abcdefghij0123456789-abc".into();
        client.done(action, input).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_stream_is_warmed_for_is_asked_after_whether_it_is_there() {
    let client = Client::with_stream(1).await;
    let auto = json!({"StreamName": "auto", "RecordDistributionStrategy": "AUTO"});
    client.done("CreateStream", auto).await;
    client.settle().await;
    let warm =
        |stream: &str, mibps: u32| json!({"StreamName": stream, "WarmThroughputMiBps": mibps});
    let warmed = "UpdateStreamWarmThroughput";
    assert_eq!(
        client.refused(warmed, warm("none", 5)).await,
        "ResourceNotFoundException: Stream none under account 000000000000 not found."
    );
    let commitment = json!({"MinimumThroughputBillingCommitment": {"Status": "ENABLED"}});
    client.done("UpdateAccountSettings", commitment).await;
    assert_eq!(
        client.refused(warmed, warm("auto", 10_241)).await,
        "LimitExceededException: This request would exceed the limit on the warm throughput of a stream. Limit: 10240 MiB/s."
    );
    client.done(warmed, warm("auto", 5)).await;
    client.settle().await;
    // A provisioned stream has neither.
    let arn = ARN.replace("flights", "auto");
    let mode = json!({"StreamARN": arn, "StreamModeDetails": {"StreamMode": "PROVISIONED"}});
    client.done("UpdateStreamMode", mode).await;
    client.settle().await;
    let shown = client
        .done("DescribeStreamSummary", json!({"StreamARN": arn}))
        .await;
    let shown = &shown["StreamDescriptionSummary"];
    assert_eq!(shown["StreamModeDetails"]["StreamMode"], "PROVISIONED");
    for gone in ["WarmThroughput", "RecordDistributionStrategy"] {
        assert_eq!(shown.get(gone), None, "{shown}");
    }
}
