//! `logs`: what functions and the server said about triggers, in the order in which the server kept it.

use serde_json::Value;

use super::{items, query};
use crate::arguments::Logs;
use crate::client::Client;
use crate::failure::Failure;
use crate::limits::{FOLLOW_WAIT, PAGE_ITEMS_MAX};
use crate::moment::{before, shown};
use crate::output::{Output, text};
use crate::waiting;

pub(crate) async fn logs(client: &mut Client, output: Output, logs: &Logs) -> Result<(), Failure> {
    let since = logs
        .since
        .map(|since| before(waiting::now(), since).to_string());
    let wait = logs.follow.then(|| FOLLOW_WAIT.as_millis().to_string());
    let mut after: Option<u64> = None;
    loop {
        let parameters = [
            ("trigger", logs.trigger.clone()),
            ("function", logs.function.clone()),
            ("since_ms", since.clone()),
            ("level", logs.level.clone()),
            ("shard", logs.shard.clone()),
            ("invocation", logs.invocation.clone()),
            ("after", after.map(|after| after.to_string())),
            ("limit", Some(PAGE_ITEMS_MAX.to_string())),
            ("wait_ms", wait.clone()),
        ];
        let page = client.get(&format!("logs{}", query(&parameters))).await?;
        let lines = items(&page, "lines");
        for line in &lines {
            output.item(line, readable)?;
        }
        if lines.is_empty() && !logs.follow {
            return Ok(());
        }
        after = page.get("after").and_then(Value::as_u64).or(after);
        if after.is_none() {
            return Ok(());
        }
    }
}

fn readable(line: &Value) -> String {
    let at = line
        .get("at_ms")
        .and_then(Value::as_i64)
        .map_or_else(String::new, shown);
    let (level, message) = (text(line, "/level"), text(line, "/message"));
    let mut origin = text(line, "/trigger");
    // No trigger drives it, and there are many: the function says more.
    if origin == "invoke" && line.get("function").is_some() {
        let (function, invocation) = (text(line, "/function"), text(line, "/invocation"));
        return format!("{at}  {level:5}  {origin} {function} {invocation}  {message}");
    }
    if line.get("shard").is_some_and(|shard| !shard.is_null()) {
        origin = format!("{origin}/{}", text(line, "/shard"));
    }
    // The name of an invocation begins with where it ran, unless somebody ran it by hand.
    let invocation = text(line, "/invocation");
    if invocation.starts_with(&origin) {
        origin = invocation;
    } else if invocation != "-" {
        origin = format!("{origin} {invocation}");
    }
    let attempt = line.get("attempt").and_then(Value::as_u64);
    let attempt = attempt.map_or_else(String::new, |attempt| format!(" attempt {attempt}"));
    format!("{at}  {level:5}  {origin}{attempt}  {message}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_names_its_shard_when_it_has_one() {
        let mut line =
            json!({"at_ms": 0, "level": "warn", "trigger": "board", "shard": 3, "message": "late"});
        insta::assert_snapshot!(readable(&line), @"1970-01-01T00:00:00.000Z  warn   board/3  late");
        line["shard"] = Value::Null;
        insta::assert_snapshot!(readable(&line), @"1970-01-01T00:00:00.000Z  warn   board  late");
        line["shard"] = json!(3);
        line["attempt"] = json!(2);
        line["invocation"] = json!("board/3/49+7");
        insta::assert_snapshot!(readable(&line), @"1970-01-01T00:00:00.000Z  warn   board/3/49+7 attempt 2  late");
        line["invocation"] = json!("invoke-7");
        let mut by_hand = line.clone();
        by_hand["trigger"] = json!("invoke");
        by_hand["function"] = json!("quakes");
        insta::assert_snapshot!(readable(&by_hand), @"1970-01-01T00:00:00.000Z  warn   invoke quakes invoke-7  late");
        insta::assert_snapshot!(readable(&line), @"1970-01-01T00:00:00.000Z  warn   board/3 invoke-7 attempt 2  late");
    }
}
