//! What functions and the system say, kept for `shardmill logs`: the newest lines, in memory, bounded.
//!
//! Lines come in from the sandbox and from triggers, each with trigger, shard, invocation and attempt; readers page
//! through them by number and may wait for more. Lines go when they are too old or too many; nothing here is durable.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use model::{ByteSize, Timestamp, seams::LogTail};
use platform::watch;
use sandbox::{GuestLog, LogSink};
use serde::Serialize;

use crate::{config, limits::LOG_LINES_MAX};

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
    policy: config::Logs,
    kept: Mutex<Kept>,
    newest: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Kept {
    lines: VecDeque<Line>,
    bytes: u64,
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
    pub(crate) fn new(policy: &config::Logs) -> Self {
        Self {
            policy: policy.clone(),
            kept: Mutex::default(),
            newest: watch::channel(0).0,
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets lines that are older than they are kept.
    pub(crate) fn expire(&self, now: Timestamp) {
        let oldest = now.minus(self.policy.keep).as_millis();
        let mut kept = self.kept();
        while kept.lines.front().is_some_and(|line| line.at_ms < oldest) {
            kept.forget_oldest();
        }
    }

    /// Of all lines that are kept.
    pub(crate) fn bytes(&self) -> ByteSize {
        ByteSize(self.kept().bytes)
    }

    /// Lines in order of arrival, and the number of the newest line looked at.
    pub(crate) fn read(&self, wanted: &Wanted) -> (Vec<Line>, u64) {
        let same = |want: &Option<String>, is: &str| want.as_ref().is_none_or(|want| want == is);
        let kept = self.kept();
        let lines = &kept.lines;
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
        let mut kept = self.kept();
        let id = self.newest.borrow().saturating_add(1);
        let line = Line {
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
        };
        kept.bytes += line.bytes();
        kept.lines.push_back(line);
        let max = self.policy.max.bytes();
        while kept.lines.len() > LOG_LINES_MAX || kept.bytes > max {
            kept.forget_oldest();
        }
        self.newest.send_replace(id);
    }
}

impl Kept {
    fn forget_oldest(&mut self) {
        if let Some(line) = self.lines.pop_front() {
            self.bytes = self.bytes.saturating_sub(line.bytes());
        }
    }
}

impl Line {
    fn bytes(&self) -> u64 {
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

impl LogTail for LogStore {
    fn tail(&self, request_id: &str, attempt: u32, since: Timestamp, bytes_max: usize) -> String {
        let kept = self.kept();
        let recent = kept.lines.iter().rev();
        let recent = recent.take_while(|line| line.at_ms >= since.as_millis());
        let own = recent.filter(|line| line.attempt == attempt && line.invocation == request_id);
        let mut tail: Vec<String> = Vec::new();
        let mut room = bytes_max;
        for line in own {
            let text = format!("{} {}", line.level, line.message);
            let Some(left) = room.checked_sub(text.len() + 1) else {
                break;
            };
            room = left;
            tail.push(text);
        }
        tail.reverse();
        tail.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use model::{FunctionName, FunctionVersion, ShardId, TriggerName};

    use super::*;

    fn store(max: u64) -> LogStore {
        LogStore::new(&config::Logs {
            keep: Duration::from_secs(3_600),
            max: ByteSize(max),
        })
    }

    fn say(store: &LogStore, attempt: u32, ms: u64, message: &str) {
        store.log(GuestLog {
            trigger: TriggerName::parse("board").unwrap(),
            function: FunctionName::parse("count").unwrap(),
            version: FunctionVersion(1),
            shard: ShardId(0),
            request_id: "board/0/1+1".to_owned(),
            attempt,
            level: 2,
            message: message.to_owned(),
            at: Timestamp::from_millis(ms),
        });
    }

    fn messages(store: &LogStore) -> Vec<String> {
        let wanted = Wanted {
            limit: 100,
            ..Wanted::default()
        };
        let (lines, _) = store.read(&wanted);
        lines.into_iter().map(|line| line.message).collect()
    }

    #[test]
    fn lines_go_when_they_are_too_old_or_too_many() {
        let store = store(u64::MAX);
        for (ms, message) in [(0, "old"), (1, "older than an hour"), (2, "new")] {
            say(&store, 1, ms, message);
        }
        store.expire(Timestamp::from_millis(3_600_002));
        assert_eq!(messages(&store), ["new"]);
        let one = store.bytes();
        store.expire(Timestamp::from_millis(u64::MAX));
        assert_eq!(store.bytes(), ByteSize(0));

        let small = self::store(2 * one.bytes());
        for message in ["one", "two", "six"] {
            say(&small, 1, 0, message);
        }
        assert_eq!(messages(&small), ["two", "six"]);
        // Numbers go on, whatever was forgotten.
        let wanted = Wanted {
            limit: 1,
            ..Wanted::default()
        };
        assert_eq!(small.read(&wanted).0[0].id, 2);
    }

    #[test]
    fn the_tail_of_an_attempt_is_its_newest_lines_that_fit() {
        let store = store(u64::MAX);
        for (attempt, ms, message) in [
            (1, 5, "an earlier life of attempt 1"),
            (1, 10, "first"),
            (1, 11, "second"),
            (2, 12, "third"),
        ] {
            say(&store, attempt, ms, message);
        }
        let since = Timestamp::from_millis(10);
        for (attempt, bytes, tail) in [
            (1, 100, "info first\ninfo second"),
            (1, 20, "info second"),
            (1, 5, ""),
            (2, 100, "info third"),
            (3, 100, ""),
        ] {
            let told = store.tail("board/0/1+1", attempt, since, bytes);
            assert_eq!(told, tail, "{attempt} {bytes}");
        }
        assert_eq!(store.tail("another", 1, since, 100), "");
    }
}
