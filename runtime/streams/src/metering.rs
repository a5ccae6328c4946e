//! Where meters and gates stand on a record's way: what puts and reads add to them, whom they refuse, and what they say.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use model::{NewRecord, ShardId, StreamKey, seams::Page};
use platform::Monotonic;

use crate::{
    engine::Streams,
    facts::{StreamFacts, UnknownStream},
    limits::RECORD_BYTES_DEFAULT,
    registry::StreamEntry,
    route::{Routed, covering},
    traffic::{Noted, Operation, Passed, ShardMeter, StreamTraffic},
};

impl Streams {
    /// Whether AWS's limits are kept here.
    #[must_use]
    pub fn keeps_aws_limits(&self) -> bool {
        self.shared.settings.aws_limits
    }

    /// Looks at all meters, so that rates are those of now. To be called from time to time.
    pub fn observe(&self) {
        let now = self.shared.platform.clock.monotonic();
        for stream in self.shared.registry().values() {
            stream.meters.look(now);
        }
    }

    /// Streams of all accounts and regions, at most so many.
    #[must_use]
    pub fn known(&self, limit: usize) -> Vec<StreamFacts> {
        let now = self.now();
        let registry = self.shared.registry();
        let known = registry
            .iter()
            .filter_map(|(key, entry)| entry.facts(key, now));
        known.take(limit).collect()
    }

    /// What passed through a stream since the server started, and what passes now.
    pub fn traffic(&self, key: &StreamKey) -> Result<StreamTraffic, UnknownStream> {
        let stream = self.existing(key)?;
        stream.meters.look(self.shared.platform.clock.monotonic());
        let (now, peak) = stream.meters.stream.rates();
        let shards = stream.present(self.now()).filter_map(|shard| {
            let meter = stream.meter(shard.id)?;
            Some(meter.report(shard.id, shard.range, shard.closed.is_none()))
        });
        Ok(StreamTraffic {
            totals: stream.meters.totals(),
            now,
            peak,
            payloads: stream.meters.payloads(),
            operations: stream.meters.counted(),
            shards: shards.collect(),
        })
    }

    /// Counts a call of a client about a stream; of one that does not exist nothing is counted.
    pub fn note(&self, key: &StreamKey, operation: Operation, noted: Noted) {
        if let Ok(stream) = self.existing(key) {
            stream.meters.stream.note(operation, noted);
        }
    }

    /// Whether a shard may be read now by those who share it. Reading more than AWS lets is noted.
    #[must_use]
    pub fn may_read(&self, key: &StreamKey, shard: ShardId) -> bool {
        let limited = self.shared.settings.aws_limits;
        let refused = |stream: &Arc<StreamEntry>| {
            let meter = stream.meter(shard)?;
            let now = self.shared.platform.clock.monotonic();
            let passes = {
                let mut gates = meter.gates();
                !gates.is_shut(now) && (!limited || gates.read.pass(now))
            };
            if passes {
                return None;
            }
            meter.refuse_read();
            stream.meters.stream.refuse_read();
            Some(())
        };
        let gated = limited || self.throttles();
        !gated || self.existing(key).ok().as_ref().and_then(refused).is_none()
    }

    /// For tests: the shard takes and gives nothing for so long, as if it were over AWS's limits; `false` where there is no
    /// such shard.
    pub fn throttle(&self, key: &StreamKey, shard: ShardId, lasts: Duration) -> bool {
        let Ok(stream) = self.existing(key) else {
            return false;
        };
        let Some(meter) = stream.meter(shard) else {
            return false;
        };
        let now = self.shared.platform.clock.monotonic();
        meter.gates().shut(now, lasts);
        self.shared.throttles.store(true, Ordering::Relaxed);
        true
    }

    /// Whether any shard was ever throttled: puts and reads need not look otherwise.
    pub(crate) fn throttles(&self) -> bool {
        self.shared.throttles.load(Ordering::Relaxed)
    }

    /// Whether an iterator of a shard may be given now.
    #[must_use]
    pub fn may_iterate(&self, key: &StreamKey, shard: ShardId) -> bool {
        let now = self.shared.platform.clock.monotonic();
        let limited = self.shared.settings.aws_limits;
        let stream = self.existing(key).ok().filter(|_| limited);
        let meter = stream.as_ref().and_then(|stream| stream.meter(shard));
        meter.is_none_or(|meter| meter.gates().pass_iterator(now))
    }

