//! Calls that mean a version where only a function can be meant, pages, and what goes with an alias, through the door.

use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use super::tests::{Client, LATE, ROLE};

#[tokio::test]
async fn what_only_a_whole_function_has_is_refused_for_versions_and_aliases() {
    let client = Client::new();
    client.create("late", "a", json!({ "Publish": true })).await;
    let live = json!({ "Name": "live", "FunctionVersion": "1" });
    client.ask("POST", &format!("{LATE}/aliases"), live).await;
    let only =
        "InvalidParameterValueException: This operation is permitted on Lambda functions only.";
    let zip = json!({ "ZipFile": base64_simd::STANDARD.encode_to_string("b") });
    let next = json!({ "Name": "next", "FunctionVersion": "1" });
    let reserved = json!({ "ReservedConcurrentExecutions": 1 });
    for of in ["late:1", "late:live"] {
        let path = format!("/2015-03-31/functions/{of}");
        for (method, path, body) in [
            (
                "PUT",
                format!("{path}/configuration"),
                json!({ "Timeout": 9 }),
            ),
            ("PUT", format!("{path}/code"), zip.clone()),
            ("POST", format!("{path}/versions"), Value::Null),
            ("POST", format!("{path}/aliases"), next.clone()),
            ("PUT", format!("{path}/aliases/live"), next.clone()),
            ("DELETE", format!("{path}/aliases/live"), Value::Null),
            (
                "PUT",
                format!("/2017-10-31/functions/{of}/concurrency"),
                reserved.clone(),
            ),
            (
                "DELETE",
                format!("/2017-10-31/functions/{of}/concurrency"),
                Value::Null,
            ),
        ] {
            let (status, refusal) = client.ask(method, &path, body).await;
            let refusal = refusal.as_str().unwrap_or("it was done");
            assert_eq!(status, 400, "{method} {path}: {refusal}");
            assert!(refusal.starts_with(only), "{method} {path}: {refusal}");
        }
    }
    let (status, _) = client.create("other:1", "a", json!({})).await;
    assert_eq!(status, 400);
    let path = "/2024-08-31/functions/late:1/recursion-config";
    let allow = json!({ "RecursiveLoop": "Allow" });
    let (_, refusal) = client.ask("PUT", path, allow).await;
    let expect =
        "ValidationException: 1 validation error detected: Value 'late:1' at 'functionName'";
    assert!(refusal.as_str().unwrap().starts_with(expect), "{refusal}");
    let (status, same) = client
        .ask(
            "PUT",
            &format!("{LATE}:$LATEST/configuration"),
            json!({ "Timeout": 9 }),
        )
        .await;
    assert_eq!((status, &same["Timeout"]), (200, &json!(9)));
}

#[tokio::test]
async fn only_whole_functions_have_tags() {
    let client = Client::new();
    client.create("late", "a", json!({ "Publish": true })).await;
    let own = "arn:aws:lambda:us-east-1:000000000000:function:late";
    for (resource, expect) in [
        (
            format!("{own}:1"),
            "InvalidParameterValueException: Tags on function aliases and versions are not supported.",
        ),
        (
            "late".to_owned(),
            "ValidationException: 1 validation error detected: Value 'late' at 'resource'",
        ),
    ] {
        let tags = json!({ "Tags": { "a": "b" } });
        let (_, refusal) = client
            .ask("POST", &format!("/2017-03-31/tags/{resource}"), tags)
            .await;
        let refusal = refusal.as_str().unwrap_or("it was done");
        assert!(refusal.starts_with(expect), "{refusal}");
    }
}

/// What of `items` each page of a list has, one at a time, to its end.
async fn pages(client: &Client, path: &str, items: &str, of: fn(&Value) -> String) -> Vec<String> {
    let mut found = Vec::new();
    let mut marker = String::new();
    for _ in 0..20 {
        let (status, page) = client
            .ask("GET", &format!("{path}MaxItems=1{marker}"), Value::Null)
            .await;
        assert_eq!(status, 200, "{page}");
        let page_items = page[items].as_array().unwrap();
        assert_eq!(page_items.len(), 1, "{page}");
        found.extend(page_items.iter().map(of));
        match page["NextMarker"].as_str() {
            Some(next) => {
                marker = format!("&Marker={}", next.replace(' ', "%20").replace('$', "%24"))
            }
            None => return found,
        }
    }
    panic!("the pages do not end: {found:?}")
}

