//! `invoke`: one function, once, with an event or a batch from a file. Nothing is stored: outputs come back in the
//! answer. What the function logged goes to standard error; a function that fails is exit 1.

use std::io::{self, BufReader, Read};
use std::path::Path;

use serde_json::{Value, json, value::RawValue};

use super::put::file;
use super::{items, tail};
use crate::arguments::Invoke;
use crate::client::{Client, percent_encoded};
use crate::failure::Failure;
use crate::output::{Output, text};
use crate::records::{self, Keys, Layout, Record, Spread};

pub(crate) async fn invoke(
    client: &mut Client,
    output: Output,
    invoke: &Invoke,
) -> Result<(), Failure> {
    let body = match (&invoke.event, &invoke.records) {
        (Some(event), _) => format!(r#"{{"event":{}}}"#, event_in(event)?),
        (None, Some(records)) => json!({"records": records_in(records, invoke)?}).to_string(),
        (None, None) => return Err(Failure::usage("invoke: give --event or --records")),
    };
    let path = format!("functions/{}/invoke", percent_encoded(&invoke.function));
    let mut answer = client.post_text(&path, body).await?;
    for line in items(&answer, "logs") {
        output.note(
            &line
                .as_str()
                .map_or_else(|| text(&line, "/message"), str::to_owned),
        );
    }
    if let Some(outputs) = answer.get_mut("outputs").and_then(Value::as_array_mut) {
        outputs.iter_mut().for_each(tail::decode);
    }
    output.one(&answer, readable)?;
    if answer.get("ok").and_then(Value::as_bool) == Some(true) {
        return Ok(());
    }
    if answer.get("error").is_none_or(Value::is_null) {
        let fact = "some records failed: the answer names them";
        return Err(Failure::failed(format!(
            "invoke {}: {fact}",
            invoke.function
        )));
    }
    let (kind, message) = (
        text(&answer, "/error/kind"),
        text(&answer, "/error/message"),
    );
    Err(Failure::failed(format!(
        "invoke {}: {kind}: {message}",
        invoke.function
    )))
}

fn event_in(path: &Path) -> Result<Box<RawValue>, Failure> {
    let unreadable =
        |why: String| Failure::failed(format!("read the event in {}: {why}", path.display()));
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        io::stdin()
            .read_to_end(&mut bytes)
            .map_err(|error| unreadable(error.to_string()))?;
    } else {
        bytes = std::fs::read(path).map_err(|error| unreadable(error.to_string()))?;
    }
    serde_json::from_slice(&bytes).map_err(|error| unreadable(format!("it is not JSON: {error}")))
}

fn records_in(path: &Path, invoke: &Invoke) -> Result<Vec<Value>, Failure> {
    let name = path.to_string_lossy();
    let keys = match invoke.key_field.clone() {
        Some(field) => Keys::Field(field),
        None => Keys::Spread(Spread::of("record")),
    };
    let layout = Layout::of_name(&name).unwrap_or(Layout::Lines);
    let records = if name == "-" {
        records::read(BufReader::new(io::stdin()), "standard input", layout, &keys)
    } else {
        file(&name, layout, &keys)
    };
    records.map(|record| record.map(document)).collect()
}

fn document(record: Record) -> Value {
    json!({"key": record.key, "data": base64_simd::STANDARD.encode_to_string(record.data)})
}

fn readable(answer: &Value) -> String {
    let mut lines = Vec::new();
    // Of a function that went well a list is what its handler returned.
    let is_ok = answer.get("ok").and_then(Value::as_bool) == Some(true);
    match answer.get("answer") {
        None | Some(Value::Null) => {}
        Some(Value::Array(list)) if list.is_empty() => {}
        Some(Value::Array(failures)) if !is_ok => lines.extend(failures.iter().map(failure)),
        Some(_) => lines.push(text(answer, "/answer")),
    }
    for output in items(answer, "outputs") {
        let (name, key) = (text(&output, "/output"), text(&output, "/key"));
        lines.push(format!(
            "out  {name}  key {key}  {}",
            text(&output, "/data")
        ));
    }
    if let Some(duration) = answer.get("duration_us").and_then(Value::as_u64) {
        lines.push(format!(
            "took {}.{:03} ms",
            duration / 1_000,
            duration % 1_000
        ));
    }
    lines.join("\n")
}

/// One record that the function did not settle, and what would become of it under a trigger.
fn failure(failure: &Value) -> String {
    let field = |name: &str| text(failure, &format!("/{name}"));
    let number = failure.get("index").and_then(Value::as_u64).unwrap_or(0) + 1;
    let (kind, reason) = (field("kind"), field("reason"));
    format!(
        "failed  record {number}  {}  {kind}: {reason}",
        field("action")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_and_its_outputs() {
        let answer = json!({"ok": true, "answer": {"n": 1}, "duration_us": 1_020,
            "outputs": [{"output": "default", "key": "EWR", "data": {"late": 2}}]});
        insta::assert_snapshot!(readable(&answer), @r#"
        {"n":1}
        out  default  key EWR  {"late":2}
        took 1.020 ms
        "#);
        let answer = json!({"ok": true, "answer": [{"n": 1}, {"n": 2}]});
        insta::assert_snapshot!(readable(&answer), @r#"[{"n":1},{"n":2}]"#);
        let answer = json!({"ok": false, "answer": [
            {"index": 1, "action": "Retry", "kind": "BadDate", "reason": "24:10"}]});
        insta::assert_snapshot!(readable(&answer), @"failed  record 2  Retry  BadDate: 24:10");
    }
}
