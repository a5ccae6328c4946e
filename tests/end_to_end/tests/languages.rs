//! Handlers in other languages, from source to outputs, through the real binary. A language is tried where its toolchain is,
//! which `cargo xtask test` says by the clients it has installed; tools are kept in `target/function-tools`.

#![expect(
    clippy::disallowed_methods,
    reason = "the runner of the tests says in the environment which toolchains are there"
)]

use std::{
    collections::BTreeSet,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpListener,
    thread,
};

use serde_json::json;
use shardmill_end_to_end::{Project, Running, root, run};

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

/// A server of a project with these files, where the toolchain is there.
fn up(toolchain: &str, text: &str, files: &[(&str, &str)]) -> Option<(Project, Running)> {
    std::env::var_os(toolchain)?;
    let project = Project::new(text);
    for (name, text) in files {
        project.write(name, text);
    }
    let mut up = project.command(&["up", "--port", "0"]);
    up.env("SHARDMILL_CACHE", root().join("target/function-tools"));
    let mut running = Running::of_errors(&mut up);
    running.line(|line| line.starts_with("ready "));
    Some((project, running))
}

/// An event and a stream's batch go through a function of these files; one that fails says `error`.
fn check(toolchain: &str, files: &[(&str, &str)], source: &str, state: &str, error: &str) {
    let text = format!(
        "version: 1\nstreams: {{ a: {{ shards: 1 }}, b: {{ shards: 1 }} }}\n\
         functions: {{ f: {{ source: \"{source}\", timeout: 60s }} }}\n\
         triggers: {{ t: {{ stream: a, function: f, outputs: b{state} }} }}\n"
    );
    let Some((project, _running)) = up(toolchain, &text, files) else {
        return;
    };
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
    let error = "TypeError: too short (index.ts line 7)";
    check("SHARDMILL_TEST_JAVASCRIPT", &files, "index.ts", "", error);
}

#[test]
fn a_go_program_runs_as_a_command() {
    let files = [("main.go", GO), ("go.mod", "module f\n\ngo 1.21\n")];
    let error = "ended itself with exit code 3; its last words: too short";
    check("SHARDMILL_TEST_GO", &files, ".", "", error);
}

const PYTHON_FILES: &str = r#"
import errno, json, os, pathlib, random, shutil, tempfile
import secrets

def whole(event, context):
    return json.dumps(event, separators=(",", ":"))

def files(event, context):
    before = os.listdir("/tmp")
    folder = pathlib.Path("/tmp/a/b")
    folder.mkdir(parents=True)
    (folder / "one.txt").write_text("one ")
    with open(folder / "one.txt", "a") as file:
        file.write(secrets.WORD)
    (folder / "one.txt").rename(folder / "two.txt")
    text, names = (folder / "two.txt").read_text(), os.listdir(folder)
    shutil.rmtree("/tmp/a")
    with tempfile.TemporaryFile() as file:
        file.write(b"gone")
    failed, path = None, "/tmp/big"
    try:
        with open(path, "wb", buffering=0) as file:
            while True:
                file.write(bytes(65536))
    except OSError as error:
        # Of whatever a stream could not do, its C library says that.
        failed = {"EIO": "ENOSPC"}.get(errno.errorcode[error.errno])
    try:
        open("/etc/passwd")
    except FileNotFoundError:
        outside = "ENOENT"
    return {"before": before, "text": text, "names": names, "failed": failed, "bytes": os.path.getsize(path),
            "outside": outside, "random": random.random()}
"#;

const GO_FILES: &str = r#"
package main

import (
	"encoding/json"
	"errors"
	"io"
	"math/rand"
	"os"
	"syscall"
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func names(folder string) []string {
	all := []string{}
	for _, entry := range must(os.ReadDir(folder)) {
		all = append(all, entry.Name())
	}
	return all
}

func code(err error) string {
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return "ENOSPC"
	// Of a path that is in no folder it has, Go says this itself.
	case errors.Is(err, syscall.EBADF):
		return "ENOENT"
	}
	return err.Error()
}

