//! What functions and the system say, kept for `shardmill logs`.
//!
//! Lines come in from the sandbox, each with trigger, shard, invocation and attempt; readers page through them by number
//! and may wait for more. The newest are in memory; all of them are written to files by `run`, as long and as many as
//! triggers.yaml says. Whoever says something never waits: where files cannot keep up, the oldest lines are lost, and
//! that is said.

use std::{
    collections::VecDeque,
    io,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use model::{ByteSize, Timestamp, seams::LogTail};
use platform::{Platform, StopToken, watch};
use sandbox::{GuestLog, LogSink};
use tracing::warn;

use crate::{
    config,
    limits::{LOG_LINES_MAX, LOG_MEMORY_BYTES_MAX},
    report::BEGINNING,
};

mod files;
mod line;

use files::LogFiles;
pub(crate) use line::{Level, Line, Wanted};

#[derive(Debug)]
pub(crate) struct LogStore {
    recent: Mutex<Recent>,
    files: tokio::sync::Mutex<LogFiles>,
    newest: watch::Sender<u64>,
}

/// The newest lines, bounded in number and bytes.
#[derive(Debug, Default)]
struct Recent {
    lines: VecDeque<Line>,
    bytes: u64,
    /// The newest line that is in a file.
    written: u64,
    /// Lines that made room before they were written.
    lost: u64,
}

impl LogStore {
    /// Goes on behind the lines that an earlier run has left in the folder.
    pub(crate) async fn open(
        platform: &Platform,
        folder: &Path,
        policy: &config::Logs,
    ) -> io::Result<Self> {
        let files = LogFiles::open(platform, folder, policy.clone()).await?;
        let written = files.newest();
        Ok(Self {
            recent: Mutex::new(Recent {
                written,
                ..Recent::default()
            }),
            files: tokio::sync::Mutex::new(files),
            newest: watch::channel(written).0,
        })
    }

    /// Writes lines to files as they come, and once more when asked to stop.
    pub(crate) async fn run(&self, stop: &StopToken) {
        let mut newest = self.newest.subscribe();
        loop {
            tokio::select! {
                biased;
                () = stop.stopped() => break,
                _ = newest.changed() => {}
            }
            self.write().await;
        }
        self.write().await;
    }

    async fn write(&self) {
        let mut files = self.files.lock().await;
        let (lines, lost) = {
            let mut recent = self.recent();
            let written = recent.written;
            let new = recent.lines.iter().filter(|line| line.id > written);
            let lines: Vec<Line> = new.cloned().collect();
            recent.written = lines.last().map_or(written, |line| line.id);
            (lines, std::mem::take(&mut recent.lost))
        };
        if lost > 0 {
            warn!(
                lost,
                "log lines were lost: functions say more than the disk takes"
            );
        }
        if let Err(error) = files.append(&lines).await {
            warn!(%error, lines = lines.len(), "log lines could not be written");
        }
    }

    /// Forgets lines that are older than they are kept.
    pub(crate) async fn expire(&self, now: Timestamp) {
        if let Err(error) = self.files.lock().await.expire(now).await {
            warn!(%error, "old log lines could not be removed");
        }
    }

    /// Of all lines in files.
    pub(crate) async fn bytes(&self) -> ByteSize {
        self.files.lock().await.bytes()
    }

    /// Lines in order of arrival, and the number of the newest line looked at.
    pub(crate) async fn read(&self, wanted: &Wanted) -> io::Result<(Vec<Line>, u64)> {
        let files = self.files.lock().await;
        let newest = *self.newest.borrow();
        let in_memory = self
            .recent()
            .lines
            .front()
            .map_or(newest + 1, |line| line.id);
        let mut found = if wanted.after + 1 < in_memory {
            files.read(wanted, in_memory).await?
        } else {
            Vec::new()
        };
        drop(files);
        let left = wanted.limit - found.len();
        found.extend(self.recent().wanted(wanted, left));
        let after = match found.last() {
            Some(last) if found.len() == wanted.limit => last.id,
            Some(_) | None => newest.max(wanted.after),
        };
        Ok((found, after))
    }

    /// What one invocation said just now.
    pub(crate) fn of_invocation(&self, invocation: &str) -> Vec<Line> {
        let wanted = Wanted {
            invocation: Some(invocation.to_owned()),
            ..Wanted::default()
        };
        self.recent().wanted(&wanted, LOG_LINES_MAX)
    }

    /// Changes with every line.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    fn recent(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LogSink for LogStore {
    fn log(&self, said: GuestLog) {
        let mut recent = self.recent();
        let id = self.newest.borrow().saturating_add(1);
        recent.push(Line::new(id, said));
        self.newest.send_replace(id);
    }
}

impl LogTail for LogStore {
    fn tail(&self, request_id: &str, attempt: u32, since: Timestamp, bytes_max: usize) -> String {
        let recent = self.recent();
        let lines = recent.lines.iter().rev();
        let lines = lines.take_while(|line| line.at_ms >= since.as_millis());
        // What is said about the invocation is no word of it.
        let own = lines.filter(|line| {
            line.attempt == attempt
                && line.invocation == request_id
                && !line.message.starts_with(BEGINNING)
        });
        let mut tail: Vec<String> = Vec::new();
        let mut room = bytes_max;
        for line in own {
            let text = format!("{} {}", line.level.name(), line.message);
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

impl Recent {
    fn push(&mut self, line: Line) {
        self.bytes += line.bytes();
        self.lines.push_back(line);
        while self.lines.len() > LOG_LINES_MAX || self.bytes > LOG_MEMORY_BYTES_MAX {
            let Some(oldest) = self.lines.pop_front() else {
                return;
            };
            self.bytes = self.bytes.saturating_sub(oldest.bytes());
            self.lost += u64::from(oldest.id > self.written);
        }
    }

    fn wanted(&self, wanted: &Wanted, limit: usize) -> Vec<Line> {
        let lines = self.lines.iter().filter(|line| wanted.takes(line));
        lines.take(limit).cloned().collect()
    }
}

#[cfg(test)]
mod tests;
