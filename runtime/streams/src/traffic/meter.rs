//! The meters that hang on a stream and on each of its shards. They live in memory, as long as the server.
//!
//! A put adds to them after it is stored: twice for each shard it went to, and once more for one record of sixteen.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use model::{HashKey, HashKeyRange, NewRecord, ShardId};
use platform::Monotonic;

use super::{
    hot_keys::HotKeys,
    operations::{Noted, Operation, OperationMeter},
    payloads::Fingerprints,
    rates::{Rates, Watch},
};
use crate::{
    capacity::Gates,
    limits::{
        HASH_RANGES, LOOKED_AT_FIRST, SAMPLE_EVERY, WRITE_BYTES_PER_SECOND,
        WRITE_RECORDS_PER_SECOND,
    },
};

/// What passed at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Passed {
    pub(crate) bytes: u64,
    pub(crate) records: u64,
}

/// Of a stream and its shards. Not part of what is stored, so all meters are equal.
#[derive(Debug, Clone, Default)]
pub(crate) struct Meters {
    pub(crate) stream: Arc<StreamMeter>,
    pub(crate) shards: BTreeMap<ShardId, Arc<ShardMeter>>,
}

#[derive(Debug, Default)]
pub(crate) struct StreamMeter {
    incoming: Tally,
    outgoing: Tally,
    /// Of it, what readers share; what fan-out delivers takes nothing of a shard's own.
    shared: Tally,
    writes_refused: AtomicU64,
    reads_refused: AtomicU64,
    age_ms: AtomicU64,
    /// Records that were put so far: which of them are looked at follows from it.
    turn: AtomicU64,
    operations: [OperationMeter; Operation::ALL.len()],
    payloads: OnceLock<Fingerprints>,
    watch: Mutex<Watch>,
}

#[derive(Debug, Default)]
pub(crate) struct ShardMeter {
    incoming: Tally,
    outgoing: Tally,
    /// Of it, what readers share; what fan-out delivers takes nothing of a shard's own.
    shared: Tally,
    writes_refused: AtomicU64,
    reads_refused: AtomicU64,
    age_ms: AtomicU64,
    sketch: OnceLock<Box<Sketch>>,
    watch: Mutex<Watch>,
    gates: Mutex<Gates>,
}

#[derive(Debug, Default)]
struct Tally {
    bytes: AtomicU64,
    records: AtomicU64,
}

/// Made by the first record.
#[derive(Debug)]
struct Sketch {
    /// What falls into each part of the shard's range.
    ranges: [AtomicU64; HASH_RANGES],
    keys: Mutex<HotKeys>,
}

impl PartialEq for Meters {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Meters {}

impl Meters {
    /// The meters of these shards: those that were there, and new ones.
    pub(crate) fn kept(&self, shards: impl Iterator<Item = ShardId>) -> Self {
        let meter = |id: ShardId| (id, self.shards.get(&id).map(Arc::clone).unwrap_or_default());
        Self {
            stream: Arc::clone(&self.stream),
            shards: shards.map(meter).collect(),
        }
    }

    /// Takes in what has passed since the last look.
    pub(crate) fn look(&self, now: Monotonic) {
        lock(&self.stream.watch).look(self.stream.totals(), now);
        for shard in self.shards.values() {
            let minute_ended = lock(&shard.watch).look(shard.totals(), now);
            if minute_ended && let Some(sketch) = shard.sketch.get() {
                sketch.fade();
            }
        }
    }
}

impl StreamMeter {
    pub(crate) fn note(&self, operation: Operation, noted: Noted) {
        let place = Operation::ALL.iter().position(|known| *known == operation);
        if let Some(meter) = place.and_then(|place| self.operations.get(place)) {
            meter.note(noted);
        }
    }

    pub(crate) fn operations(&self) -> &[OperationMeter] {
        &self.operations
    }

    pub(crate) fn put(&self, passed: Passed) {
        self.incoming.add(passed);
    }

    pub(crate) fn refuse_writes(&self, count: u64) {
        self.writes_refused.fetch_add(count, Relaxed);
    }

    pub(crate) fn refuse_read(&self) {
        self.reads_refused.fetch_add(1, Relaxed);
    }

    pub(crate) fn read(&self, passed: Passed, age_ms: u64, shared: bool) {
        self.outgoing.add(passed);
        if shared {
            self.shared.add(passed);
        }
        self.age_ms.store(age_ms, Relaxed);
    }

