//! Hosts that create leases in the same moment, over a table that is far away: each lease appears once, with a slot of its
//! own, and no host's change of a row takes back another's.

use std::{collections::BTreeSet, sync::Arc};

use model::{Checkpoint, LeaseRow, NodeId, ShardId, seams::CommitError};
use platform::Platform;

use super::{key, pass, simulated, table::Table, trigger};
use crate::{LeaseError, NewLease};

const HOSTS: u64 = 6;
const SHARDS: u32 = 16;

fn new(shard: u32, parents: &[u32]) -> NewLease {
    NewLease {
        key: key(shard),
        parents: parents.iter().copied().map(ShardId).collect(),
        initial: Checkpoint::TrimHorizon,
        initial_records: None,
    }
}

/// One host of many: it makes leases of the shards that it lists, a few at a time, and takes one now and then.
async fn host(world: Platform, table: Arc<Table>, number: u64) {
    let rng = world.rng.fork(&format!("host-{number}"));
    let book = table.book(NodeId::parse(&format!("host-{number}")).unwrap());
    for shard in 0..SHARDS {
        pass(&world, rng.below(3)).await;
        // The second half are children of the first: their parents' rows change with them.
        let of = shard.checked_sub(SHARDS / 2);
        let parents: Vec<u32> = of.into_iter().collect();
        let rows = book.ensure(vec![new(shard, &parents)]).await.unwrap();
        assert_eq!(rows[0].key, key(shard));
        if rng.below(3) > 0 {
            continue;
        }
        match book.take(&rows[0].key).await {
            Ok(lease) if rng.below(2) == 0 => {
                let fenced = book.release(lease).await;
                let fenced = fenced.err().is_none_or(|error| is_fenced(&error));
                assert!(fenced, "a lease is given back or was taken away");
            }
            Ok(_) => {}
            Err(error) => assert!(is_fenced(&error), "{error}"),
        }
    }
}

fn is_fenced(error: &LeaseError) -> bool {
    matches!(error, LeaseError::Commit(CommitError::Fenced { .. }))
}

async fn created(seed: u64) -> Vec<LeaseRow> {
    let world = Platform::simulated(seed);
    let table = Arc::new(Table::open(&world).await);
    table.far();
    let hosts: Vec<_> = (0..HOSTS)
        .map(|number| {
            let host = host(world.clone(), Arc::clone(&table), number);
            world.tasks.spawn("host", host)
        })
        .collect();
    for host in hosts {
        host.await.unwrap();
    }
    let looker = table.book(NodeId::parse("looker").unwrap());
    looker.list(&trigger()).unwrap()
}

#[test]
fn leases_that_hosts_create_in_the_same_moment_appear_once_each_with_a_slot_of_its_own() {
    for seed in 1..=20 {
        let rows = simulated(created(seed));
        assert_eq!(rows.len(), SHARDS as usize, "seed {seed}");
        let slots: BTreeSet<u64> = rows.iter().map(|row| row.slot.0).collect();
        assert_eq!(slots, (1..=u64::from(SHARDS)).collect(), "seed {seed}");
        for (shard, row) in (0..).zip(&rows) {
            let expected: Vec<ShardId> = (shard < SHARDS / 2)
                .then_some(ShardId(shard + SHARDS / 2))
                .into_iter()
                .collect();
            assert_eq!(row.children, expected, "seed {seed}: {row:?}");
            let owned = row.owner.is_some();
            assert!(!owned || row.counter > 0, "seed {seed}: {row:?}");
        }
        assert_eq!(simulated(created(seed)), rows, "seed {seed}");
    }
}
