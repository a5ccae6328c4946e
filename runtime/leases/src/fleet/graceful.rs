//! A leader that hands leases off as KCL 3 does: it names the next owner, waits for the one before to settle, and loses its
//! patience with one that does not.

use std::{collections::BTreeMap, time::Duration};

use model::LeaseKey;

use super::sharing::{Sight, Wanted};
use crate::{
    HeldLease, LeaseBook,
    handoff::{self, Standing},
};

/// A hand-off that takes longer is ended, by the leader's clock.
const SETTLED_WITHIN: Duration = Duration::from_secs(3);

/// Since when the leader sees each hand-off.
#[derive(Debug, Default)]
pub(super) struct Patience(BTreeMap<LeaseKey, Duration>);

type Leader<'a> = (&'a LeaseBook, &'a mut Patience, Duration);

impl Sight<'_> {
    /// Gives up what it settled or lost, and takes what it was given.
    pub(super) async fn graceful(
        &self,
        leader: Leader<'_>,
        held: &BTreeMap<LeaseKey, HeldLease>,
        run: u64,
    ) -> Wanted {
        if self.alive.first() == Some(self.me) {
            self.lead(leader, run).await;
        }
        let mut wanted = Wanted::default();
        for row in self.rows {
            let lease = held.get(&row.key);
            let standing = lease.map(|lease| handoff::standing(row, self.me, lease.token()));
            match standing {
                Some(Standing::Held) => {}
                // What it did before this turn is settled: every record is written down as it is done.
                Some(Standing::HandingOff) => wanted.released.push(row.key.clone()),
                Some(Standing::Lost) => wanted.lost.push(row.key.clone()),
                None if handoff::may_begin(row, self.me) => wanted.taken.push(row.key.clone()),
                None => {}
            }
        }
        wanted
    }

    /// One run of the leader. Where a row is not any more what it saw, the next run sees better.
    async fn lead(&self, (book, patience, now): Leader<'_>, run: u64) {
        let under_way = self
            .rows
            .iter()
            .filter(|row| row.checkpoint_owner.is_some());
        let since = |key: &LeaseKey| patience.0.get(key).copied().unwrap_or(now);
        patience.0 = under_way
            .map(|row| (row.key.clone(), since(&row.key)))
            .collect();
        for (key, since) in &patience.0 {
            if now.saturating_sub(*since) > SETTLED_WITHIN {
                drop(book.withdraw(key).await);
            }
        }
        for it in self.decided(run) {
            match &it.from {
                Some(from) => drop(book.offer(&it.key, from, &it.to).await),
                None => drop(book.assign(&it.key, &it.to).await),
            }
        }
    }
}
