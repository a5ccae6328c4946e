//! `replay`: a failed invocation once more, from what the server keeps of it or from a file. The server runs it; here the
//! file is read, and what came otherwise is laid out.

use std::path::Path;

use serde_json::{Value, json};

use super::items;
use crate::arguments::Replay;
use crate::client::{Client, percent_encoded};
use crate::failure::{Exit, Failure};
use crate::output::{Output, text};

pub(crate) async fn replay(
    client: &mut Client,
    output: Output,
    replay: &Replay,
) -> Result<(), Failure> {
    let Some(what) = &replay.what else {
        let kept = client.get("capsules").await?;
        let kept: Vec<Value> = items(&kept, "capsules")
            .into_iter()
            .map(|id| json!({ "id": id }))
            .collect();
        return output.list(&kept, &[("ID", "/id")]);
    };
    let is_file = Path::new(what).is_file();
    if let Some(file) = &replay.save {
        if is_file {
            return Err(Failure::usage(format!("save {what}: it is a file already"))
                .hint("without `--save` it is run again"));
        }
        return save(client, output, what, file).await;
    }
    let asked = if is_file {
        let bytes = std::fs::read(what)
            .map_err(|error| Failure::failed(format!("read {what}: {error}")))?;
        let bytes = base64_simd::STANDARD.encode_to_string(bytes);
        json!({ "file": bytes, "with": replay.with })
    } else {
        json!({ "id": what, "with": replay.with })
    };
    let answer = client.post("replay", &asked).await?;
    output.one(&answer, |answer| readable(answer, replay.diff))?;
    if answer["same"] == false && answer["same_code"] == true {
        return Err(Failure::new(
            Exit::CheckFailed,
            format!("replay {what}: the same code came to something else than then"),
        ));
    }
    Ok(())
}

async fn save(client: &mut Client, output: Output, id: &str, file: &Path) -> Result<(), Failure> {
    let parts: Vec<String> = id.split('/').map(percent_encoded).collect();
    let capsule = client.get(&format!("capsules/{}", parts.join("/"))).await?;
    let written = std::fs::write(file, capsule.to_string());
    written.map_err(|error| Failure::failed(format!("write {}: {error}", file.display())))?;
    let saved = json!({ "id": id, "file": file.display().to_string() });
    output.one(&saved, |_| format!("saved  {id} as {}", file.display()))
}

/// What came of it then and now, in a few lines.
fn readable(answer: &Value, diff: bool) -> String {
    let code = if answer["same_code"] == true {
        "the same code"
    } else {
        "other code"
    };
    let mut lines = vec![format!(
        "replay   {}: {}@{} attempt {}, {} records, now with {code}",
        text(answer, "/id"),
        text(answer, "/function"),
        text(answer, "/version"),
        text(answer, "/attempt"),
        text(answer, "/records"),
    )];
    lines.push(format!("then     {}", came(&answer["then"])));
    lines.push(format!("now      {}", came(&answer["now"])));
    let differences = items(answer, "differences");
    lines.push(if answer["same"] == true {
        "same     to the last byte".to_owned()
    } else {
        format!("differs  in {} places", differences.len())
    });
    if diff {
        for difference in &differences {
            lines.push(format!("  {}", text(difference, "/at")));
            lines.push(format!("    - {}", difference["then"]));
            lines.push(format!("    + {}", difference["now"]));
        }
    }
    lines.extend(
        items(answer, "notes")
            .iter()
            .map(|note| format!("note     {}", text(note, ""))),
    );
    lines.join("\n")
}

fn came(result: &Value) -> String {
    if result["came"] == "failed" {
        let message = text(result, "/message");
        let fact = message.lines().next().unwrap_or_default().to_owned();
        return format!("{}: {fact}", text(result, "/kind"));
    }
    let count = |name: &str| items(result, name).len();
    let mut said = format!(
        "{} records out, {} values",
        count("outputs"),
        count("state")
    );
    for failure in items(result, "failures") {
        said.push_str(&format!(
            ", record {} failed: {}: {}",
            failure["index"],
            text(&failure, "/kind"),
            text(&failure, "/reason")
        ));
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replay_says_what_came_then_and_now() {
        let answer = json!({
            "id": "board/0-7", "function": "late", "version": 3, "attempt": 2, "records": 1,
            "same_code": false, "same": false,
            "then": {"came": "failed", "kind": "BadDate", "message": "24:10\n  at parse"},
            "now": {"came": "answered", "failures": [], "outputs": [{}], "state": []},
            "differences": [{"at": "/came", "then": "failed", "now": "answered"}],
            "notes": ["it was told more than a capsule keeps"],
        });
        insta::assert_snapshot!(readable(&answer, true), @r#"
        replay   board/0-7: late@3 attempt 2, 1 records, now with other code
        then     BadDate: 24:10
        now      1 records out, 0 values
        differs  in 1 places
          /came
            - "failed"
            + "answered"
        note     it was told more than a capsule keeps
        "#);
    }
}
