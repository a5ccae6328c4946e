//! Schedules and comparisons as tables; the plays themselves are tested with real functions, end to end.

use std::collections::BTreeSet;

use super::*;

fn records() -> Vec<TrialRecord> {
    (0..20)
        .map(|number| TrialRecord {
            key: format!("k{}", number % 4),
            data: number.to_string().into_bytes(),
        })
        .collect()
}

#[test]
fn every_schedule_delivers_every_record_in_the_order_of_its_key() {
    let records = records();
    for variant in Variant::ALL {
        for seed in 0..50 {
            let schedule = Schedule::of(variant, &records, 5, &mut Draw(seed));
            let delivered: Vec<usize> = schedule
                .steps
                .iter()
                .flat_map(|step| step.records.clone())
                .collect();
            let once: BTreeSet<usize> = delivered.iter().copied().collect();
            assert_eq!((delivered.len(), once.len()), (20, 20), "{variant:?}");
            for key in 0..4 {
                let of: Vec<usize> = delivered
                    .iter()
                    .copied()
                    .filter(|index| index % 4 == key)
                    .collect();
                assert!(of.is_sorted(), "{variant:?}: {of:?}");
            }
            assert!(
                schedule
                    .steps
                    .iter()
                    .all(|step| step.records.is_sorted() && step.records.len() <= 5)
            );
        }
    }
}

#[test]
fn each_variant_does_what_it_says() {
    let records = records();
    let of = |variant| Schedule::of(variant, &records, 5, &mut Draw(7));
    assert_eq!(of(Variant::Again).steps.len(), 4);
    assert_eq!(of(Variant::Split).steps.len(), 20);
    assert_ne!(of(Variant::Rebatch), of(Variant::Again));
    let reordered = (0..20).filter(|seed| {
        let schedule = Schedule::of(Variant::Reorder, &records, 5, &mut Draw(*seed));
        let order: Vec<usize> = schedule
            .steps
            .into_iter()
            .flat_map(|step| step.records)
            .collect();
        !order.is_sorted()
    });
    assert!(reordered.count() > 10);
    for (variant, fate) in [
        (Variant::Crash, Fate::Crashed),
        (Variant::Lost, Fate::Lost),
        (Variant::Duplicate, Fate::Repeated),
    ] {
        assert!(of(variant).steps.iter().any(|step| step.fate == fate));
    }
}

fn played(outputs: &[(&str, &str)]) -> Played {
    let output = |(key, data): &(&str, &str)| Output {
        output: "default".to_owned(),
        key: (*key).to_owned(),
        data: data.as_bytes().to_vec(),
    };
    Played {
        outputs: outputs.iter().map(output).collect(),
        ..Played::default()
    }
}

#[test]
fn order_within_a_key_counts_unless_keys_were_reordered() {
    let (one, other) = (
        played(&[("a", "1"), ("a", "2"), ("b", "3")]),
        played(&[("b", "3"), ("a", "2"), ("a", "1")]),
    );
    let same = |variant| compare::compare(variant, &one, &other, &Ignored::default()).is_none();
    assert!(!same(Variant::Rebatch));
    assert!(same(Variant::Reorder));
    let other_keys = played(&[("b", "3"), ("a", "1"), ("a", "2")]);
    assert_eq!(
        compare::compare(Variant::Rebatch, &one, &other_keys, &Ignored::default()),
        None
    );
}

#[test]
fn what_comes_twice_may_be_there_twice_but_not_otherwise() {
    let (one, twice) = (played(&[("a", "1")]), played(&[("a", "1"), ("a", "1")]));
    let compare = |variant| compare::compare(variant, &one, &twice, &Ignored::default());
    assert_eq!(compare(Variant::Duplicate), None);
    let difference = compare(Variant::Crash).unwrap();
    assert_eq!(
        (
            difference.place.as_str(),
            difference.expected.as_str(),
            difference.found.as_str()
        ),
        (
            "output default key a",
            "1 records",
            "2 records, number 2 is 1"
        )
    );
    let counted = played(&[("a", "1"), ("a", "2")]);
    assert!(compare::compare(Variant::Duplicate, &one, &counted, &Ignored::default()).is_some());
}

#[test]
fn fields_that_may_differ_are_left_out() {
    let (one, other) = (
        played(&[("a", r#"{"n":1,"at":5}"#)]),
        played(&[("a", r#"{"n":1,"at":6}"#)]),
    );
    let ignored = Ignored(BTreeSet::from(["at".to_owned()]));
    assert!(compare::compare(Variant::Again, &one, &other, &Ignored::default()).is_some());
    assert_eq!(
        compare::compare(Variant::Again, &one, &other, &ignored),
        None
    );
}

#[test]
fn a_schedule_gets_smaller_in_every_way() {
    let step = |records: &[usize], fate| Step {
        records: records.to_vec(),
        fate,
    };
    let schedule = Schedule {
        steps: vec![
            step(&[0, 1], Fate::Lost),
            step(&[2], Fate::Committed),
            step(&[3], Fate::Committed),
        ],
    };
    let smaller = shrink::smaller(&schedule);
    let shown: Vec<Vec<Vec<usize>>> = smaller
        .iter()
        .map(|one| one.steps.iter().map(|step| step.records.clone()).collect())
        .collect();
    assert!(shown.contains(&vec![vec![2], vec![3]]));
    assert!(shown.contains(&vec![vec![0, 1], vec![2, 3]]));
    assert!(
        smaller
            .iter()
            .any(|one| one.steps.iter().all(|step| step.fate == Fate::Committed))
    );
}
