//! Triggers that read no stream: what an accepted file means, and what is refused and in which words.

use std::collections::BTreeMap;
use std::path::Path;

use model::ByteSize;

use super::{Cors, read};

fn refused(text: &str) -> String {
    match read(Path::new("triggers.yaml"), text, &BTreeMap::new()) {
        Ok(project) => panic!("accepted: {project:?}"),
        Err(refused) => format!("error: {refused}"),
    }
}

/// A file in which only the body of one trigger is of interest; the body begins on line 6.
fn trigger(body: &str) -> String {
    let body: String = body.lines().map(|line| format!("    {line}\n")).collect();
    refused(&format!(
        "version: 1
streams: {{ flights: {{ shards: 4 }}, late-flights: {{}} }}
functions: {{ late: {{ source: functions/late }} }}
triggers:
  late-flights:
{body}"
    ))
}

#[test]
fn schedules_and_routes_in_short_and_in_full() {
    let text = "version: 1
streams: { done: {} }
secrets: { intake_token: { env: INTAKE_TOKEN } }
functions: { f: { source: f.wasm } }
triggers:
  beat: { schedule: rate(5 minutes), function: f }
  night:
    schedule: { expression: cron(0 2 * * ? *), zone: america/chicago, flexible: 10m, missed: all }
    function: f
    input: { days: 1, who: \"${WHO:-all}\" }
    retry: { attempts: 3, age: 1h }
    outputs: done
  hook: { http: { route: \"POST /flights/{day}\", auth: { bearer: intake_token } }, function: f, outputs: { late: done } }
  page: { http: { route: \"ANY /{path+}\", body: 2MiB, cors: any }, function: f, enabled: false }
";
    let project = read(Path::new("triggers.yaml"), text, &BTreeMap::new());
    let project = project.unwrap();
    let promises: Vec<String> = project
        .promises()
        .map(|promise| promise.to_string())
        .collect();
    insta::assert_snapshot!(promises.join("\n"), @r"
    beat: rate(5 minutes) UTC: exactly once a slot, missed slots once together
    night: cron(0 2 * * ? *) America/Chicago -> done: exactly once a slot, missed slots too
    hook: POST /flights/{day} -> done: once a request, committed before the answer
    page: ANY /{path+}: once a request
    ");
    let night = project.schedules.values().nth(1).unwrap();
    assert_eq!(night.input.as_deref(), Some(r#"{"days":1,"who":"all"}"#));
    assert_eq!(
        (night.retry.attempts, night.retry.age.as_secs()),
        (3, 3_600)
    );
    let hook = project.routes.values().next().unwrap();
    assert_eq!(hook.auth.as_deref(), Some("intake_token"));
    let page = project.routes.values().nth(1).unwrap();
    assert_eq!(
        (page.body, page.concurrency, page.enabled),
        (ByteSize::mib(2), 64, false)
    );
    assert_eq!(page.cors, Cors::Any);
}

#[test]
fn schedules_that_cannot_be_meant() {
    insta::assert_snapshot!(trigger("schedule: cron(0 25 * * ? *)\nfunction: late"), @r"
    error: triggers.yaml:6:15: the schedule of trigger `late-flights`: `25` in hours is not understood
        6 |     schedule: cron(0 25 * * ? *)
          |               ^^^^^^^^^^^^^^^^^^
    hint: hours takes 0 to 23, lists, ranges and steps
    ");
    insta::assert_snapshot!(trigger("schedule: cron(0 0 31 2 ? *)\nfunction: late"), @r"
    error: triggers.yaml:6:15: `cron(0 0 31 2 ? *)` never fires: no day from 1970 to 2199 is meant by it
        6 |     schedule: cron(0 0 31 2 ? *)
          |               ^^^^^^^^^^^^^^^^^^
    hint: look at day, month and year together: no February has 31 days
    ");
    insta::assert_snapshot!(trigger("schedule: { expression: rate(1 day), zone: Europe/Belrin }\nfunction: late"), @r"
    error: triggers.yaml:6:48: `schedule` of trigger `late-flights`: time zone `Europe/Belrin` is not known
        6 |     schedule: { expression: rate(1 day), zone: Europe/Belrin }
          |                                                ^^^^^^^^^^^^^
    hint: did you mean `Europe/Berlin`?
    ");
    insta::assert_snapshot!(trigger("schedule: { zone: UTC }\nfunction: late"), @r#"
    error: triggers.yaml:6:5: `schedule` of trigger `late-flights` has no expression
        6 |     schedule: { zone: UTC }
          |     ^^^^^^^^
    hint: add `expression: "cron(0 2 * * ? *)"`, `rate(5 minutes)` or `at(2026-12-24T18:00:00)`
    "#);
    insta::assert_snapshot!(trigger("schedule: rate(1 day)\nfunction: late\nstate: {}"), @r"
    error: triggers.yaml:8:5: unknown key `state` in trigger `late-flights`
        8 |     state: {}
          |     ^^^^^
    hint: known here: `schedule`, `function`, `outputs`, `input`, `retry`, `on_failure`, `enabled`
    ");
}

#[test]
fn routes_that_cannot_be_meant() {
    insta::assert_snapshot!(trigger("http: /flights\nfunction: late"), @r"
    error: triggers.yaml:6:11: `route` of `http` of trigger `late-flights`: `/flights` has no method and path with a space between
        6 |     http: /flights
          |           ^^^^^^^^
    hint: write a method and a path, such as `POST /flights/{day}`, `GET /files/{path+}` or `ANY /`
    ");
    insta::assert_snapshot!(trigger("http: { route: GET /, cors: shop.example }\nfunction: late"), @r#"
    error: triggers.yaml:6:33: `cors` of `http` of trigger `late-flights` cannot be `shop.example`
        6 |     http: { route: GET /, cors: shop.example }
          |                                 ^^^^^^^^^^^^
    hint: write `off`, `any`, or a list of origins such as ["https://example.com"]
    "#);
    let two = "version: 1
functions: { f: { source: f.wasm } }
triggers:
  a: { http: \"GET /a/{x}\", function: f }
  b: { http: \"GET /a/{y}\", function: f }
";
    insta::assert_snapshot!(refused(two), @r#"
    error: triggers.yaml:5:3: triggers `a` and `b` have the same route, `GET /a/{y}`
        5 |   b: { http: "GET /a/{y}", function: f }
          |   ^
    hint: give one of them another method or path
    "#);
}
