//! Streams that scale by themselves: those on demand, and provisioned ones that a file lets scale.
//!
//! In: what was observed of each stream. Out: resharding, carried out as a client's would be, and what was done. To be
//! called from time to time, after `observe`. A stream that is not ACTIVE is left alone until it is.

use std::collections::BTreeMap;

use model::StreamKey;

use crate::{
    engine::Streams,
    facts::{StreamMode, StreamStatus},
    limits::SHARDS_PER_STREAM_MAX,
    registry::StreamEntry,
    reshard::ReshardError,
    revise::Draft,
    scaling::{Goal, ShardLoad, Step, steps},
    traffic::Rates,
};

/// From which load on a shard of a stream on demand is hot, in thousandths.
const ON_DEMAND_HOT: u64 = 900;

/// How a provisioned stream scales.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Autoscale {
    pub shards_min: u32,
    pub shards_max: u32,
    /// How much of a shard should be used at the highest load of the last quarter of an hour.
    pub target_percent: u32,
}

/// A stream whose shards were changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebalanced {
    pub stream: StreamKey,
    pub splits: usize,
    pub merges: usize,
    pub open_shards: usize,
}

impl Streams {
    /// Brings every stream that scales by itself one round nearer to the shards it needs.
    pub async fn rebalance(
        &self,
        autoscaled: &BTreeMap<StreamKey, Autoscale>,
    ) -> Vec<Result<Rebalanced, ReshardError>> {
        let now = self.now();
        let streams: Vec<_> = {
            let registry = self.shared.registry();
            let scaling = registry.iter().filter(|(key, entry)| {
                let scales = entry.mode == StreamMode::OnDemand || autoscaled.contains_key(*key);
                scales && entry.status(now) == Some(StreamStatus::Active)
            });
            scaling
                .map(|(key, entry)| (key.clone(), entry.clone()))
                .collect()
        };
        let mut done = Vec::new();
        for (key, entry) in streams {
            self.remember(&key, &entry).await;
            let goal = match (entry.mode, autoscaled.get(&key)) {
                (StreamMode::OnDemand, _) => self.goal_on_demand(&entry),
                (StreamMode::Provisioned, Some(autoscale)) => autoscale.goal(&entry),
                (StreamMode::Provisioned, None) => continue,
            };
            let steps = steps(&loads(&entry), goal);
            if !steps.is_empty() {
                done.push(self.carry_out(key, steps).await);
            }
        }
        done
    }

    /// Twice the highest traffic of thirty days, but at least what the stream was warmed for.
    fn goal_on_demand(&self, entry: &StreamEntry) -> Goal {
        let (now, _) = entry.meters.stream.rates();
        let mut demand = entry.demand.clone();
        demand.note(now.write_load(), self.now());
        let warm = entry.traits.warm_mibps.unwrap_or_default();
        Goal {
            shards: demand.shards(self.now()).max(warm),
            shards_max: SHARDS_PER_STREAM_MAX,
            hot: ON_DEMAND_HOT,
        }
    }

    /// Stores the load of a stream on demand, where it is the highest of the day by far.
    async fn remember(&self, key: &StreamKey, entry: &StreamEntry) {
        let (now, _) = entry.meters.stream.rates();
        let (load, at) = (now.write_load(), self.now());
        if entry.mode == StreamMode::Provisioned || !entry.demand.is_outdone(load, at) {
            return;
        }
        let stored = self
            .revise(key.clone(), move |draft: &mut Draft| {
                draft.entry.demand.note(load, at);
                Ok::<_, ReshardError>(())
            })
            .await
            .map_err(ReshardError::from);
        if let Err(error) = stored {
            tracing::warn!(stream = %key.name, %error, "the demand could not be stored");
        }
    }

    async fn carry_out(
        &self,
        stream: StreamKey,
        steps: Vec<Step>,
    ) -> Result<Rebalanced, ReshardError> {
        let split = |step: &Step| match step {
            Step::Split { at, .. } => at.len(),
            Step::Merge { .. } => 0,
        };
        let splits: usize = steps.iter().map(split).sum();
        let merges = steps.len() - steps.iter().filter(|step| split(step) > 0).count();
        let open_shards = self.reshard(stream.clone(), steps).await?;
        Ok(Rebalanced {
            stream,
            splits,
            merges,
            open_shards,
        })
    }
}

impl Autoscale {
    fn goal(&self, entry: &StreamEntry) -> Goal {
        let (now, peak) = entry.meters.stream.rates();
        let load = now.write_load().max(peak.write_load());
        let shards = load.div_ceil(u64::from(self.target_percent.max(1)) * 10);
        let shards = u32::try_from(shards).unwrap_or(u32::MAX);
        Goal {
            shards: shards.clamp(self.shards_min, self.shards_max.max(self.shards_min)),
            shards_max: self.shards_max,
            hot: ON_DEMAND_HOT,
        }
    }
}

/// What each open shard takes: the most of now and of the last minutes, so that a pause merges nothing at once.
fn loads(entry: &StreamEntry) -> Vec<ShardLoad> {
    let load = |(now, peak): (Rates, Rates)| now.write_load().max(peak.write_load());
    let routes = entry.routes().iter();
    routes
        .filter_map(|shard| {
            let meter = entry.meter(shard.id)?;
            Some(ShardLoad {
                id: shard.id,
                range: shard.range,
                load: load(meter.rates()),
                spread: meter.spread(),
            })
        })
        .collect()
}
