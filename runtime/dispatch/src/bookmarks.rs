//! Places of a trigger that somebody may want to go back to: one row a bookmark, with where every shard stood.
//!
//! In: the rows of a trigger's shards. Out: a bookmark that a seek can go to, exactly: what was settled beyond the
//! checkpoint stays settled. Automatic ones are written by each seek, and only the newest are kept.

use std::sync::Arc;

use bytes::Bytes;
use model::{
    ShardId, StreamKey, Timestamp, Transaction, TriggerName, ViewWrite,
    keys::{self, Namespace},
    seams::{CommitError, Journal},
};
use serde::{Deserialize, Serialize};

use crate::{
    before,
    limits::{AUTOMATIC_BOOKMARKS_MAX, BOOKMARK_BYTES_MAX, BOOKMARKS_MAX},
    progress::Progress,
    state::{StateStore, remove_values},
};

/// First byte of a stored row.
const VERSION: u8 = 1;
/// What the names of automatic ones begin with; no other name may.
const AUTOMATIC: &str = "auto-";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bookmark {
    pub name: String,
    pub trigger: TriggerName,
    pub made_ms: u64,
    pub stream: StreamKey,
    /// Of the stream: a later one of the same name is another.
    pub created: Timestamp,
    /// Values that change are kept as they were at this moment.
    #[serde(default, skip_serializing_if = "is_false")]
    pub values: bool,
    /// Where each shard stood, and what of it was open.
    pub shards: Vec<(ShardId, Progress)>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BookmarkError {
    #[error(transparent)]
    Journal(#[from] CommitError),
    #[error("the stored bookmark cannot be read: {0}")]
    Damaged(String),
    #[error(
        "a name has 1 to 128 letters, digits, `-`, `_` and `.`, and does not begin with `auto-`"
    )]
    Name,
    #[error("the trigger has {BOOKMARKS_MAX} bookmarks, which is all it may have")]
    TooMany,
    #[error("it is there already")]
    There,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature is serde's"
)]
fn is_false(flag: &bool) -> bool {
    !flag
}

impl Bookmark {
    /// Named after its moment.
    #[must_use]
    pub fn automatic_name(now: Timestamp) -> String {
        format!("{AUTOMATIC}{now}")
    }

    #[must_use]
    pub fn is_automatic(&self) -> bool {
        self.name.starts_with(AUTOMATIC)
    }

    /// What attempts came to is left out; where there is no room for what is open above the checkpoints, that too.
    fn encode(&self) -> Bytes {
        let mut kept = self.clone();
        let tries = kept.shards.iter_mut().flat_map(|(_, row)| &mut row.tries);
        tries.for_each(|tried| tried.notes.clear());
        let bytes = kept.written();
        if bytes.len() <= BOOKMARK_BYTES_MAX {
            return bytes.into();
        }
        for (_, row) in &mut kept.shards {
            *row = Progress::starting(row.token, row.low);
        }
        kept.written().into()
    }

    fn written(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        // Writing to a Vec cannot fail, and every part of a row is text or a number.
        let written = serde_json::to_writer(&mut bytes, self);
        debug_assert!(written.is_ok());
        bytes
    }

    fn decode(bytes: &[u8]) -> Result<Self, BookmarkError> {
        match bytes.split_first() {
            Some((&VERSION, json)) => {
                serde_json::from_slice(json).map_err(|e| BookmarkError::Damaged(e.to_string()))
            }
            Some((version, _)) => {
                let why = format!("version {version} is not known");
                Err(BookmarkError::Damaged(why))
            }
            None => Err(BookmarkError::Damaged("it is empty".to_owned())),
        }
    }

    pub(crate) fn row(&self) -> ViewWrite {
        ViewWrite {
            key: keys::bookmark(&self.trigger, &self.name),
            value: Some(self.encode()),
        }
    }
}

/// Reads, makes and removes bookmarks.
#[derive(Debug, Clone)]
pub struct Bookmarks {
    journal: Arc<dyn Journal>,
}

impl Bookmarks {
    #[must_use]
    pub fn new(journal: Arc<dyn Journal>) -> Self {
        Self { journal }
    }

    /// Of one trigger, oldest first.
    pub fn list(&self, trigger: &TriggerName) -> Result<Vec<Bookmark>, BookmarkError> {
        let prefix = keys::of_trigger(Namespace::Bookmark, trigger);
        let all = BOOKMARKS_MAX + AUTOMATIC_BOOKMARKS_MAX + 1;
        let page = self.journal.scan(&prefix, None, all)?;
        let bookmarks = page.iter().map(|(_, value)| Bookmark::decode(value));
        let mut bookmarks = bookmarks.collect::<Result<Vec<Bookmark>, _>>()?;
        bookmarks.sort_by_key(|bookmark| bookmark.made_ms);
        Ok(bookmarks)
    }

    pub fn get(
        &self,
        trigger: &TriggerName,
        name: &str,
    ) -> Result<Option<Bookmark>, BookmarkError> {
        let stored = self.journal.get(&keys::bookmark(trigger, name))?;
        stored.map(|stored| Bookmark::decode(&stored)).transpose()
    }

