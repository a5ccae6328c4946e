//! Coordination keys of the view, one namespace a byte, so that a prefix lists one kind of thing.
//!
//! Parts of variable length are written with their length first; numbers are big-endian, so that keys sort in order.

use bytes::Bytes;

use crate::{HashKey, LeaseKey, LeaseSlot, Position, ShardId, ShardSlot, Timestamp, TriggerName};

/// The first byte of a key. Bytes never change meaning; new kinds take new bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Namespace {
    /// One entry a stream, owned by `streams`.
    Registry = b'r',
    /// Lease rows, owned by `leases`.
    Lease = b'l',
    /// Progress rows, owned by `dispatch`.
    Progress = b'p',
    /// Keyed state, owned by `dispatch`.
    State = b's',
    /// Dead letters, owned by `dispatch`.
    DeadLetter = b'd',
    /// Dead letters by the time they were written, owned by `dispatch`.
    DeadLetterTime = b'e',
    /// Documents that failure destinations are owed, owned by `dispatch`.
    Owed = b'o',
    /// How many bytes a store keeps, owned by `dispatch`.
    Kept = b'k',
    /// Newest token of a lease slot, owned by `log`.
    Fence = b'f',
    /// Last request of a producer and its answer, owned by `log`.
    Producer = b'q',
    /// Sequence counters, owned by `log`.
    Counter = b'c',
    /// How many records of each shard retention has taken, owned by `streams`.
    Trimmed = b'g',
    /// Objects of the archive, owned by `log`.
    Archive = b'h',
    /// Function versions, owned by `catalog`.
    Function = b'v',
    /// What operators said about triggers, owned by `host`.
    Trigger = b't',
    /// Event source mappings that were made by the Lambda API, owned by `host`.
    Mapping = b'm',
    /// Events of functions that nobody waits for, owned by `host`.
    Event = b'y',
    /// Which stream a trigger reads, and from where, owned by `dispatch`.
    Binding = b'b',
    /// How far schedules have come, owned by `host`.
    Schedule = b'w',
    /// How far a shard is with its tumbling windows, owned by `dispatch`.
    Windows = b'z',
    /// What tumbling windows by key have come to, owned by `dispatch`.
    WindowState = b'x',
    /// Parked partition keys, owned by `dispatch`.
    ParkedKey = b'i',
    /// Records that wait behind parked keys, owned by `dispatch`.
    Parked = b'j',
    /// What operators ordered and what came of it, by time, owned by `dispatch`.
    Audit = b'a',
    /// Places of triggers that somebody may want to go back to, owned by `dispatch`.
    Bookmark = b'n',
    /// Values of keyed state as they were at bookmarks, owned by `dispatch`.
    StateBefore = b'u',
}

#[derive(Debug)]
struct Key(Vec<u8>);

impl Key {
    fn of(namespace: Namespace) -> Self {
        Self(vec![namespace as u8])
    }

    fn text(mut self, text: &[u8]) -> Self {
        let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(&text[..usize::from(length)]);
        self
    }

    fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    fn position(self, at: Position) -> Self {
        let [high, middle, low] = at.sequence.0;
        self.raw(&high.to_be_bytes())
            .raw(&middle.to_be_bytes())
            .raw(&low.to_be_bytes())
            .raw(&at.sub_sequence.to_be_bytes())
    }

    fn done(self) -> Bytes {
        self.0.into()
    }
}

#[must_use]
pub fn namespace(namespace: Namespace) -> Bytes {
    Key::of(namespace).done()
}

/// A plain entry of a namespace named by text.
#[must_use]
pub fn named(namespace: Namespace, name: &str) -> Bytes {
    Key::of(namespace).raw(name.as_bytes()).done()
}

/// Everything of one trigger in a namespace.
#[must_use]
pub fn of_trigger(namespace: Namespace, trigger: &TriggerName) -> Bytes {
    Key::of(namespace).text(trigger.as_str().as_bytes()).done()
}

/// The trigger that a key of one of its namespaces belongs to.
#[must_use]
pub fn trigger_in(key: &[u8]) -> Option<TriggerName> {
    let (length, rest) = key.get(1..)?.split_first_chunk::<2>()?;
    let name = rest.get(..usize::from(u16::from_be_bytes(*length)))?;
    TriggerName::parse(std::str::from_utf8(name).ok()?).ok()
}

