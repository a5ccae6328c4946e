//! Conversations about registered consumers: their states, their names, and lists of them.

use std::time::Duration;

use serde_json::{Value, json};

use super::actions_tests::Client;

pub(super) const STREAM: &str = "arn:aws:kinesis:eu-west-1:000000000000:stream/flights";

/// Lets a change of state pass.
fn settle(client: &Client) {
    client.platform.clock.shift(Duration::from_secs(1));
}

pub(super) async fn register(client: &Client, name: &str) -> String {
    let input = json!({"StreamARN": STREAM, "ConsumerName": name});
    let answer = client.done("RegisterStreamConsumer", input).await;
    answer["Consumer"]["ConsumerARN"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_consumer_is_named_once_or_the_same_twice() {
    let client = Client::with_stream(1).await;
    let arn = register(&client, "board").await;
    let input = |stream: &str, name: &str| json!({"ConsumerARN": arn, "StreamARN": stream, "ConsumerName": name});
    client
        .done("DescribeStreamConsumer", input(STREAM, "board"))
        .await;
    for (stream, name) in [
        (STREAM, "gate"),
        (
            "arn:aws:kinesis:eu-west-1:000000000000:stream/other",
            "board",
        ),
    ] {
        assert_eq!(
            client
                .refused("DescribeStreamConsumer", input(stream, name))
                .await,
            format!(
                "InvalidArgumentException: ConsumerARN {arn} and the StreamARN and ConsumerName beside it do not name \
                 the same consumer."
            )
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_consumer_lives_from_creating_to_gone() {
    let client = Client::with_stream(1).await;
    let arn = register(&client, "board").await;
    let status = async |input: &Value| {
        let answer = client.done("DescribeStreamConsumer", input.clone()).await;
        assert_eq!(answer["ConsumerDescription"]["StreamARN"], STREAM);
        assert_eq!(answer["ConsumerDescription"]["ConsumerARN"], *arn);
        answer["ConsumerDescription"]["ConsumerStatus"].clone()
    };
    let by_arn = json!({"ConsumerARN": arn});
    let by_name = json!({"StreamARN": STREAM, "ConsumerName": "board"});
    assert_eq!(status(&by_arn).await, "CREATING");
    settle(&client);
    assert_eq!(status(&by_name).await, "ACTIVE");
    let summary = client
        .done("DescribeStreamSummary", json!({"StreamName": "flights"}))
        .await;
    assert_eq!(summary["StreamDescriptionSummary"]["ConsumerCount"], 1);
    client.done("DeregisterStreamConsumer", by_name).await;
    assert_eq!(status(&by_arn).await, "DELETING");
    settle(&client);
    let missing = "ResourceNotFoundException: Consumer board under stream flights not found for account 000000000000.";
    assert_eq!(
        client
            .refused("DescribeStreamConsumer", by_arn.clone())
            .await,
        missing
    );
    assert_eq!(
        client
            .refused("DeregisterStreamConsumer", by_arn.clone())
            .await,
        missing
    );
    assert_ne!(register(&client, "board").await, arn);
    assert_eq!(
        client.refused("DescribeStreamConsumer", by_arn).await,
        missing
    );
}

#[tokio::test(start_paused = true)]
async fn consumers_are_few_and_have_one_name_each() {
    let client = Client::with_stream(1).await;
    for name in ["a", "b", "c", "d", "e"] {
        register(&client, name).await;
    }
    let named = |name: &str| json!({"StreamARN": STREAM, "ConsumerName": name});
    assert_eq!(
        client.refused("RegisterStreamConsumer", named("a")).await,
        "ResourceInUseException: Consumer a under stream flights already exists for account 000000000000."
    );
    assert_eq!(
        client.refused("RegisterStreamConsumer", named("f")).await,
        "LimitExceededException: Stream flights under account 000000000000 has 5 consumers in state CREATING, which is the limit."
    );
    for name in 0..15 {
        settle(&client);
        register(&client, &format!("more-{name}")).await;
    }
    settle(&client);
    assert_eq!(
        client.refused("RegisterStreamConsumer", named("f")).await,
        "LimitExceededException: Stream flights under account 000000000000 has 20 registered consumers, which is the limit."
    );
    for input in [
        json!({}),
        json!({"StreamARN": STREAM}),
        json!({"ConsumerName": "a"}),
    ] {
        assert_eq!(
            client.refused("DescribeStreamConsumer", input).await,
            "InvalidArgumentException: Either ConsumerARN, or StreamARN and ConsumerName, should be provided."
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_with_consumers_is_only_deleted_with_them() {
    let client = Client::with_stream(1).await;
    register(&client, "board").await;
    settle(&client);
    assert_eq!(
        client
            .refused("DeleteStream", json!({"StreamARN": STREAM}))
            .await,
        "ResourceInUseException: Stream flights under account 000000000000 has 1 registered consumers. Deregister them, or set EnforceConsumerDeletion."
    );
    let input = json!({"StreamARN": STREAM, "EnforceConsumerDeletion": true});
    client.done("DeleteStream", input).await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_deleted_while_its_last_consumer_goes() {
    let client = Client::with_stream(1).await;
    register(&client, "board").await;
    settle(&client);
    let board = json!({"StreamARN": STREAM, "ConsumerName": "board"});
    client.done("DeregisterStreamConsumer", board).await;
    client
        .done("DeleteStream", json!({"StreamARN": STREAM}))
        .await;
}

#[tokio::test(start_paused = true)]
async fn lists_of_consumers_go_on_where_their_token_says() {
    let client = Client::with_stream(1).await;
    for name in ["c", "a", "b"] {
        register(&client, name).await;
    }
    let mut input = json!({"StreamARN": STREAM, "MaxResults": 2});
    let mut names = Vec::new();
    loop {
        let answer = client.done("ListStreamConsumers", input).await;
        for consumer in answer["Consumers"].as_array().unwrap() {
            names.push(consumer["ConsumerName"].as_str().unwrap().to_owned());
            assert!(consumer["StreamARN"].is_null());
        }
        if answer["NextToken"].is_null() {
            break;
        }
        input = json!({"StreamARN": STREAM, "NextToken": answer["NextToken"]});
    }
    assert_eq!(names, ["a", "b", "c"]);
    let streams = client.done("ListStreams", json!({"Limit": 1})).await;
    assert!(streams["NextToken"].is_null());
    let expired = client
        .done(
            "ListStreamConsumers",
            json!({"StreamARN": STREAM, "MaxResults": 1}),
        )
        .await;
    client.platform.clock.shift(Duration::from_secs(301));
    let input = json!({"StreamARN": STREAM, "NextToken": expired["NextToken"]});
    assert_eq!(
        client.refused("ListStreamConsumers", input).await,
        "ExpiredNextTokenException: The specified NextToken has expired: it may be used for 300 seconds."
    );
}

#[tokio::test(start_paused = true)]
async fn consumers_have_tags_and_policies_of_their_own() {
    let client = Client::with_stream(1).await;
    let input = json!({"StreamARN": STREAM, "ConsumerName": "board", "Tags": {"a": "1"}});
    let answer = client.done("RegisterStreamConsumer", input).await;
    let arn = &answer["Consumer"]["ConsumerARN"];
    client
        .done(
            "TagResource",
            json!({"ResourceARN": arn, "Tags": {"b": "2"}}),
        )
        .await;
    client
        .done(
            "UntagResource",
            json!({"ResourceARN": arn, "TagKeys": ["a"]}),
        )
        .await;
    let tags = client
        .done("ListTagsForResource", json!({"ResourceARN": arn}))
        .await;
    assert_eq!(tags["Tags"], json!([{"Key": "b", "Value": "2"}]));
    let tags = client
        .done("ListTagsForResource", json!({"ResourceARN": STREAM}))
        .await;
    assert_eq!(tags["Tags"], json!([]));
    let policy =
        r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"kinesis:SubscribeToShard"}}"#;
    client
        .done(
            "PutResourcePolicy",
            json!({"ResourceARN": arn, "Policy": policy}),
        )
        .await;
    let kept = client
        .done("GetResourcePolicy", json!({"ResourceARN": arn}))
        .await;
    assert_eq!(kept["Policy"], policy);
    let missing = json!({"ResourceARN": format!("{STREAM}/consumer/none:1")});
    assert_eq!(
        client.refused("ListTagsForResource", missing).await,
        "ResourceNotFoundException: Consumer none under stream flights not found for account 000000000000."
    );
}

#[tokio::test(start_paused = true)]
async fn a_token_is_of_one_stream_and_a_moment_tells_streams_of_one_name_apart() {
    let client = Client::with_stream(2).await;
    client
        .done(
            "CreateStream",
            json!({"StreamName": "other", "ShardCount": 1}),
        )
        .await;
    settle(&client);
    let other = STREAM.replace("flights", "other");
    for (stream, name) in [(STREAM, "a"), (STREAM, "b"), (&*other, "c")] {
        let input = json!({"StreamARN": stream, "ConsumerName": name});
        client.done("RegisterStreamConsumer", input).await;
    }
    let first = json!({"StreamARN": STREAM, "MaxResults": 1});
    let token = client.done("ListStreamConsumers", first).await["NextToken"].take();
    let input = json!({"StreamARN": other, "NextToken": token});
    assert_eq!(
        client.refused("ListStreamConsumers", input).await,
        "InvalidArgumentException: Invalid NextToken."
    );
    let summary = client
        .done("DescribeStreamSummary", json!({"StreamARN": STREAM}))
        .await;
    let created = summary["StreamDescriptionSummary"]["StreamCreationTimestamp"].as_f64();
    let created = created.unwrap();
    for action in ["ListShards", "ListStreamConsumers"] {
        let input = |made: f64| json!({"StreamARN": STREAM, "StreamCreationTimestamp": made, "MaxResults": 1});
        let answer = client.done(action, input(created)).await;
        // Some clients leave the fraction out.
        client.done(action, input(created.floor())).await;
        assert_eq!(
            client.refused(action, input(created - 1.0)).await,
            "ResourceNotFoundException: Stream flights under account 000000000000 not found."
        );
        let mut input =
            json!({"NextToken": answer["NextToken"], "StreamCreationTimestamp": created});
        if action == "ListStreamConsumers" {
            input["StreamARN"] = STREAM.into();
        }
        assert_eq!(
            client.refused(action, input).await,
            "InvalidArgumentException: NextToken and StreamCreationTimestamp cannot be provided together."
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_account_that_promised_a_throughput_has_more_consumers_of_streams_on_demand() {
    let client = Client::new().await;
    client
        .done("CreateStream", json!({"StreamName": "flights"}))
        .await;
    settle(&client);
    let named = |name: usize| json!({"StreamARN": STREAM, "ConsumerName": name.to_string()});
    let full = |max: usize| {
        format!(
            "LimitExceededException: Stream flights under account 000000000000 has {max} registered consumers, which \
             is the limit."
        )
    };
    for (names, max) in [(0..20, 20), (20..50, 50)] {
        for name in names {
            client.done("RegisterStreamConsumer", named(name)).await;
            settle(&client);
        }
        assert_eq!(
            client.refused("RegisterStreamConsumer", named(99)).await,
            full(max)
        );
        let commitment = json!({"MinimumThroughputBillingCommitment": {"Status": "ENABLED"}});
        client.done("UpdateAccountSettings", commitment).await;
    }
    let mode = json!({"StreamARN": STREAM, "StreamModeDetails": {"StreamMode": "PROVISIONED"}});
    client.done("UpdateStreamMode", mode).await;
    assert_eq!(
        client.refused("RegisterStreamConsumer", named(99)).await,
        full(20)
    );
}
