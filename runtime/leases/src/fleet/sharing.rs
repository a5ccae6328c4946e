//! How hosts agree on who works on what: by `even`, each for itself as KCL 1 and 2 do, or by a leader as KCL 3 does;
//! `graceful` is the leader that hands off.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use bytes::Bytes;
use model::{
    LeaseKey, LeaseRow, NodeId, ShardId, Transaction, ViewWrite,
    keys::{self, Namespace},
    seams::Journal as _,
};
use platform::Rng;

use super::{key, table::Table};
use crate::balance::{
    self, Move,
    kcl2::{self, Age},
    kcl3,
};

/// Of every shard: all are alike.
const BYTES_PER_SECOND: u64 = 1_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strategy {
    Even,
    Kcl2,
    Kcl3,
    /// By the leader of KCL 3, with hand-offs.
    Graceful,
}

/// What one host sees.
pub(super) struct Sight<'a> {
    pub(super) me: &'a NodeId,
    pub(super) rows: &'a [LeaseRow],
    pub(super) alive: &'a BTreeSet<NodeId>,
    /// How long it has not heard of those that it heard of once.
    pub(super) silent: BTreeMap<NodeId, Duration>,
    /// After so long a host is taken for dead.
    pub(super) patience: Duration,
}

/// What a host gives back and what it takes, at once.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    pub(super) released: Vec<LeaseKey>,
    pub(super) taken: Vec<LeaseKey>,
    /// Of somebody else already.
    pub(super) lost: Vec<LeaseKey>,
}

impl Wanted {
    fn of(me: &NodeId, moves: Vec<Move>, is_free: impl Fn(&LeaseKey) -> bool) -> Self {
        let mut wanted = Self::default();
        for to_move in moves {
            if to_move.from.as_ref() == Some(me) {
                wanted.released.push(to_move.key);
            } else if to_move.to == *me && is_free(&to_move.key) {
                wanted.taken.push(to_move.key);
            }
        }
        wanted
    }
}

impl Sight<'_> {
    pub(super) fn even(&self) -> Wanted {
        let leases = self.rows.iter();
        let leases = leases.map(|row| (row.key.clone(), row.owner.clone()));
        let moves = balance::even(&leases.collect(), self.alive, usize::MAX);
        Wanted::of(self.me, moves, |key| self.is_free(key))
    }

    /// Also from hosts that live: they learn of it at their next commit.
    pub(super) fn kcl2(&self, rng: &Rng) -> Wanted {
        let leases = self.rows.iter().map(|row| kcl2::Sight {
            key: row.key.clone(),
            owner: row.owner.clone(),
            age: row.owner.as_ref().map_or(Age::Expired, |it| self.age(it)),
        });
        let leases: Vec<kcl2::Sight> = leases.collect();
        let draw = |below: usize| usize::try_from(rng.below(below as u64)).unwrap();
        Wanted {
            taken: kcl2::take(self.me, &leases, kcl2::Settings::default(), draw),
            ..Wanted::default()
        }
    }

    /// What the leader decides in a run.
    pub(super) fn decided(&self, run: u64) -> Vec<Move> {
        let leases = self.rows.iter().map(|row| kcl3::Sight {
            key: row.key.clone(),
            owner: row.owner.clone().filter(|it| self.alive.contains(it)),
            bytes_per_second: BYTES_PER_SECOND,
        });
        let leases: Vec<kcl3::Sight> = leases.collect();
        let alive: Vec<NodeId> = self.alive.iter().cloned().collect();
        kcl3::assign(&leases, &alive, run, kcl3::Settings::default())
    }

    /// The leader is whoever comes first of those that live. What it says stands until it says something else.
    pub(super) async fn kcl3(&self, table: &Table, run: u64) -> Wanted {
        if self.alive.first() == Some(self.me) {
            let moves = self.decided(run);
            if !moves.is_empty() {
                assign(table, &moves).await;
            }
        }
        Wanted::of(self.me, assigned(table), |key| self.is_free(key))
    }

    fn is_free(&self, key: &LeaseKey) -> bool {
        let row = self.rows.iter().find(|row| row.key == *key);
        let owner = row.and_then(|row| row.owner.as_ref());
        owner.is_none_or(|owner| !self.alive.contains(owner))
    }

    fn age(&self, owner: &NodeId) -> Age {
        match self.silent.get(owner) {
            Some(silent) if *silent > 3 * self.patience => Age::LongExpired,
            Some(_) if self.alive.contains(owner) => Age::Renewed,
            Some(_) | None => Age::Expired,
        }
    }
}

fn assignments() -> Bytes {
    keys::named(Namespace::Binding, "assigned")
}

async fn assign(table: &Table, moves: &[Move]) {
    let line = |it: &Move| {
        let from = it.from.as_ref().map_or("-", NodeId::as_str);
        format!("{} {from} {}\n", it.key.shard.0, it.to.as_str())
    };
    let text: String = moves.iter().map(line).collect();
    let write = ViewWrite {
        key: assignments(),
        value: Some(text.into()),
    };
    let writes = vec![write];
    let said = table.commit(Transaction {
        writes,
        ..Transaction::default()
    });
    said.await.unwrap();
}

fn assigned(table: &Table) -> Vec<Move> {
    let text = table.get(&assignments()).unwrap().unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    let moves = text.lines().map(|line| {
        let parts: Vec<&str> = line.split(' ').collect();
        let [shard, from, to] = parts[..] else {
            panic!("{line}");
        };
        let ShardId(shard) = ShardId::parse(shard).unwrap();
        Move {
            key: key(shard),
            from: (from != "-").then(|| NodeId::parse(from).unwrap()),
            to: NodeId::parse(to).unwrap(),
        }
    });
    moves.collect()
}
