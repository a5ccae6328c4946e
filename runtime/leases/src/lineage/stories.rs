//! Workers over one table while a stream splits, merges and expires: every record that does not expire is done once, and
//! none of a child before those of its parents.

use model::Position;
use proptest::prelude::*;

use super::{tests::Stream, *};

/// Records of every shard.
const RECORDS: u32 = 3;

#[derive(Debug, Default)]
struct World {
    /// How many records of each leased shard are done; all of them once it is at its end.
    done: BTreeMap<ShardId, u32>,
    /// Shards whose lease says the end.
    ended: BTreeSet<ShardId>,
    parents: BTreeMap<ShardId, Vec<ShardId>>,
    auditor: Auditor,
    /// Shards whose lease was of no use any more.
    deleted: BTreeSet<ShardId>,
}

impl World {
    fn leases(&self) -> BTreeSet<ShardId> {
        self.done.keys().copied().collect()
    }

    fn create(&mut self, created: Vec<Created>) {
        for it in created {
            self.parents.insert(it.shard, it.parents);
            self.done.insert(it.shard, 0);
        }
    }

    /// The table gets what it lacks, one generation of it.
    fn sync(&mut self, stream: &Stream) {
        self.create(missing(
            &stream.listed,
            &self.leases(),
            Initial::TrimHorizon,
        ));
    }

    /// One record of one leased shard, if it may be read; at the end of a closed one its lease says so.
    fn work(&mut self, stream: &Stream, which: usize) {
        let leases: Vec<ShardId> = self.leases().into_iter().collect();
        let Some(shard) = leases.get(which % leases.len().max(1)).copied() else {
            return;
        };
        let known = |it: &&Listed| it.shard == shard;
        let Some(listed) = stream.listed.iter().find(known) else {
            // It expired under its reader: what it had is gone, and nobody waits for it.
            self.ended.insert(shard);
            return;
        };
        let at_end = |parent| {
            self.done
                .contains_key(&parent)
                .then(|| self.ended.contains(&parent))
        };
        if self.ended.contains(&shard) || !may_begin(&self.parents[&shard], at_end) {
            return;
        }
        let done = self.done.entry(shard).or_default();
        if *done < RECORDS {
            *done += 1;
        } else if listed.closed.is_some() {
            self.ended.insert(shard);
        }
    }

    fn clean_up(&mut self, stream: &Stream) {
        let children = |shard: ShardId| {
            let of = self
                .parents
                .iter()
                .filter(move |(_, parents)| parents.contains(&shard));
            of.map(|(child, _)| *child).collect()
        };
        let kept = |(shard, done): (&ShardId, &u32)| {
            let checkpoint = match (self.ended.contains(shard), *done) {
                (true, _) => Checkpoint::ShardEnd,
                (false, 0) => Checkpoint::TrimHorizon,
                (false, _) => Checkpoint::Settled(Position::default()),
            };
            let lease = Kept {
                checkpoint,
                parents: self.parents[shard].clone(),
                children: children(*shard),
            };
            (*shard, lease)
        };
        let leases = self.done.iter().map(kept).collect();
        let listed = stream.listed.iter().map(|it| it.shard).collect();
        for shard in deletable(&leases, &listed) {
            self.done.remove(&shard);
            self.ended.insert(shard);
            self.deleted.insert(shard);
        }
    }

    fn children_followed_their_parents(&self, stream: &Stream) {
        for (shard, done) in self.done.iter().filter(|(_, done)| **done > 0) {
            for parent in &self.parents[shard] {
                let gone = !stream.listed.iter().any(|it| it.shard == *parent);
                let read = self.ended.contains(parent);
                assert!(
                    gone || read,
                    "{shard} has {done} records before {parent} ended"
                );
            }
        }
    }

    fn audit(&mut self, stream: &Stream) -> Vec<Hole> {
        let open = stream
            .listed
            .iter()
            .filter(|it| self.done.contains_key(&it.shard) && !self.ended.contains(&it.shard));
        let open: Vec<(u128, u128)> = open.map(|it| it.keys).collect();
        self.auditor.look(&open)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn whatever_the_stream_does_its_shards_are_read_in_order_and_none_is_forgotten(
        shards in 1..4_u32,
        steps in prop::collection::vec((0..10_u8, 0..100_usize), 0..60),
    ) {
        let mut stream = Stream::of_shards(shards);
        let mut world = World::default();
        world.create(first(&stream.listed, Initial::TrimHorizon).unwrap());
        for (step, which) in steps {
            match step {
                0 => stream.split(which),
                1 => stream.merge(which),
                2 => stream.expire(),
                3 => world.sync(&stream),
                4 => world.clean_up(&stream),
                _ => world.work(&stream, which),
            }
            world.children_followed_their_parents(&stream);
        }
        // The stream comes to rest: everything that it still lists is read to its end, and every key has a reader.
        let mut holes = Vec::new();
        for round in 0..stream.listed.len() + 8 {
            world.sync(&stream);
            world.clean_up(&stream);
            for turn in 0..(usize::try_from(RECORDS).unwrap() + 2) * world.done.len() {
                world.work(&stream, round + turn);
            }
            world.children_followed_their_parents(&stream);
            holes = world.audit(&stream);
        }
        for it in &stream.listed {
            let done = world.done.get(&it.shard) == Some(&RECORDS);
            prop_assert!(done || world.deleted.contains(&it.shard), "{}", it.shard);
            prop_assert_eq!(world.ended.contains(&it.shard), it.closed.is_some());
        }
        prop_assert_eq!(holes, []);
        // What was read to its end before its children began is not kept for ever.
        let ended = world.done.keys().filter(|shard| world.ended.contains(shard));
        prop_assert_eq!(ended.count(), 0);
    }
}
