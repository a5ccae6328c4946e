//! Triggers that answer requests, as `trigger list|show`, `status` and `why` show them.

use dispatch::Switch;
use serde_json::{Value, json};

use super::Reply;
use crate::{assemble::Rooms, routes::Gate};

pub(crate) fn all(rooms: &Rooms) -> Vec<Value> {
    rooms
        .routes
        .all()
        .iter()
        .map(|gate| document(gate))
        .collect()
}

/// None where no route has this name.
pub(crate) fn show(rooms: &Rooms, name: &str) -> Option<Value> {
    rooms.routes.get(name).map(|gate| document(&gate))
}

fn document(gate: &Gate) -> Value {
    let settings = &gate.settings;
    let outputs = settings
        .outputs
        .iter()
        .map(|(output, stream)| (output.clone(), json!(stream.name)));
    let counts = gate.counts();
    let of = |from: u16, to: u16| -> u64 {
        counts
            .answered
            .range(from..to)
            .map(|(_, count)| count)
            .sum()
    };
    let answered = counts
        .answered
        .iter()
        .map(|(status, count)| (status.to_string(), json!(count)));
    json!({
        "name": settings.name,
        "by": "file",
        "kind": "http",
        "route": settings.route().to_string(),
        "function": settings.function(),
        "outputs": Value::Object(outputs.collect()),
        "enabled": settings.trigger.enabled,
        "paused": gate.switch() == Switch::Paused,
        "body_bytes": settings.trigger.body.bytes(),
        "concurrency": settings.trigger.concurrency,
        "timeout_ms": u64::try_from(settings.trigger.timeout.as_millis()).unwrap_or(u64::MAX),
        "reason": reason(gate),
        "in_flight": gate.in_flight(),
        "requests": of(0, 1_000),
        "succeeded": of(0, 400),
        "refused": of(400, 500),
        "failed": of(500, 1_000),
        "cut_off": counts.cut_off,
        "answered": Value::Object(answered.collect()),
        "last_error": counts.last_error,
    })
}

fn reason(gate: &Gate) -> &'static str {
    match gate.switch() {
        Switch::On => "open",
        Switch::Paused => "paused by an operator: resume the trigger",
        Switch::Disabled => "disabled by the file",
    }
}

/// What is closed, and why.
pub(crate) fn waiting(rooms: &Rooms, only: Option<&str>) -> Vec<Value> {
    let closed = rooms.routes.all().into_iter().filter(|gate| {
        let wanted = only.is_none_or(|only| only == gate.settings.name.as_str());
        wanted && gate.switch() != Switch::On
    });
    let shown = |gate: std::sync::Arc<Gate>| {
        let name = &gate.settings.name;
        let hint = match gate.switch() {
            Switch::Disabled => "say `enabled: true` in triggers.yaml and deploy it".to_owned(),
            Switch::On | Switch::Paused => format!("`shardmill trigger resume {name}`"),
        };
        json!({ "trigger": name, "shard": "", "reason": reason(&gate), "hint": hint })
    };
    closed.map(shown).collect()
}

/// None where no route has this name.
pub(crate) async fn turn(rooms: &Rooms, name: &str, to: Switch) -> Option<Reply> {
    let gate = rooms.routes.get(name)?;
    let settings = &gate.settings;
    if let Err(refused) =
        super::triggers::order(rooms, &settings.name, settings.trigger.enabled, to).await
    {
        return Some(Err(refused));
    }
    rooms.routes.turn(&settings.name, to);
    show(rooms, name).map(Ok)
}
