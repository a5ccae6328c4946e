//! Properties of each way to balance: it converges, moves no more than it must, and then leaves everything alone.

use model::{ShardId, TriggerName};
use proptest::prelude::*;

use super::{kcl2::Age, *};

fn node(number: usize) -> NodeId {
    NodeId::parse(&format!("host-{number:02}")).unwrap()
}

fn key(number: usize) -> LeaseKey {
    LeaseKey {
        trigger: TriggerName::parse("board").unwrap(),
        shard: ShardId(u32::try_from(number).unwrap()),
    }
}

fn alive(hosts: usize) -> BTreeSet<NodeId> {
    (0..hosts).map(node).collect()
}

/// Each lease with the number of its holder; hosts that are not alive may hold some.
fn held(holders: &[Option<usize>]) -> BTreeMap<LeaseKey, Option<NodeId>> {
    let lease = |(number, holder): (usize, &Option<usize>)| (key(number), holder.map(node));
    holders.iter().enumerate().map(lease).collect()
}

fn loads(leases: &BTreeMap<LeaseKey, Option<NodeId>>, alive: &BTreeSet<NodeId>) -> Vec<usize> {
    let load = |node: &NodeId| {
        let theirs = leases.values().flatten().filter(|holder| *holder == node);
        theirs.count()
    };
    alive.iter().map(load).collect()
}

/// The fewest held leases that have to move, over every choice of who gets the larger parts.
fn fewest(loads: &[usize], leases: usize) -> usize {
    let hosts = loads.len();
    let (part, larger) = (leases / hosts, leases % hosts);
    let choices = (0_u32..1 << hosts).filter(|choice| choice.count_ones() as usize == larger);
    let moved = |choice: u32| {
        let over = |(turn, load): (usize, &usize)| {
            let most = part + usize::from(choice & (1 << turn) > 0);
            load.saturating_sub(most)
        };
        loads.iter().enumerate().map(over).sum()
    };
    choices.map(moved).min().unwrap()
}

