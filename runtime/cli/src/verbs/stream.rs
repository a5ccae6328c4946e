//! What changes a stream that is there: split, merge, scale, retention, mode, consumers; and what its traffic says. The
//! server decides; verbs that lose something ask first, or take `--yes`.

use serde_json::{Value, json};

use super::{
    items,
    things::{agree, confirm},
};
use crate::arguments::{StreamChange, Sure};
use crate::client::{Client, percent_encoded};
use crate::failure::Failure;
use crate::limits::{HOUR_MS, RETENTION_HOURS};
use crate::output::{Column, Output, fields, text};

const CONSUMERS: &[Column] = &[
    ("NAME", "/name"),
    ("STATUS", "/status"),
    ("CREATED", "/created_ms"),
    ("ARN", "/arn"),
];

/// A stream's fields, and below them what its traffic says in sentences.
pub(crate) async fn show(client: &mut Client, output: Output, name: &str) -> Result<(), Failure> {
    let stream = client.get(&path(name, "")).await?;
    output.one(&stream, |stream| {
        let mut bare = stream.clone();
        let traffic = bare
            .as_object_mut()
            .and_then(|fields| fields.remove("traffic"));
        let says = traffic
            .as_ref()
            .map(|traffic| items(traffic, "says"))
            .unwrap_or_default();
        let says = says.iter().filter_map(Value::as_str);
        let lines: String = says.map(|sentence| format!("\n  {sentence}")).collect();
        format!("{}\ntraffic:{lines}", fields(&bare))
    })
}

/// The open shards by what they take, with the keys that weigh most and the split that would help.
pub(crate) async fn hot(client: &mut Client, output: Output, name: &str) -> Result<(), Failure> {
    let answer = client.get(&path(name, "/hot")).await?;
    output.one(&answer, |answer| {
        let shards = items(answer, "shards");
        let lines: Vec<String> = shards.iter().map(hot_shard).collect();
        lines.join("\n")
    })
}

fn hot_shard(shard: &Value) -> String {
    let mut lines = vec![format!(
        "{}  {} KB/s, {} records/s: {} % of a shard, at most {} % in the last 15 minutes",
        text(shard, "/id"),
        shard["write_kb_per_s"],
        shard["records_per_s"],
        shard["load_percent"],
        shard["peak_load_percent"]
    )];
    // Of keys that are many no one is hot: each may have less than a hundredth.
    let hot = |key: &Value| key["percent"].as_u64().is_none_or(|percent| percent > 0);
    for key in items(shard, "hot_keys").into_iter().filter(hot) {
        lines.push(format!(
            "  key {}  at least {} %",
            text(&key, "/key"),
            key["percent"]
        ));
    }
    if let Some(command) = shard["command"].as_str() {
        lines.push(format!("  split  `{command}`"));
    }
    lines.join("\n")
}

pub(crate) async fn change(
    client: &mut Client,
    output: Output,
    verb: &StreamChange,
) -> Result<(), Failure> {
    match verb {
        StreamChange::Split {
            name,
            shard,
            at,
            sure,
        } => {
            let body = json!({ "shard": shard, "at": at });
            reshard(client, output, (name, "split"), body, *sure).await
        }
        StreamChange::Merge { name, shards, sure } => {
            let body = json!({ "shards": shards });
            reshard(client, output, (name, "merge"), body, *sure).await
        }
        StreamChange::Scale { name, shards, sure } => {
            let body = json!({ "shards": shards });
            reshard(client, output, (name, "scale"), body, *sure).await
        }
        StreamChange::Mode { name, mode } => {
            let answer = client
                .post(&path(name, "/mode"), &json!({ "mode": mode }))
                .await?;
            output.one(&answer, |_| format!("changed  stream {name} is {mode}"))
        }
        StreamChange::Retention { name, keep, sure } => {
            let keep_ms = u64::try_from(keep.as_millis()).unwrap_or(u64::MAX);
            retention(client, output, name, keep_ms, *sure).await
        }
        StreamChange::Consumers {
            name,
            add,
            remove,
            sure,
        } => {
            consumers(
                client,
                output,
                name,
                (add.as_deref(), remove.as_deref()),
                *sure,
            )
            .await
        }
    }
}

