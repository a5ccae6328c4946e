//! What came out of all rounds: how much was acknowledged, and everything that was not as it should be.

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
    pub(crate) effects: u64,
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

    pub(crate) fn is_good(&self) -> bool {
        self.lost == 0 && self.doubled == 0 && self.undetected == 0
    }

    pub(crate) fn line(&self) -> String {
        format!(
            "{} rounds, {} records acknowledged ({} more while the file system was stopped), {} stored without an answer, \
             {} effects, {} lost, {} doubled, {} undetected",
            self.rounds,
            self.acknowledged,
            self.answered_too_late,
            self.stored_unanswered,
            self.effects,
            self.lost,
            self.doubled,
            self.undetected
        )
    }
}
