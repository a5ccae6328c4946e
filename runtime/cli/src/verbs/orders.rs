//! What operators order: seek, pause, bookmarks, the audit log, state that is cleared, dead letters that are run again.
//! Requests go to the server, which decides; many dead letters are asked for in pages, so that no request takes long.

use serde_json::{Value, json};

use super::things::{agree, all_pages, confirm};
use super::{items, query};
use crate::arguments::{AuditNoun, BookmarkVerb, Chosen, Seek, StateVerb, Sure, TriggerVerb};
use crate::client::{Client, percent_encoded};
use crate::failure::{Exit, Failure};
use crate::limits::REDRIVEN_AT_ONCE;
use crate::moment;
use crate::output::{Column, Format, Output, text};

const BOOKMARKS: &[Column] = &[
    ("ID", "/id"),
    ("MADE", "/made_ms"),
    ("AUTOMATIC", "/automatic"),
    ("STREAM", "/stream"),
];
const ORDERS: &[Column] = &[
    ("AT", "/at_ms"),
    ("ORDER", "/order"),
    ("TRIGGER", "/trigger"),
    ("FACTS", "/facts"),
];
const REDRIVEN: &[Column] = &[
    ("ID", "/id"),
    ("CAME", "/came"),
    ("RECORDS", "/records"),
    ("ERROR", "/error"),
];

/// Pause and resume, of a trigger or of one shard.
pub(crate) async fn switch(
    client: &mut Client,
    output: Output,
    verb: &TriggerVerb,
) -> Result<(), Failure> {
    let (name, action, done, body, shard) = match verb {
        TriggerVerb::Pause { name, shard, abort } => {
            let body = json!({ "shard": shard, "abort": abort });
            (name, "pause", "paused", body, shard)
        }
        TriggerVerb::Resume { name, shard } => {
            (name, "resume", "resumed", json!({ "shard": shard }), shard)
        }
        TriggerVerb::List
        | TriggerVerb::Show { .. }
        | TriggerVerb::Shadow { .. }
        | TriggerVerb::Seek(_)
        | TriggerVerb::Run { .. }
        | TriggerVerb::Rename { .. }
        | TriggerVerb::Delete { .. } => return Ok(()),
    };
    let path = format!("triggers/{}/{action}", percent_encoded(name));
    let answer = client.post(&path, &body).await?;
    let part = shard.as_ref().map(|shard| format!(", shard {shard}"));
    output.one(&answer, |_| {
        format!("{done}  trigger {name}{}", part.unwrap_or_default())
    })
}

pub(crate) async fn seek(client: &mut Client, output: Output, seek: &Seek) -> Result<(), Failure> {
    let path = format!("triggers/{}/seek", percent_encoded(&seek.name));
    let asked = |dry_run: bool| {
        json!({
            "from": seek.from,
            "undo": seek.undo,
            "shard": seek.shard,
            "state": seek.state,
            "abort": seek.abort,
            "dry_run": dry_run,
        })
    };
    if seek.sure.is_to_be_asked() {
        let counted = client.post(&path, &asked(true)).await?;
        agree(output, &sought(seek, &counted, "would be "))?;
    }
    let answer = client.post(&path, &asked(seek.sure.dry_run)).await?;
    let would = if seek.sure.dry_run { "would be " } else { "" };
    output.one(&answer, |answer| {
        let undo = answer["undo"]
            .as_str()
            .map(|_| format!("\nundo with `shardmill trigger seek {} --undo`", seek.name));
        sought(seek, answer, would) + &undo.unwrap_or_default()
    })
}

fn sought(seek: &Seek, answer: &Value, would: &str) -> String {
    let about = match answer["exact"].as_bool() {
        Some(false) => "about ",
        Some(true) | None => "",
    };
    format!(
        "trigger {} at {}: {about}{} records {would}repeated, {about}{} {would}skipped",
        seek.name,
        seek.from.as_deref().unwrap_or("where it was before"),
        answer["repeats"],
        answer["skips"],
    )
}

/// Of a trigger that the file no longer has.
pub(crate) async fn forget(
    client: &mut Client,
    output: Output,
    name: &str,
    sure: Sure,
) -> Result<(), Failure> {
    let only = [("trigger", Some(name.to_owned()))];
    let letters = all_pages(client, "dead-letters", "dead_letters", &only).await?;
    let path = format!("state/{}", percent_encoded(name));
    let values = all_pages(client, &path, "values", &[]).await?;
    let (letters, values) = (letters.len(), values.len());
    let loss =
        format!("trigger {name} with its checkpoints, {values} values and {letters} dead letters");
    if sure.dry_run {
        let would = json!({ "values": values, "dead_letters": letters });
        return output.one(&would, |_| format!("would delete {loss}"));
    }
    if !sure.yes {
        confirm(output, &loss)?;
    }
    let answer = client
        .delete(&format!("triggers/{}", percent_encoded(name)))
        .await?;
    output.one(&answer, |_| format!("deleted {loss}"))
}

