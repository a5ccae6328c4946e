//! The graceful hand-off of KCL 3: a leader names the next owner, the one before settles what it has, and only then does the
//! next one begin. Pure, one function for each conditional write, as in `rules`.
//!
//! While a row has a checkpoint owner, that host alone may still write checkpoints, under the token that it has; whoever
//! the row says owns it waits. A leader whose patience ends takes the right back, and the next take fences what is left.

use model::{FencingToken, LeaseRow, NodeId};

/// What a row says to a host that believes to hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Held,
    /// Somebody else is to have it: settle what is begun, take nothing new, and give it up.
    HandingOff,
    Lost,
}

/// The leader's first step: owned by `to`, checkpoints still by the owner before. Nothing where another host than
/// `from` owns the row, or a hand-off is under way. The counter stays, so that the owner's next renewal finds it.
#[must_use]
pub fn offered(row: LeaseRow, from: &NodeId, to: &NodeId) -> Option<LeaseRow> {
    let free = row.checkpoint_owner.is_none() && row.owner.as_ref() == Some(from);
    (free && from != to).then(|| LeaseRow {
        owner: Some(to.clone()),
        checkpoint_owner: Some(from.clone()),
        owner_switches: row.owner_switches + 1,
        ..row
    })
}

/// The leader gives the row to `to` without asking anybody: whoever had it is dead, or nobody had it.
#[must_use]
pub fn assigned(row: LeaseRow, to: &NodeId) -> LeaseRow {
    let switched = row.owner.as_ref() != Some(to) || row.checkpoint_owner.as_ref() == Some(to);
    LeaseRow {
        owner: Some(to.clone()),
        checkpoint_owner: None,
        counter: row.counter + 1,
        owner_switches: row.owner_switches + u64::from(switched),
        ..row
    }
}

/// A renewal by `me`, who knows the counter: it grows. During a hand-off, and where somebody was faster, nothing is written.
pub fn renewed(row: LeaseRow, me: &NodeId, counter: u64) -> Result<LeaseRow, Standing> {
    match standing(&row, me, row.token) {
        Standing::Held if row.counter == counter => Ok(LeaseRow {
            counter: row.counter + 1,
            ..row
        }),
        Standing::Held | Standing::Lost => Err(Standing::Lost),
        Standing::HandingOff => Err(Standing::HandingOff),
    }
}

/// What the row says to `me`, who was granted `token`.
#[must_use]
pub fn standing(row: &LeaseRow, me: &NodeId, token: FencingToken) -> Standing {
    match (&row.owner, &row.checkpoint_owner) {
        _ if row.token != token => Standing::Lost,
        (_, Some(settling)) if settling == me => Standing::HandingOff,
        (Some(owner), None) if owner == me => Standing::Held,
        (_, Some(_)) | (Some(_) | None, None) => Standing::Lost,
    }
}

/// Whether the host that the row names may take it: nobody settles anything any more.
#[must_use]
pub fn may_begin(row: &LeaseRow, me: &NodeId) -> bool {
    row.owner.as_ref() == Some(me) && row.checkpoint_owner.is_none()
}

/// The leader's patience has ended: the next owner begins, and its take fences whoever had the right.
#[must_use]
pub fn withdrawn(row: LeaseRow) -> LeaseRow {
    LeaseRow {
        checkpoint_owner: None,
        counter: row.counter + 1,
        ..row
    }
}

#[cfg(test)]
mod tests {
    use model::{Checkpoint, LeaseKey, LeaseSlot, ShardId, TriggerName};

    use super::*;
    use crate::{created, released, taken};

    fn node(name: &str) -> NodeId {
        NodeId::parse(name).unwrap()
    }

    /// Held by `a`, with token 5.
    fn held() -> LeaseRow {
        let key = LeaseKey {
            trigger: TriggerName::parse("board").unwrap(),
            shard: ShardId(3),
        };
        let row = created(key, LeaseSlot(7), Vec::new(), Checkpoint::TrimHorizon);
        taken(row, &node("a"), FencingToken(5))
    }

    fn offered_to_b() -> LeaseRow {
        offered(held(), &node("a"), &node("b")).unwrap()
    }

    #[test]
    fn a_hand_off_leaves_counter_and_token_and_the_owner_before_may_settle() {
        let (before, row) = (held(), offered_to_b());
        assert_eq!((row.counter, row.token), (before.counter, before.token));
        assert_eq!(row.owner, Some(node("b")));
        assert_eq!(row.checkpoint_owner, Some(node("a")));
        let says = |name: &str| standing(&row, &node(name), FencingToken(5));
        assert_eq!(says("a"), Standing::HandingOff);
        assert_eq!(says("b"), Standing::Lost);
        assert!(!may_begin(&row, &node("b")));
    }

    #[test]
    fn nobody_is_handed_what_is_handed_off_already_or_belongs_to_somebody_else() {
        assert_eq!(offered(offered_to_b(), &node("b"), &node("c")), None);
        assert_eq!(offered(held(), &node("b"), &node("c")), None);
        assert_eq!(offered(held(), &node("a"), &node("a")), None);
        assert_eq!(offered(released(held()), &node("a"), &node("b")), None);
    }

    #[test]
    fn a_renewal_fails_on_a_hand_off_and_on_a_foreign_counter() {
        let row = held();
        let renew = |row: LeaseRow, name, counter| renewed(row, &node(name), counter);
        let counter = renew(row.clone(), "a", row.counter).unwrap().counter;
        assert_eq!(counter, row.counter + 1);
        let stale = renew(row.clone(), "a", row.counter - 1);
        assert_eq!(stale, Err(Standing::Lost));
        assert_eq!(renew(row.clone(), "b", row.counter), Err(Standing::Lost));
        let offered = renew(offered_to_b(), "a", row.counter);
        assert_eq!(offered, Err(Standing::HandingOff));
    }

    #[test]
    fn who_settled_gives_up_its_right_alone_and_the_next_owner_begins() {
        let row = released(offered_to_b());
        assert_eq!(row.owner, Some(node("b")));
        assert_eq!(row.checkpoint_owner, None);
        assert_eq!(row.counter, held().counter + 1);
        assert!(may_begin(&row, &node("b")));
        // The change of owner was counted as it was offered.
        let switches = row.owner_switches;
        let row = taken(row, &node("b"), FencingToken(6));
        assert_eq!(row.owner_switches, switches);
        assert_eq!(standing(&row, &node("a"), FencingToken(5)), Standing::Lost);
    }

    #[test]
    fn a_right_that_is_taken_back_is_lost_and_a_dead_owners_row_is_assigned() {
        let row = withdrawn(offered_to_b());
        assert_eq!(standing(&row, &node("a"), FencingToken(5)), Standing::Lost);
        assert!(may_begin(&row, &node("b")));
        for (row, switched) in [
            (offered_to_b(), 1),
            (held(), 1),
            (withdrawn(offered_to_b()), 1),
        ] {
            let after = assigned(row.clone(), &node("c"));
            assert!(may_begin(&after, &node("c")), "{after:?}");
            assert_eq!(after.counter, row.counter + 1);
            assert_eq!(after.owner_switches, row.owner_switches + switched);
        }
        // Back to the one who was about to hand it off: that is a switch too.
        let back = assigned(offered_to_b(), &node("a"));
        assert_eq!(back.owner_switches, offered_to_b().owner_switches + 1);
        assert_eq!(standing(&back, &node("a"), FencingToken(5)), Standing::Held);
    }
}