func main() {
	must(io.ReadAll(os.Stdin))
	before := names("/tmp")
	must(0, os.MkdirAll("/tmp/a/b", 0o755))
	must(0, os.WriteFile("/tmp/a/b/one.txt", []byte("one "), 0o644))
	file := must(os.OpenFile("/tmp/a/b/one.txt", os.O_APPEND|os.O_WRONLY, 0))
	must(file.WriteString("???"))
	must(0, file.Close())
	file = must(os.OpenFile("/tmp/a/b/one.txt", os.O_RDWR, 0))
	must(file.Seek(-3, io.SeekEnd))
	must(file.WriteString("two"))
	must(0, file.Close())
	must(0, os.Rename("/tmp/a/b/one.txt", "/tmp/a/b/two.txt"))
	text, listed := string(must(os.ReadFile("/tmp/a/b/two.txt"))), names("/tmp/a/b")
	must(0, os.RemoveAll("/tmp/a"))
	big, failed := must(os.Create("/tmp/big")), error(nil)
	for failed == nil {
		_, failed = big.Write(make([]byte, 65536))
	}
	bytes := must(os.Stat("/tmp/big")).Size()
	_, outside := os.Open("/etc/passwd")
	_ = json.NewEncoder(os.Stdout).Encode(map[string]any{"before": before, "text": text, "names": listed,
		"failed": code(failed), "bytes": bytes, "outside": code(outside), "random": rand.Float64()})
}
"#;

const JAVASCRIPT_FILES: &str = r#"
import fs from "node:fs";
import { join } from "node:path";
import { appendFile, rename } from "fs/promises";

export const whole = (event) => JSON.stringify(event);

const refused = (call) => {
  try {
    call();
  } catch (error) {
    return error.code;
  }
};

export const files = async () => {
  const before = fs.readdirSync("/tmp");
  fs.mkdirSync("/tmp/a/b", { recursive: true });
  fs.writeFileSync("/tmp/a/b/one.txt", "one ");
  await appendFile("/tmp/a/b/one.txt", "two");
  await rename("/tmp/a/b/one.txt", "/tmp/a/b/two.txt");
  const text = await new Promise((done) => fs.readFile("/tmp/a/b/two.txt", "utf8", (_, text) => done(text)));
  const names = fs.readdirSync(join("/tmp/a", "b"));
  fs.rmSync("/tmp/a", { recursive: true });
  const failed = refused(() => {
    for (;;) fs.appendFileSync("/tmp/big", Buffer.alloc(65536));
  });
  const bytes = fs.statSync("/tmp/big").size;
  return { before, text, names, failed, bytes, outside: refused(() => fs.readFileSync("/etc/passwd")), random: Math.random() };
};
"#;

/// Runs a function that uses files: they are there, bounded, and none is left of an earlier invocation. A random number of its.
fn used(project: &Project, name: &str) -> String {
    let mut answer = project.json(&["invoke", name, "--event", "event.json"])["answer"].take();
    let bytes = answer["bytes"].take().as_u64().expect("a size");
    assert!((800_000..=1 << 20).contains(&bytes), "{bytes}");
    let random = answer["random"].take().to_string();
    let expect = json!({
        "before": [], "text": "one two", "names": ["two.txt"], "failed": "ENOSPC", "outside": "ENOENT",
        "bytes": null, "random": null,
    });
    assert_eq!(answer, expect);
    random
}