    /// How many records have their turn from here on, and the number of the first.
    pub(crate) fn take_turns(&self, count: usize) -> u64 {
        self.turn
            .fetch_add(u64::try_from(count).unwrap_or(u64::MAX), Relaxed)
    }

    /// Looks closely at a record, if it is its turn. The first ones are all looked at, so that little traffic shows too.
    pub(crate) fn look_at<'a>(
        &self,
        turn: u64,
        record: &NewRecord,
        hash: HashKey,
        shard: impl FnOnce() -> Option<(&'a ShardMeter, HashKeyRange)>,
    ) {
        let first = turn < LOOKED_AT_FIRST;
        let payloads = self.payloads.get_or_init(Fingerprints::default);
        payloads.note(&record.data, first);
        if (first || mix(turn).is_multiple_of(SAMPLE_EVERY))
            && let Some((meter, range)) = shard()
        {
            let weight = if first { 1 } else { SAMPLE_EVERY };
            meter.look_at(record, hash, range, weight);
        }
    }

    pub(crate) fn payloads(&self) -> (u64, u64) {
        self.payloads.get().map_or((0, 0), Fingerprints::counts)
    }

    pub(crate) fn incoming(&self) -> Passed {
        self.incoming.sum()
    }

    pub(crate) fn outgoing(&self) -> Passed {
        self.outgoing.sum()
    }

    pub(crate) fn refused(&self) -> (u64, u64) {
        (
            self.writes_refused.load(Relaxed),
            self.reads_refused.load(Relaxed),
        )
    }

    pub(crate) fn age_ms(&self) -> u64 {
        self.age_ms.load(Relaxed)
    }

    /// Now, and at most within the last minutes.
    pub(crate) fn rates(&self) -> (Rates, Rates) {
        let watch = lock(&self.watch);
        (watch.now(), watch.peak())
    }

    fn totals(&self) -> Rates {
        totals(&self.incoming, &self.shared)
    }
}

impl ShardMeter {
    pub(crate) fn put(&self, passed: Passed) {
        self.incoming.add(passed);
    }

    pub(crate) fn refuse_writes(&self, count: u64) {
        self.writes_refused.fetch_add(count, Relaxed);
    }

    pub(crate) fn refuse_read(&self) {
        self.reads_refused.fetch_add(1, Relaxed);
    }

    pub(crate) fn read(&self, passed: Passed, age_ms: u64, shared: bool) {
        self.outgoing.add(passed);
        if shared {
            self.shared.add(passed);
        }
        self.age_ms.store(age_ms, Relaxed);
    }

    pub(crate) fn gates(&self) -> MutexGuard<'_, Gates> {
        lock(&self.gates)
    }

    pub(crate) fn incoming(&self) -> Passed {
        self.incoming.sum()
    }

    pub(crate) fn outgoing(&self) -> Passed {
        self.outgoing.sum()
    }

    pub(crate) fn refused(&self) -> (u64, u64) {
        (
            self.writes_refused.load(Relaxed),
            self.reads_refused.load(Relaxed),
        )
    }

    pub(crate) fn age_ms(&self) -> u64 {
        self.age_ms.load(Relaxed)
    }

    pub(crate) fn rates(&self) -> (Rates, Rates) {
        let watch = lock(&self.watch);
        (watch.now(), watch.peak())
    }

    /// What falls into each part of the range; all nothing before the first record.
    pub(crate) fn spread(&self) -> [u64; HASH_RANGES] {
        self.sketch.get().map_or([0; HASH_RANGES], |sketch| {
            std::array::from_fn(|part| sketch.ranges[part].load(Relaxed))
        })
    }

    pub(crate) fn hot_keys(&self, count: usize) -> Vec<super::hot_keys::Kept> {
        let sketch = self.sketch.get();
        sketch.map_or_else(Vec::new, |sketch| lock(&sketch.keys).heaviest(count))
    }

    fn look_at(&self, record: &NewRecord, hash: HashKey, range: HashKeyRange, times: u64) {
        let sketch = self.sketch.get_or_init(Box::default);
        let bytes = u64::try_from(record.counted_len()).unwrap_or(u64::MAX);
        // A record is as heavy as the part of a shard's second that it takes, by bytes or as one of a thousand.
        let weight = bytes.max(WRITE_BYTES_PER_SECOND / WRITE_RECORDS_PER_SECOND);
        let weight = weight.saturating_mul(times);
        if let Some(part) = sketch.ranges.get(part_of(range, hash)) {
            part.fetch_add(weight, Relaxed);
        }
        // Whoever else looks just now is as good as this one.
        if let Ok(mut keys) = sketch.keys.try_lock() {
            keys.note(hash.0, &record.partition_key, weight);
        }
    }