#[must_use]
pub fn lease(key: &LeaseKey) -> Bytes {
    of_shard(Namespace::Lease, &key.trigger, key.shard)
}

#[must_use]
pub fn progress(key: &LeaseKey) -> Bytes {
    of_shard(Namespace::Progress, &key.trigger, key.shard)
}

#[must_use]
pub fn windows(key: &LeaseKey) -> Bytes {
    of_shard(Namespace::Windows, &key.trigger, key.shard)
}

/// All values of one tumbling window, by the hash of their keys.
#[must_use]
pub fn window_state_of(trigger: &TriggerName, start: Timestamp) -> Bytes {
    Key::of(Namespace::WindowState)
        .text(trigger.as_str().as_bytes())
        .raw(&start.as_millis().to_be_bytes())
        .done()
}

/// All names of one partition key in a tumbling window.
#[must_use]
pub fn window_state_of_key(
    trigger: &TriggerName,
    start: Timestamp,
    hash_key: HashKey,
    partition_key: &[u8],
) -> Bytes {
    Key(window_state_of(trigger, start).to_vec())
        .raw(&hash_key.0.to_be_bytes())
        .text(partition_key)
        .done()
}

#[must_use]
pub fn window_state(
    trigger: &TriggerName,
    start: Timestamp,
    (hash_key, partition_key): (HashKey, &[u8]),
    name: &str,
) -> Bytes {
    Key(window_state_of_key(trigger, start, hash_key, partition_key).to_vec())
        .raw(name.as_bytes())
        .done()
}

/// Splits a key of `window_state_of` into window, hash key, partition key and name.
#[must_use]
pub fn split_window_state<'a>(
    trigger: &TriggerName,
    key: &'a [u8],
) -> Option<(Timestamp, HashKey, &'a [u8], &'a str)> {
    let rest = key.strip_prefix(of_trigger(Namespace::WindowState, trigger).as_ref())?;
    let (start, rest) = rest.split_first_chunk::<8>()?;
    let (hash, rest) = rest.split_first_chunk::<16>()?;
    let (length, rest) = rest.split_first_chunk::<2>()?;
    let (partition_key, name) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    Some((
        Timestamp::from_millis(u64::from_be_bytes(*start)),
        HashKey(u128::from_be_bytes(*hash)),
        partition_key,
        std::str::from_utf8(name).ok()?,
    ))
}

/// A parked partition key, by the hash key of the record that parked it.
#[must_use]
pub fn parked_key(trigger: &TriggerName, hash_key: HashKey, partition_key: &[u8]) -> Bytes {
    Key::of(Namespace::ParkedKey)
        .text(trigger.as_str().as_bytes())
        .raw(&hash_key.0.to_be_bytes())
        .raw(partition_key)
        .done()
}

#[must_use]
pub fn split_parked_key<'a>(trigger: &TriggerName, key: &'a [u8]) -> Option<(HashKey, &'a [u8])> {
    let rest = key.strip_prefix(of_trigger(Namespace::ParkedKey, trigger).as_ref())?;
    let (hash, partition_key) = rest.split_first_chunk::<16>()?;
    Some((HashKey(u128::from_be_bytes(*hash)), partition_key))
}

/// The records that wait behind a parked key, in order.
#[must_use]
pub fn parked_of(trigger: &TriggerName, hash_key: HashKey, partition_key: &[u8]) -> Bytes {
    Key::of(Namespace::Parked)
        .text(trigger.as_str().as_bytes())
        .raw(&hash_key.0.to_be_bytes())
        .text(partition_key)
        .done()
}

/// One of them. The sequence numbers of a child shard are larger than those of its parents, so the order holds.
#[must_use]
pub fn parked(
    trigger: &TriggerName,
    hash_key: HashKey,
    partition_key: &[u8],
    at: Position,
) -> Bytes {
    Key(parked_of(trigger, hash_key, partition_key).to_vec())
        .position(at)
        .done()
}