#[tokio::test]
async fn pages_of_one_have_every_version() {
    let client = Client::new();
    for name in ["late", "a", "a-b"] {
        client.create(name, "a", json!({ "Publish": true })).await;
    }
    let code = json!({ "ZipFile": base64_simd::STANDARD.encode_to_string("b"), "Publish": true });
    client.ask("PUT", &format!("{LATE}/code"), code).await;
    let version = |it: &Value| it["Version"].as_str().unwrap().to_owned();
    let versions = pages(&client, &format!("{LATE}/versions?"), "Versions", version).await;
    assert_eq!(versions, ["$LATEST", "1", "2"]);
    let arn = |it: &Value| {
        let arn = it["FunctionArn"].as_str().unwrap();
        arn.rsplit("function:").next().unwrap().to_owned()
    };
    let all = "/2015-03-31/functions?FunctionVersion=ALL&";
    let expect = [
        "a:$LATEST",
        "a:1",
        "a-b:$LATEST",
        "a-b:1",
        "late:$LATEST",
        "late:1",
        "late:2",
    ];
    assert_eq!(pages(&client, all, "Functions", arn).await, expect);
    let bare = pages(&client, "/2015-03-31/functions?", "Functions", arn).await;
    assert_eq!(bare, ["a", "a-b", "late"]);
}

#[tokio::test]
async fn an_alias_takes_what_was_said_of_it_along() {
    let client = Client::new();
    client.create("late", "a", json!({ "Publish": true })).await;
    let aliases = format!("{LATE}/aliases");
    let live = json!({ "Name": "live", "FunctionVersion": "1" });
    client.ask("POST", &aliases, live.clone()).await;
    let url = "/2021-10-31/functions/late/url?Qualifier=live";
    let events = "/2019-09-25/functions/late/event-invoke-config?Qualifier=live";
    let policy = format!("{LATE}/policy?Qualifier=live");
    let allow = json!({ "StatementId": "s", "Action": "lambda:*", "Principal": "*" });
    for (method, path, body) in [
        ("POST", url, json!({ "AuthType": "NONE" })),
        ("PUT", events, json!({ "MaximumRetryAttempts": 0 })),
        ("POST", policy.as_str(), allow),
    ] {
        let (status, said) = client.ask(method, path, body).await;
        assert!(status < 300, "{said}");
    }
    client
        .ask("DELETE", &format!("{aliases}/live"), Value::Null)
        .await;
    let urls = client
        .ask("GET", "/2021-10-31/functions/late/urls", Value::Null)
        .await;
    assert_eq!(urls.1["FunctionUrlConfigs"], json!([]));
    client.ask("POST", &aliases, live).await;
    for path in [url, events, &policy] {
        assert_eq!(client.ask("GET", path, Value::Null).await.0, 404, "{path}");
    }
}

