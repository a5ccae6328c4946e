//! Hand-offs through the log: what a leader writes, and what a holder reads of it. Where one process has everything,
//! nobody asks for it.

use model::{LeaseKey, LeaseRow, NodeId, Transaction};

use super::{HeldLease, LeaseBook, LeaseError, guard, write};
use crate::handoff::{self, Standing};

impl LeaseBook {
    /// Begins to hand a lease of `from` to `to`; false where the row is not as the leader saw it.
    pub async fn offer(
        &self,
        key: &LeaseKey,
        from: &NodeId,
        to: &NodeId,
    ) -> Result<bool, LeaseError> {
        self.rewrite(key, |row| handoff::offered(row, from, to))
            .await
    }

    /// Gives a lease that nobody alive has to `to`, who takes it when it sees that.
    pub async fn assign(&self, key: &LeaseKey, to: &NodeId) -> Result<bool, LeaseError> {
        self.rewrite(key, |row| Some(handoff::assigned(row, to)))
            .await
    }

    /// Ends a hand-off that takes too long; false where there is none.
    pub async fn withdraw(&self, key: &LeaseKey) -> Result<bool, LeaseError> {
        let under_way = |row: &LeaseRow| row.checkpoint_owner.is_some();
        self.rewrite(key, |row| under_way(&row).then(|| handoff::withdrawn(row)))
            .await
    }

    /// What the table says to the holder of a lease. Reading costs nothing here, so nothing is renewed.
    pub fn standing(&self, lease: &HeldLease) -> Result<Standing, LeaseError> {
        let row = self.find(lease.key())?;
        Ok(row.map_or(Standing::Lost, |row| {
            handoff::standing(&row, &self.node, lease.token())
        }))
    }

    /// Under the token of the newest grant: whoever takes it meanwhile is not overwritten.
    async fn rewrite(
        &self,
        key: &LeaseKey,
        change: impl Fn(LeaseRow) -> Option<LeaseRow>,
    ) -> Result<bool, LeaseError> {
        self.again(|| self.rewritten(key, &change)).await
    }

    async fn rewritten(
        &self,
        key: &LeaseKey,
        change: impl Fn(LeaseRow) -> Option<LeaseRow>,
    ) -> Result<bool, LeaseError> {
        let expects = vec![self.as_read(key)?];
        let before = self
            .find(key)?
            .ok_or_else(|| LeaseError::Missing(key.clone()))?;
        let guards = super::granted(&before).then(|| guard(&before));
        let Some(row) = change(before) else {
            return Ok(false);
        };
        let transaction = Transaction {
            guards: guards.into_iter().collect(),
            expects,
            writes: vec![write(&row)?],
            ..Transaction::default()
        };
        self.journal.commit(transaction).await?;
        Ok(true)
    }
}
