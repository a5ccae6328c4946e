//! What is refused and in which words: one case for each kind of mistake, as a person sees it after `error: `.

use std::collections::BTreeMap;
use std::path::Path;

use super::read;

fn refused(text: &str) -> String {
    let variables = BTreeMap::from([("TEN".to_owned(), "10".to_owned())]);
    match read(Path::new("triggers.yaml"), text, &variables) {
        Ok(project) => panic!("accepted: {project:?}"),
        Err(refused) => format!("error: {refused}"),
    }
}

/// A file in which only the body of one trigger is of interest; the body begins on line 6.
fn trigger(body: &str) -> String {
    let head = "version: 1
streams: { flights: { shards: 4 }, late-flights: {} }
functions: { late: { source: functions/late } }
triggers:
  late-flights:
";
    refused(&format!("{head}{}", indented(body)))
}

/// The same, for one function; the body begins on line 4.
fn function(body: &str) -> String {
    refused(&format!(
        "version: 1\nfunctions:\n  late:\n{}",
        indented(body)
    ))
}

fn indented(body: &str) -> String {
    body.lines().map(|line| format!("    {line}\n")).collect()
}

#[test]
fn streams_that_cannot_scale_as_they_are_told() {
    insta::assert_snapshot!(refused("version: 1\nstreams: { a: { capacity: on-demand, autoscale: {} } }"), @r"
    error: triggers.yaml:2:38: `autoscale` of stream `a` stands beside `capacity: on-demand`
        2 | streams: { a: { capacity: on-demand, autoscale: {} } }
          |                                      ^^^^^^^^^
    hint: remove one of them: streams on demand scale by themselves
    ");
    insta::assert_snapshot!(refused("version: 1\nstreams: { a: { shards: 9, autoscale: { max: 8 } } }"), @r"
    error: triggers.yaml:2:28: stream `a` has 9 shards, which is not within 1 to 8 of its `autoscale`
        2 | streams: { a: { shards: 9, autoscale: { max: 8 } } }
          |                            ^^^^^^^^^
    hint: let `min` <= `shards` <= `max`
    ");
    insta::assert_snapshot!(refused("version: 1\nstreams: { a: { autoscale: { target: 0.7 } } }"), @r"
    error: triggers.yaml:2:38: `target` of `autoscale` of stream `a` must be a percentage, found `0.7`
        2 | streams: { a: { autoscale: { target: 0.7 } } }
          |                                      ^^^
    hint: write a percentage such as 70%
    ");
}

#[test]
fn archives_that_cannot_be() {
    insta::assert_snapshot!(refused("version: 1\nserver: { archive: { directory: a, s3: s3://acme-archive } }"), @r"
    error: triggers.yaml:2:36: `archive` of `server` of the file has both a `directory` and `s3`
        2 | server: { archive: { directory: a, s3: s3://acme-archive } }
          |                                    ^^
    hint: remove one of them: there is one archive
    ");
    insta::assert_snapshot!(refused("version: 1\nserver: { archive: { s3: acme-archive } }"), @r"
    error: triggers.yaml:2:26: `s3: acme-archive` of `archive` of `server` of the file is no ARN of this kind
        2 | server: { archive: { s3: acme-archive } }
          |                          ^^^^^^^^^^^^
    hint: write s3://BUCKET/PREFIX
    ");
    insta::assert_snapshot!(refused("version: 1\nserver: { archive: { endpoint: http://127.0.0.1:4100 } }"), @r"
    error: triggers.yaml:2:22: `archive` of `server` of the file has an `endpoint`, but no `s3`
        2 | server: { archive: { endpoint: http://127.0.0.1:4100 } }
          |                      ^^^^^^^^
    hint: remove it, or name the bucket
    ");
}

#[test]
fn keys_that_are_not_ours() {
    insta::assert_snapshot!(trigger("stream: flights\nfuncton: late\nfunction: late"), @r"
    error: triggers.yaml:7:5: unknown key `functon` in trigger `late-flights`
        7 |     functon: late
          |     ^^^^^^^
    hint: did you mean `function`?
    ");
    // A key that is only misspelled is not missed as well.
    insta::assert_snapshot!(trigger("stream: flights\nfuncton: late"), @r"
    error: triggers.yaml:7:5: unknown key `functon` in trigger `late-flights`
        7 |     functon: late
          |     ^^^^^^^
    hint: did you mean `function`?
    ");
    insta::assert_snapshot!(trigger("stream: flights\nfunction: late\nretry: { atempts: 3 }"), @r"
    error: triggers.yaml:8:14: unknown key `atempts` in `retry` of trigger `late-flights`
        8 |     retry: { atempts: 3 }
          |              ^^^^^^^
    hint: did you mean `attempts`?
    ");
    insta::assert_snapshot!(trigger("stream: { name: flights, position: oldest }\nfunction: late"), @r"
    error: triggers.yaml:6:30: unknown key `position` in `stream` of trigger `late-flights`
        6 |     stream: { name: flights, position: oldest }
          |                              ^^^^^^^^
    hint: known here: `name`, `start`, `deaggregate`
    ");
    insta::assert_snapshot!(refused("version: 1\nkafka: {}"), @r"
    error: triggers.yaml:2:1: unknown key `kafka` in the file
        2 | kafka: {}
          | ^^^^^
    hint: known here: `version`, `app`, `server`, `streams`, `destinations`, `secrets`, `environments`, `functions`, `triggers`
    ");
    insta::assert_snapshot!(refused("version: 1\n${TEN}: {}"), @r"
    error: triggers.yaml:2:1: unknown key `${TEN}` in the file
        2 | ${TEN}: {}
          | ^^^^^^
    hint: known here: `version`, `app`, `server`, `streams`, `destinations`, `secrets`, `environments`, `functions`, `triggers`
    ");
}

#[test]
fn lanes_that_are_too_many() {
    insta::assert_snapshot!(trigger("stream: flights\nfunction: late\nlanes: 11"), @r"
    error: triggers.yaml:8:12: `lanes` of trigger `late-flights` must be 1 to 10, found `11`
        8 |     lanes: 11
          |            ^^
    hint: without the key it is 1
    ");
    insta::assert_snapshot!(trigger("stream: flights\nfunction: late\nlanes: { keys: 0 }"), @r"
    error: triggers.yaml:8:20: `keys` of `lanes` of trigger `late-flights` must be 1 to 1000, found `0`
        8 |     lanes: { keys: 0 }
          |                    ^
    hint: without the key it is 256
    ");
}

#[test]
fn windows_that_a_trigger_cannot_have() {
    let with = |keys: &str| trigger(&format!("stream: flights\nfunction: late\n{keys}"));
    insta::assert_snapshot!(with("lanes: 2\ntumbling: { by: key }"), @r"
    error: triggers.yaml:9:5: `tumbling` of trigger `late-flights` does not say how long a window is
        9 |     tumbling: { by: key }
          |     ^^^^^^^^
    hint: add `every:` with the length of a window, such as `every: 1h`

    error: triggers.yaml:9:5: trigger `late-flights` has tumbling windows and several lanes
        9 |     tumbling: { by: key }
          |     ^^^^^^^^
    hint: remove `lanes`: windows are handled in the order of their shard
    ");
    insta::assert_snapshot!(with("tumbling: { every: 1m, time: $.at }\nretry: { then: park }"), @r"
    error: triggers.yaml:8:5: trigger `late-flights` parks keys, and its windows by shard go on without them
        8 |     tumbling: { every: 1m, time: $.at }
          |     ^^^^^^^^
    hint: write `by: key`, or `then: dead-letter`

    error: triggers.yaml:8:28: `time` of `tumbling` of trigger `late-flights` is for windows by key
        8 |     tumbling: { every: 1m, time: $.at }
          |                            ^^^^
    hint: add `by: key`, or remove `time`
    ");
    insta::assert_snapshot!(with("tumbling: { every: 1m, by: key, lateness: 30s }"), @r"
    error: triggers.yaml:8:37: `lateness` of `tumbling` of trigger `late-flights` has no meaning by arrival, which is never late
        8 |     tumbling: { every: 1m, by: key, lateness: 30s }
          |                                     ^^^^^^^^
    hint: remove it, or say where a record says when it happened: `time: $.PATH`
    ");
    insta::assert_snapshot!(with("tumbling: { every: 1m, by: key, time: sched }"), @r"
    error: triggers.yaml:8:43: `time` of `tumbling` of trigger `late-flights` cannot be `sched`
        8 |     tumbling: { every: 1m, by: key, time: sched }
          |                                           ^^^^^
    hint: accepted: arrival, or a path into the body such as $.sched or $.flight.times[0]
    ");
}

#[test]
fn keys_of_the_format_that_this_version_does_not_read() {
    insta::assert_snapshot!(trigger("stream: flights\nfunction: late@a/b"), @r"
    error: triggers.yaml:7:15: `a/b` of trigger `late-flights` cannot be a version or an alias
        7 |     function: late@a/b
          |               ^^^^^^^^
    hint: write NAME@12 for a version, NAME@live for an alias
    ");
    insta::assert_snapshot!(refused("version: 1\nstreams: { board: { attach: {} } }"), @r"
    error: triggers.yaml:2:21: `attach` in stream `board` is not supported yet
        2 | streams: { board: { attach: {} } }
          |                     ^^^^^^
    hint: remove it: this version would not act on it
    ");
    insta::assert_snapshot!(function("source: oci://host/late"), @r"
    error: triggers.yaml:4:13: `source: oci://host/late` of function `late` names no artifact
        4 |     source: oci://host/late
          |             ^^^^^^^^^^^^^^^
    hint: write oci://FOLDER@sha256:DIGEST, or oci://FOLDER:NAME; the folder holds a layout of OCI
    ");
    insta::assert_snapshot!(function("source: https://host/late.wasm"), @r"
    error: triggers.yaml:4:13: `source: https://host/late.wasm` in function `late` is not supported yet
        4 |     source: https://host/late.wasm
          |             ^^^^^^^^^^^^^^^^^^^^^^
    hint: accepted: a folder that is built, a handler file, or a .wasm file
    ");
    insta::assert_snapshot!(function("source: functions/late\nnetwork: [\"example.com\"]"), @r#"
    error: triggers.yaml:5:15: `network` of function `late` names `example.com`, which is no `HOST:PORT`
        5 |     network: ["example.com"]
          |               ^^^^^^^^^^^^^
    hint: such as "api.example.com:443", "*.example.com:443" or "10.0.0.0/8:*"
    "#);
}

#[test]
fn units() {
    insta::assert_snapshot!(trigger("stream: flights\nfunction: late\nbatch: { wait: 5, bytes: 5MB, records: 1k }"), @r"
    error: triggers.yaml:8:20: `wait` of `batch` of trigger `late-flights` must be a duration, found `5`
        8 |     batch: { wait: 5, bytes: 5MB, records: 1k }
          |                    ^
    hint: write a duration such as 500ms, 3s, 6h or 7d

    error: triggers.yaml:8:30: `bytes` of `batch` of trigger `late-flights` must be a size, found `5MB`
        8 |     batch: { wait: 5, bytes: 5MB, records: 1k }
          |                              ^^^
    hint: write a size such as 64KiB, 6MiB or 1GiB

    error: triggers.yaml:8:44: `records` of `batch` of trigger `late-flights` must be a count, found `1k`
        8 |     batch: { wait: 5, bytes: 5MB, records: 1k }
          |                                            ^^
    hint: write a whole number without a unit
    ");
}

#[test]
fn ranges() {
    insta::assert_snapshot!(trigger("stream: flights\nfunction: late\nbatch: { wait: 6m, bytes: 7MiB, records: 0 }"), @r"
    error: triggers.yaml:8:20: `wait` of `batch` of trigger `late-flights` must be 0s to 5m, found `6m`
        8 |     batch: { wait: 6m, bytes: 7MiB, records: 0 }
          |                    ^^
    hint: without the key it is 0s

    error: triggers.yaml:8:31: `bytes` of `batch` of trigger `late-flights` must be 1KiB to 6MiB, found `7MiB`
        8 |     batch: { wait: 6m, bytes: 7MiB, records: 0 }
          |                               ^^^^
    hint: without the key it is 6MiB

    error: triggers.yaml:8:46: `records` of `batch` of trigger `late-flights` must be 1 to 10000, found `0`
        8 |     batch: { wait: 6m, bytes: 7MiB, records: 0 }
          |                                              ^
    hint: without the key it is 100
    ");
    insta::assert_snapshot!(trigger("stream: flights\nfunction: late\nretry: { attempts: 0, backoff: { jitter: 1.5 } }"), @r"
    error: triggers.yaml:8:24: `attempts` of `retry` of trigger `late-flights` must be 1 to 10000, found `0`
        8 |     retry: { attempts: 0, backoff: { jitter: 1.5 } }
          |                        ^
    hint: without the key it is 5

    error: triggers.yaml:8:46: `jitter` of `backoff` of `retry` of trigger `late-flights` must be 0 to 1, found `1.5`
        8 |     retry: { attempts: 0, backoff: { jitter: 1.5 } }
          |                                              ^^^
    hint: without the key it is 0.5
    ");
    insta::assert_snapshot!(trigger("stream: flights\nfunction: late\nretry: { backoff: { first: 2m } }"), @r"
    error: triggers.yaml:8:14: `max` of `backoff` of `retry` of trigger `late-flights` is 1m, below the first pause of 2m
        8 |     retry: { backoff: { first: 2m } }
          |              ^^^^^^^
    hint: raise `max`, or lower `first`
    ");
    insta::assert_snapshot!(function("source: functions/late\nmemory: 2GiB"), @r"
    error: triggers.yaml:5:13: `memory` of function `late` must be 1MiB to 1GiB, found `2GiB`
        5 |     memory: 2GiB
          |             ^^^^
    hint: without the key it is 128MiB
    ");
    insta::assert_snapshot!(function("source: functions/late\nsandbox: worm"), @r"
    error: triggers.yaml:5:14: `sandbox` of function `late` cannot be `worm`
        5 |     sandbox: worm
          |              ^^^^
    hint: did you mean `warm`?
    ");
    insta::assert_snapshot!(refused("version: 1\nstreams: { a: { retention: 1530m } }"), @r"
    error: triggers.yaml:2:17: `retention` of stream `a` must be whole hours, found `1530m`
        2 | streams: { a: { retention: 1530m } }
          |                 ^^^^^^^^^
    hint: Kinesis tells clients hours: write 24h or 7d
    ");
    insta::assert_snapshot!(trigger("stream: { name: flights, start: newest }\nfunction: late"), @r#"
    error: triggers.yaml:6:37: `start` of `stream` of trigger `late-flights` cannot be `newest`
        6 |     stream: { name: flights, start: newest }
          |                                     ^^^^^^
    hint: accepted: oldest, latest, a time such as 2026-11-23T09:00Z, or "@-1h"
    "#);
    insta::assert_snapshot!(trigger("stream: flights\nfunction: late\nenabled: yes"), @r"
    error: triggers.yaml:8:14: `enabled` of trigger `late-flights` cannot be `yes`
        8 |     enabled: yes
          |              ^^^
    hint: accepted: `true`, `false`
    ");
}

#[test]
fn names_that_lead_nowhere() {
    insta::assert_snapshot!(trigger("stream: flight\nfunction: lat"), @r"
    error: triggers.yaml:6:13: `stream` of trigger `late-flights` names `flight`, which is not a stream of the file
        6 |     stream: flight
          |             ^^^^^^
    hint: did you mean `flights`?

    error: triggers.yaml:7:15: `function` of trigger `late-flights` names `lat`, which is not a function of the file
        7 |     function: lat
          |               ^^^
    hint: did you mean `late`?
    ");
    insta::assert_snapshot!(trigger("stream: flights\nfunction: late\noutputs: board"), @r"
    error: triggers.yaml:8:14: `outputs` of trigger `late-flights` names `board`, which is not a stream of the file
        8 |     outputs: board
          |              ^^^^^
    hint: the file declares `flights`, `late-flights`
    ");
    insta::assert_snapshot!(refused("version: 1\ntriggers: { t: { stream: a, function: b } }"), @r"
    error: triggers.yaml:2:26: `stream` of trigger `t` names `a`, which is not a stream of the file
        2 | triggers: { t: { stream: a, function: b } }
          |                          ^
    hint: the file declares none

    error: triggers.yaml:2:39: `function` of trigger `t` names `b`, which is not a function of the file
        2 | triggers: { t: { stream: a, function: b } }
          |                                       ^
    hint: the file declares none
    ");
    insta::assert_snapshot!(refused("version: 1\nstreams: { \"a b\": {} }"), @r#"
    error: triggers.yaml:2:12: `a b` cannot be the name of a stream
        2 | streams: { "a b": {} }
          |            ^^^^^
    hint: accepted: 1 to 128 letters, digits, `.`, `-` and `_`
    "#);
}

#[test]
fn combinations_that_cannot_be() {
    insta::assert_snapshot!(trigger("stream: flights\nfunction: late\noutputs: flights"), @r"
    error: triggers.yaml:8:14: trigger `late-flights` writes `flights`, the stream it reads
        8 |     outputs: flights
          |              ^^^^^^^
    hint: name another stream, or add `allow_loop: true`
    ");
    insta::assert_snapshot!(trigger("stream: flights\nfunction: late\noutputs: { default: late-flights, alerts: flights }"), @r"
    error: triggers.yaml:8:47: trigger `late-flights` writes `flights`, the stream it reads
        8 |     outputs: { default: late-flights, alerts: flights }
          |                                               ^^^^^^^
    hint: name another stream, or add `allow_loop: true`
    ");
    insta::assert_snapshot!(trigger("stream: flights\nschedule: {}\nfunction: late"), @r"
    error: triggers.yaml:7:5: trigger `late-flights` has two kinds, `stream` and `schedule`
        7 |     schedule: {}
          |     ^^^^^^^^
    hint: make two triggers of it: both may run the same function
    ");
    insta::assert_snapshot!(trigger("function: late"), @r"
    error: triggers.yaml:5:3: trigger `late-flights` does not say what drives it
        5 |   late-flights:
          |   ^^^^^^^^^^^^
    hint: add `stream:` with the name of a stream, `schedule:` with an expression, or `http:` with a route
    ");
    insta::assert_snapshot!(trigger("stream: flights"), @r"
    error: triggers.yaml:5:3: trigger `late-flights` does not say what it runs
        5 |   late-flights:
          |   ^^^^^^^^^^^^
    hint: add `function:` with the name of a function
    ");
    insta::assert_snapshot!(trigger("stream: flights\nfunction: late\nretry:\n  age: 7d"), @r"
    error: triggers.yaml:9:7: `age` of `retry` of trigger `late-flights` is 7d, but the stream keeps records for 7d
        9 |       age: 7d
          |       ^^^
    hint: lower `age`, or raise the stream's `retention`
    ");
}

#[test]
fn values_of_another_shape() {
    insta::assert_snapshot!(trigger("stream: [flights]\nfunction:\nbatch: 100"), @r"
    error: triggers.yaml:6:13: `stream` of trigger `late-flights` must be a single value, found a list
        6 |     stream: [flights]
          |             ^
    hint: write it as `stream: VALUE`

    error: triggers.yaml:7:13: `function` of trigger `late-flights` must be a single value, found nothing
        7 |     function:
          |             ^
    hint: write it as `function: VALUE`

    error: triggers.yaml:8:12: `batch` of trigger `late-flights` must be a map, found a single value
        8 |     batch: 100
          |            ^^^
    hint: write its keys below it, or in { braces }
    ");
    insta::assert_snapshot!(function("memory: 64MiB"), @r"
    error: triggers.yaml:3:3: function `late` has no source
        3 |   late:
          |   ^^^^
    hint: add `source:` with a folder or a .wasm file
    ");
    insta::assert_snapshot!(function("source: functions/late\nenv: { \"1A\": x, LIST: [1] }"), @r#"
    error: triggers.yaml:5:12: `1A` cannot be the name of a variable
        5 |     env: { "1A": x, LIST: [1] }
          |            ^^^^
    hint: letters, digits and `_`, and no digit first

    error: triggers.yaml:5:27: `LIST` of `env` of function `late` must be a single value, found a list
        5 |     env: { "1A": x, LIST: [1] }
          |                           ^
    hint: write it as `LIST: VALUE`
    "#);
    insta::assert_snapshot!(refused("version: 1\nstreams:\n  flights:\n"), @r"
    error: triggers.yaml:3:10: stream `flights` must be a map, found nothing
        3 |   flights:
          |          ^
    hint: write its keys below it, or in { braces }
    ");
}

#[test]
fn variables_that_cannot_be_filled_in() {
    insta::assert_snapshot!(function("source: ${MISSING}\nmemory: \"${TEN\""), @r#"
    error: triggers.yaml:4:13: `source` of function `late`: the variable `MISSING` is not set
        4 |     source: ${MISSING}
          |             ^^^^^^^^^^
    hint: set it, or give a default: `${MISSING:-value}`

    error: triggers.yaml:5:13: `memory` of function `late`: `${` is not closed
        5 |     memory: "${TEN"
          |             ^^^^^^^
    hint: close it with `}`, or write `$${` for the text itself
    "#);
    insta::assert_snapshot!(function("source: functions/late\nmemory: ${TEN}"), @r"
    error: triggers.yaml:5:13: `memory` of function `late` must be a size, found `10`
        5 |     memory: ${TEN}
          |             ^^^^^^
    hint: write a size such as 64KiB, 6MiB or 1GiB
    ");
}

#[test]
fn versions() {
    insta::assert_snapshot!(refused("streams: {}"), @r"
    error: triggers.yaml:1:1: the file does not say its version
        1 | streams: {}
          | ^
    hint: begin it with `version: 1`
    ");
    insta::assert_snapshot!(refused("version: 2"), @r"
    error: triggers.yaml:1:10: version `2` of the file is not known
        1 | version: 2
          |          ^
    hint: this shardmill reads `version: 1`
    ");
}

#[test]
fn what_yaml_may_not_do_here() {
    insta::assert_snapshot!(refused("version: 1\nstreams: { a: &a { shards: 1 }, b: *a }"), @r"
    error: triggers.yaml:2:18: anchors and aliases are refused
        2 | streams: { a: &a { shards: 1 }, b: *a }
          |                  ^
    hint: write the value out at each place
    ");
    insta::assert_snapshot!(refused("version: 1\nstreams:\n  a:\n    <<: { shards: 1 }"), @r"
    error: triggers.yaml:4:5: merge keys are refused
        4 |     <<: { shards: 1 }
          |     ^^
    hint: write the keys out at each place
    ");
    insta::assert_snapshot!(refused("version: 1\nversion: 1"), @r"
    error: triggers.yaml:2:1: key `version` stands twice in the file
        2 | version: 1
          | ^^^^^^^
    hint: keep one of them
    ");
    insta::assert_snapshot!(refused("version: 1\nstreams: { a: { shards: 1, shards: 2 } }"), @r"
    error: triggers.yaml:2:28: key `shards` stands twice in stream `a`
        2 | streams: { a: { shards: 1, shards: 2 } }
          |                            ^^^^^^
    hint: keep one of them
    ");
    insta::assert_snapshot!(function("source: f\nenv: { SEQUENCE: 49664812345678901234567890 }"), @r"
    error: triggers.yaml:5:22: a number beyond 2^53 loses digits
        5 |     env: { SEQUENCE: 49664812345678901234567890 }
          |                      ^^^^^^^^^^^^^^^^^^^^^^^^^^
    hint: in quotes it is text and stays as it is
    ");
    insta::assert_snapshot!(trigger("stream: { name: flights, start: @-1h }"), @r#"
    error: triggers.yaml:6:37: not readable as YAML: unexpected character: `@'
        6 |     stream: { name: flights, start: @-1h }
          |                                     ^
    hint: text that begins with @ needs quotes: "@-1h"
    "#);
}

#[test]
fn what_is_not_yaml_of_settings() {
    insta::assert_snapshot!(refused("version: 1\nstreams: {"), @r"
    error: triggers.yaml:2:10: not readable as YAML: unclosed bracket '{'
        2 | streams: {
          |          ^
    hint: keys of one map begin in one column, `key: value`; brackets and quotes are closed
    ");
    insta::assert_snapshot!(refused("version: !number 1"), @r"
    error: triggers.yaml:1:18: not readable as YAML: unsupported tag `!number`
        1 | version: !number 1
          |                  ^
    hint: keys of one map begin in one column, `key: value`; brackets and quotes are closed
    ");
    insta::assert_snapshot!(refused("version: 1\n---\nversion: 1"), @r"
    error: triggers.yaml:2:1: the file has more than one document
        2 | ---
          | ^^^
    hint: remove what follows `---`
    ");
    insta::assert_snapshot!(refused("version: 1\nstreams:\n\ta: {}"), @r"
    error: triggers.yaml:3:2: not readable as YAML: tabs disallowed within this context (block indentation)
        3 |  a: {}
          |  ^
    hint: keys of one map begin in one column, `key: value`; brackets and quotes are closed
    ");
    insta::assert_snapshot!(refused(""), @r"
    error: triggers.yaml:1:1: the file must be a map, found nothing
        1 | 
          | ^
    hint: write its keys below it, or in { braces }

    error: triggers.yaml:1:1: the file does not say its version
        1 | 
          | ^
    hint: begin it with `version: 1`
    ");
    insta::assert_snapshot!(refused(&format!("a: {}{}", "[".repeat(40), "]".repeat(40))), @r"
    error: triggers.yaml:1:35: maps and lists are nested too deep
        1 | a: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]
          |                                   ^
    hint: no setting lies deeper than five maps
    ");
}

#[test]
fn only_the_first_twenty_are_printed() {
    let keys: String = (0..30).map(|n| format!("key{n}: 1\n")).collect();
    let text = refused(&format!("version: 1\n{keys}"));
    assert_eq!(text.matches("error: ").count(), 20);
    assert!(text.ends_with("\n\nand 10 more"), "{text}");
}

#[test]
fn a_diagnostic_can_be_read_by_programs() {
    let found = read(Path::new("triggers.yaml"), "version: 2", &BTreeMap::new());
    let refused = found.expect_err("version 2 is not known");
    let json = serde_json::to_string_pretty(&refused).expect("strings and numbers");
    insta::assert_snapshot!(json, @r#"
    {
      "diagnostics": [
        {
          "path": "triggers.yaml",
          "line": 1,
          "column": 10,
          "width": 1,
          "message": "version `2` of the file is not known",
          "source_line": "version: 2",
          "hint": "this shardmill reads `version: 1`"
        }
      ],
      "left_off": 0
    }
    "#);
}

#[test]
fn filters_that_cannot_be_meant() {
    insta::assert_snapshot!(trigger("stream: flights\nfunction: late\nfilter: [ { data: { a: 5 } } ]"), @r#"
    error: triggers.yaml:8:15: a pattern in `filter` of trigger `late-flights` is refused: "a" must be an object or an array
        8 |     filter: [ { data: { a: 5 } } ]
          |               ^
    hint: a pattern is an object whose leaves are lists, such as { data: { carrier: [AA] } }
    "#);
    insta::assert_snapshot!(trigger("stream: flights\nfunction: late\nfilter: { data: { a: [5] } }"), @r"
    error: triggers.yaml:8:13: `filter` of trigger `late-flights` must be a list of patterns
        8 |     filter: { data: { a: [5] } }
          |             ^
    hint: write `filter: [ PATTERN ]`, a pattern in braces or as JSON text in quotes
    ");
    insta::assert_snapshot!(trigger("stream: flights\nfunction: late\nunparsable: drop"), @r"
    error: triggers.yaml:8:5: `unparsable` of trigger `late-flights` says nothing without a filter
        8 |     unparsable: drop
          |     ^^^^^^^^^^
    hint: remove it, or add `filter:` with patterns
    ");
}
