//! The client's own notes, and what they say about what is found: a pure comparison.
//!
//! A record that was answered must be there once, at its place, as it was put. One that was not answered may be there
//! once. Whatever is there has each of its effects exactly once, in the order of its key.

use std::collections::{BTreeMap, BTreeSet};

use crate::{account::Finding, record::Id};

/// Where a record is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) shard: String,
    pub(crate) sequence: String,
}

/// A record as a reader got it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) spot: Spot,
    pub(crate) key: String,
    pub(crate) data: String,
}

/// One record that was put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Put {
    pub(crate) id: Id,
    /// `None` where nobody answered.
    pub(crate) answered: Option<Spot>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger {
    puts: BTreeMap<Id, Option<Spot>>,
    /// What is stored, by id.
    stored: BTreeSet<Id>,
    copied: BTreeSet<Id>,
    /// The newest number of each key, where records were read and where they were copied to.
    newest: BTreeMap<(Stream, String), u64>,
    /// How often each key was counted.
    counted: BTreeMap<String, u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stream {
    Put,
    Copied,
}

impl Ledger {
    pub(crate) fn note(&mut self, puts: Vec<Put>) {
        self.puts
            .extend(puts.into_iter().map(|put| (put.id, put.answered)));
    }

    pub(crate) fn answered(&self) -> u64 {
        self.puts.values().flatten().count() as u64
    }

    pub(crate) fn stored_unanswered(&self) -> u64 {
        let unanswered = |id: &&Id| self.puts.get(id).is_some_and(Option::is_none);
        self.stored.iter().filter(unanswered).count() as u64
    }

    pub(crate) fn effects(&self) -> u64 {
        self.copied.len() as u64 + self.counted.values().sum::<u64>()
    }

    /// Forgets what was found, for a look at everything from the beginning; the notes stay.
    pub(crate) fn look_again(&mut self) {
        self.stored.clear();
        self.copied.clear();
        self.newest.clear();
        self.counted.clear();
    }

    /// New records of the stream that is put to.
    pub(crate) fn find_stored(&mut self, reads: &[Read]) -> Vec<Finding> {
        let mut findings = Vec::new();
        for read in reads {
            let id = match known(read) {
                Ok(id) => id,
                Err(finding) => {
                    findings.push(finding);
                    continue;
                }
            };
            match self.puts.get(&id) {
                None => findings.push(Finding::Undetected(format!("record {id} was never put"))),
                Some(Some(spot)) if *spot != read.spot => {
                    let finding = format!("record {id} is at {:?}, not at {spot:?}", read.spot);
                    findings.push(Finding::Undetected(finding));
                }
                Some(_) => {}
            }
            if !self.stored.insert(id) {
                findings.push(Finding::Doubled(format!("record {id} is stored twice")));
            }
            findings.extend(self.in_order(Stream::Put, id));
        }
        findings
    }

    /// New records of the stream that a function copies to.
    pub(crate) fn find_copied(&mut self, reads: &[Read]) -> Vec<Finding> {
        let mut findings = Vec::new();
        for read in reads {
            let id = match known(read) {
                Ok(id) => id,
                Err(finding) => {
                    findings.push(finding);
                    continue;
                }
            };
            if !self.stored.contains(&id) {
                let finding = format!("a copy of {id}, which is not stored");
                findings.push(Finding::Undetected(finding));
            }
            if !self.copied.insert(id) {
                findings.push(Finding::Doubled(format!("record {id} was copied twice")));
            }
            findings.extend(self.in_order(Stream::Copied, id));
        }
        findings
    }

    /// New outputs of the function that counts each key: 1, 2, 3 and so on, each once.
    pub(crate) fn find_counts(&mut self, reads: &[Read]) -> Vec<Finding> {
        let mut findings = Vec::new();
        for read in reads {
            let counted = self.counted.entry(read.key.clone()).or_default();
            let expected = *counted + 1;
            match read.data.parse::<u64>() {
                Ok(count) if count == expected => *counted = count,
                Ok(count) if count < expected => {
                    let finding = format!("{} was counted to {count} twice", read.key);
                    findings.push(Finding::Doubled(finding));
                }
                Ok(count) => {
                    let finding = format!("{}: no count between {counted} and {count}", read.key);
                    findings.push(Finding::Lost(finding));
                    *counted = count;
                }
                Err(_) => {
                    let finding = format!("{}: {} is no count", read.key, read.data);
                    findings.push(Finding::Undetected(finding));
                }
            }
        }
        findings
    }

    /// Once all is settled and read: what is missing, and whether the state of each key is its count.
    pub(crate) fn settle(&self, state: &BTreeMap<String, u64>) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (id, answered) in &self.puts {
            if answered.is_some() && !self.stored.contains(id) {
                findings.push(Finding::Lost(format!("record {id} was acknowledged")));
            }
        }
        for id in self.stored.difference(&self.copied) {
            findings.push(Finding::Lost(format!("record {id} was not copied")));
        }
        let mut of_keys: BTreeMap<String, u64> = BTreeMap::new();
        for id in &self.stored {
            *of_keys.entry(id.key()).or_default() += 1;
        }
        let keys: BTreeSet<&String> = of_keys.keys().chain(state.keys()).collect();
        for key in keys {
            let stored = of_keys.get(key).copied().unwrap_or_default();
            let counted = self.counted.get(key).copied().unwrap_or_default();
            let kept = state.get(key).copied().unwrap_or_default();
            for (what, count) in [("outputs", counted), ("state", kept)] {
                let finding = format!("{key}: {stored} records, {count} counted in {what}");
                if count < stored {
                    findings.push(Finding::Lost(finding));
                } else if count > stored {
                    findings.push(Finding::Doubled(finding));
                }
            }
        }
        findings
    }

    /// Once all records have expired: what each key was counted to is kept all the same.
    pub(crate) fn find_kept(&self, state: &BTreeMap<String, u64>) -> Vec<Finding> {
        let differs = |(key, count): &(&String, &u64)| state.get(*key) != Some(*count);
        let counted = self.counted.iter().filter(differs);
        let finding = |(key, count): (&String, &u64)| {
            let kept = state.get(key);
            Finding::Lost(format!("{key}: {kept:?} is kept of a count to {count}"))
        };
        counted.map(finding).collect()
    }

    fn in_order(&mut self, stream: Stream, id: Id) -> Option<Finding> {
        let newest = self.newest.entry((stream, id.key())).or_default();
        let behind = id.number < *newest;
        let finding = format!("record {id} comes behind {} of its key", *newest);
        *newest = id.number.max(*newest);
        behind.then_some(Finding::Undetected(finding))
    }
}