/// The hash and the partition key behind which a record waits.
#[must_use]
pub fn split_parked<'a>(trigger: &TriggerName, key: &'a [u8]) -> Option<(HashKey, &'a [u8])> {
    let rest = key.strip_prefix(of_trigger(Namespace::Parked, trigger).as_ref())?;
    let (hash, rest) = rest.split_first_chunk::<16>()?;
    let (length, rest) = rest.split_first_chunk::<2>()?;
    let partition_key = rest.get(..usize::from(u16::from_be_bytes(*length)))?;
    Some((HashKey(u128::from_be_bytes(*hash)), partition_key))
}

/// Whose progress row a key names.
#[must_use]
pub fn progress_of(key: &[u8]) -> Option<LeaseKey> {
    let (&namespace, _) = key.split_first()?;
    if namespace != Namespace::Progress as u8 {
        return None;
    }
    let shard = ShardId(u32::from_be_bytes(*key.last_chunk()?));
    let trigger = trigger_in(key)?;
    let lease = LeaseKey { trigger, shard };
    (progress(&lease) == key).then_some(lease)
}

fn of_shard(namespace: Namespace, trigger: &TriggerName, shard: ShardId) -> Bytes {
    Key::of(namespace)
        .text(trigger.as_str().as_bytes())
        .raw(&shard.0.to_be_bytes())
        .done()
}

/// All names of one partition key: state is kept by key, never by shard, so that resharding moves nothing.
#[must_use]
pub fn state_of_key(trigger: &TriggerName, hash_key: HashKey, partition_key: &[u8]) -> Bytes {
    Key::of(Namespace::State)
        .text(trigger.as_str().as_bytes())
        .raw(&hash_key.0.to_be_bytes())
        .text(partition_key)
        .done()
}

#[must_use]
pub fn state(trigger: &TriggerName, hash_key: HashKey, partition_key: &[u8], name: &str) -> Bytes {
    Key(state_of_key(trigger, hash_key, partition_key).to_vec())
        .raw(name.as_bytes())
        .done()
}

/// Splits a state key (without its namespace and trigger prefix) into hash key, partition key and name.
#[must_use]
pub fn split_state<'a>(
    trigger: &TriggerName,
    key: &'a [u8],
) -> Option<(HashKey, &'a [u8], &'a str)> {
    let rest = key.strip_prefix(of_trigger(Namespace::State, trigger).as_ref())?;
    let (hash, rest) = rest.split_first_chunk::<16>()?;
    let (length, rest) = rest.split_first_chunk::<2>()?;
    let (partition_key, name) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    Some((
        HashKey(u128::from_be_bytes(*hash)),
        partition_key,
        std::str::from_utf8(name).ok()?,
    ))
}

/// What a value was at the moment of a bookmark; `of_state` is its key behind the trigger's name.
#[must_use]
pub fn state_before(trigger: &TriggerName, mark: u64, of_state: &[u8]) -> Bytes {
    Key(of_trigger(Namespace::StateBefore, trigger).to_vec())
        .raw(&mark.to_be_bytes())
        .raw(of_state)
        .done()
}

/// Dead letters sort by shard and position; the id comes from the position, so that writing one twice is harmless.
#[must_use]
pub fn dead_letter(key: &LeaseKey, first: Position) -> Bytes {
    Key(of_shard(Namespace::DeadLetter, &key.trigger, key.shard).to_vec())
        .position(first)
        .done()
}

/// Sorts dead letters of all triggers by age; ends with the key of the dead letter.
#[must_use]
pub fn dead_letter_time(written: Timestamp, dead_letter: &[u8]) -> Bytes {
    Key::of(Namespace::DeadLetterTime)
        .raw(&written.as_millis().to_be_bytes())
        .raw(dead_letter)
        .done()
}

/// When it was written, and the key of the dead letter.
#[must_use]
pub fn split_dead_letter_time(key: &[u8]) -> Option<(Timestamp, &[u8])> {
    let rest = key.strip_prefix(&[Namespace::DeadLetterTime as u8])?;
    let (written, dead_letter) = rest.split_first_chunk::<8>()?;
    Some((
        Timestamp::from_millis(u64::from_be_bytes(*written)),
        dead_letter,
    ))
}

/// The bytes that a store keeps: of one trigger, or of the whole server.
#[must_use]
pub fn kept(store: Namespace, trigger: Option<&TriggerName>) -> Bytes {
    let name = trigger.map_or("", TriggerName::as_str);
    Key::of(Namespace::Kept)
        .raw(&[store as u8])
        .raw(name.as_bytes())
        .done()
}

