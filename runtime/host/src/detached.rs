//! Triggers that the file no longer names but whose dead letters and values are still there.
//!
//! A name comes in, or nothing; what the view holds under a trigger's name goes out. Nothing is ever removed here.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use dispatch::TriggerSettings;
use model::{
    TriggerName,
    keys::{self, Namespace},
    seams::{CommitError, Journal},
};

/// Longer and greater than what any key has behind the name of its trigger: a hash key, or a shard and a sequence number.
const BEHIND_ALL: [u8; 48] = [u8::MAX; 48];

/// All triggers that keep something in a namespace, in the file or not.
pub(crate) fn keepers(
    journal: &dyn Journal,
    namespace: Namespace,
) -> Result<BTreeSet<TriggerName>, CommitError> {
    let prefix = keys::namespace(namespace);
    let mut found = BTreeSet::new();
    let mut after: Option<Bytes> = None;
    while let Some((key, _)) = journal.scan(&prefix, after.as_deref(), 1)?.pop() {
        let Some(name) = keys::trigger_in(&key) else {
            break;
        };
        after = Some(
            [keys::of_trigger(namespace, &name).as_ref(), &BEHIND_ALL]
                .concat()
                .into(),
        );
        found.insert(name);
    }
    Ok(found)
}

/// All that left anything and are not among the triggers of the server.
pub(crate) fn all(
    journal: &dyn Journal,
    known: &BTreeMap<TriggerName, TriggerSettings>,
) -> Result<BTreeSet<TriggerName>, CommitError> {
    let mut left = BTreeSet::new();
    for namespace in [Namespace::State, Namespace::DeadLetter, Namespace::Progress] {
        left.extend(keepers(journal, namespace)?);
    }
    left.retain(|name| !known.contains_key(name));
    Ok(left)
}

/// Whether a trigger that the file does not name has left anything.
pub(crate) fn has_left_something(
    journal: &dyn Journal,
    name: &TriggerName,
) -> Result<bool, CommitError> {
    for namespace in [
        Namespace::State,
        Namespace::DeadLetter,
        Namespace::Progress,
        Namespace::Parked,
    ] {
        let prefix = keys::of_trigger(namespace, name);
        if !journal.scan(&prefix, None, 1)?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}