/// The id of a record whose key and data are to the last byte what was put under it.
fn known(read: &Read) -> Result<Id, Finding> {
    match Id::claimed(&read.data) {
        Some(id) if id.data() == read.data && id.key() == read.key => Ok(id),
        Some(id) => Err(Finding::Undetected(format!(
            "record {id} is not as it was put"
        ))),
        None => Err(Finding::Undetected(format!(
            "at {:?} is something that nobody put",
            read.spot
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u64) -> Id {
        Id {
            producer: 0,
            number,
        }
    }

    fn spot(number: u64) -> Spot {
        Spot {
            shard: "s".to_owned(),
            sequence: number.to_string(),
        }
    }

    fn read(number: u64) -> Read {
        Read {
            spot: spot(number),
            key: id(number).key(),
            data: id(number).data(),
        }
    }

    /// Records 1 and 2 were answered, 3 was not; then what was stored, copied and counted.
    fn check(stored: &[Read], copied: &[Read], counts: &[(u64, u64)], expect: &[&str]) {
        let mut ledger = Ledger::default();
        ledger.note(vec![
            Put {
                id: id(1),
                answered: Some(spot(1)),
            },
            Put {
                id: id(2),
                answered: Some(spot(2)),
            },
            Put {
                id: id(3),
                answered: None,
            },
        ]);
        let mut findings = ledger.find_stored(stored);
        findings.extend(ledger.find_copied(copied));
        let counts: Vec<Read> = counts
            .iter()
            .map(|(number, count)| Read {
                data: count.to_string(),
                ..read(*number)
            })
            .collect();
        findings.extend(ledger.find_counts(&counts));
        let state: BTreeMap<String, u64> =
            counts.iter().map(|count| (count.key.clone(), 1)).collect();
        findings.extend(ledger.settle(&state));
        let shown: Vec<String> = findings
            .iter()
            .map(|finding| format!("{finding:?}"))
            .collect();
        assert_eq!(shown, expect);
    }

    #[test]
    fn all_is_well_with_and_without_the_unanswered_record() {
        let two = [read(1), read(2)];
        check(&two, &two, &[(1, 1), (2, 1)], &[]);
        let three = [read(1), read(2), read(3)];
        check(&three, &three, &[(1, 1), (2, 1), (3, 1)], &[]);
    }

    #[test]
    fn what_is_lost_doubled_or_different_is_found() {
        let one = [read(1)];
        check(
            &one,
            &one,
            &[(1, 1)],
            &["Lost(\"record 0-2 was acknowledged\")"],
        );
        let two = [read(1), read(2)];
        let twice = [read(1), read(2), read(2)];
        check(
            &twice,
            &two,
            &[(1, 1), (2, 1)],
            &["Doubled(\"record 0-2 is stored twice\")"],
        );
        check(
            &two,
            &one,
            &[(1, 1), (2, 1)],
            &["Lost(\"record 0-2 was not copied\")"],
        );
        check(
            &two,
            &twice,
            &[(1, 1), (2, 1)],
            &["Doubled(\"record 0-2 was copied twice\")"],
        );
        let mut different = read(2);
        different.data.push('x');
        check(
            &[read(1), different],
            &one,
            &[(1, 1)],
            &[
                "Undetected(\"record 0-2 is not as it was put\")",
                "Lost(\"record 0-2 was acknowledged\")",
            ],
        );
        check(
            &two,
            &two,
            &[(1, 1), (2, 1), (2, 1)],
            &["Doubled(\"key-0-2 was counted to 1 twice\")"],
        );
    }

    #[test]
    fn a_count_that_expires_with_its_records_is_found() {
        let mut ledger = Ledger::default();
        let two = Read {
            data: "1".to_owned(),
            ..read(1)
        };
        assert!(ledger.find_counts(&[two]).is_empty());
        let kept = BTreeMap::from([(id(1).key(), 1)]);
        assert!(ledger.find_kept(&kept).is_empty());
        assert_eq!(ledger.find_kept(&BTreeMap::new()).len(), 1);
    }

    #[test]
    fn the_order_of_a_key_is_that_of_its_numbers() {
        let mut ledger = Ledger::default();
        let (early, late) = (id(1), id(6));
        assert_eq!(early.key(), late.key());
        ledger.note(vec![
            Put {
                id: early,
                answered: None,
            },
            Put {
                id: late,
                answered: None,
            },
        ]);
        let found = ledger.find_stored(&[read(6), read(1)]);
        assert_eq!(
            found,
            [Finding::Undetected(
                "record 0-1 comes behind 6 of its key".to_owned()
            )]
        );
    }
}
