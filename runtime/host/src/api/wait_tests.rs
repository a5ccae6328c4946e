//! Which triggers a wait covers, and in which order it follows what they write.

use std::{collections::BTreeMap, path::Path};

use model::{AccountId, Region, Timestamp};
use streams::World;

use super::*;
use crate::{config, plan};

/// A chain of three, and one beside it.
const FILE: &str = "
version: 1
streams: { a: {}, b: {}, c: {}, d: {}, other: {} }
functions: { f: { source: f.wasm } }
triggers:
  first: { stream: a, function: f, outputs: b }
  second: { stream: b, function: f, outputs: c }
  third: { stream: c, function: f, outputs: d }
  beside: { stream: other, function: f, outputs: c }
";

fn triggers() -> Vec<TriggerSettings> {
    let project = config::read(Path::new("triggers.yaml"), FILE, &BTreeMap::new()).unwrap();
    let world = World {
        account: AccountId::parse("000000000000").unwrap(),
        region: Region::parse("us-east-1").unwrap(),
    };
    let triggers = project.triggers.iter();
    let settings = triggers.map(|(name, it)| plan::trigger(&world, name, it, Timestamp::default()));
    settings.collect()
}

#[test]
fn a_named_trigger_is_waited_for_with_those_before_it() {
    let triggers = triggers();
    let all: Vec<&TriggerSettings> = triggers.iter().collect();
    let check = |name: &str, expected: &[&str]| {
        let only = all.iter().find(|it| it.name.as_str() == name).unwrap();
        let names: Vec<&str> = before(&all, only).iter().map(|it| it.as_str()).collect();
        assert_eq!(names, expected, "{name}");
    };
    check("first", &["first"]);
    check("second", &["first", "second"]);
    check("third", &["beside", "first", "second", "third"]);
}

#[test]
fn each_round_goes_one_trigger_further() {
    let triggers = triggers();
    let all: Vec<&TriggerSettings> = triggers.iter().collect();
    let mut round = all.clone();
    let mut rounds = Vec::new();
    while !round.is_empty() {
        let names = round.iter().map(|it| it.name.as_str());
        rounds.push(names.collect::<Vec<_>>().join(" "));
        round = after(&all, &round);
    }
    assert_eq!(
        rounds,
        ["beside first second third", "second third", "third"]
    );
}

#[test]
fn an_answer_says_what_happened_meanwhile() {
    let counted = |settled, dead_letters| Counted {
        settled,
        dead_letters,
    };
    let answer = answer(counted(5, 1), counted(7, 4));
    let expected = json!({
        "settled": 7, "dead_letters": 4,
        "while_waiting": { "settled": 2, "dead_letters": 3 },
    });
    assert_eq!(answer, expected);
}