proptest! {
    #[test]
    fn even_is_even_at_once_with_the_fewest_moves_and_then_still(
        holders in prop::collection::vec(prop::option::of(0..9_usize), 0..40),
        hosts in 1..7_usize,
    ) {
        let (mut leases, alive) = (held(&holders), alive(hosts));
        let before = loads(&leases, &alive);
        let moves = even(&leases, &alive, usize::MAX);
        let moved = moves.iter().filter(|it| it.from.is_some()).count();
        prop_assert_eq!(moved, fewest(&before, holders.len()));
        for it in &moves {
            leases.insert(it.key.clone(), Some(it.to.clone()));
        }
        let after = loads(&leases, &alive);
        prop_assert_eq!(after.iter().sum::<usize>(), holders.len());
        prop_assert!(after.iter().max().unwrap() - after.iter().min().unwrap() <= 1);
        prop_assert_eq!(even(&leases, &alive, usize::MAX), []);
    }

    #[test]
    fn nobody_is_given_more_than_the_most_they_may_hold(
        holders in prop::collection::vec(prop::option::of(0..4_usize), 0..40),
        hosts in 1..5_usize,
        most in 0..12_usize,
    ) {
        let (mut leases, alive) = (held(&holders), alive(hosts));
        for it in even(&leases, &alive, most) {
            leases.insert(it.key, Some(it.to));
        }
        let over = loads(&leases, &alive).into_iter().filter(|load| *load > most);
        // What nobody may take stays where it is until its holder is full of it.
        prop_assert!(over.count() == 0 || holders.len() > most * hosts);
    }

    #[test]
    fn workers_of_kcl_2_come_to_even_parts_one_by_one_and_then_take_nothing(
        holders in prop::collection::vec(prop::option::of(0..9_usize), 0..30),
        hosts in 1..7_usize,
        start in 0..1_000_usize,
    ) {
        let mut leases = held(&holders);
        let mut draws = start;
        let mut rounds_without = 0;
        for round in 0..500 {
            let mut taken = 0;
            for me in alive(hosts) {
                let sights = sights(&leases, &alive(hosts));
                let keys = kcl2::take(&me, &sights, kcl2::Settings::default(), |below| {
                    draws = (draws * 31 + 7) % 1_000_003;
                    draws % below
                });
                taken += keys.len();
                leases.extend(keys.into_iter().map(|key| (key, Some(me.clone()))));
            }
            rounds_without = if taken == 0 { rounds_without + 1 } else { 0 };
            if rounds_without == 2 {
                break;
            }
            prop_assert!(round < 400, "they still take");
        }
        let after = loads(&leases, &alive(hosts));
        prop_assert_eq!(after.iter().sum::<usize>(), holders.len());
        prop_assert!(*after.iter().max().unwrap() <= holders.len().div_ceil(hosts).max(1));
    }

    #[test]
    fn a_leader_of_kcl_3_comes_to_rest_and_nothing_moves_back(
        shards in shards(),
        hosts in 1..6_usize,
        by_count: bool,
    ) {
        let settings = kcl3::Settings {
            measure: if by_count { kcl3::Measure::LeaseCount } else { kcl3::Measure::Throughput },
            overshoot: false,
            ..kcl3::Settings::default()
        };
        let (leases, came_back) = led(&shards, hosts, settings)?;
        prop_assert!(!came_back, "it came back");
        prop_assert_eq!(of_nobody(&leases, hosts), 0);
    }

    #[test]
    fn a_leader_that_may_overshoot_comes_to_rest_too_and_balances_counts_to_one(
        shards in shards(),
        hosts in 1..6_usize,
        by_count: bool,
    ) {
        let settings = kcl3::Settings {
            measure: if by_count { kcl3::Measure::LeaseCount } else { kcl3::Measure::Throughput },
            ..kcl3::Settings::default()
        };
        let (leases, _) = led(&shards, hosts, settings)?;
        prop_assert_eq!(of_nobody(&leases, hosts), 0);
        if by_count {
            let counts = alive(hosts).into_iter().map(|node| leases.iter().filter(|it| it.owner.as_ref() == Some(&node)).count());
            let counts: Vec<usize> = counts.collect();
            let mean = leases.len() / hosts;
            prop_assert!(*counts.iter().max().unwrap() <= mean + mean / 10 + 1, "{:?}", counts);
        }
    }

    #[test]
    fn nobody_is_given_more_than_a_host_may_read(
        shards in shards(),
        hosts in 1..6_usize,
        most in 500..4_000_u64,
    ) {
        let settings = kcl3::Settings { bytes_per_second_max: most, ..kcl3::Settings::default() };
        let unowned: Vec<_> = shards.iter().map(|(_, bytes)| (None, *bytes)).collect();
        let (leases, _) = led(&unowned, hosts, settings)?;
        for node in alive(hosts) {
            let theirs = leases.iter().filter(|it| it.owner.as_ref() == Some(&node));
            let bytes: u64 = theirs.map(|it| it.bytes_per_second).sum();
            prop_assert!(bytes <= most, "{bytes}");
        }
    }
}

type Shards = Vec<(Option<usize>, u64)>;

fn shards() -> impl Strategy<Value = Shards> {
    prop::collection::vec((prop::option::of(0..6_usize), 0..1_000_u64), 0..30)
}

/// Leases with nobody who lives, although there was room.
fn of_nobody(leases: &[kcl3::Sight], hosts: usize) -> usize {
    let alive = alive(hosts);
    let owned = |lease: &&kcl3::Sight| lease.owner.as_ref().is_some_and(|it| alive.contains(it));
    leases.len() - leases.iter().filter(owned).count()
}

/// Where the leases are once nothing moves any more, and whether one was ever given back to whoever it was taken from.
fn led(
    shards: &[(Option<usize>, u64)],
    hosts: usize,
    settings: kcl3::Settings,
) -> Result<(Vec<kcl3::Sight>, bool), TestCaseError> {
    let nodes: Vec<NodeId> = alive(hosts).into_iter().collect();
    let sight = |(number, (owner, bytes)): (usize, &(Option<usize>, u64))| kcl3::Sight {
        key: key(number),
        owner: owner.map(node),
        bytes_per_second: *bytes,
    };
    let mut leases: Vec<kcl3::Sight> = shards.iter().enumerate().map(sight).collect();
    let mut moved_from: BTreeSet<(LeaseKey, NodeId)> = BTreeSet::new();
    let (mut last, mut came_back) = (0, false);
    for run in 1..=300 {
        for it in kcl3::assign(&leases, &nodes, run, settings) {
            last = run;
            came_back |= moved_from.contains(&(it.key.clone(), it.to.clone()));
            if let Some(from) = it.from {
                moved_from.insert((it.key.clone(), from));
            }
            let lease = leases.iter_mut().find(|lease| lease.key == it.key).unwrap();
            lease.owner = Some(it.to);
        }
    }
    prop_assert!(last < 250, "it still moves");
    Ok((leases, came_back))
}