#[tokio::test]
async fn permissions_are_held_to_their_revision_and_to_what_they_name() {
    let client = Client::new();
    client.create("late", "a", json!({})).await;
    let policy = format!("{LATE}/policy");
    let allow = |sid: &str, more: Value| {
        let mut body =
            json!({ "StatementId": sid, "Action": "lambda:InvokeFunction", "Principal": "*" });
        for (member, value) in more.as_object().unwrap() {
            body[member] = value.clone();
        }
        body
    };
    let none = allow("a", json!({ "RevisionId": "nonsense" }));
    assert_eq!(client.ask("POST", &policy, none).await.0, 412);
    let (_, shown) = client
        .ask("GET", &format!("{LATE}/configuration"), Value::Null)
        .await;
    let own = allow("a", json!({ "RevisionId": shown["RevisionId"] }));
    assert_eq!(client.ask("POST", &policy, own).await.0, 201);
    let path = format!("{policy}/a?RevisionId=zz");
    let other = client.ask("DELETE", &path, Value::Null);
    assert_eq!(other.await.0, 412);
    let (_, kept) = client.ask("GET", &policy, Value::Null).await;
    let revision = kept["RevisionId"].as_str().unwrap();
    let path = format!("{policy}/a?RevisionId={revision}");
    assert_eq!(client.ask("DELETE", &path, Value::Null).await.0, 204);

    let invalid = "InvalidParameterValueException: The provided principal was invalid.";
    for (path, more, expect) in [
        (policy.clone(), json!({ "Principal": "foo.bar" }), invalid),
        (policy.clone(), json!({ "Principal": "12" }), invalid),
        (
            policy.clone(),
            json!({ "Action": "foo" }),
            "ValidationException: 1 validation error detected: Value 'foo' at 'action'",
        ),
        (
            policy.clone(),
            json!({ "FunctionUrlAuthType": "X" }),
            "ValidationException: 1 validation error",
        ),
        (
            format!("{policy}?Qualifier=$LATEST"),
            json!({}),
            "InvalidParameterValueException: We currently do not support adding policies for $LATEST.",
        ),
        (
            format!("{policy}?Qualifier=a%20b"),
            json!({}),
            "ValidationException: 1 validation error detected: Value 'a b' at 'qualifier'",
        ),
    ] {
        let (status, refusal) = client.ask("POST", &path, allow("b", more)).await;
        let refusal = refusal.as_str().unwrap_or("it was done");
        assert_eq!(status, 400, "{refusal}");
        assert!(refusal.starts_with(expect), "{refusal}");
    }
    let alexa = allow("c", json!({ "Principal": "alexa-appkit.amazon.com" }));
    assert_eq!(client.ask("POST", &policy, alexa).await.0, 201);
}

#[tokio::test]
async fn what_is_not_to_be_had_is_hinted_at_and_what_is_taken_back_is_not_shown() {
    let client = Client::new();
    let body = json!({
        "FunctionName": "late", "Role": ROLE, "Runtime": "python3.12", "Handler": "app.handler", "MemorySize": 2048,
        "EphemeralStorage": { "Size": 1024 }, "DeadLetterConfig": { "TargetArn": "" }, "Environment": { "Variables": {} },
        "Code": { "ZipFile": base64_simd::STANDARD.encode_to_string("a") },
    });
    let answer = client
        .answer(
            "POST",
            "/2015-03-31/functions",
            &[],
            body.to_string().into(),
        )
        .await;
    assert_eq!(answer.status(), 201);
    assert_eq!(
        answer.headers()["x-shardmill-hint"],
        "MemorySize is kept and shown; a function has 1024 MB of memory here and no more; EphemeralStorage is kept and shown; a function has 512 MB of files under /tmp here and no more"
    );
    let bytes = answer.into_body().collect().await.unwrap().to_bytes();
    let made: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(
        (&made["MemorySize"], &made["EphemeralStorage"]["Size"]),
        (&json!(2048), &json!(1024))
    );
    assert_eq!(
        (&made["DeadLetterConfig"], &made["Environment"]),
        (&Value::Null, &Value::Null)
    );
    let configuration = format!("{LATE}/configuration");
    for (settings, hinted) in [
        (json!({ "MemorySize": 1024 }), true),
        (json!({ "EphemeralStorage": { "Size": 512 } }), false),
    ] {
        let answer = client
            .answer("PUT", &configuration, &[], settings.to_string().into())
            .await;
        assert_eq!(
            answer.headers().contains_key("x-shardmill-hint"),
            hinted,
            "{settings}"
        );
    }
    let tags = |key: &str| json!({ "Tags": { key: "x" } });
    for (key, expect) in [
        ("aws:a", "InvalidParameterValueException"),
        ("a#", "ValidationException"),
    ] {
        let own = "/2017-03-31/tags/arn:aws:lambda:us-east-1:000000000000:function:late";
        let (_, refusal) = client.ask("POST", own, tags(key)).await;
        assert!(
            refusal.as_str().unwrap_or_default().starts_with(expect),
            "{refusal}"
        );
    }
}
