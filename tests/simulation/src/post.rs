//! What became of the parcels, and what must be true of it in the end.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    client::{Ask, Client},
    pages::{Pages, Stored, rows},
    parcels::{Parcel, hash_key},
    producer::Place,
    promises::{Kept, hold},
    resharder::every,
    story::Ending,
};

#[derive(Debug, Default)]
pub struct Post {
    /// What was put; a parcel's number is its index.
    pub parcels: Vec<Parcel>,
    /// Where each came to lie, by its number.
    pub places: BTreeMap<usize, Place>,
    /// What the trigger wrote that parks, in order.
    pub sent: Vec<Stored>,
    /// What the trigger wrote that has a filter.
    pub heavy: Vec<Stored>,
    /// What its filter passed, as far as the last life of the server counted.
    pub filtered_out: u64,
    /// First and last hash key of each shard there was.
    pub ranges: BTreeMap<String, (u128, u128)>,
}

impl Post {
    pub(crate) async fn look(client: &mut Client) -> Self {
        let shards = every(&client.ask(&Ask::get("streams/parcels")).await);
        let ranges = shards
            .into_iter()
            .map(|shard| (shard.id, (shard.starting, shard.ending)));
        let heavy = client.ask(&Ask::get("triggers/heavy")).await;
        let counted = rows(&heavy, "shards").iter();
        let counted = counted.filter_map(|shard| shard["filtered_out"].as_u64());
        Self {
            sent: Pages::oldest("sent").all(client).await,
            heavy: Pages::oldest("heavy").all(client).await,
            filtered_out: counted.sum(),
            ranges: ranges.collect(),
            ..Self::default()
        }
    }

    /// Whether it was packed for a shard that had been split: its place says nothing of the order of its key.
    fn strays(&self, number: usize) -> bool {
        let (Some(parcel), Some(place)) = (self.parcels.get(number), self.places.get(&number))
        else {
            return false;
        };
        let range = self.ranges.get(&place.shard);
        let at = hash_key(&parcel.key);
        range.is_some_and(|(first, last)| !(first..=last).contains(&&at))
    }

    /// By what is in them.
    fn numbers(&self) -> BTreeMap<&str, usize> {
        let parcels = self.parcels.iter().enumerate();
        parcels
            .map(|(number, parcel)| (parcel.body.as_str(), number))
            .collect()
    }
}

/// Promise 2. What waited behind a parked key came before what follows it, whoever let it go on and whenever the server ended.
pub fn parked_keys_keep_their_order(ending: &Ending) -> Kept {
    let post = &ending.post;
    let numbers = post.numbers();
    let mut newest: BTreeMap<&str, usize> = BTreeMap::new();
    for stored in &post.sent {
        let Some(number) = numbers.get(stored.body.as_str()) else {
            continue;
        };
        if post.strays(*number) {
            continue;
        }
        let before = newest.insert(&stored.key, *number);
        hold(2, before.is_none_or(|before| before < *number), || {
            format!(
                "parcel {number} of {} was sent after {before:?}",
                stored.key
            )
        })?;
    }
    Ok(())
}

/// Promises 3 and 4. Each parcel was sent once, parked or not; of the heavy ones each came once, through the store of dead
/// letters or past it, and what the filter passes never.
pub fn parcels_come_once(ending: &Ending) -> Kept {
    let post = &ending.post;
    let bodies = |of: &[Stored]| -> Vec<String> {
        let mut bodies: Vec<String> = of.iter().map(|stored| stored.body.clone()).collect();
        bodies.sort();
        bodies
    };
    let expected = |wanted: &dyn Fn(&Parcel) -> bool| -> Vec<String> {
        let parcels = post.parcels.iter().filter(|parcel| wanted(parcel));
        let mut bodies: Vec<String> = parcels.map(|parcel| parcel.body.clone()).collect();
        bodies.sort();
        bodies
    };
    for (what, found, expected) in [
        ("sent", bodies(&post.sent), expected(&|_| true)),
        ("heavy", bodies(&post.heavy), expected(&|it| it.is_wanted)),
    ] {
        hold(3, found == expected, || {
            let missing = expected.iter().filter(|it| !found.contains(it));
            let missing: Vec<&String> = missing.collect();
            format!(
                "{} of {} are {what}; missing are {missing:?}",
                found.len(),
                expected.len()
            )
        })?;
    }
    let passed = post.parcels.iter().filter(|parcel| !parcel.is_wanted);
    let passed = passed.count() as u64;
    let one_life = ending.between.is_empty() && post.ranges.len() == 2;
    let counted = post.filtered_out == passed || !one_life && post.filtered_out < passed;
    hold(4, counted, || {
        format!(
            "the filter passed {passed} parcels and counted {}",
            post.filtered_out
        )
    })
}

/// The conservation law, as the server itself checks it.
pub fn every_record_has_one_end(ending: &Ending) -> Kept {
    for look in &ending.counts {
        for shard in rows(look, "shards") {
            hold(4, shard["conserved"] == Value::Bool(true), || {
                format!("records are unaccounted for: {shard}")
            })?;
        }
    }
    Ok(())
}