/// Files of `scratch` are there; random numbers are others in another sandbox. An event of a stream is to a handler what the same event is that was read from JSON.
fn check_files(toolchain: &str, source: &str, files: &[(&str, &str)]) {
    let function = |name: &str, sandbox: &str| {
        let function = name.trim_end_matches("-again");
        format!(
            "  {name}: {{ source: \"{source}:{function}\", scratch: 1MiB, timeout: 60s{sandbox} }}\n"
        )
    };
    let text = format!(
        "version: 1\nstreams: {{ a: {{ shards: 1 }} }}\nfunctions:\n{}{}{}",
        function("files", ""),
        function("files-again", ", sandbox: fresh"),
        function("whole", ""),
    );
    let Some((project, _running)) = up(toolchain, &text, files) else {
        return;
    };
    project.write("event.json", "{}");
    let drawn = ["files", "files", "files-again", "files-again"].map(|name| used(&project, name));
    let different: BTreeSet<&String> = drawn.iter().collect();
    assert_eq!(different.len(), 4, "{drawn:?}");

    project.write("records.ndjson", "{\"n\":1}\n{\"n\":\"é\"}\n");
    let of_records = project.json(&["invoke", "whole", "--records", "records.ndjson"]);
    let text = of_records["answer"].as_str().expect("a text");
    assert!(
        text.starts_with(r#"{"Records":[{"kinesis":{"kinesisSchemaVersion":"1.0","partitionKey":"#),
        "{text}"
    );
    project.write("event.json", text);
    let of_event = project.json(&["invoke", "whole", "--event", "event.json"]);
    assert_eq!(of_event["answer"], of_records["answer"]);
}

#[test]
fn a_python_handler_has_files_and_the_standard_library() {
    let files = [("app.py", PYTHON_FILES), ("secrets.py", "WORD = 'two'\n")];
    check_files("SHARDMILL_TEST_PYTHON", "app.py", &files);
}

#[test]
fn a_javascript_handler_has_files() {
    let files = [("index.mjs", JAVASCRIPT_FILES)];
    check_files("SHARDMILL_TEST_JAVASCRIPT", "index.mjs", &files);
}

const PYTHON_ASKS: &str = r#"
import json, urllib.error, urllib.request

def handler(event, context):
    at = "http://" + event["at"]
    def said(path, data=None):
        request = urllib.request.Request(at + path, data, {"x-tag": "red"})
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    refused = missing = None
    try:
        urllib.request.urlopen("http://127.0.0.1:1/")
    except urllib.error.URLError as error:
        refused = str(error.reason)
    try:
        said("/missing")
    except urllib.error.HTTPError as error:
        missing = error.code
    parts = said("/parts", iter([b"id,0\r\n", b"id,1\r\n"]))
    return {"got": said("/one"), "posted": said("/two", b"a body"), "parts": parts, "moved": said("/moved"), "refused": refused, "missing": missing}
"#;

const JAVASCRIPT_ASKS: &str = r#"
export const handler = async (event) => {
  const said = async (path, init = {}) => {
    const answer = await fetch(`http://${event.at}${path}`, { headers: { "X-Tag": "red" }, ...init });
    return [answer.status, await answer.json()];
  };
  const refused = await fetch("http://127.0.0.1:1/").catch((error) => error.message);
  const missing = (await fetch(`http://${event.at}/missing`)).status;
  const posted = await said("/two", { method: "POST", body: "a body", headers: new Headers([["x-tag", "red"]]) });
  const body = new TextEncoder().encode("id,0\r\nid,1\r\n").buffer;
  const request = new Request(`http://${event.at}/parts`, { method: "POST", body, headers: { "X-Tag": "red" } });
  const whole = await fetch(request);
  const parts = [whole.status, await whole.json()];
  return { got: await said("/one"), posted, parts, moved: await said("/moved"), refused, missing };
};
"#;

/// Says what it was asked; `/moved` leads to `/there`, and `/missing` is not there. Its address.
fn answering() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let mut reader = BufReader::new(connection);
            let (mut lines, mut length) = (Vec::new(), 0);
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                let line = std::mem::take(&mut line).trim_end().to_ascii_lowercase();
                if let Some(value) = line.strip_prefix("content-length: ") {
                    length = value.parse().expect("a length");
                }
                lines.push(line);
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).expect("a body");
            let asked = lines.first().cloned().unwrap_or_default();
            let status = match asked.split(' ').nth(1) {
                Some("/moved") => "302 Found\r\nlocation: /there",
                Some("/missing") => "404 Not Found",
                _ => "200 OK",
            };
            let tagged = lines.iter().any(|line| line == "x-tag: red");
            let said =
                json!({ "asked": asked, "tagged": tagged, "body": String::from_utf8_lossy(&body) });
            let said = said.to_string();
            let length = said.len();
            let answer = format!(
                "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{said}"
            );
            let _gone = reader.get_mut().write_all(answer.as_bytes());
        }
    });
    address
}

