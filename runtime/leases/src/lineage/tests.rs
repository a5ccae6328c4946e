//! Streams that split and merged in every way: what gets leases first, what later, and what never.

use model::Position;
use proptest::prelude::*;

use super::*;

/// A stream with its whole past, and how much of that is listed.
#[derive(Debug, Clone)]
pub(super) struct Stream {
    pub(super) listed: Vec<Listed>,
    pub(super) now: u64,
}

impl Stream {
    pub(super) fn of_shards(count: u32) -> Self {
        let part = u128::MAX / u128::from(count);
        let shard = |number: u32| {
            let from = part * u128::from(number);
            let to = match number + 1 == count {
                true => u128::MAX,
                false => from + part - 1,
            };
            Listed {
                shard: ShardId(number),
                parents: Vec::new(),
                keys: (from, to),
                opened: Timestamp::from_millis(1),
                closed: None,
            }
        };
        Self {
            listed: (0..count).map(shard).collect(),
            now: 1,
        }
    }

    fn open(&self) -> Vec<usize> {
        let open = |at: &usize| self.listed[*at].closed.is_none();
        let mut open: Vec<usize> = (0..self.listed.len()).filter(open).collect();
        open.sort_by_key(|at| self.listed[*at].keys);
        open
    }

    fn close(&mut self, at: usize) -> (ShardId, (u128, u128)) {
        let shard = &mut self.listed[at];
        shard.closed = Some(Timestamp::from_millis(self.now));
        (shard.shard, shard.keys)
    }

    fn add(&mut self, parents: Vec<ShardId>, keys: (u128, u128)) {
        let newest = self.listed.iter().map(|it| it.shard.0).max().unwrap_or(0);
        self.listed.push(Listed {
            shard: ShardId(newest + 1),
            parents,
            keys,
            opened: Timestamp::from_millis(self.now),
            closed: None,
        });
    }

    pub(super) fn split(&mut self, which: usize) {
        self.now += 1;
        let open = self.open();
        let at = open[which % open.len()];
        let (from, to) = self.listed[at].keys;
        if from == to {
            return;
        }
        let (parent, _) = self.close(at);
        let middle = from + (to - from) / 2;
        self.add(vec![parent], (from, middle));
        self.add(vec![parent], (middle + 1, to));
    }

    pub(super) fn merge(&mut self, which: usize) {
        self.now += 1;
        let open = self.open();
        if open.len() < 2 {
            return;
        }
        let at = which % (open.len() - 1);
        let (one, (from, _)) = self.close(open[at]);
        let (other, (_, to)) = self.close(open[at + 1]);
        self.add(vec![one, other], (from, to));
    }

    /// What was closed before all others is not listed any more.
    pub(super) fn expire(&mut self) {
        let oldest = self.listed.iter().filter_map(|it| it.closed).min();
        self.listed
            .retain(|it| it.closed.is_none() || it.closed != oldest);
    }
}

pub(super) fn past() -> impl Strategy<Value = Stream> {
    let steps = prop::collection::vec((0..5_u8, 0..100_usize), 0..40);
    (1..5_u32, steps).prop_map(|(shards, steps)| {
        let mut stream = Stream::of_shards(shards);
        for (step, which) in steps {
            match step {
                0 | 1 => stream.split(which),
                2 | 3 => stream.merge(which),
                _ => stream.expire(),
            }
        }
        stream
    })
}

fn initial() -> impl Strategy<Value = Initial> {
    prop_oneof![
        Just(Initial::TrimHorizon),
        Just(Initial::Latest),
        (0..50_u64).prop_map(|at| Initial::At(Timestamp::from_millis(at))),
    ]
}

proptest! {
    #[test]
    fn what_is_leased_first_has_every_key_once(stream in past(), initial in initial()) {
        let created = first(&stream.listed, initial).unwrap();
        let range = |it: &Created| {
            let listed = stream.listed.iter().find(|listed| listed.shard == it.shard);
            listed.unwrap().keys
        };
        let mut ranges: Vec<_> = created.iter().map(range).collect();
        ranges.sort_unstable();
        prop_assert_eq!(holes(&ranges), []);
        prop_assert!(ranges.windows(2).all(|two| two[0].1 < two[1].0), "{ranges:?}");
        // A listing in which one of them is not there yet is taken again.
        let torn: Vec<Listed> = stream.listed.iter().filter(|it| it.shard != created[0].shard).cloned().collect();
        if !torn.iter().any(|it| it.parents.contains(&created[0].shard)) {
            prop_assert!(first(&torn, initial).is_err());
        }
    }

    #[test]
    fn generations_get_their_leases_one_after_another_and_none_is_left_out(stream in past(), later in past_of(12), initial in initial()) {
        let created = first(&stream.listed, initial).unwrap();
        let mut leases: BTreeSet<ShardId> = created.iter().map(|it| it.shard).collect();
        let mut stream = stream;
        let known: BTreeSet<ShardId> = stream.listed.iter().map(|it| it.shard).collect();
        for (split, which) in later {
            if split { stream.split(which) } else { stream.merge(which) }
        }
        for _ in 0..stream.listed.len() {
            for it in missing(&stream.listed, &leases.clone(), initial) {
                for parent in &it.parents {
                    let there = stream.listed.iter().any(|listed| listed.shard == *parent);
                    prop_assert!(!there || leases.contains(parent), "{it:?} before its parent");
                }
                if !known.contains(&it.shard) {
                    prop_assert_ne!(it.checkpoint, Checkpoint::Latest, "what came later is read from its first record");
                }
                prop_assert!(leases.insert(it.shard));
            }
        }
        // Whatever opened since then has a lease now.
        let left = stream.listed.iter().filter(|it| !known.contains(&it.shard) && !leases.contains(&it.shard));
        prop_assert_eq!(left.count(), 0);
        prop_assert_eq!(missing(&stream.listed, &leases, initial), []);
    }
}

