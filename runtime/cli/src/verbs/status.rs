//! `status`, `why` and `wait`: whether records move, and what stands in the way of those that do not. All sentences
//! about reasons are the server's; here they are only laid out.

use serde_json::{Value, json};

use super::{items, query};
use crate::arguments::{Status, Wait, Why};
use crate::client::{Client, percent_encoded};
use crate::failure::Failure;
use crate::limits::WATCH_PAUSE;
use crate::output::{Column, Output, fields, table, text};
use crate::waiting;

const SHARDS: &[Column] = &[
    ("TRIGGER", "/trigger"),
    ("SHARD", "/shard"),
    ("LAG", "/lag/records"),
    ("LAG BYTES", "/lag/bytes"),
    ("LAG TIME", "/lag/ms"),
    ("READ", "/records"),
    ("SETTLED", "/settled"),
    ("DEAD LETTERS", "/dead_letters"),
    ("PARKED KEYS", "/parked_keys"),
    ("STATE", "/state"),
];

const SCHEDULES: &[Column] = &[
    ("TRIGGER", "/name"),
    ("SCHEDULE", "/expression"),
    ("ZONE", "/zone"),
    ("RUN", "/run"),
    ("GIVEN UP", "/given_up"),
    ("PASSED", "/passed"),
    ("STATE", "/reason"),
];
const SLOTS: &[Column] = &[("NEXT SLOTS", "/slot"), ("RUNS AT", "/runs")];
const ROUTES: &[Column] = &[
    ("TRIGGER", "/name"),
    ("ROUTE", "/route"),
    ("IN FLIGHT", "/in_flight"),
    ("REQUESTS", "/requests"),
    ("REFUSED", "/refused"),
    ("FAILED", "/failed"),
    ("STATE", "/reason"),
];

pub(crate) async fn status(
    client: &mut Client,
    output: Output,
    status: &Status,
) -> Result<(), Failure> {
    loop {
        let answer = client.get("status").await?;
        if status.watch {
            output.screen()?;
            output.item(&answer, readable)?;
            waiting::pause(WATCH_PAUSE).await;
        } else {
            return output.one(&answer, readable);
        }
    }
}

pub(crate) async fn why(client: &mut Client, output: Output, why: &Why) -> Result<(), Failure> {
    let parameters = [
        ("trigger", why.trigger.clone()),
        ("shard", why.shard.clone()),
    ];
    let answer = client.get(&format!("why{}", query(&parameters))).await?;
    output.one(&answer, reasons)
}

pub(crate) async fn wait(client: &mut Client, output: Output, wait: &Wait) -> Result<(), Failure> {
    let timeout = u64::try_from(wait.timeout.as_millis()).unwrap_or(u64::MAX);
    let body = json!({"trigger": wait.trigger, "timeout_ms": timeout});
    if let Some(trigger) = &wait.trigger {
        client
            .get(&format!("triggers/{}", percent_encoded(trigger)))
            .await?;
    }
    let answer = client.post("wait", &body).await?;
    output.one(&answer, settled)
}

fn settled(answer: &Value) -> String {
    let number = |pointer: &str| answer.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
    let counted = |prefix: &str| {
        let done = format!("{} records settled", number(&format!("{prefix}/settled")));
        match number(&format!("{prefix}/dead_letters")) {
            0 => done,
            given_up => format!("{done}, {given_up} given up"),
        }
    };
    let looked_at = match number("/dead_letters") {
        0 => "",
        _ => ": `shardmill dead-letter list` shows them",
    };
    format!(
        "all that was put is settled; while waiting {}; since the server started {}{looked_at}",
        counted("/while_waiting"),
        counted("")
    )
}

fn readable(status: &Value) -> String {
    let log = |field: &str| text(status, &format!("/log/{field}"));
    let mut parts = vec![format!(
        "shardmill {} at {}  data {}  log {} bytes in {} segments",
        text(status, "/version"),
        text(status, "/address"),
        text(status, "/data"),
        log("bytes"),
        log("segments"),
    )];
    if status
        .pointer("/log/poisoned")
        .is_some_and(|reason| !reason.is_null())
    {
        parts.push(format!("the log is closed: {}", log("poisoned")));
    }
    let heads = parts.len();
    let shards = shards(status);
    let (schedules, routes) = (items(status, "schedules"), items(status, "routes"));
    if !shards.is_empty() {
        parts.push(table(&shards, SHARDS));
    }
    if !schedules.is_empty() {
        parts.push(table(&schedules, SCHEDULES));
    }
    if !routes.is_empty() {
        parts.push(table(&routes, ROUTES));
    }
    if parts.len() == heads {
        parts.push("no triggers".to_owned());
    }
    let notes = items(status, "notes");
    parts.extend(notes.iter().map(|note| format!("note: {}", text(note, ""))));
    parts.join("\n")
}

/// The fields of one trigger, then its shards, or its next slots.
pub(super) fn of_trigger(trigger: &Value) -> String {
    match text(trigger, "/kind").as_str() {
        "schedule" => {
            let mut rest = trigger.clone();
            if let Some(rest) = rest.as_object_mut() {
                rest.remove("next");
            }
            let slots = items(trigger, "next");
            return format!("{}\n{}", fields(&rest), table(&slots, SLOTS));
        }
        "http" => return fields(trigger),
        _ => {}
    }
    let rows = shards(&json!({ "triggers": [trigger] }));
    let mut rest = trigger.clone();
    if let Some(rest) = rest.as_object_mut() {
        rest.remove("shards");
    }
    format!("{}\n{}", fields(&rest), table(&rows, SHARDS))
}