/// A language's own way to ask others leads to what `network` grants, and nowhere else.
fn check_network(toolchain: &str, source: &str, code: &str) {
    let at = answering();
    let text = format!(
        "version: 1\nstreams: {{ a: {{ shards: 1 }} }}\n\
         functions: {{ f: {{ source: \"{source}\", network: [\"{at}\"], timeout: 60s }} }}\n"
    );
    let Some((project, _running)) = up(toolchain, &text, &[(source, code)]) else {
        return;
    };
    project.write("event.json", &json!({ "at": at }).to_string());
    let mut answer = project.json(&["invoke", "f", "--event", "event.json"])["answer"].take();
    let refused = answer["refused"].take();
    let refused = refused.as_str().expect("a text");
    assert!(
        refused.contains("HttpRequestDenied, GET http://127.0.0.1:1/"),
        "{refused}"
    );
    let said =
        |asked: &str, body: &str| json!([200, { "asked": asked, "tagged": true, "body": body }]);
    let expect = json!({
        "got": said("get /one http/1.1", ""), "posted": said("post /two http/1.1", "a body"),
        "parts": said("post /parts http/1.1", "id,0\r\nid,1\r\n"),
        "moved": said("get /there http/1.1", ""), "refused": null, "missing": 404,
    });
    assert_eq!(answer, expect);
    let log = project.done(&["logs", "invoke"]);
    assert!(log.contains("asking 127.0.0.1:1 is not granted"), "{log}");
}

#[test]
fn a_python_handler_asks_whom_it_is_granted() {
    check_network("SHARDMILL_TEST_PYTHON", "app.py", PYTHON_ASKS);
}

#[test]
fn a_javascript_handler_asks_whom_it_is_granted() {
    check_network("SHARDMILL_TEST_JAVASCRIPT", "index.mjs", JAVASCRIPT_ASKS);
}

#[test]
fn a_go_program_has_files() {
    let text = "version: 1\nstreams: { a: { shards: 1 } }\n\
         functions: { f: { source: \".\", scratch: 1MiB, timeout: 60s } }\n";
    let files = [
        ("main.go", GO_FILES),
        ("go.mod", "module f\n\ngo 1.21\n"),
        ("event.json", "{}"),
    ];
    let Some((project, _running)) = up("SHARDMILL_TEST_GO", text, &files) else {
        return;
    };
    let drawn = [used(&project, "f"), used(&project, "f")];
    assert_ne!(drawn[0], drawn[1]);
}

#[test]
fn a_deploy_brings_the_language_runtime_along() {
    if std::env::var_os("SHARDMILL_TEST_JAVASCRIPT").is_none() {
        return;
    }
    let project = Project::new("version: 1\n");
    let mut up = project.command(&["up", "--port", "0"]);
    up.env("SHARDMILL_CACHE", project.folder().join("away"));
    let mut running = Running::of_errors(&mut up);
    running.line(|line| line.starts_with("ready "));
    project.write(
        "triggers.yaml",
        "version: 1\nfunctions: { f: { source: index.mjs, timeout: 60s } }\n",
    );
    let code = "export const handler = async (event) => ({ twice: 2 * event.n });";
    project.write("index.mjs", code);
    project.write("event.json", r#"{"n":21}"#);
    let sent = |words: &str| {
        let mut deploy = project.command(&["deploy"]);
        deploy.env("SHARDMILL_CACHE", root().join("target/function-tools"));
        let said = run(&mut deploy);
        assert_eq!(said.code, Some(0), "{}", said.err);
        said.err.contains(words)
    };
    assert!(sent("the runtime of javascript"));
    let answered = project.json(&["invoke", "f", "--event", "event.json"]);
    assert_eq!(answered["answer"]["twice"], json!(42), "{answered}");
    project.write("index.mjs", &code.replace("2 *", "3 *"));
    assert!(!sent("the runtime of javascript"));
    let answered = project.json(&["invoke", "f", "--event", "event.json"]);
    assert_eq!(answered["answer"]["twice"], json!(63), "{answered}");
}
