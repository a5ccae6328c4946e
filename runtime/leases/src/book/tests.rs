//! The book over a journal in memory: slots, grants, and what a holder that lost its lease may do (nothing).

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use model::{LogPosition, seams::BoxFuture};

use super::*;
use crate::handoff::{self, Standing};

#[derive(Debug, Default)]
struct Memory {
    view: Mutex<BTreeMap<Bytes, Bytes>>,
    tokens: Mutex<BTreeMap<LeaseSlot, FencingToken>>,
    commits: Mutex<u64>,
}

impl Journal for Memory {
    fn commit(&self, transaction: Transaction) -> BoxFuture<'_, Result<LogPosition, CommitError>> {
        let mut tokens = self.tokens.lock().unwrap();
        for guard in &transaction.guards {
            let current = tokens.get(&guard.slot).copied().unwrap_or_default();
            if current != guard.token {
                return Box::pin(async move { Err(CommitError::Fenced { current }) });
            }
        }
        let mut view = self.view.lock().unwrap();
        let differs = |it: &Expected| view.get(&it.key) != it.value.as_ref();
        if transaction.expects.iter().any(differs) {
            return Box::pin(async { Err(CommitError::Changed) });
        }
        tokens.extend(
            transaction
                .grants
                .iter()
                .map(|grant| (grant.slot, grant.token)),
        );
        *self.commits.lock().unwrap() += 1;
        for write in transaction.writes {
            match write.value {
                Some(value) => view.insert(write.key, value),
                None => view.remove(&write.key),
            };
        }
        Box::pin(async { Ok(LogPosition(1)) })
    }

    fn durable(&self, _: LogPosition) -> BoxFuture<'_, Result<(), CommitError>> {
        Box::pin(async { Ok(()) })
    }

    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, CommitError> {
        Ok(self.view.lock().unwrap().get(key).cloned())
    }

    fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Bytes, Bytes)>, CommitError> {
        let view = self.view.lock().unwrap();
        let entries = view.iter().filter(|(key, _)| key.starts_with(prefix));
        let later = entries.filter(|(key, _)| after.is_none_or(|after| key.as_ref() > after));
        Ok(later
            .take(limit)
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect())
    }
}

fn book(journal: &Arc<Memory>, node: &str, first_token: u64) -> LeaseBook {
    let next = AtomicU64::new(first_token);
    LeaseBook::open(
        Arc::clone(journal) as Arc<dyn Journal>,
        NodeId::parse(node).unwrap(),
        Arc::new(move || FencingToken(next.fetch_add(1, Ordering::Relaxed))),
    )
}

fn key(trigger: &str, shard: u32) -> LeaseKey {
    LeaseKey {
        trigger: TriggerName::parse(trigger).unwrap(),
        shard: ShardId(shard),
    }
}

fn new(key: LeaseKey, initial: Checkpoint) -> NewLease {
    NewLease {
        key,
        parents: Vec::new(),
        initial,
        initial_records: Some(7),
    }
}

#[tokio::test]
async fn rows_appear_together_and_a_second_ensure_changes_nothing() {
    let journal = Arc::new(Memory::default());
    let book = book(&journal, "a", 1);
    let oldest = |key| new(key, Checkpoint::TrimHorizon);
    let first = book
        .ensure(vec![oldest(key("board", 0)), oldest(key("board", 1))])
        .await
        .unwrap();
    assert_eq!(*journal.commits.lock().unwrap(), 1);
    let again = book
        .ensure(vec![
            new(key("board", 1), Checkpoint::Latest),
            new(key("late", 0), Checkpoint::Latest),
        ])
        .await
        .unwrap();
    assert_eq!(again[0], first[1]);
    let slots: Vec<u64> = first.iter().chain(&again).map(|row| row.slot.0).collect();
    assert_eq!(slots, [1, 2, 2, 3]);
    let listed = book.list(&TriggerName::parse("board").unwrap()).unwrap();
    assert_eq!(
        listed.iter().map(|row| row.key.shard.0).collect::<Vec<_>>(),
        [0, 1]
    );
}

#[tokio::test]
async fn a_lease_that_was_never_created_cannot_be_taken() {
    let journal = Arc::new(Memory::default());
    let refused = book(&journal, "a", 1)
        .take(&key("board", 0))
        .await
        .unwrap_err();
    assert_eq!(refused, LeaseError::Missing(key("board", 0)));
}

