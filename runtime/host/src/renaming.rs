//! `was:` and `trigger delete`: all that is stored under a trigger's name, moved to another name or removed.
//!
//! In: names. Out: the same rows under the new name, or none. Rows go page by page, each page in one transaction; a mark
//! says that a move goes on, so that a server that ended within one finishes it before the trigger starts. No trigger of
//! either name may run.

use bytes::Bytes;
use model::{
    Timestamp, Transaction, TriggerName, ViewWrite,
    keys::{self, Namespace},
    seams::{CommitError, Journal},
};
use serde_json::Value;

use crate::{
    config::Project,
    errors::StartError,
    limits::{RENAMED_BYTES_MAX, RENAMED_ROWS_PAGE},
};

/// Whose keys begin with the length and the name of a trigger. What says which stream it is about is moved first: rows of
/// encrypted streams are encrypted by it.
const OF_TRIGGER: [Namespace; 11] = [
    Namespace::Lease,
    Namespace::Progress,
    Namespace::State,
    Namespace::StateBefore,
    Namespace::DeadLetter,
    Namespace::Owed,
    Namespace::Bookmark,
    Namespace::Windows,
    Namespace::WindowState,
    Namespace::ParkedKey,
    Namespace::Parked,
];

/// Whose keys are the name alone.
const NAMED: [Namespace; 2] = [Namespace::Binding, Namespace::Trigger];

/// Triggers that had another name take over what it left; that is said beside what drifted.
pub(crate) async fn of_file(
    journal: &dyn Journal,
    project: &Project,
    mut drift: Vec<String>,
) -> Result<Vec<String>, StartError> {
    for (name, trigger) in &project.triggers {
        if let Some(was) = &trigger.was
            && take_over(journal, name, was).await?
        {
            drift.push(format!("trigger {name} took over what trigger {was} left"));
        }
    }
    Ok(drift)
}

/// Takes over what an earlier name left, where the file says so and there is something. Says whether there was.
pub(crate) async fn take_over(
    journal: &dyn Journal,
    new: &TriggerName,
    old: &TriggerName,
) -> Result<bool, StartError> {
    let failed = |error: CommitError| {
        StartError::Other(format!("rename trigger `{old}` to `{new}`: {error}"))
    };
    let mark = mark(new);
    let under_way = journal.get(&mark).map_err(failed)?.is_some();
    let begun = |name: &TriggerName| -> Result<bool, CommitError> {
        let binding = keys::named(Namespace::Binding, name.as_str());
        Ok(journal.get(&binding)?.is_some())
    };
    if !under_way {
        if !begun(old).map_err(failed)? {
            return Ok(false);
        }
        if begun(new).map_err(failed)? {
            return Err(StartError::Other(format!(
                "rename trigger `{old}` to `{new}`: both have checkpoints of their own; `shardmill trigger delete {old} --yes` forgets the old ones, once `was: {old}` is taken out of triggers.yaml"
            )));
        }
    }
    let mut first = vec![write(mark.clone(), Some(old.as_str().to_owned().into()))];
    for namespace in NAMED {
        let row = journal
            .get(&keys::named(namespace, old.as_str()))
            .map_err(failed)?;
        first.extend(row.map(|row| write(keys::named(namespace, new.as_str()), Some(row))));
    }
    for store in [Namespace::State, Namespace::Parked] {
        let kept = journal.get(&keys::kept(store, Some(old))).map_err(failed)?;
        first.extend(kept.map(|row| write(keys::kept(store, Some(new)), Some(row))));
    }
    commit(journal, first).await.map_err(failed)?;
    for namespace in OF_TRIGGER {
        while let Some(page) = moves(journal, namespace, old, new).map_err(failed)? {
            commit(journal, page).await.map_err(failed)?;
        }
    }
    let mut last = vec![
        write(mark, None),
        write(keys::kept(Namespace::State, Some(old)), None),
        write(keys::kept(Namespace::Parked, Some(old)), None),
    ];
    last.extend(NAMED.map(|namespace| write(keys::named(namespace, old.as_str()), None)));
    commit(journal, last).await.map_err(failed)?;
    Ok(true)
}