fn sights(
    leases: &BTreeMap<LeaseKey, Option<NodeId>>,
    alive: &BTreeSet<NodeId>,
) -> Vec<kcl2::Sight> {
    let sight = |(key, owner): (&LeaseKey, &Option<NodeId>)| kcl2::Sight {
        key: key.clone(),
        owner: owner.clone(),
        age: match owner {
            Some(owner) if !alive.contains(owner) => Age::Expired,
            Some(_) | None => Age::Renewed,
        },
    };
    leases.iter().map(sight).collect()
}

#[test]
fn a_new_host_gets_its_part_in_one_step_and_no_other_lease_moves() {
    let holders: Vec<Option<usize>> = (0..12).map(|number| Some(number % 3)).collect();
    let moves = even(&held(&holders), &alive(4), usize::MAX);
    assert_eq!(moves.len(), 3);
    assert!(moves.iter().all(|it| it.to == node(3)), "{moves:?}");
    let gone = even(&held(&holders), &alive(2), usize::MAX);
    assert!(gone.iter().all(|it| it.from.is_none()) && gone.len() == 4);
}

#[test]
fn a_worker_of_kcl_2_takes_what_is_forgotten_whatever_its_target_says() {
    let mut leases = sights(&held(&[Some(0), Some(0), Some(1), Some(1)]), &alive(2));
    leases[2].age = Age::LongExpired;
    leases[3].age = Age::LongExpired;
    let taken = kcl2::take(&node(0), &leases, kcl2::Settings::default(), |_| 0);
    assert_eq!(taken, [key(2), key(3)]);
    let most = kcl2::Settings {
        leases_max: 3,
        ..kcl2::Settings::default()
    };
    assert_eq!(kcl2::take(&node(0), &leases, most, |_| 0), [key(2)]);
}

#[test]
fn a_worker_of_kcl_2_steals_one_at_a_time_from_the_most_loaded() {
    for (holders, taken) in [
        (vec![0, 0, 0, 0, 1, 1], Some(0)),
        (vec![0, 0, 1, 1], Some(0)),
        (vec![0, 1], None),
    ] {
        let holders: Vec<Option<usize>> = holders.into_iter().map(Some).collect();
        let leases = sights(&held(&holders), &alive(3));
        let keys = kcl2::take(&node(2), &leases, kcl2::Settings::default(), |_| 0);
        let from: Vec<Option<usize>> = keys
            .iter()
            .map(|key| holders[usize::try_from(key.shard.0).unwrap()])
            .collect();
        // Both are loaded alike in the second: either may be the one.
        assert_eq!(keys.len(), usize::from(taken.is_some()), "{from:?}");
    }
}

#[test]
fn a_leader_of_kcl_3_moves_the_smallest_of_what_is_too_large_unless_it_must_not() {
    let leases = |bytes: &[u64]| {
        let sight = |(number, bytes): (usize, &u64)| kcl3::Sight {
            key: key(number),
            owner: Some(node(0)),
            bytes_per_second: *bytes,
        };
        bytes.iter().enumerate().map(sight).collect::<Vec<_>>()
    };
    let moved = |bytes: &[u64], overshoot| {
        let settings = kcl3::Settings {
            overshoot,
            ..kcl3::Settings::default()
        };
        let moves = kcl3::assign(&leases(bytes), &[node(0), node(1)], 3, settings);
        moves.into_iter().map(|it| it.key).collect::<Vec<_>>()
    };
    assert_eq!(moved(&[6, 4], true), [key(1)]);
    assert_eq!(moved(&[6, 4], false), []);
    // The other one would be as loaded as this one is.
    assert_eq!(moved(&[10], true), []);
}
