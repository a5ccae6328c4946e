//! Dry runs: what would succeed says so and does nothing, and what would fail fails as it would.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    actions_tests::Client,
    consumer_tests::{STREAM, register},
    subscription_tests::asked,
};

const DRY: &str = "Request would have succeeded, but DryRun flag is set.";

/// Lets a change of state pass.
fn settle(client: &Client) {
    client.platform.clock.shift(Duration::from_secs(1));
}

/// Every action that has the flag, with an input that is in order.
fn actions(consumer: &str, iterator: &Value) -> [(&'static str, Value); 5] {
    let record = json!({"PartitionKey": "k", "Data": "YQ=="});
    [
        (
            "PutRecord",
            json!({"StreamName": "flights", "PartitionKey": "k", "Data": "YQ=="}),
        ),
        (
            "PutRecords",
            json!({"StreamName": "flights", "Records": [record]}),
        ),
        ("GetRecords", json!({ "ShardIterator": iterator })),
        (
            "GetShardIterator",
            json!({"StreamName": "flights", "ShardId": "0", "ShardIteratorType": "LATEST"}),
        ),
        (
            "SubscribeToShard",
            json!({"ConsumerARN": consumer, "ShardId": "0", "StartingPosition": {"Type": "LATEST"}}),
        ),
    ]
}

fn dry(input: &Value) -> Value {
    let mut input = input.clone();
    input["DryRun"] = true.into();
    input
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_does_nothing() {
    let client = Client::with_stream(1).await;
    let consumer = register(&client, "board").await;
    settle(&client);
    client.put("before").await;
    let iterator = client.iterator("TRIM_HORIZON", json!({})).await;
    let actions = actions(&consumer, &iterator);
    for (action, input) in &actions {
        let (status, answer) = client.call(action, dry(input)).await;
        let expected = json!({"__type": "DryRunOperationException", "message": DRY});
        assert_eq!((status, answer), (400, expected), "{action}");
    }
    assert_eq!(client.get(&iterator).await.0, ["before"]);
    // After a subscription this one would have to wait five seconds.
    let (_, subscribe) = &actions[4];
    let json = "application/x-amz-json-1.1";
    let granted = asked(&client, json, subscribe.to_string()).await;
    assert_eq!(granted.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_of_what_would_fail_fails_alike() {
    let client = Client::with_stream(1).await;
    let consumer = register(&client, "board").await;
    settle(&client);
    let iterator = client.iterator("TRIM_HORIZON", json!({})).await;
    let actions = actions(&consumer, &iterator);
    let delete = json!({"StreamARN": STREAM, "EnforceConsumerDeletion": true});
    client.done("DeleteStream", delete).await;
    settle(&client);
    for state in ["missing", "CREATING"] {
        if state == "CREATING" {
            let create = json!({"StreamName": "flights", "ShardCount": 1});
            client.done("CreateStream", create).await;
        }
        for (action, input) in &actions {
            let refused = client.refused(action, dry(input)).await;
            let found = refused.starts_with("ResourceNotFoundException");
            assert!(found, "{state} {action}: {refused}");
            assert_eq!(client.refused(action, input.clone()).await, refused);
        }
    }
}
