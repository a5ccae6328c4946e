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
        shards in prop::collection::vec((prop::option::of(0..6_usize), 0..1_000_u64), 0..30),
        hosts in 1..6_usize,
    ) {
        let nodes: Vec<NodeId> = alive(hosts).into_iter().collect();
        let mut leases: Vec<kcl3::Sight> = shards
            .iter()
            .enumerate()
            .map(|(number, (owner, bytes))| kcl3::Sight {
                key: key(number),
                owner: owner.map(node),
                bytes_per_second: *bytes,
            })
            .collect();
        let mut moved_from: BTreeSet<(LeaseKey, NodeId)> = BTreeSet::new();
        let mut last = 0;
        for run in 1..=300 {
            for it in kcl3::assign(&leases, &nodes, run, kcl3::Settings::default()) {
                last = run;
                prop_assert!(!moved_from.contains(&(it.key.clone(), it.to.clone())), "it came back");
                if let Some(from) = it.from {
                    moved_from.insert((it.key.clone(), from));
                }
                let lease = leases.iter_mut().find(|lease| lease.key == it.key).unwrap();
                lease.owner = Some(it.to);
            }
        }
        prop_assert!(last < 250, "it still moves");
        prop_assert!(leases.iter().all(|lease| lease.owner.as_ref().is_some_and(|it| nodes.contains(it))));
    }
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
