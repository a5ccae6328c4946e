//! Values of a trigger's state as they were at its bookmarks.
//!
//! The first change of a value after a bookmark keeps what it was, in a row of the bookmark that is written together with the
//! change. So what a value was at a bookmark is in the first row of it under that bookmark or a later one, and where there is
//! none the value is what it was. A bookmark that goes hands its rows to the one before it. Rows take room of the state.

use std::collections::BTreeMap;

use bytes::Bytes;
use model::{
    TriggerName, ViewWrite,
    keys::{self, Namespace},
    seams::{CommitError, Journal},
};

use crate::{kept::is_of, limits::STATE_PAGE_ROWS};

/// First byte of a row: there was no value, or there was this one.
const ABSENT: u8 = 0;
const PRESENT: u8 = 1;
/// Of a bookmark's moment within a key.
const MARK_BYTES: usize = 8;

/// What must be written with these writes, so that the newest bookmark still knows what they change.
pub(crate) fn saved(
    journal: &dyn Journal,
    trigger: &TriggerName,
    mark: u64,
    writes: &[ViewWrite],
) -> Result<Vec<ViewWrite>, CommitError> {
    let prefix = keys::of_trigger(Namespace::State, trigger);
    let mut rows: BTreeMap<Bytes, Bytes> = BTreeMap::new();
    for write in writes.iter().filter(|write| is_of(write, Namespace::State)) {
        let Some(of_state) = write.key.strip_prefix(prefix.as_ref()) else {
            continue;
        };
        let key = keys::state_before(trigger, mark, of_state);
        if rows.contains_key(&key) || journal.get(&key)?.is_some() {
            continue;
        }
        rows.insert(key, row(journal.get(&write.key)?.as_ref()));
    }
    Ok(rows.into_iter().map(written).collect())
}

fn row(value: Option<&Bytes>) -> Bytes {
    match value {
        Some(value) => [&[PRESENT], value.as_ref()].concat().into(),
        None => Bytes::from_static(&[ABSENT]),
    }
}

fn written((key, value): (Bytes, Bytes)) -> ViewWrite {
    ViewWrite {
        key,
        value: Some(value),
    }
}

/// Writes after which every value is what it was at the moment of the bookmark.
pub(crate) fn restored(
    journal: &dyn Journal,
    trigger: &TriggerName,
    mark: u64,
) -> Result<Vec<ViewWrite>, CommitError> {
    let mut first: BTreeMap<Bytes, Option<Bytes>> = BTreeMap::new();
    let from = keys::state_before(trigger, mark, &[]);
    let prefix = keys::of_trigger(Namespace::StateBefore, trigger);
    let values = keys::of_trigger(Namespace::State, trigger);
    for (key, value) in rows(journal, &prefix, Some(from))? {
        let of_state = key.get(prefix.len() + MARK_BYTES..).unwrap_or_default();
        let of_state = Bytes::from([values.as_ref(), of_state].concat());
        let was = match value.split_first() {
            Some((&PRESENT, was)) => Some(value.slice_ref(was)),
            Some((&ABSENT, _)) => None,
            Some(_) | None => {
                let why = "what a value was at a bookmark cannot be read";
                return Err(CommitError::Down(why.to_owned()));
            }
        };
        first.entry(of_state).or_insert(was);
    }
    let writes = first.into_iter();
    Ok(writes
        .map(|(key, value)| ViewWrite { key, value })
        .collect())
}

/// What becomes of the rows of bookmarks that go: they are of those before them, unless those know better.
pub(crate) fn handed_on(
    journal: &dyn Journal,
    trigger: &TriggerName,
    gone: &[u64],
    left: &[u64],
) -> Result<Vec<ViewWrite>, CommitError> {
    let mut writes = Vec::new();
    let mut taken: BTreeMap<Bytes, Bytes> = BTreeMap::new();
    for mark in gone.iter().filter(|mark| !left.contains(mark)) {
        let before = left.iter().filter(|it| *it < mark).max();
        let prefix = keys::state_before(trigger, *mark, &[]);
        for (key, value) in rows(journal, &prefix, None)? {
            let of_state = key.get(prefix.len()..).unwrap_or_default();
            if let Some(before) = before {
                let there = keys::state_before(trigger, *before, of_state);
                if !taken.contains_key(&there) && journal.get(&there)?.is_none() {
                    taken.insert(there, value);
                }
            }
            writes.push(ViewWrite { key, value: None });
        }
    }
    writes.extend(taken.into_iter().map(written));
    Ok(writes)
}

/// All that begin with the prefix and lie behind `after`.
fn rows(
    journal: &dyn Journal,
    prefix: &[u8],
    mut after: Option<Bytes>,
) -> Result<Vec<(Bytes, Bytes)>, CommitError> {
    let mut all = Vec::new();
    loop {
        let page = journal.scan(prefix, after.as_deref(), STATE_PAGE_ROWS)?;
        let more = page.len() == STATE_PAGE_ROWS;
        after = page.last().map(|(key, _)| key.clone());
        all.extend(page);
        if !more {
            return Ok(all);
        }
    }
}