    /// The moments of those that know what values were, in order. One that cannot be read knows nothing.
    pub(crate) fn marks(&self, trigger: &TriggerName) -> Result<Vec<u64>, CommitError> {
        let prefix = keys::of_trigger(Namespace::Bookmark, trigger);
        let all = BOOKMARKS_MAX + AUTOMATIC_BOOKMARKS_MAX + 1;
        let page = self.journal.scan(&prefix, None, all)?;
        let known = page
            .iter()
            .filter_map(|(_, row)| Bookmark::decode(row).ok());
        let known = known.filter(|bookmark| bookmark.values);
        let mut marks: Vec<u64> = known.map(|bookmark| bookmark.made_ms).collect();
        marks.sort_unstable();
        Ok(marks)
    }

    /// Durable when it returns, with the row that says who asked. Where the trigger keeps values nothing of it may run.
    pub async fn make(&self, bookmark: &Bookmark, audit: ViewWrite) -> Result<(), BookmarkError> {
        let name = &bookmark.name;
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if !(1..=128).contains(&name.len()) || !name.chars().all(fits) || bookmark.is_automatic() {
            return Err(BookmarkError::Name);
        }
        let there = self.list(&bookmark.trigger)?;
        if there.iter().any(|it| it.name == *name) {
            return Err(BookmarkError::There);
        }
        if there.iter().filter(|it| !it.is_automatic()).count() >= BOOKMARKS_MAX {
            return Err(BookmarkError::TooMany);
        }
        self.write(vec![bookmark.row(), audit]).await?;
        Ok(())
    }

    /// Says whether it was there. Where the trigger keeps values, in `state` while it runs, nothing of it may run.
    pub async fn remove(
        &self,
        trigger: &TriggerName,
        name: &str,
        state: Option<Arc<StateStore>>,
        audit: ViewWrite,
    ) -> Result<bool, BookmarkError> {
        let key = keys::bookmark(trigger, name);
        let Some(row) = self.journal.get(&key)? else {
            return Ok(false);
        };
        let gone: Vec<Bookmark> = Bookmark::decode(&row).into_iter().collect();
        let writes = self.removal(trigger, &gone)?;
        if writes.is_empty() {
            // It cannot be read, and knows nothing.
            self.write(vec![ViewWrite { key, value: None }, audit])
                .await?;
            return Ok(true);
        }
        let journal = Arc::clone(&self.journal);
        remove_values(journal, state.clone(), trigger, writes, audit).await?;
        if let Some(state) = state {
            state.look_for_bookmarks();
        }
        Ok(true)
    }

    /// Their rows, and what becomes of what they knew.
    fn removal(
        &self,
        trigger: &TriggerName,
        gone: &[Bookmark],
    ) -> Result<Vec<ViewWrite>, CommitError> {
        let rows = gone.iter().map(|bookmark| ViewWrite {
            key: keys::bookmark(trigger, &bookmark.name),
            value: None,
        });
        let mut writes: Vec<ViewWrite> = rows.collect();
        let known = gone.iter().filter(|bookmark| bookmark.values);
        let known: Vec<u64> = known.map(|bookmark| bookmark.made_ms).collect();
        let mut left = self.marks(trigger)?;
        for mark in &known {
            if let Some(at) = left.iter().position(|it| it == mark) {
                left.remove(at);
            }
        }
        let journal = self.journal.as_ref();
        writes.extend(before::handed_on(journal, trigger, &known, &left)?);
        Ok(writes)
    }

    /// What goes when another automatic one comes.
    pub(crate) fn overdue(&self, trigger: &TriggerName) -> Result<Vec<ViewWrite>, BookmarkError> {
        let there = self.list(trigger)?;
        let automatic: Vec<Bookmark> = there.into_iter().filter(Bookmark::is_automatic).collect();
        let old = automatic.len().saturating_sub(AUTOMATIC_BOOKMARKS_MAX - 1);
        Ok(self.removal(trigger, &automatic[..old])?)
    }

    async fn write(&self, writes: Vec<ViewWrite>) -> Result<(), CommitError> {
        let transaction = Transaction {
            writes,
            ..Transaction::default()
        };
        let at = self.journal.commit(transaction).await?;
        self.journal.durable(at).await
    }
}

#[cfg(test)]
mod tests {
    use model::{AccountId, Checkpoint, FencingToken, Region, StreamName};

    use super::*;
    use crate::testing::position;

    #[test]
    fn a_bookmark_too_large_keeps_its_checkpoints() {
        let mut row = Progress::starting(FencingToken(1), Checkpoint::Settled(position(3)));
        row.open = (0..1_000).map(position).collect();
        let bookmark = Bookmark {
            name: "auto-x".to_owned(),
            trigger: TriggerName::parse("board").unwrap(),
            made_ms: 5,
            stream: StreamKey {
                account: AccountId::parse("000000000000").unwrap(),
                region: Region::parse("us-east-1").unwrap(),
                name: StreamName::parse("flights").unwrap(),
            },
            created: Timestamp::default(),
            values: false,
            shards: vec![(ShardId(0), row.clone())],
        };
        assert_eq!(Bookmark::decode(&bookmark.encode()), Ok(bookmark.clone()));
        let large = Bookmark {
            shards: (0..100).map(|id| (ShardId(id), row.clone())).collect(),
            ..bookmark
        };
        let stored = large.encode();
        assert!(stored.len() <= BOOKMARK_BYTES_MAX, "{}", stored.len());
        let kept = Bookmark::decode(&stored).unwrap();
        assert_eq!(kept.shards.len(), 100);
        assert!(
            kept.shards
                .iter()
                .all(|(_, kept)| kept.low == row.low && kept.open.is_empty())
        );
    }
}
