//! Tables and properties of the steps that bring a stream to the shards it needs.

use proptest::prelude::*;

use super::*;

const EVEN: [u64; HASH_RANGES] = [1; HASH_RANGES];

/// Shards of equal size with these loads, each spread evenly.
fn shards(loads: &[u64]) -> Vec<ShardLoad> {
    let count = u32::try_from(loads.len()).unwrap();
    let ranges = HashKeyRange::split_whole(count).into_iter();
    ranges
        .zip(loads)
        .zip(0..)
        .map(|((range, load), id)| ShardLoad {
            id: ShardId(id),
            range,
            load: *load,
            spread: EVEN,
        })
        .collect()
}

fn goal(shards: u32) -> Goal {
    Goal {
        shards,
        shards_max: 100,
        hot: 1_000,
    }
}

/// Steps as people write them: `0/4` is the shard 0 in four, `1+2` a merge.
fn written(steps: &[Step]) -> String {
    let one = |step: &Step| match step {
        Step::Split { shard, at } => format!("{}/{}", shard.0, at.len() + 1),
        Step::Merge { lower, upper } => format!("{}+{}", lower.0, upper.0),
    };
    steps.iter().map(one).collect::<Vec<_>>().join(" ")
}

#[test]
fn streams_follow_their_traffic() {
    for (loads, wanted, expected) in [
        (&[0, 0, 0, 0][..], 4, ""),
        // The busiest are split first, quiet ones from the front on.
        (&[100, 900, 100, 100], 5, "1/2"),
        (&[100, 900, 800, 100], 6, "1/2 2/2"),
        (&[0, 0], 4, "0/2 1/2"),
        // Never more than twice as many, never fewer than half.
        (&[500], 100, "0/2"),
        (&[800, 900], 4, "0/2 1/2"),
        (&[0, 800], 4, "1/3"),
        (&[0, 0, 0, 0, 0, 0, 0, 0], 1, "0+1 2+3 4+5 6+7"),
        // Enough of them, and still one is hot.
        (&[100, 2_000, 100, 100], 4, "1/2"),
        // The quietest are merged, and nothing that is hot afterwards.
        (&[10, 20, 400, 400, 5, 5], 5, "4+5"),
        (&[300, 300, 300, 300], 2, ""),
    ] {
        let steps = steps(&shards(loads), goal(wanted));
        assert_eq!(written(&steps), expected, "{loads:?} to {wanted}");
    }
}

#[test]
fn a_hot_range_is_split_where_it_is_hot() {
    let mut hot = shards(&[2_000]).remove(0);
    hot.spread = [0; HASH_RANGES];
    hot.spread[HASH_RANGES - 2..].copy_from_slice(&[50, 50]);
    let at = best_split(&hot).unwrap();
    assert_eq!(at.0, part_begins(hot.range, HASH_RANGES - 1));
    // One key alone cannot be divided, and is left as it is.
    hot.spread[HASH_RANGES - 1] = 1;
    assert_eq!(steps(&[hot], goal(1)), []);
    let narrow = ShardLoad {
        range: HashKeyRange {
            starting: HashKey(7),
            ending: HashKey(8),
        },
        ..shards(&[9_000]).remove(0)
    };
    assert_eq!(
        (best_split(&narrow), steps(&[narrow], goal(2))),
        (None, vec![])
    );
}

/// The ranges after the steps.
fn carried_out(shards: &[ShardLoad], steps: &[Step]) -> Vec<HashKeyRange> {
    let mut ranges: Vec<HashKeyRange> = Vec::new();
    let mut merging = false;
    for shard in shards {
        let mut rest = shard.range;
        for step in steps {
            match step {
                Step::Split { shard: id, at } if *id == shard.id => {
                    for at in at {
                        assert!(rest.contains(*at) && *at > rest.starting && *at < rest.ending);
                        let ending = HashKey(at.0 - 1);
                        ranges.push(HashKeyRange { ending, ..rest });
                        rest.starting = *at;
                    }
                }
                Step::Merge { upper, .. } if *upper == shard.id => merging = true,
                Step::Split { .. } | Step::Merge { .. } => {}
            }
        }
        match ranges.last_mut() {
            Some(last) if merging => last.ending = rest.ending,
            Some(_) | None => ranges.push(rest),
        }
        merging = false;
    }
    ranges
}

proptest! {
    #[test]
    fn every_key_keeps_its_shard_and_bounds_hold(
        loads in prop::collection::vec(0..3_000_u64, 1..20),
        spreads in prop::collection::vec(prop::array::uniform32(0..9_u64), 20),
        wanted in 1..50_u32,
        shards_max in 1..50_u32,
    ) {
        let mut shards = shards(&loads);
        for (shard, spread) in shards.iter_mut().zip(spreads) {
            shard.spread[..32].copy_from_slice(&spread);
        }
        let steps = steps(&shards, Goal { shards: wanted, shards_max, hot: 1_000 });
        let ranges = carried_out(&shards, &steps);
        prop_assert_eq!(ranges[0].starting.0, 0);
        prop_assert_eq!(ranges[ranges.len() - 1].ending.0, u128::MAX);
        for pair in ranges.windows(2) {
            prop_assert_eq!(pair[0].ending.0 + 1, pair[1].starting.0);
        }
        let (before, after) = (shards.len(), ranges.len());
        let (wanted, max) = (usize::try_from(wanted.min(shards_max)).unwrap(), usize::try_from(shards_max).unwrap());
        prop_assert!(after <= before.max(max));
        prop_assert!(after >= before.min(wanted));
        prop_assert!(after <= before * 2 && after * 2 >= before);
        if wanted > before {
            prop_assert_eq!(after, wanted.min(before * 2));
        }
    }
}