/// One item for each shard of each trigger, with the trigger's name and one sentence on its state.
fn shards(status: &Value) -> Vec<Value> {
    let mut rows = Vec::new();
    for trigger in items(status, "triggers") {
        for mut shard in items(&trigger, "shards") {
            shard["trigger"] = json!(text(&trigger, "/name"));
            shard["state"] = json!(text(&shard, "/reason"));
            rows.push(shard);
        }
    }
    rows
}

fn reasons(answer: &Value) -> String {
    let mut lines = Vec::new();
    for waiting in items(answer, "waiting") {
        let (trigger, shard) = (text(&waiting, "/trigger"), text(&waiting, "/shard"));
        let what = format!("{trigger} {shard}");
        lines.push(format!(
            "waiting: {}: {}",
            what.trim_end(),
            text(&waiting, "/reason")
        ));
        if let Some(ms) = waiting.get("loses_in_ms").and_then(Value::as_u64) {
            let span = crate::moment::shown_span(ms);
            lines.push(format!("loss:    at this rate it loses data in {span}"));
        }
        if let Some(hint) = waiting.get("hint").and_then(Value::as_str) {
            lines.push(format!("hint: {hint}"));
        }
    }
    for key in items(answer, "parked") {
        let shard = key["shard"].as_str().map(|shard| format!(" {shard},"));
        lines.push(format!(
            "waiting: {}{} key {}: {}",
            text(&key, "/trigger"),
            shard.unwrap_or_default(),
            text(&key, "/key"),
            text(&key, "/reason")
        ));
        lines.push(format!("hint: {}", text(&key, "/hint")));
    }
    let notes = items(answer, "notes");
    lines.extend(notes.iter().map(|note| format!("note: {}", text(note, ""))));
    let number = |name: &str| answer.get(name).and_then(Value::as_u64).unwrap_or(0);
    let caught_up = number("caught_up");
    let working = number("moving").saturating_sub(caught_up);
    let shards = |number: u64| match number {
        1 => "1 shard".to_owned(),
        many => format!("{many} shards"),
    };
    lines.push(format!(
        "working: {}; caught up: {}",
        shards(working),
        shards(caught_up)
    ));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_screen() {
        let status = json!({
            "version": "0.1.0", "address": "127.0.0.1:4566", "data": ".shardmill/dev/data",
            "log": {"bytes": 4096, "segments": 1, "poisoned": null},
            "triggers": [{"name": "late", "shards": [
                {"shard": 0, "moving": true, "reason": "caught up", "records": 9, "lag": {"records": 2, "bytes": 300, "ms": 5}, "settled": 9, "dead_letters": 0, "parked_keys": 0},
                {"shard": 1, "moving": false, "reason": "paused by an operator", "records": 0, "lag": {"records": 0, "bytes": 0, "ms": 0}, "settled": 0, "dead_letters": 1, "parked_keys": 2},
            ]}],
            "notes": ["breakers are not active"],
        });
        insta::assert_snapshot!(readable(&status), @r"
        shardmill 0.1.0 at 127.0.0.1:4566  data .shardmill/dev/data  log 4096 bytes in 1 segments
         TRIGGER  SHARD  LAG  LAG BYTES  LAG TIME  READ  SETTLED  DEAD LETTERS  PARKED KEYS  STATE
         late     0      2    300        5ms       9     9        0             0            caught up
         late     1      0    0          0ms       0     0        1             2            paused by an operator
        note: breakers are not active
        ");
    }

    #[test]
    fn one_trigger_with_its_shards() {
        let trigger = json!({"name": "late", "paused": true, "shards": [
            {"shard": 0, "reason": "paused by an operator", "records": 9, "lag": {"records": 2, "bytes": 300, "ms": 5}, "settled": 7, "dead_letters": 0, "parked_keys": 0},
        ]});
        insta::assert_snapshot!(of_trigger(&trigger), @r"
        name    late
        paused  true
         TRIGGER  SHARD  LAG  LAG BYTES  LAG TIME  READ  SETTLED  DEAD LETTERS  PARKED KEYS  STATE
         late     0      2    300        5ms       9     7        0             0            paused by an operator
        ");
    }

    #[test]
    fn a_closed_log_is_said_first() {
        let status = json!({"log": {"poisoned": "a write failed"}});
        assert!(
            readable(&status)
                .lines()
                .nth(1)
                .unwrap()
                .ends_with("closed: a write failed")
        );
    }

    #[test]
    fn records_that_were_given_up_are_said() {
        let check = |answer: Value, expected: &str| assert_eq!(settled(&answer), expected);
        check(
            json!({"settled": 3, "dead_letters": 0, "while_waiting": {"settled": 1, "dead_letters": 0}}),
            "all that was put is settled; while waiting 1 records settled; since the server started 3 records settled",
        );
        check(
            json!({"settled": 3, "dead_letters": 2, "while_waiting": {"settled": 0, "dead_letters": 1}}),
            "all that was put is settled; while waiting 0 records settled, 1 given up; since the server started 3 records settled, 2 given up: `shardmill dead-letter list` shows them",
        );
    }

    #[test]
    fn reasons_with_their_hints() {
        let answer = json!({"moving": 3, "caught_up": 2, "waiting": [
            {"trigger": "late", "shard": 2, "reason": "paused", "hint": "`shardmill trigger resume late`"},
            {"trigger": "late", "shard": 3, "reason": "no records", "hint": null},
        ], "parked": [
            {"trigger": "late", "shard": null, "key": "JFK", "reason": "parked by an operator", "hint": "`shardmill key unpark late JFK`"},
        ]});
        insta::assert_snapshot!(reasons(&answer), @r"
        waiting: late 2: paused
        hint: `shardmill trigger resume late`
        waiting: late 3: no records
        waiting: late key JFK: parked by an operator
        hint: `shardmill key unpark late JFK`
        working: 1 shard; caught up: 2 shards
        ");
    }
}
