//! The decisions about lease rows: pure, one function for each of KCL's conditional writes.
//!
//! In: a row and who asks. Out: the row to store. Conditions (the counter, the token) are checked by the log, through
//! the guards of the transaction that carries the row.

use model::{Checkpoint, FencingToken, LeaseKey, LeaseRow, LeaseSlot, NodeId, ShardId};

/// A new row: no owner, counter 0, no grant yet.
#[must_use]
pub fn created(
    key: LeaseKey,
    slot: LeaseSlot,
    parents: Vec<ShardId>,
    initial: Checkpoint,
) -> LeaseRow {
    LeaseRow {
        key,
        slot,
        owner: None,
        checkpoint_owner: None,
        counter: 0,
        owner_switches: 0,
        token: FencingToken::default(),
        initial,
        initial_records: None,
        parents,
        children: Vec::new(),
    }
}

/// KCL's take: the owner is `me`, the counter grows, a change of owner is counted. A hand-off that was under way has ended.
#[must_use]
pub fn taken(row: LeaseRow, me: &NodeId, token: FencingToken) -> LeaseRow {
    let switched = row.owner.as_ref() != Some(me) || row.checkpoint_owner.as_ref() == Some(me);
    LeaseRow {
        owner: Some(me.clone()),
        checkpoint_owner: None,
        counter: row.counter + 1,
        owner_switches: row.owner_switches + u64::from(switched),
        token,
        ..row
    }
}

/// A first checkpoint of a holder: KCL counts the switches since then.
#[must_use]
pub fn checkpointed(row: LeaseRow) -> LeaseRow {
    LeaseRow {
        owner_switches: 0,
        counter: row.counter + 1,
        ..row
    }
}

/// A split or a merge made `child` of it. The counter stays, as in KCL: nobody's right changes.
#[must_use]
pub fn with_child(mut row: LeaseRow, child: ShardId) -> LeaseRow {
    if !row.children.contains(&child) {
        row.children.push(child);
    }
    row
}

/// KCL's evict: nobody owns the row, or, during a hand-off, its next owner may begin. The token stays, so that the next take
/// is guarded by it.
#[must_use]
pub fn released(row: LeaseRow) -> LeaseRow {
    let next = row.checkpoint_owner.is_some();
    LeaseRow {
        owner: row.owner.filter(|_| next),
        checkpoint_owner: None,
        counter: row.counter + 1,
        ..row
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::TriggerName;

    fn row() -> LeaseRow {
        let key = LeaseKey {
            trigger: TriggerName::parse("board").unwrap(),
            shard: ShardId(3),
        };
        created(key, LeaseSlot(7), vec![ShardId(1)], Checkpoint::TrimHorizon)
    }

    fn node(name: &str) -> NodeId {
        NodeId::parse(name).unwrap()
    }

    #[test]
    fn a_take_counts_switches_only_when_the_owner_differs() {
        for (owner, me, switches) in [(None, "a", 1), (Some("a"), "a", 0), (Some("a"), "b", 1)] {
            let before = LeaseRow {
                owner: owner.map(node),
                ..row()
            };
            let after = taken(before, &node(me), FencingToken(5));
            assert_eq!(after.owner, Some(node(me)), "{owner:?} -> {me}");
            assert_eq!(after.owner_switches, switches, "{owner:?} -> {me}");
            assert_eq!((after.counter, after.token), (1, FencingToken(5)));
            assert_eq!(
                (after.slot, after.initial),
                (LeaseSlot(7), Checkpoint::TrimHorizon)
            );
        }
    }

    #[test]
    fn a_release_keeps_the_token_and_grows_the_counter() {
        let after = released(taken(row(), &node("a"), FencingToken(5)));
        assert_eq!(after.owner, None);
        assert_eq!((after.counter, after.token), (2, FencingToken(5)));
    }

    #[test]
    fn a_checkpoint_forgets_the_switches_before_it() {
        let held = taken(row(), &node("a"), FencingToken(5));
        let after = checkpointed(held.clone());
        assert_eq!((held.owner_switches, after.owner_switches), (1, 0));
        assert_eq!(after.counter, held.counter + 1);
    }

    #[test]
    fn a_child_is_noted_once_and_changes_no_right() {
        let before = taken(row(), &node("a"), FencingToken(5));
        let after = with_child(with_child(before.clone(), ShardId(4)), ShardId(4));
        assert_eq!(after.children, [ShardId(4)]);
        assert_eq!((after.counter, after.token), (before.counter, before.token));
    }
}
