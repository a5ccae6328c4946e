//! What a handler is told of itself and of whoever calls it is the same in every language, and what Lambda tells: region, memory, the
//! function as it was asked for, the client's context. A language is tried where its toolchain is.

#![expect(
    clippy::disallowed_methods,
    reason = "the runner of the tests says in the environment which toolchains are there"
)]

use std::collections::BTreeMap;

use serde_json::{Value, json};
use shardmill_end_to_end::{Project, Server};

const PYTHON: &str = r#"
import os

def handler(event, context):
    client = context.client_context
    told = {
        "arn": context.invoked_function_arn, "memory": context.memory_limit_in_mb, "version": context.function_version,
        "client": client and [client.custom, client.env, client.client.app_title, client.client.installation_id],
        "identity": context.identity.cognito_identity_id,
        "env": {name: value for name, value in os.environ.items() if name.startswith(("AWS_", "LAMBDA_TASK", "_H", "TZ", "OWN"))},
    }
    if "Records" in event:
        print("told", told["arn"])
    return told
"#;

const JAVASCRIPT: &str = r"
export const handler = async (event, context) => {
  const client = context.clientContext;
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => /^(AWS_|LAMBDA_TASK|_H|TZ|OWN)/.test(name)));
  if (event.Records) console.log('told', context.invokedFunctionArn);
  return {
    arn: context.invokedFunctionArn, memory: context.memoryLimitInMB, version: context.functionVersion, env,
    client: client ? [client.custom, client.env, client.client.app_title, client.client.installation_id ?? null] : null,
    identity: context.identity ?? null,
  };
};
";

const PROCESS: &str = r#"#!/usr/bin/env python3
import json, os, urllib.request
api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
while True:
    with urllib.request.urlopen(api + "next") as asked:
        event, told = json.load(asked), asked.headers
    client = json.loads(told.get("Lambda-Runtime-Client-Context", "null"))
    env = {name: value for name, value in os.environ.items() if name.startswith(("AWS_", "LAMBDA_TASK", "_H", "TZ", "OWN"))}
    arn = told["Lambda-Runtime-Invoked-Function-Arn"]
    if "Records" in event:
        print("told", arn, flush=True)
    answer = json.dumps({
        "arn": arn, "memory": env["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"], "version": env["AWS_LAMBDA_FUNCTION_VERSION"], "env": env,
        "client": client and [client["custom"], client["env"], client["client"]["app_title"], client["client"].get("installation_id")],
        "identity": None}).encode()
    urllib.request.urlopen(urllib.request.Request(api + told["Lambda-Runtime-Aws-Request-Id"] + "/response", answer)).read()
"#;

/// `{"custom":{"a":"b"},"env":{"locale":"de"},"client":{"app_title":"t"}}`.
const CLIENT: &str =
    "eyJjdXN0b20iOnsiYSI6ImIifSwiZW52Ijp7ImxvY2FsZSI6ImRlIn0sImNsaWVudCI6eyJhcHBfdGl0bGUiOiJ0In19";

fn check(
    server: &Server,
    project: &Project,
    name: &str,
    (runtime, file, code): (&str, &str, &str),
) {
    let module = file.split('.').next().expect("a module");
    let handler = format!("{module}.handler");
    let more = json!({
        "Handler": handler, "MemorySize": 512, "Environment": { "Variables": { "OWN": "value" } },
    });
    server.create(name, runtime, &[(file, code)], &more);
    let path = |rest: &str| format!("POST /2015-03-31/functions/{name}/{rest}");
    assert_eq!(
        server.lambda(&path("versions"), &[], &json!({})).status,
        201
    );
    let alias = json!({ "Name": "live", "FunctionVersion": "1" });
    assert_eq!(server.lambda(&path("aliases"), &[], &alias).status, 201);

    let arn = format!("arn:aws:lambda:eu-west-1:000000000000:function:{name}");
    let client = json!([{ "a": "b" }, { "locale": "de" }, "t", null]);
    let with = [("x-amz-client-context", CLIENT)];
    type Case<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], &'a Value);
    let cases: [Case<'_>; 4] = [
        ("", "$LATEST", &with, &client),
        (":live", "1", &[], &Value::Null),
        (":1", "1", &with, &client),
        (":$LATEST", "$LATEST", &[], &Value::Null),
    ];
    for (qualifier, version, headers, client) in cases {
        let mut told = server
            .invoke(&format!("{name}{qualifier}"), headers, &json!({}))
            .payload;
        let env: BTreeMap<String, String> =
            serde_json::from_value(told["env"].take()).expect("variables");
        let expect = json!({
            "arn": format!("{arn}{qualifier}"), "memory": "512", "version": version, "client": client, "identity": null, "env": null,
        });
        assert_eq!(told, expect, "{name}{qualifier}");
        let group = format!("/aws/lambda/{name}");
        let has = |variable: &str| env.get(variable).map_or("", String::as_str);
        for (variable, value) in [
            ("AWS_REGION", "eu-west-1"),
            ("AWS_DEFAULT_REGION", "eu-west-1"),
            ("AWS_LAMBDA_FUNCTION_NAME", name),
            ("AWS_LAMBDA_FUNCTION_VERSION", version),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", group.as_str()),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
            ("_HANDLER", handler.as_str()),
            ("TZ", ":UTC"),
            ("OWN", "value"),
        ] {
            assert_eq!(has(variable), value, "{name}: {variable}");
        }
        let stream = has("AWS_LAMBDA_LOG_STREAM_NAME");
        assert!(stream.starts_with(&format!("[{version}]")), "{stream}");
        assert!(!has("LAMBDA_TASK_ROOT").is_empty());
    }
    mapped(server, project, name, &arn);
}

/// A mapping on the alias tells the alias.
fn mapped(server: &Server, project: &Project, name: &str, arn: &str) {
    let mapping = json!({
        "FunctionName": format!("{name}:live"), "StartingPosition": "TRIM_HORIZON",
        "EventSourceArn": "arn:aws:kinesis:eu-west-1:000000000000:stream/in",
    });
    let made = server.lambda("POST /2015-03-31/event-source-mappings/", &[], &mapping);
    assert_eq!(made.status, 202, "{}", made.body);
    let made: Value = serde_json::from_str(&made.body).expect("JSON");
    project.done(&["put", "in", "a"]);
    project.done(&["wait", "--timeout", "60s"]);
    let uuid = made["UUID"].as_str().expect("an id");
    let lines = project.ndjson(&["logs", uuid]);
    let told = format!("told {arn}:live");
    assert!(
        lines.iter().any(|line| line["message"] == told.as_str()),
        "{lines:?}"
    );
}

#[test]
fn a_handler_is_told_what_lambda_tells() {
    let project = Project::new("version: 1\nserver: { region: eu-west-1 }\nstreams: { in: {} }\n");
    let mut server = project.up_with(&["--allow-native"]);
    server.region = "eu-west-1";
    let cases = [
        (
            "SHARDMILL_TEST_PYTHON",
            "python",
            ("python3.12", "app.py", PYTHON),
        ),
        (
            "SHARDMILL_TEST_JAVASCRIPT",
            "javascript",
            ("nodejs22.x", "index.mjs", JAVASCRIPT),
        ),
        (
            "SHARDMILL_TEST_PYTHON",
            "process",
            ("provided.al2023", "bootstrap", PROCESS),
        ),
    ];
    for (toolchain, name, code) in cases {
        if std::env::var_os(toolchain).is_some() {
            check(&server, &project, name, code);
        }
    }
    assert_eq!(server.stop().code, Some(0));
}