    fn totals(&self) -> Rates {
        totals(&self.incoming, &self.shared)
    }
}

impl Tally {
    fn add(&self, passed: Passed) {
        self.bytes.fetch_add(passed.bytes, Relaxed);
        self.records.fetch_add(passed.records, Relaxed);
    }

    fn sum(&self) -> Passed {
        Passed {
            bytes: self.bytes.load(Relaxed),
            records: self.records.load(Relaxed),
        }
    }
}

impl Default for Sketch {
    fn default() -> Self {
        Self {
            ranges: std::array::from_fn(|_| AtomicU64::new(0)),
            keys: Mutex::default(),
        }
    }
}

impl Sketch {
    /// Halves all weights. What is added meanwhile may get lost, which an estimate can bear.
    fn fade(&self) {
        for range in &self.ranges {
            range.store(range.load(Relaxed) / 2, Relaxed);
        }
        lock(&self.keys).fade();
    }
}

/// In which part of a range a hash key falls.
fn part_of(range: HashKeyRange, hash: HashKey) -> usize {
    let width = range.ending.0.saturating_sub(range.starting.0) / PARTS + 1;
    let part = hash.0.saturating_sub(range.starting.0) / width;
    usize::try_from(part).unwrap_or(usize::MAX)
}

/// Where the part of a range begins; behind the last one, where the range ends.
pub(crate) fn part_begins(range: HashKeyRange, part: usize) -> u128 {
    let width = range.ending.0.saturating_sub(range.starting.0) / PARTS + 1;
    let offset = u128::try_from(part).unwrap_or(PARTS).saturating_mul(width);
    range.starting.0.saturating_add(offset).min(range.ending.0)
}

const PARTS: u128 = HASH_RANGES as u128;

fn totals(incoming: &Tally, shared: &Tally) -> Rates {
    let (incoming, shared) = (incoming.sum(), shared.sum());
    Rates {
        write_bytes: incoming.bytes,
        write_records: incoming.records,
        read_bytes: shared.bytes,
    }
}

/// Spreads numbers that follow one another over all numbers (splitmix64).
pub(crate) fn mix(number: u64) -> u64 {
    let mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_hot_key_and_its_place_show_whether_traffic_is_little_or_much() {
        for records in [200_u64, 40_000] {
            let (stream, shard) = (StreamMeter::default(), ShardMeter::default());
            for number in 0..records {
                let hot = number % 2 == 0;
                let hash = HashKey(if hot {
                    u128::MAX / 3
                } else {
                    u128::from(mix(number)) << 64
                });
                let record = NewRecord {
                    partition_key: Bytes::from(if hot {
                        "hot".to_owned()
                    } else {
                        number.to_string()
                    }),
                    explicit_hash_key: None,
                    data: Bytes::from(number.to_string()),
                };
                let turn = stream.take_turns(1);
                stream.look_at(turn, &record, hash, || Some((&shard, HashKeyRange::WHOLE)));
            }
            let heaviest = shard.hot_keys(1).remove(0);
            assert_eq!(&*heaviest.key, b"hot");
            let (spread, all) = (shard.spread(), shard.spread().iter().sum::<u64>());
            let hottest = *spread.iter().max().unwrap();
            assert_eq!(spread[21], hottest, "a third of the way");
            assert!(
                (40..60).contains(&(hottest * 100 / all)),
                "{records}: {hottest} of {all}"
            );
            let part = heaviest.sure() * 100 / all;
            assert!((35..60).contains(&part), "{records}: {part} %");
        }
    }

    proptest! {
        #[test]
        fn parts_cover_their_range(starting: u128, ending: u128, at: u128) {
            let (starting, ending) = (starting.min(ending), starting.max(ending));
            let range = HashKeyRange { starting: HashKey(starting), ending: HashKey(ending) };
            let at = starting + at.checked_rem(ending - starting).unwrap_or(0);
            let part = part_of(range, HashKey(at));
            prop_assert!(part < HASH_RANGES);
            prop_assert!(part_begins(range, part) <= at && at <= part_begins(range, part + 1));
        }
    }
}