fn past_of(steps: usize) -> impl Strategy<Value = Vec<(bool, usize)>> {
    prop::collection::vec((any::<bool>(), 0..100_usize), 0..steps)
}

#[test]
fn a_table_that_slept_through_three_generations_gets_the_first_of_them_alone() {
    let mut stream = Stream::of_shards(1);
    stream.split(0);
    stream.split(0);
    let created = |leases: &[u32]| {
        let leases = leases.iter().copied().map(ShardId).collect();
        let created = missing(&stream.listed, &leases, Initial::Latest);
        let shard = |it: Created| (it.shard.0, it.checkpoint);
        created.into_iter().map(shard).collect::<Vec<_>>()
    };
    let oldest = Checkpoint::TrimHorizon;
    assert_eq!(created(&[0]), [(1, oldest), (2, oldest)]);
    assert_eq!(created(&[0, 1, 2]), [(3, oldest), (4, oldest)]);
    // A trigger that began at the tip has nothing to do with what was closed before.
    assert_eq!(created(&[2, 3, 4]), []);
}

#[test]
fn a_child_of_a_merge_waits_for_both_parents_or_for_neither() {
    let mut stream = Stream::of_shards(2);
    stream.merge(0);
    let created = |stream: &Stream, leases: &[u32]| {
        let leases = leases.iter().copied().map(ShardId).collect();
        let created = missing(&stream.listed, &leases, Initial::TrimHorizon);
        created.into_iter().map(|it| it.shard.0).collect::<Vec<_>>()
    };
    assert_eq!(created(&stream, &[0]), [1]);
    assert_eq!(created(&stream, &[0, 1]), [2]);
    assert_eq!(created(&stream, &[]), [0, 1]);
    stream.expire();
    assert_eq!(created(&stream, &[]), [2]);

    for (leased, drawn, becomes) in [
        ([true, true], 0, OfMerge::Create),
        ([false, false], 0, OfMerge::Create),
        ([true, false], 1, OfMerge::Retry),
        ([false, true], 29, OfMerge::Retry),
        ([true, false], 0, OfMerge::GiveUp),
    ] {
        let draw = |below| {
            assert_eq!(below, 30);
            drawn
        };
        assert_eq!(child_of_merge(leased, draw), becomes, "{leased:?}");
    }
}

#[test]
fn a_hole_is_believed_when_it_was_seen_three_times_in_a_row() {
    let mut auditor = Auditor::default();
    let half = u128::MAX / 2;
    let (whole, left) = ([(0, half), (half + 1, u128::MAX)], [(0, half)]);
    let hole = Hole {
        from: half + 1,
        to: u128::MAX,
    };
    for (ranges, found) in [
        (&left[..], vec![]),
        (&left, vec![]),
        (&whole, vec![]),
        (&left, vec![]),
        (&left, vec![]),
        (&left, vec![hole]),
        (&left, vec![hole]),
        (&whole, vec![]),
    ] {
        assert_eq!(auditor.look(ranges), found);
    }
    assert_eq!(
        holes(&[]),
        [Hole {
            from: 0,
            to: u128::MAX
        }]
    );
    assert_eq!(
        holes(&[(5, 9), (7, 20), (30, u128::MAX)]),
        [Hole { from: 0, to: 4 }, Hole { from: 21, to: 29 }]
    );
}

#[test]
fn a_finished_lease_goes_when_its_children_have_begun_and_its_parents_are_gone() {
    let at = Checkpoint::Settled(Position::default());
    let lease = |checkpoint, parents: &[u32], children: &[u32]| Kept {
        checkpoint,
        parents: parents.iter().copied().map(ShardId).collect(),
        children: children.iter().copied().map(ShardId).collect(),
    };
    let check = |leases: &[(u32, Kept)], listed: &[u32], expect: &[u32]| {
        let leases = leases.iter().cloned();
        let leases = leases
            .map(|(shard, lease)| (ShardId(shard), lease))
            .collect();
        let listed = listed.iter().copied().map(ShardId).collect();
        let found: Vec<u32> = deletable(&leases, &listed)
            .into_iter()
            .map(|it| it.0)
            .collect();
        assert_eq!(found, expect, "{leases:?}");
    };
    let [new, end] = [Checkpoint::TrimHorizon, Checkpoint::ShardEnd];
    let split = |left, right| {
        vec![
            (0, lease(end, &[], &[1, 2])),
            (1, lease(left, &[0], &[])),
            (2, lease(right, &[0], &[])),
        ]
    };
    check(&split(at, new), &[0, 1, 2], &[]);
    check(&split(at, at), &[0, 1, 2], &[0]);
    check(&split(at, at)[..2], &[0, 1, 2], &[]);
    check(&split(new, new), &[1, 2], &[0]);
    // The end of a shard whose children nobody knows yet is no reason.
    check(&[(0, lease(end, &[], &[]))], &[0], &[]);
    let line = [
        (0, lease(end, &[], &[1])),
        (1, lease(end, &[0], &[2])),
        (2, lease(at, &[1], &[])),
    ];
    check(&line, &[0, 1, 2], &[0]);
    check(&line[1..], &[0, 1, 2], &[1]);
}