pub(crate) async fn bookmark(
    client: &mut Client,
    output: Output,
    verb: &BookmarkVerb,
) -> Result<(), Failure> {
    match verb {
        BookmarkVerb::List { trigger } => {
            let only = query(&[("trigger", trigger.clone())]);
            let answer = client.get(&format!("bookmarks{only}")).await?;
            let mut found = items(&answer, "bookmarks");
            if output.format == Format::Table {
                found.iter_mut().for_each(|it| show_moment(it, "made_ms"));
            }
            output.list(&found, BOOKMARKS)
        }
        BookmarkVerb::Create { trigger, name } => {
            let path = format!("bookmarks/{}", percent_encoded(trigger));
            let answer = client.post(&path, &json!({ "name": name })).await?;
            output.one(&answer, |_| {
                format!("marked  trigger {trigger} as {name}: `shardmill trigger seek {trigger} --from {name}` goes back")
            })
        }
        BookmarkVerb::Delete { trigger, name } => {
            let (of, name_in_path) = (percent_encoded(trigger), percent_encoded(name));
            let answer = client
                .delete(&format!("bookmarks/{of}/{name_in_path}"))
                .await?;
            output.one(&answer, |_| {
                format!("deleted  bookmark {name} of trigger {trigger}")
            })
        }
    }
}

pub(crate) async fn audit(
    client: &mut Client,
    output: Output,
    audit: &AuditNoun,
) -> Result<(), Failure> {
    let since = audit
        .since
        .map(|since| moment::before(crate::waiting::now(), since));
    let asked = [
        ("trigger", audit.trigger.clone()),
        ("since_ms", since.map(|since| since.to_string())),
    ];
    let mut orders = all_pages(client, "audit", "orders", &asked).await?;
    if output.format == Format::Table {
        for order in &mut orders {
            show_moment(order, "at_ms");
            order["facts"] = json!(order["facts"].to_string());
        }
    }
    output.list(&orders, ORDERS)
}

fn show_moment(item: &mut Value, member: &str) {
    let at = item[member].as_i64().unwrap_or(0);
    item[member] = json!(moment::shown(at));
}

/// Values that go: of one key, or of the trigger.
pub(crate) async fn clear(
    client: &mut Client,
    output: Output,
    verb: &StateVerb,
) -> Result<(), Failure> {
    let StateVerb::Clear { trigger, key, sure } = verb else {
        return Ok(());
    };
    let mut path = format!("state/{}", percent_encoded(trigger));
    let whose = match key {
        Some(key) => {
            path = format!("{path}/{}", percent_encoded(key));
            format!("key {key} in trigger {trigger}")
        }
        None => format!("trigger {trigger}"),
    };
    let values = match key {
        Some(_) => items(&client.get(&path).await?, "values"),
        None => all_pages(client, &path, "values", &[]).await?,
    };
    let loss = format!("{} values of {whose}", values.len());
    if sure.dry_run {
        return output.one(&json!({ "would_clear": values.len() }), |_| {
            format!("would delete {loss}")
        });
    }
    if !sure.yes {
        confirm(output, &loss)?;
    }
    let answer = client.delete(&path).await?;
    output.one(&answer, |answer| {
        format!("deleted {} values of {whose}", answer["cleared"])
    })
}

/// The dead letters that are meant, as the list has them.
pub(crate) async fn chosen(client: &mut Client, chosen: &Chosen) -> Result<Vec<Value>, Failure> {
    if !chosen.ids.is_empty() {
        let mut found = Vec::new();
        for id in &chosen.ids {
            let mut letter = client.get(&of_entry(id)?).await?;
            letter["records"] = json!(items(&letter, "records").len());
            found.push(letter);
        }
        return Ok(found);
    }
    let since = chosen
        .since
        .map(|since| moment::before(crate::waiting::now(), since));
    let asked = [
        ("trigger", chosen.trigger.clone()),
        ("condition", chosen.condition.clone()),
        ("error", chosen.error.clone()),
        ("key", chosen.key.clone()),
        ("since_ms", since.map(|since| since.to_string())),
    ];
    all_pages(client, "dead-letters", "dead_letters", &asked).await
}

/// An id is TRIGGER/ENTRY, and each is a part of the path.
pub(crate) fn of_entry(id: &str) -> Result<String, Failure> {
    let Some((trigger, entry)) = id.split_once('/') else {
        let message = format!("dead letter {id} does not exist");
        return Err(Failure::new(Exit::NotFound, message)
            .hint("its id is TRIGGER/ENTRY, as `shardmill dead-letter list` shows it"));
    };
    let (trigger, entry) = (percent_encoded(trigger), percent_encoded(entry));
    Ok(format!("dead-letters/{trigger}/{entry}"))
}

/// What `redrive` was told beside which letters are meant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Redrive {
    pub(crate) side: bool,
    pub(crate) allow_stale: bool,
    pub(crate) sure: Sure,
}

