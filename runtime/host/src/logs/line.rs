//! One line of what a function said, as it is kept and shown, and what a reader may want of them. Pure.

use sandbox::GuestLog;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Line {
    /// Grows with every line, over restarts too.
    pub(crate) id: u64,
    pub(crate) at_ms: u64,
    pub(crate) level: Level,
    pub(crate) trigger: String,
    pub(crate) function: String,
    pub(crate) version: u64,
    pub(crate) shard: String,
    pub(crate) invocation: String,
    pub(crate) attempt: u32,
    pub(crate) message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

/// What a reader wants to see.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) after: u64,
    pub(crate) since_ms: u64,
    pub(crate) trigger: Option<String>,
    pub(crate) function: Option<String>,
    pub(crate) shard: Option<String>,
    pub(crate) invocation: Option<String>,
    /// Lines below this level are left out.
    pub(crate) level: Option<Level>,
    pub(crate) limit: usize,
}

impl Line {
    pub(crate) fn new(id: u64, said: GuestLog) -> Self {
        Self {
            id,
            at_ms: said.at.as_millis(),
            level: Level::of_rank(said.level),
            trigger: said.trigger.to_string(),
            function: said.function.to_string(),
            version: said.version.0,
            shard: said.shard.to_string(),
            invocation: said.request_id,
            attempt: said.attempt,
            message: said.message,
        }
    }

    /// What it takes in memory.
    pub(crate) fn bytes(&self) -> u64 {
        let texts = [
            &self.trigger,
            &self.function,
            &self.shard,
            &self.invocation,
            &self.message,
        ];
        let text: usize = texts.iter().map(|text| text.len()).sum();
        u64::try_from(size_of::<Self>() + text).unwrap_or(u64::MAX)
    }
}

impl Level {
    const ALL: [(&'static str, Self); 5] = [
        ("trace", Self::Trace),
        ("debug", Self::Debug),
        ("info", Self::Info),
        ("warn", Self::Warn),
        ("error", Self::Error),
    ];

    /// Larger ranks count as errors.
    fn of_rank(rank: u32) -> Self {
        let rank = usize::try_from(rank).unwrap_or(usize::MAX);
        Self::ALL.get(rank).map_or(Self::Error, |(_, level)| *level)
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        let named = Self::ALL.iter().find(|(known, _)| *known == name);
        named.map(|(_, level)| *level)
    }

    pub(crate) fn name(self) -> &'static str {
        let named = Self::ALL.iter().find(|(_, level)| *level == self);
        named.map_or("", |(name, _)| name)
    }
}

impl Wanted {
    pub(crate) fn takes(&self, line: &Line) -> bool {
        let same = |want: &Option<String>, is: &str| want.as_ref().is_none_or(|want| want == is);
        line.id > self.after
            && line.at_ms >= self.since_ms
            && self.level.is_none_or(|least| line.level >= least)
            && same(&self.trigger, &line.trigger)
            && same(&self.function, &line.function)
            && same(&self.shard, &line.shard)
            && same(&self.invocation, &line.invocation)
    }
}
