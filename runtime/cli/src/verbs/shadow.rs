//! `trigger shadow`: what another version of a trigger's function would have done with the same records. The server
//! compares; here it is laid out, a difference a block.

use serde_json::Value;

use super::items;
use crate::client::{Client, percent_encoded};
use crate::failure::Failure;
use crate::output::{Output, text};

pub(crate) async fn shadow(client: &mut Client, output: Output, name: &str) -> Result<(), Failure> {
    let path = format!("triggers/{}/shadow", percent_encoded(name));
    let answer = client.get(&path).await?;
    output.one(&answer, readable)
}

fn readable(answer: &Value) -> String {
    let number = |name: &str| answer[name].as_u64().unwrap_or(0);
    let mut lines = vec![format!(
        "shadow   {} of trigger {}: {} of {} records in {} batches came out otherwise",
        text(answer, "/shadow"),
        text(answer, "/trigger"),
        number("different"),
        number("records"),
        number("batches"),
    )];
    if number("passed_over") > 0 {
        lines.push(format!(
            "note     {} batches were passed over, because others were being compared",
            number("passed_over")
        ));
    }
    if number("not_run") > 0 {
        lines.push(format!(
            "note     it could not be run with {} batches: {}",
            number("not_run"),
            text(answer, "/why_not_run")
        ));
    }
    for difference in items(answer, "differences") {
        let what = if difference["whole_batch"] == true {
            "the batch that begins at".to_owned()
        } else {
            format!("key {}", difference["key"])
        };
        lines.push(format!(
            "{}  {} {what} {}",
            text(&difference, "/at"),
            text(&difference, "/shard"),
            text(&difference, "/position"),
        ));
        lines.push(format!(
            "    - {} {}",
            text(&difference, "/version"),
            difference["main"]
        ));
        let shadow = text(&difference, "/shadow_version");
        lines.push(format!("    + {shadow} {}", difference["shadow"]));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn differences_stand_one_below_the_other() {
        let answer = json!({
            "trigger": "board", "shadow": "late@next", "batches": 3, "records": 9, "different": 1,
            "passed_over": 2, "not_run": 0, "why_not_run": null,
            "differences": [{
                "at": "2026-11-29T10:00:00.000Z", "shard": "shardId-000000000000", "position": "7",
                "key": "JFK", "whole_batch": false, "version": 3, "shadow_version": 4,
                "main": {"outputs": []}, "shadow": {"outputs": [{"data": "late"}]},
            }],
        });
        insta::assert_snapshot!(readable(&answer), @r#"
        shadow   late@next of trigger board: 1 of 9 records in 3 batches came out otherwise
        note     2 batches were passed over, because others were being compared
        2026-11-29T10:00:00.000Z  shardId-000000000000 key "JFK" 7
            - 3 {"outputs":[]}
            + 4 {"outputs":[{"data":"late"}]}
        "#);
    }
}