pub(crate) async fn redrive(
    client: &mut Client,
    output: Output,
    which: &Chosen,
    how: Redrive,
) -> Result<(), Failure> {
    let letters = chosen(client, which).await?;
    let count = |letters: &[Value]| -> u64 {
        letters
            .iter()
            .filter_map(|letter| letter["records"].as_u64())
            .sum()
    };
    let what = format!(
        "{} dead letters with {} records",
        letters.len(),
        count(&letters)
    );
    if which.ids.is_empty() && !how.sure.yes && !how.sure.dry_run {
        ask(output, &what)?;
    }
    let mut told = Vec::new();
    let mut failed_keys = json!([]);
    let mut rest = letters.as_slice();
    while let Some(first) = rest.first() {
        let trigger = text(first, "/trigger");
        let same = |letter: &&Value| text(letter, "/trigger") == trigger;
        let some = rest.iter().take_while(same).take(REDRIVEN_AT_ONCE).count();
        let (now, later) = rest.split_at(some);
        rest = later;
        let entry = |letter: &Value| {
            let id = text(letter, "/id");
            id.split_once('/')
                .map_or(id.clone(), |(_, entry)| entry.to_owned())
        };
        let asked = json!({
            "entries": now.iter().map(entry).collect::<Vec<_>>(),
            "side": how.side,
            "allow_stale": how.allow_stale,
            "dry_run": how.sure.dry_run,
            "failed_keys": failed_keys,
        });
        let path = format!("dead-letters/{}/redrive", percent_encoded(&trigger));
        let answer = client.post(&path, &asked).await?;
        told.extend(items(&answer, "redriven"));
        let goes_on = rest
            .first()
            .is_some_and(|next| text(next, "/trigger") == trigger);
        failed_keys = if goes_on {
            answer["failed_keys"].clone()
        } else {
            json!([])
        };
    }
    warn_of_stale(output, &told);
    output.list(&told, REDRIVEN)?;
    verdict(&told)
}

fn ask(output: Output, what: &str) -> Result<(), Failure> {
    use std::io::IsTerminal;
    if !std::io::stdin().is_terminal() {
        return Err(
            Failure::usage(format!("run {what} again: nobody is here to be asked"))
                .hint("add `--yes` when you are sure, or `--dry-run` to see what would come of it"),
        );
    }
    output.note(&format!("run {what} again? [y/N]"));
    let mut answer = String::new();
    std::io::stdin()
        .read_line(&mut answer)
        .map_err(|error| Failure::failed(format!("read the answer: {error}")))?;
    if matches!(answer.trim(), "y" | "Y" | "yes") {
        return Ok(());
    }
    Err(Failure::new(Exit::Failed, "not done, as you said"))
}

fn warn_of_stale(output: Output, told: &[Value]) {
    for one in told {
        for stale in items(one, "stale") {
            output.note(&format!(
                "stale: {}: {}",
                text(one, "/id"),
                text(&stale, "")
            ));
        }
    }
}

/// Whether all came well; otherwise what stands in the way, with what helps.
fn verdict(told: &[Value]) -> Result<(), Failure> {
    let came = |word: &str| told.iter().filter(|one| one["came"] == word).count();
    let because = |word: &str| told.iter().any(|one| one["because"] == word);
    let failed = came("failed") + came("partly") + came("would fail");
    let refused = came("refused");
    if refused > 0 {
        let message = format!(
            "redrive: {refused} of {} dead letters were not run",
            told.len()
        );
        let refused = Failure::new(Exit::Conflict, message);
        return Err(if because("stale") {
            refused.hint("`--allow-stale` runs them although their keys went on: what they write may be older than what is there")
        } else if because("behind") {
            refused.hint(
                "an earlier record of their key failed again: mend the function, or use `--side`",
            )
        } else if because("lost") {
            refused.hint(
                "they only say what expired before it was settled: `shardmill dead-letter drop` removes them",
            )
        } else {
            refused.hint("`shardmill dead-letter list` shows what is there now")
        });
    }
    if failed > 0 {
        let message = format!(
            "redrive: {failed} of {} dead letters failed again",
            told.len()
        );
        return Err(Failure::new(Exit::Failed, message)
            .hint("`shardmill dead-letter show ID` has the newest attempt with its log"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redrive_is_as_good_as_its_worst_entry() {
        let check = |told: Value, exit: Option<Exit>| {
            let told = items(&told, "told");
            assert_eq!(verdict(&told).err().map(|it| it.exit), exit, "{told:?}");
        };
        check(
            json!([{ "came": "done" }, { "came": "would be done" }]),
            None,
        );
        check(
            json!([{ "came": "done" }, { "came": "failed" }]),
            Some(Exit::Failed),
        );
        let stale = json!([{ "came": "failed" }, { "came": "refused", "because": "stale" }]);
        check(stale, Some(Exit::Conflict));
    }
}
