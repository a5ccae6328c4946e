//! Handlers in other languages, from source to outputs, through the real binary. A language is tried where its toolchain is,
//! which `cargo xtask test` says by the clients it has installed; tools are kept in `target/function-tools`.

#![expect(
    clippy::disallowed_methods,
    reason = "the runner of the tests says in the environment which toolchains are there"
)]

use serde_json::json;
use shardmill_end_to_end::{Project, Running, root};

const PYTHON: &str = r#"
import json, shardmill, helper

def handler(event, context):
    if "boom" in event:
        return event["nope"]
    for index, record in enumerate(shardmill.records(event)):
        seen = int(shardmill.get(index, "seen") or 0) + 1
        shardmill.put(index, "seen", str(seen))
        shardmill.emit("default", record.key, {"seen": seen, **record.json()}, source=index)
    return {"twice": helper.twice(event.get("n", 0)), "function": context.function_name}
"#;

const JAVASCRIPT: &str = r#"
import { emit } from "shardmill";
import { twice } from "./helper";

export const handler = async (event: any, context: any) => {
  if (event.never) await new Promise(() => {});
  if (event.boom) throw new TypeError("too short");
  await new Promise((resolve) => setTimeout(resolve, 5));
  for (const record of event.Records ?? []) {
    const text = Buffer.from(record.kinesis.data, "base64").toString();
    emit("default", record.kinesis.partitionKey, { seen: 1, ...JSON.parse(text) });
  }
  return { twice: twice(event.n ?? 0), function: context.functionName };
};
"#;

const GO: &str = r#"
package main

import (
	"encoding/json"
	"fmt"
	"os"
)

type event struct {
	Boom    int `json:"boom"`
	N       int `json:"n"`
	Records []struct {
		Kinesis struct{ PartitionKey, Data string } `json:"kinesis"`
	}
}

func main() {
	var in event
	if err := json.NewDecoder(os.Stdin).Decode(&in); err != nil || in.Boom > 0 {
		fmt.Fprintln(os.Stderr, "too short")
		os.Exit(3)
	}
	out := []any{}
	for _, r := range in.Records {
		out = append(out, map[string]any{"key": r.Kinesis.PartitionKey, "data": map[string]any{"n": 4, "seen": 1}})
	}
	_ = json.NewEncoder(os.Stdout).Encode(map[string]any{
		"twice": 2 * in.N, "function": "f", "outputs": map[string]any{"default": out}})
}
"#;

/// An event and a stream's batch go through a function of these files; one that fails says `error`.
fn check(toolchain: &str, files: &[(&str, &str)], source: &str, state: &str, error: &str) {
    if std::env::var_os(toolchain).is_none() {
        return;
    }
    let project = Project::new(&format!(
        "version: 1\nstreams: {{ a: {{ shards: 1 }}, b: {{ shards: 1 }} }}\n\
         functions: {{ f: {{ source: \"{source}\", timeout: 60s }} }}\n\
         triggers: {{ t: {{ stream: a, function: f, outputs: b{state} }} }}\n"
    ));
    for (name, text) in files {
        project.write(name, text);
    }
    let mut up = project.command(&["up", "--port", "0"]);
    up.env("SHARDMILL_CACHE", root().join("target/function-tools"));
    let mut running = Running::of_errors(&mut up);
    running.line(|line| line.starts_with("ready "));
    for (name, event) in [("good.json", r#"{"n":21}"#), ("bad.json", r#"{"boom":1}"#)] {
        project.write(name, event);
    }
    let answered = project.json(&["invoke", "f", "--event", "good.json"]);
    assert_eq!(answered["answer"]["twice"], json!(42), "{answered}");
    let failed = project.verb(&["invoke", "f", "--event", "bad.json"]);
    assert_eq!(failed.code, Some(1));
    assert!(failed.err.contains(error), "{}", failed.err);
    project.done(&["put", "a", r#"{"n":4}"#, "--key", "k"]);
    project.done(&["wait", "--timeout", "60s"]);
    assert_eq!(project.data("b"), [json!({ "n": 4, "seen": 1 })]);
}

#[test]
fn a_python_handler_runs_as_it_is() {
    let files = [
        ("app.py", PYTHON),
        ("helper.py", "def twice(n):\n    return 2 * n\n"),
    ];
    let error = "KeyError: 'nope' (app.py line 6 in handler)";
    check(
        "SHARDMILL_TEST_PYTHON",
        &files,
        "app.py:handler",
        ", state: {}",
        error,
    );
}

#[test]
fn a_typescript_handler_runs_as_it_is() {
    let files = [
        ("index.ts", JAVASCRIPT),
        ("helper.js", "exports.twice = (n) => 2 * n;"),
    ];
    let error = "TypeError: too short";
    check("SHARDMILL_TEST_JAVASCRIPT", &files, "index.ts", "", error);
}

#[test]
fn a_go_program_runs_as_a_command() {
    let files = [("main.go", GO), ("go.mod", "module f\n\ngo 1.21\n")];
    let error = "ended itself with exit code 3; its last words: too short";
    check("SHARDMILL_TEST_GO", &files, ".", "", error);
}
