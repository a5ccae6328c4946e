//! In which batches records reach a function, and what becomes of each batch. Pure: records and a draw come in, a schedule goes
//! out. The order of records of one key is always kept, as it is on a shard.

use std::collections::BTreeMap;

use super::TrialRecord;

/// How a schedule differs from the plain one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    /// The plain one again: what differs then is chance, time, or what a sandbox remembers.
    Again,
    /// Each record alone.
    Split,
    /// Other batches.
    Rebatch,
    /// Records of different keys in another order.
    Reorder,
    /// The host fails after a batch was handled and before it is committed, and starts anew.
    Crash,
    /// The same, and the sandbox lives on.
    Lost,
    /// Batches that were committed come once more, as after a seek or from an attached stream.
    Duplicate,
}

impl Variant {
    pub const ALL: [Self; 7] = [
        Self::Again,
        Self::Split,
        Self::Rebatch,
        Self::Reorder,
        Self::Crash,
        Self::Lost,
        Self::Duplicate,
    ];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Again => "again",
            Self::Split => "split",
            Self::Rebatch => "rebatch",
            Self::Reorder => "reorder",
            Self::Crash => "crash",
            Self::Lost => "lost",
            Self::Duplicate => "duplicate",
        }
    }

    /// Whether another draw makes another schedule.
    pub(crate) const fn is_drawn(self) -> bool {
        !matches!(self, Self::Again | Self::Split)
    }
}

/// What becomes of a batch once its function has answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Committed,
    /// Nothing of it is kept; it comes again, in a new sandbox.
    Crashed,
    /// Nothing of it is kept; it comes again, in the same sandbox.
    Lost,
    /// It is committed, and comes again.
    Repeated,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Indexes of records, ascending.
    pub records: Vec<usize>,
    pub fate: Fate,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    pub steps: Vec<Step>,
}

/// Numbers that look drawn: the same seed gives the same ones.
#[derive(Debug, Clone, Copy)]
pub struct Draw(pub u64);

impl Draw {
    /// From 0 to `below` - 1.
    pub fn below(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        let below = u64::try_from(below.max(1)).unwrap_or(1);
        usize::try_from(mixed % below).unwrap_or(0)
    }
}

impl Schedule {
    /// Full batches, in order, all committed.
    pub(crate) fn plain(records: &[usize], batch: usize) -> Self {
        let steps = records.chunks(batch.max(1)).map(|some| Step {
            records: some.to_vec(),
            fate: Fate::Committed,
        });
        Self {
            steps: steps.collect(),
        }
    }

    pub(crate) fn of(
        variant: Variant,
        records: &[TrialRecord],
        batch: usize,
        draw: &mut Draw,
    ) -> Self {
        let all: Vec<usize> = (0..records.len()).collect();
        match variant {
            Variant::Again => Self::plain(&all, batch),
            Variant::Split => Self::plain(&all, 1),
            Variant::Rebatch => Self::cut(&all, batch, draw),
            Variant::Reorder => Self::interleaved(records, batch, draw),
            Variant::Crash => Self::cut(&all, batch, draw).with(Fate::Crashed, draw),
            Variant::Lost => Self::cut(&all, batch, draw).with(Fate::Lost, draw),
            Variant::Duplicate => Self::cut(&all, batch, draw).with(Fate::Repeated, draw),
        }
    }

    /// Batches of drawn sizes.
    fn cut(records: &[usize], batch: usize, draw: &mut Draw) -> Self {
        let mut steps = Vec::new();
        let mut rest = records;
        while !rest.is_empty() {
            let (now, later) = rest.split_at((1 + draw.below(batch)).min(rest.len()));
            steps.push(Step {
                records: now.to_vec(),
                fate: Fate::Committed,
            });
            rest = later;
        }
        Self { steps }
    }

    /// Keys fall into lanes, whose batches take turns as drawn.
    fn interleaved(records: &[TrialRecord], batch: usize, draw: &mut Draw) -> Self {
        let mut lane_of: BTreeMap<&str, usize> = BTreeMap::new();
        let mut lanes: [Vec<usize>; 3] = Default::default();
        for (index, record) in records.iter().enumerate() {
            let lane = *lane_of.entry(&record.key).or_insert_with(|| draw.below(3));
            lanes[lane].push(index);
        }
        let mut steps = Vec::new();
        while lanes.iter().any(|lane| !lane.is_empty()) {
            let lane = &mut lanes[draw.below(3)];
            let many = (1 + draw.below(batch)).min(lane.len());
            let records: Vec<usize> = lane.drain(..many).collect();
            if !records.is_empty() {
                steps.push(Step {
                    records,
                    fate: Fate::Committed,
                });
            }
        }
        Self { steps }
    }

    /// At least one batch has this fate.
    fn with(mut self, fate: Fate, draw: &mut Draw) -> Self {
        let certain = draw.below(self.steps.len());
        for (index, step) in self.steps.iter_mut().enumerate() {
            if index == certain || draw.below(3) == 0 {
                step.fate = fate;
            }
        }
        self
    }
}