#[tokio::test]
async fn a_holder_that_lost_its_lease_cannot_even_release_it() {
    let journal = Arc::new(Memory::default());
    let [first, second] = [book(&journal, "a", 1), book(&journal, "b", 10)];
    let key = key("board", 0);
    first
        .ensure(vec![new(key.clone(), Checkpoint::TrimHorizon)])
        .await
        .unwrap();
    let old = first.take(&key).await.unwrap();
    let new = second.take(&key).await.unwrap();
    assert!(new.token() > old.token());
    assert_eq!(
        first.release(old).await,
        Err(LeaseError::Commit(CommitError::Fenced {
            current: new.token()
        }))
    );
    second.release(new).await.unwrap();
    let row = &second.list(&key.trigger).unwrap()[0];
    assert_eq!((&row.owner, row.counter, row.owner_switches), (&None, 3, 2));
}

#[test]
fn rows_of_another_version_are_refused() {
    for (bytes, why) in [
        (b"".as_slice(), "it is empty"),
        (b"\x09{}", "version 9 is not known here"),
    ] {
        let refused = read(&key("board", 0), bytes).unwrap_err();
        assert!(refused.to_string().ends_with(why), "{refused}");
    }
}

#[tokio::test]
async fn parents_know_their_children_whoever_holds_them() {
    let journal = Arc::new(Memory::default());
    let book = book(&journal, "a", 1);
    let [parent, left, right] = [0, 1, 2].map(|shard| key("board", shard));
    book.ensure(vec![new(parent.clone(), Checkpoint::TrimHorizon)])
        .await
        .unwrap();
    let held = book.take(&parent).await.unwrap();
    let child = |key| NewLease {
        parents: vec![ShardId(0)],
        ..new(key, Checkpoint::TrimHorizon)
    };
    book.ensure(vec![child(left), child(right)]).await.unwrap();
    book.release(held).await.unwrap();
    let rows = book.list(&parent.trigger).unwrap();
    assert_eq!(rows[0].children, [ShardId(1), ShardId(2)]);
    assert_eq!(rows[0].owner, None);
}

#[tokio::test]
async fn switches_are_counted_since_the_checkpoint() {
    let journal = Arc::new(Memory::default());
    let book = book(&journal, "a", 1);
    let key = key("board", 0);
    book.ensure(vec![new(key.clone(), Checkpoint::TrimHorizon)])
        .await
        .unwrap();
    let mut held = book.take(&key).await.unwrap();
    let write = book.checkpointed(&held).unwrap().unwrap();
    let transaction = Transaction {
        writes: vec![write],
        ..Transaction::default()
    };
    journal.commit(transaction).await.unwrap();
    held.note_checkpoint();
    assert_eq!(book.checkpointed(&held).unwrap(), None);
    book.release(held).await.unwrap();
    assert_eq!(book.list(&key.trigger).unwrap()[0].owner_switches, 0);
}

#[tokio::test]
async fn a_lease_is_handed_off_settled_and_taken_and_whoever_is_too_slow_is_fenced() {
    let journal = Arc::new(Memory::default());
    let [leader, old, next] =
        [("l", 1), ("a", 10), ("b", 20)].map(|(node, token)| book(&journal, node, token));
    let [a, b] = ["a", "b"].map(|name| NodeId::parse(name).unwrap());
    let key = key("board", 0);
    leader
        .ensure(vec![new(key.clone(), Checkpoint::TrimHorizon)])
        .await
        .unwrap();
    for settles_in_time in [true, false] {
        let held = old.take(&key).await.unwrap();
        assert_eq!(old.standing(&held), Ok(Standing::Held));
        assert!(leader.offer(&key, &a, &b).await.unwrap());
        assert!(!leader.offer(&key, &a, &b).await.unwrap());
        assert_eq!(old.standing(&held), Ok(Standing::HandingOff));
        // It may still write its checkpoint, which leaves the hand-off as it is.
        let write = old.checkpointed(&held).unwrap().unwrap();
        let guards = vec![held.guard()];
        let transaction = Transaction {
            guards,
            writes: vec![write],
            ..Transaction::default()
        };
        journal.commit(transaction).await.unwrap();
        assert_eq!(old.standing(&held), Ok(Standing::HandingOff));
        if settles_in_time {
            old.release(held).await.unwrap();
            assert!(!leader.withdraw(&key).await.unwrap());
            let row = &leader.list(&key.trigger).unwrap()[0];
            assert!(handoff::may_begin(row, &b), "{row:?}");
            let held = next.take(&key).await.unwrap();
            next.release(held).await.unwrap();
        } else {
            assert!(leader.withdraw(&key).await.unwrap());
            assert_eq!(old.standing(&held), Ok(Standing::Lost));
            let newer = next.take(&key).await.unwrap();
            let fenced = CommitError::Fenced {
                current: newer.token(),
            };
            assert_eq!(old.release(held).await, Err(fenced.into()));
        }
    }
}
