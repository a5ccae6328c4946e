//! What came out of all rounds: how much was acknowledged, and everything that was not as it should be.

use std::time::Duration;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Finding {
    /// Acknowledged, or an effect of something stored, and not there.
    Lost(String),
    /// There more often than once.
    Doubled(String),
    /// There, but not as it was put, and nothing said so.
    Undetected(String),
}

#[derive(Debug, Default)]
pub(crate) struct Account {
    pub(crate) rounds: u32,
    pub(crate) acknowledged: u64,
    /// Records that nobody answered for and that are stored nevertheless, as they may be.
    pub(crate) stored_unanswered: u64,
    /// Answered while the file system was stopped: no promise.
    pub(crate) answered_too_late: u64,
    /// Answered under durability `interval` so shortly before that it may not have been synced: no promise either.
    pub(crate) answered_unsynced: u64,
    pub(crate) effects: u64,
    /// Bytes of logs that were used again or removed, and objects of archives.
    pub(crate) let_go: u64,
    pub(crate) archived: usize,
    /// How long servers ran on without their file system: together, and at most.
    ran_on: [Duration; 2],
    lost: u64,
    doubled: u64,
    undetected: u64,
}

impl Account {
    pub(crate) fn add(&mut self, findings: &[Finding]) {
        for finding in findings {
            match finding {
                Finding::Lost(_) => self.lost += 1,
                Finding::Doubled(_) => self.doubled += 1,
                Finding::Undetected(_) => self.undetected += 1,
            }
        }
    }

    pub(crate) fn ran_on(&mut self, time: Option<Duration>) {
        let [all, most] = self.ran_on;
        let time = time.unwrap_or_default();
        self.ran_on = [all + time, most.max(time)];
    }

    pub(crate) fn is_good(&self) -> bool {
        self.lost == 0 && self.doubled == 0 && self.undetected == 0
    }

    pub(crate) fn line(&self) -> String {
        let [all, most] = self.ran_on;
        let ran_on = all / self.rounds.max(1);
        let [ran_on, most] = [ran_on, most].map(|time| time.as_secs_f64() * 1e3);
        format!(
            "{} rounds, {} records acknowledged ({} more in the {ran_on:.1} ms a round, at most {most:.1}, that a server ran on \
             without its file system, {} more short of an interval's sync), {} stored without an answer, {} effects, \
             {} MiB of log used again or removed, {} objects archived, {} lost, {} doubled, {} undetected",
            self.rounds,
            self.acknowledged,
            self.answered_too_late,
            self.answered_unsynced,
            self.stored_unanswered,
            self.effects,
            self.let_go >> 20,
            self.archived,
            self.lost,
            self.doubled,
            self.undetected
        )
    }
}
