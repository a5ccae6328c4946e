//! What functions and the system say, kept for `shardmill logs`: the newest lines, in memory, bounded.
//!
//! Lines come in from the sandbox and from triggers, each with trigger, shard, invocation and attempt; readers page
//! through them by number and may wait for more. Old lines make room for new ones; nothing here is durable.

use std::{collections::VecDeque, sync::Mutex};

use platform::watch;
use sandbox::{GuestLog, LogSink};
use serde::Serialize;

use crate::limits::LOG_LINES_MAX;

/// One line, as the API shows it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Line {
    pub(crate) id: u64,
    pub(crate) at_ms: u64,
    pub(crate) level: &'static str,
    pub(crate) trigger: String,
    pub(crate) function: String,
    pub(crate) version: u64,
    pub(crate) shard: String,
    pub(crate) invocation: String,
    pub(crate) attempt: u32,
    pub(crate) message: String,
}

/// What a reader wants to see.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) after: u64,
    pub(crate) since_ms: u64,
    pub(crate) trigger: Option<String>,
    pub(crate) shard: Option<String>,
    pub(crate) invocation: Option<String>,
    /// Lines below this level are left out.
    pub(crate) level: Option<u32>,
    pub(crate) limit: usize,
}

#[derive(Debug)]
pub(crate) struct LogStore {
    lines: Mutex<VecDeque<Line>>,
    newest: watch::Sender<u64>,
}

const LEVELS: [&str; 5] = ["trace", "debug", "info", "warn", "error"];

/// The rank of a level by its name, 0 to 4; unknown names let everything through.
pub(crate) fn level(name: &str) -> u32 {
    (0_u32..)
        .zip(LEVELS)
        .find(|(_, level)| *level == name)
        .map_or(0, |(rank, _)| rank)
}

fn level_name(rank: u32) -> &'static str {
    let rank = usize::try_from(rank).unwrap_or(usize::MAX);
    LEVELS.get(rank).copied().unwrap_or("error")
}

impl LogStore {
    pub(crate) fn new() -> Self {
        Self {
            lines: Mutex::new(VecDeque::new()),
            newest: watch::channel(0).0,
        }
    }

    /// Lines in order of arrival, and the number of the newest line looked at.
    pub(crate) fn read(&self, wanted: &Wanted) -> (Vec<Line>, u64) {
        let same = |want: &Option<String>, is: &str| want.as_ref().is_none_or(|want| want == is);
        let lines = self
            .lines
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let found: Vec<Line> = lines
            .iter()
            .filter(|line| line.id > wanted.after && line.at_ms >= wanted.since_ms)
            .filter(|line| wanted.level.is_none_or(|least| level(line.level) >= least))
            .filter(|line| same(&wanted.trigger, &line.trigger))
            .filter(|line| same(&wanted.shard, &line.shard))
            .filter(|line| same(&wanted.invocation, &line.invocation))
            .take(wanted.limit)
            .cloned()
            .collect();
        let newest = lines.back().map_or(wanted.after, |line| line.id);
        let after = if found.len() == wanted.limit {
            found.last().map_or(newest, |line| line.id)
        } else {
            newest
        };
        (found, after)
    }

    /// Changes with every line.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }
}

impl LogSink for LogStore {
    fn log(&self, line: GuestLog) {
        let mut lines = self
            .lines
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let id = lines.back().map_or(1, |newest| newest.id + 1);
        if lines.len() >= LOG_LINES_MAX {
            lines.pop_front();
        }
        lines.push_back(Line {
            id,
            at_ms: line.at.as_millis(),
            level: level_name(line.level),
            trigger: line.trigger.to_string(),
            function: line.function.to_string(),
            version: line.version.0,
            shard: line.shard.to_string(),
            invocation: line.request_id,
            attempt: line.attempt,
            message: line.message,
        });
        drop(lines);
        self.newest.send_replace(id);
    }
}