    /// Counts a page that a client read; `shared` when it is taken from what the shard gives to all, as fan-out is not.
    pub fn count_read(&self, key: &StreamKey, shard: ShardId, page: &Page, shared: bool) {
        let Ok(stream) = self.existing(key) else {
            return;
        };
        let bytes = |record: &model::Record| record.data.len() + record.partition_key.len();
        let passed = Passed {
            bytes: count(page.records.iter().map(bytes).sum()),
            records: count(page.records.len()),
        };
        stream.meters.stream.read(passed, page.behind_ms, shared);
        if let Some(meter) = stream.meter(shard) {
            meter.read(passed, page.behind_ms, shared);
            if shared && self.shared.settings.aws_limits {
                let now = self.shared.platform.clock.monotonic();
                meter.gates().read.charge(passed.bytes, now);
            }
        }
    }
}

impl StreamEntry {
    /// Counts records that were stored.
    pub(crate) fn count_puts(
        &self,
        passed: &[(ShardId, Passed)],
        records: &[NewRecord],
        routed: &[Routed],
    ) {
        let stream = &self.meters.stream;
        for (shard, passed) in passed {
            stream.put(*passed);
            if let Some(meter) = self.meter(*shard) {
                meter.put(*passed);
            }
        }
        let first = stream.take_turns(records.len());
        for ((turn, record), place) in (first..).zip(records).zip(routed) {
            stream.look_at(turn, record, place.hash, || {
                let meter = self.meter(place.shard.id)?;
                Some((&**meter, place.shard.range))
            });
        }
    }

    /// Takes out the records that their shards refuse, with their places.
    pub(crate) fn refuse_over_rate(
        &self,
        records: &mut Vec<NewRecord>,
        limited: bool,
        now: Monotonic,
    ) -> Vec<(usize, ShardId)> {
        let max = self.record_bytes_max();
        let mut refused = Vec::new();
        let mut place = 0;
        records.retain(|record| {
            let shard = covering(self.routes(), record.hash_key()).map(|shard| shard.id);
            let bytes = count(record.counted_len());
            let full = shard.filter(|shard| {
                let meter = self.meter(*shard);
                meter.is_some_and(|meter| {
                    let mut gates = meter.gates();
                    gates.is_shut(now) || limited && !gates.write.pass(bytes, max, now)
                })
            });
            refused.extend(full.map(|shard| (place, shard)));
            place += 1;
            full.is_none()
        });
        for (_, shard) in &refused {
            self.meters.stream.refuse_writes(1);
            if let Some(meter) = self.meter(*shard) {
                meter.refuse_writes(1);
            }
        }
        refused
    }

    /// The first shard that has no room at all for what should go there. Where all have some, all records are taken.
    pub(crate) fn full_shard(
        &self,
        records: &[NewRecord],
        limited: bool,
        now: Monotonic,
    ) -> Option<ShardId> {
        let meters = records.iter().filter_map(|record| {
            let shard = covering(self.routes(), record.hash_key())?.id;
            Some((shard, self.meter(shard)?, count(record.counted_len())))
        });
        let meters: Vec<_> = meters.collect();
        let mut full = meters.iter();
        let refuses = |meter: &ShardMeter| {
            let gates = meter.gates();
            gates.is_shut(now) || limited && !gates.write.has_room(now)
        };
        if let Some((shard, meter, _)) = full.find(|(_, meter, _)| refuses(meter)) {
            let refused = count(records.len());
            meter.refuse_writes(refused);
            self.meters.stream.refuse_writes(refused);
            return Some(*shard);
        }
        if limited {
            for (_, meter, bytes) in meters {
                meter.gates().write.charge(bytes, now);
            }
        }
        None
    }

    fn record_bytes_max(&self) -> u64 {
        let kib = self.traits.record_kib_max.map(|kib| u64::from(kib) * 1024);
        kib.unwrap_or(RECORD_BYTES_DEFAULT)
    }
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