/// Loses nothing, but is not taken back: a person who is there is asked first, with what would come of it.
async fn reshard(
    client: &mut Client,
    output: Output,
    (name, how): (&str, &str),
    body: Value,
    sure: Sure,
) -> Result<(), Failure> {
    let at = path(name, &format!("/{how}"));
    let asked = |dry_run: bool| {
        let mut body = body.clone();
        body["dry_run"] = json!(dry_run);
        body
    };
    if sure.is_to_be_asked() {
        let answer = client.post(&at, &asked(true)).await?;
        agree(output, &resharded(how, name, &answer, true))?;
    }
    let answer = client.post(&at, &asked(sure.dry_run)).await?;
    output.one(&answer, |answer| resharded(how, name, answer, sure.dry_run))
}

fn resharded(how: &str, name: &str, answer: &Value, would: bool) -> String {
    let done = match (would, how) {
        (true, how) => format!("would {how}"),
        (false, "split") => "split".to_owned(),
        (false, "merge") => "merged".to_owned(),
        (false, _) => "scaled".to_owned(),
    };
    match how {
        "split" => format!(
            "{done}  stream {name}, {}: the upper part begins at {}",
            text(answer, "/shard"),
            text(answer, "/at")
        ),
        "merge" => format!("{done}  stream {name}: {}", text(answer, "/shards")),
        _ => format!(
            "{done}  stream {name} from {} to {} shards",
            answer["before"], answer["after"]
        ),
    }
}

/// Lists them, after registering or deregistering one where asked.
async fn consumers(
    client: &mut Client,
    output: Output,
    name: &str,
    (add, remove): (Option<&str>, Option<&str>),
    sure: Sure,
) -> Result<(), Failure> {
    let at = path(name, "/consumers");
    let answer = match (add, remove) {
        (Some(consumer), _) => client.post(&at, &json!({ "name": consumer })).await?,
        (None, Some(consumer)) => {
            let loss = format!("consumer {consumer} of stream {name}");
            if sure.dry_run {
                return output.line(&format!("would deregister  {loss}"));
            }
            if !sure.yes {
                confirm(output, &loss)?;
            }
            let one = format!("{at}/{}", percent_encoded(consumer));
            client.delete(&one).await?
        }
        (None, None) => client.get(&at).await?,
    };
    output.list(&items(&answer, "consumers"), CONSUMERS)
}

/// A shorter one loses records, at once and for good.
async fn retention(
    client: &mut Client,
    output: Output,
    name: &str,
    keep_ms: u64,
    sure: Sure,
) -> Result<(), Failure> {
    let stream = client.get(&path(name, "")).await?;
    let known_ms = stream["retention_ms"].as_u64().unwrap_or_default();
    let (hours, known) = (keep_ms / HOUR_MS, known_ms / HOUR_MS);
    // Nobody is asked about what cannot be.
    if !keep_ms.is_multiple_of(HOUR_MS) || !RETENTION_HOURS.contains(&hours) {
        let message =
            format!("keep records of stream {name}: whole hours of 1d to 365d are possible");
        return Err(Failure::usage(message).hint("write 24h or 7d"));
    }
    if sure.dry_run {
        return output.one(&stream, |_| {
            format!("would keep records of stream {name} for {hours} h instead of {known} h")
        });
    }
    if keep_ms < known_ms && !sure.yes {
        confirm(
            output,
            &format!("records of stream {name} that are older than {hours} h"),
        )?;
    }
    let asked = json!({ "retention_ms": keep_ms });
    let answer = client.post(&path(name, "/retention"), &asked).await?;
    output.one(&answer, |_| {
        format!("changed  stream {name} keeps records for {hours} h")
    })
}

fn path(name: &str, below: &str) -> String {
    format!("streams/{}{below}", percent_encoded(name))
}