/// Everything that one destination of a trigger is owed.
#[must_use]
pub fn owed_to(trigger: &TriggerName, destination: &str) -> Bytes {
    Key::of(Namespace::Owed)
        .text(trigger.as_str().as_bytes())
        .text(destination.as_bytes())
        .done()
}

/// Behind all that `owed_to` lists, and before everything else.
#[must_use]
pub fn behind_owed_to(trigger: &TriggerName, destination: &str) -> Bytes {
    Key(owed_to(trigger, destination).to_vec())
        .raw(&[u8::MAX; 48])
        .done()
}

/// One document, by its shard and its first position.
#[must_use]
pub fn owed(trigger: &TriggerName, destination: &str, shard: ShardId, first: Position) -> Bytes {
    Key(owed_to(trigger, destination).to_vec())
        .raw(&shard.0.to_be_bytes())
        .position(first)
        .done()
}

/// The trigger and the destination of an owed document.
#[must_use]
pub fn split_owed(key: &[u8]) -> Option<(TriggerName, String)> {
    let trigger = trigger_in(key)?;
    let rest = key.get(3 + trigger.as_str().len()..)?;
    let (length, rest) = rest.split_first_chunk::<2>()?;
    let destination = rest.get(..usize::from(u16::from_be_bytes(*length)))?;
    Some((trigger, String::from_utf8(destination.to_vec()).ok()?))
}

/// An order, by the time it was given; `number` tells those of one moment apart.
#[must_use]
pub fn audit(at: Timestamp, number: u64) -> Bytes {
    Key::of(Namespace::Audit)
        .raw(&at.as_millis().to_be_bytes())
        .raw(&number.to_be_bytes())
        .done()
}

/// One bookmark of a trigger.
#[must_use]
pub fn bookmark(trigger: &TriggerName, name: &str) -> Bytes {
    Key(of_trigger(Namespace::Bookmark, trigger).to_vec())
        .raw(name.as_bytes())
        .done()
}

/// What retention has taken of one shard.
#[must_use]
pub fn trimmed(slot: ShardSlot) -> Bytes {
    Key::of(Namespace::Trimmed)
        .raw(&slot.0.to_be_bytes())
        .done()
}

/// The shard that a key of `trimmed` is about.
#[must_use]
pub fn trimmed_of(key: &[u8]) -> Option<ShardSlot> {
    let slot = key.strip_prefix(&[Namespace::Trimmed as u8])?;
    Some(ShardSlot(u32::from_be_bytes(slot.try_into().ok()?)))
}

#[must_use]
pub fn fence(slot: LeaseSlot) -> Bytes {
    Key::of(Namespace::Fence).raw(&slot.0.to_be_bytes()).done()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_keys_take_apart_again() {
        let trigger = TriggerName::parse("board").unwrap();
        let key = state(&trigger, HashKey(7), b"JFK", "totals");
        assert_eq!(
            split_state(&trigger, &key),
            Some((HashKey(7), b"JFK".as_slice(), "totals"))
        );
    }

    #[test]
    fn dead_letters_sort_by_time_and_keep_their_key() {
        let [early, late] = [1, 256].map(|ms| dead_letter_time(Timestamp::from_millis(ms), b"dx"));
        assert!(early < late);
        assert_eq!(
            split_dead_letter_time(&late),
            Some((Timestamp::from_millis(256), b"dx".as_slice()))
        );
        assert_eq!(split_dead_letter_time(b"dx"), None);
    }

    #[test]
    fn owed_documents_know_whose_they_are() {
        let trigger = TriggerName::parse("board").unwrap();
        let key = owed(&trigger, "failed", ShardId(3), Position::default());
        assert!(key.starts_with(&owed_to(&trigger, "failed")));
        assert!(key < behind_owed_to(&trigger, "failed"));
        let names = (trigger, "failed".to_owned());
        assert_eq!(split_owed(&key), Some(names));
    }

    #[test]
    fn a_name_that_is_a_prefix_of_another_does_not_list_its_entries() {
        let [short, long] = ["board", "board-2"].map(|name| TriggerName::parse(name).unwrap());
        let entry = state(&long, HashKey(0), b"k", "v");
        assert!(!entry.starts_with(&of_trigger(Namespace::State, &short)));
    }
}
