//! What is known of one trigger at this moment, all of its shards together: for `/metrics`.

use std::time::Duration;

use dispatch::{Counters, TriggerSettings};

use super::why::is_moving;
use crate::{assemble::Rooms, lag};

#[derive(Debug, Default)]
pub(crate) struct Measured {
    pub(crate) counters: Counters,
    pub(crate) has_destinations: bool,
    pub(crate) delivered: u64,
    pub(crate) delivery_failures: u64,
    pub(crate) lag_records: u64,
    pub(crate) lag_ms: u64,
    pub(crate) waiting: u64,
    pub(crate) unaccounted: u64,
    /// Of the shard that loses data first.
    pub(crate) loses_in: Option<Duration>,
}

impl Measured {
    pub(crate) fn of(rooms: &Rooms, settings: &TriggerSettings) -> Self {
        let mut all = Self {
            counters: Counters {
                // Nothing of what happened there is of now.
                iterator_age_ms: 0,
                ..rooms.runners.counted_on_gone_shards(&settings.name)
            },
            has_destinations: !settings.on_failure.is_empty(),
            ..Self::default()
        };
        for status in rooms.runners.status(&settings.name) {
            all.counters.add(&status.counters);
            let lag = lag::of_shard(rooms, settings, &status);
            all.lag_records += lag.records;
            let ms = u64::try_from(lag.time.as_millis()).unwrap_or(u64::MAX);
            all.lag_ms = all.lag_ms.max(ms);
            all.waiting += u64::from(!is_moving(&status.state));
            all.unaccounted += u64::from(!status.is_conserved());
            let loses_in = lag::loses_in(rooms, settings, status.shard);
            all.loses_in = match (all.loses_in, loses_in) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            };
        }
        for (to, held) in rooms.deliveries.all() {
            if to.trigger == settings.name {
                all.delivered += held.delivered;
                all.delivery_failures += held.failures;
            }
        }
        all
    }
}
