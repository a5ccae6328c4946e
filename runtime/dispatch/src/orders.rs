//! What the shards of a trigger are told to do, and whether all of them have obeyed.
//!
//! One value for the whole trigger, so that an order is given once and every shard sees all of it. A shard obeys by
//! showing it: what runs is finished first, or dropped where the order says so.

use std::collections::{BTreeMap, BTreeSet};

use model::ShardId;

use crate::{
    settings::Switch,
    status::{ShardState, ShardStatus},
};

/// What a shard is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stance {
    On,
    /// With the whole trigger, by an operator.
    Paused,
    /// Alone, by an operator.
    PausedShard,
    /// While an order is carried out that nothing may run beside.
    Held,
    /// By the settings.
    Disabled,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Orders {
    /// Of the trigger as a whole.
    pub(crate) switch: Switch,
    /// Paused one by one, whatever the trigger as a whole does.
    pub(crate) paused: BTreeSet<ShardId>,
    /// How many orders want every shard to stand still while they are carried out.
    pub(crate) holds: u32,
    /// What runs is dropped instead of being waited for; its records are as if it had never begun.
    pub(crate) aborts: u64,
    /// How often an operator resumed the trigger, and single shards: each time their pauses between attempts end.
    resumed: u64,
    resumed_shards: BTreeMap<ShardId, u64>,
    /// How often something new was deployed that the trigger calls.
    pub(crate) deploys: u64,
    /// How often its settings were changed.
    pub(crate) changes: u64,
}

impl Orders {
    pub(crate) fn new(switch: Switch, paused: BTreeSet<ShardId>) -> Self {
        Self {
            switch,
            paused,
            holds: 0,
            aborts: 0,
            resumed: 0,
            resumed_shards: BTreeMap::new(),
            deploys: 0,
            changes: 0,
        }
    }

    pub(crate) fn of(&self, shard: ShardId) -> Stance {
        match self.switch {
            Switch::Disabled => Stance::Disabled,
            Switch::Paused => Stance::Paused,
            Switch::On if self.paused.contains(&shard) => Stance::PausedShard,
            Switch::On if self.holds > 0 => Stance::Held,
            Switch::On => Stance::On,
        }
    }

    /// Grows whenever the shard was resumed.
    pub(crate) fn resumptions(&self, shard: ShardId) -> u64 {
        self.resumed + self.resumed_shards.get(&shard).copied().unwrap_or(0)
    }

    pub(crate) fn pause(&mut self, shard: Option<ShardId>) {
        match shard {
            Some(shard) => drop(self.paused.insert(shard)),
            None => self.turn(Switch::Paused),
        }
    }

    pub(crate) fn resume(&mut self, shard: Option<ShardId>) {
        if let Some(shard) = shard {
            self.paused.remove(&shard);
            *self.resumed_shards.entry(shard).or_default() += 1;
        } else {
            self.turn(Switch::On);
            self.resumed += 1;
        }
    }

    /// What the settings disable, no operator switches.
    fn turn(&mut self, to: Switch) {
        if self.switch != Switch::Disabled {
            self.switch = to;
        }
    }
}

/// Whether nothing of the shard runs, or will run before its orders change.
pub(crate) fn is_at_rest(status: &ShardStatus) -> bool {
    match status.state {
        ShardState::Paused
        | ShardState::PausedShard
        | ShardState::Held
        | ShardState::Disabled
        | ShardState::WaitingForParent(_)
        | ShardState::NoLease(_)
        | ShardState::LogStopped(_)
        | ShardState::Fenced { .. }
        | ShardState::Broken(_)
        | ShardState::Stopped
        | ShardState::Ended => true,
        ShardState::Running
        | ShardState::CaughtUp
        | ShardState::Collecting { .. }
        | ShardState::BackingOff { .. }
        | ShardState::BreakerOpen { .. }
        | ShardState::Blocked { .. }
        | ShardState::DiskFull
        | ShardState::DeadLettersFull { .. }
        | ShardState::ParkFull { .. }
        | ShardState::StateFull { .. }
        | ShardState::NoOutput(_)
        | ShardState::WaitingForSlot => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_obeys_the_trigger_before_itself_and_an_operator_before_a_hold() {
        let [zero, one] = [ShardId(0), ShardId(1)];
        let mut orders = Orders::new(Switch::On, BTreeSet::from([one]));
        let check = |orders: &Orders, expect: [Stance; 2]| {
            assert_eq!([orders.of(zero), orders.of(one)], expect, "{orders:?}");
        };
        check(&orders, [Stance::On, Stance::PausedShard]);
        orders.holds = 1;
        check(&orders, [Stance::Held, Stance::PausedShard]);
        orders.pause(None);
        check(&orders, [Stance::Paused, Stance::Paused]);
        orders.resume(None);
        orders.holds = 0;
        check(&orders, [Stance::On, Stance::PausedShard]);
        orders.resume(Some(one));
        check(&orders, [Stance::On, Stance::On]);
        assert_eq!([zero, one].map(|shard| orders.resumptions(shard)), [1, 2]);
        let mut disabled = Orders::new(Switch::Disabled, BTreeSet::new());
        disabled.resume(None);
        check(&disabled, [Stance::Disabled, Stance::Disabled]);
    }
}