/// The next rows of the old name as writes that move them; None when there are no more.
fn moves(
    journal: &dyn Journal,
    namespace: Namespace,
    old: &TriggerName,
    new: &TriggerName,
) -> Result<Option<Vec<ViewWrite>>, CommitError> {
    let prefix = keys::of_trigger(namespace, old);
    let rows = journal.scan(&prefix, None, RENAMED_ROWS_PAGE)?;
    let mut writes = Vec::new();
    let mut bytes = 0;
    let mut longer = 0_i64;
    for (key, value) in rows {
        bytes += value.len();
        if bytes > RENAMED_BYTES_MAX && !writes.is_empty() {
            break;
        }
        let rest = key.get(prefix.len()..).unwrap_or_default();
        let moved = Bytes::from([keys::of_trigger(namespace, new).as_ref(), rest].concat());
        if namespace == Namespace::DeadLetter {
            let at = dispatch::DeadLetter::decode(&value)
                .ok()
                .map(|letter| letter.written_ms);
            writes.extend(at.map(Timestamp::from_millis).into_iter().flat_map(|at| {
                let dated = |key: &[u8]| keys::dead_letter_time(at, key);
                let row = renamed(namespace, &value, old, new);
                let size = length(&moved, &row).to_be_bytes();
                let size = Bytes::copy_from_slice(&size);
                [write(dated(&key), None), write(dated(&moved), Some(size))]
            }));
        }
        let row = renamed(namespace, &value, old, new);
        longer += length(&moved, &row) - length(&key, &value);
        writes.push(write(moved, Some(row)));
        writes.push(write(key, None));
    }
    let of_state = is_of_state(namespace);
    let own = of_state || namespace == Namespace::Parked;
    let is_counted = own || namespace == Namespace::DeadLetter;
    if is_counted && !writes.is_empty() {
        let of = own.then_some(new);
        let store = if of_state {
            Namespace::State
        } else {
            namespace
        };
        writes.extend(dispatch::recounted(journal, store, of, longer)?);
    }
    Ok((!writes.is_empty()).then_some(writes))
}

/// What counts against the bound of the state.
fn is_of_state(namespace: Namespace) -> bool {
    matches!(
        namespace,
        Namespace::State | Namespace::StateBefore | Namespace::WindowState
    )
}

fn length(key: &[u8], value: &[u8]) -> i64 {
    i64::try_from(key.len() + value.len()).unwrap_or(i64::MAX)
}

/// A row that names its trigger names the new one. Values of the state are the function's own.
fn renamed(namespace: Namespace, row: &Bytes, old: &TriggerName, new: &TriggerName) -> Bytes {
    let Some((version, json)) = row.split_first() else {
        return row.clone();
    };
    if is_of_state(namespace) {
        return row.clone();
    }
    let Ok(mut document) = serde_json::from_slice::<Value>(json) else {
        return row.clone();
    };
    for place in ["/trigger", "/key/trigger"] {
        if let Some(name) = document.pointer_mut(place)
            && *name == old.as_str()
        {
            *name = new.as_str().into();
        }
    }
    [&[*version], document.to_string().as_bytes()]
        .concat()
        .into()
}

/// Removes everything under a name, the rest of an earlier removal included, except what is to be kept. Says how many rows
/// that were. The last write goes with the end of it.
pub(crate) async fn forget(
    journal: &dyn Journal,
    name: &TriggerName,
    kept: &[Namespace],
    last_write: ViewWrite,
) -> Result<usize, CommitError> {
    let mut removed = 0;
    for namespace in OF_TRIGGER {
        // Dead letters are counted with those of all triggers, and go by their own store.
        if namespace == Namespace::DeadLetter || kept.contains(&namespace) {
            continue;
        }
        let prefix = keys::of_trigger(namespace, name);
        loop {
            let rows = journal.scan(&prefix, None, RENAMED_ROWS_PAGE)?;
            if rows.is_empty() {
                break;
            }
            removed += rows.len();
            let gone = rows.into_iter().map(|(key, _)| write(key, None));
            commit(journal, gone.collect()).await?;
        }
    }
    let mut last = vec![
        last_write,
        write(keys::kept(Namespace::State, Some(name)), None),
        write(keys::kept(Namespace::Parked, Some(name)), None),
    ];
    last.extend(NAMED.map(|namespace| write(keys::named(namespace, name.as_str()), None)));
    commit(journal, last).await?;
    Ok(removed)
}

/// No trigger can have this name.
fn mark(new: &TriggerName) -> Bytes {
    keys::named(Namespace::Trigger, &format!("was/{new}"))
}

fn write(key: Bytes, value: Option<Bytes>) -> ViewWrite {
    ViewWrite { key, value }
}

async fn commit(journal: &dyn Journal, writes: Vec<ViewWrite>) -> Result<(), CommitError> {
    let transaction = Transaction {
        writes,
        ..Transaction::default()
    };
    let at = journal.commit(transaction).await?;
    journal.durable(at).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_name_their_trigger_name_the_new_one() {
        let [old, new] = ["airport-board", "board"].map(|it| TriggerName::parse(it).unwrap());
        let check = |namespace, row: &str, expect: &str| {
            let row = Bytes::from(format!("\u{1}{row}"));
            let expect = Bytes::from(format!("\u{1}{expect}"));
            assert_eq!(renamed(namespace, &row, &old, &new), expect);
        };
        check(
            Namespace::Lease,
            r#"{"key":{"shard":3,"trigger":"airport-board"}}"#,
            r#"{"key":{"shard":3,"trigger":"board"}}"#,
        );
        check(
            Namespace::DeadLetter,
            r#"{"trigger":"airport-board"}"#,
            r#"{"trigger":"board"}"#,
        );
        let value = r#"{"trigger":"airport-board"}"#;
        check(Namespace::State, value, value);
        check(
            Namespace::Progress,
            r#"{"low":"TrimHorizon"}"#,
            r#"{"low":"TrimHorizon"}"#,
        );
    }
}
