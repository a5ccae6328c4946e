//! What the observed traffic of a stream means for its shards: how many it needs, what fan-out would change, how skewed its
//! keys are, what came twice, and which split would help. Pure: what the meters say goes in, documents and sentences come out.

use serde_json::{Value, json};
use streams::{HotKey, Rates, ShardLoad, ShardTraffic, StreamTraffic, best_split};

/// What one shard takes and gives in a second, in the KB that AWS's formula counts, and in records.
const WRITE_KB: u64 = 1_000;
const READ_KB: u64 = 2_000;
const RECORDS: u64 = 1_000;
const KB: u64 = 1_000;

/// From which share of its shard on, in thousandths, a key is what makes the shard hot.
const KEY_RULES: u64 = 500;

/// What `stream show` says of the traffic.
pub(crate) fn document(traffic: &StreamTraffic) -> Value {
    let needed = Needed::of(traffic.peak);
    let open: Vec<&ShardTraffic> = traffic.shards.iter().filter(|shard| shard.open).collect();
    json!({
        "write_kb_per_s": traffic.now.write_bytes.div_ceil(KB),
        "records_per_s": traffic.now.write_records,
        "read_kb_per_s": traffic.now.read_bytes.div_ceil(KB),
        "peak_write_kb_per_s": traffic.peak.write_bytes.div_ceil(KB),
        "peak_records_per_s": traffic.peak.write_records,
        "peak_read_kb_per_s": traffic.peak.read_bytes.div_ceil(KB),
        "shards_needed": needed.shards(),
        "shards_needed_with_fan_out": needed.writes(),
        "hottest_shard_percent": hottest(&open).map(|(_, share)| share / 10),
        "duplicate_payload_percent": duplicates(traffic).map(|share| share / 10),
        "says": sentences(traffic, &open),
    })
}

/// What `stream shards --hot` says of each open shard.
pub(crate) fn hot_shards(name: &str, traffic: &StreamTraffic) -> Vec<Value> {
    let open = traffic.shards.iter().filter(|shard| shard.open);
    open.map(|shard| hot_shard(name, shard)).collect()
}

/// Where a shard is best split: between halves of its traffic, or beside the key that rules it.
pub(crate) fn split_point(shard: &ShardTraffic) -> Option<u128> {
    let load = ShardLoad {
        id: shard.id,
        range: shard.range,
        load: shard.peak.write_load().max(1),
        spread: shard.spread,
    };
    let between = best_split(&load).map(|at| at.0);
    let ruling = shard.hot_keys.first().filter(|key| key.share >= KEY_RULES);
    ruling.and_then(|key| beside(shard, key)).or(between)
}

struct Needed {
    write: u64,
    read: u64,
    records: u64,
}

impl Needed {
    fn of(peak: Rates) -> Self {
        Self {
            write: peak.write_bytes.div_ceil(KB).div_ceil(WRITE_KB),
            read: peak.read_bytes.div_ceil(KB).div_ceil(READ_KB),
            records: peak.write_records.div_ceil(RECORDS),
        }
    }

    fn writes(&self) -> u64 {
        self.write.max(self.records).max(1)
    }

    fn shards(&self) -> u64 {
        self.writes().max(self.read)
    }
}

fn sentences(traffic: &StreamTraffic, open: &[&ShardTraffic]) -> Vec<String> {
    let (peak, needed) = (traffic.peak, Needed::of(traffic.peak));
    let (write, read) = (peak.write_bytes.div_ceil(KB), peak.read_bytes.div_ceil(KB));
    let has = open.len();
    let shards = needed.shards();
    let mut says = vec![format!(
        "the highest traffic of the last 15 minutes needs {shards} shard{} ({write} KB/s written over {WRITE_KB}, \
         {read} KB/s read over {READ_KB}, {} records/s over {RECORDS}); it has {has}",
        if shards == 1 { "" } else { "s" },
        peak.write_records
    )];
    if needed.read > needed.writes() {
        says.push(format!(
            "readers share what shards give: with enhanced fan-out each has 2 MB/s of every shard for itself, and {} would do",
            needed.writes()
        ));
    } else if peak.read_bytes > 0 {
        says.push("readers take less than shards give: enhanced fan-out would make them faster and save no shard".to_owned());
    }
    if let Some((shard, share)) = hottest(open).filter(|_| has > 1) {
        let fair = 1_000 / u64::try_from(has).unwrap_or(1);
        let skewed = if share >= fair + fair / 2 {
            "skewed"
        } else {
            "even"
        };
        says.push(format!(
            "keys are {skewed}: {} takes {} % of what is written, {} % would be its share",
            shard.id,
            share / 10,
            fair / 10
        ));
    }
    let ruling = open
        .iter()
        .filter_map(|shard| Some((shard, shard.hot_keys.first()?)));
    for (shard, key) in ruling.filter(|(_, key)| key.share >= KEY_RULES) {
        says.push(format!(
            "key `{}` is at least {} % of {}",
            key.key,
            key.share / 10,
            shard.id
        ));
    }
    if let Some(share) = duplicates(traffic).filter(|share| *share > 0) {
        let percent = share / 10;
        let percent = if percent == 0 {
            "under 1".to_owned()
        } else {
            percent.to_string()
        };
        says.push(format!(
            "about {percent} % of payloads had been sent before, as producers do that repeat a put"
        ));
    }
    says
}

/// The shard that takes most, and its share of the writes in thousandths.
fn hottest<'a>(open: &[&'a ShardTraffic]) -> Option<(&'a ShardTraffic, u64)> {
    let load = |shard: &ShardTraffic| shard.peak.write_bytes;
    let all: u64 = open.iter().map(|shard| load(shard)).sum();
    let hottest = open.iter().max_by_key(|shard| load(shard))?;
    (all > 0).then(|| (*hottest, load(hottest).saturating_mul(1_000) / all))
}

/// In thousandths; absent while nothing was looked at.
fn duplicates(traffic: &StreamTraffic) -> Option<u64> {
    let payloads = traffic.payloads;
    (payloads.looked_at > 0).then(|| payloads.repeated.saturating_mul(1_000) / payloads.looked_at)
}

fn hot_shard(name: &str, shard: &ShardTraffic) -> Value {
    let told = |key: &HotKey| json!({ "key": key.key, "percent": key.share / 10, "hash_key": key.hash.0.to_string() });
    let taken = shard.spread.iter().any(|part| *part > 0);
    let at = split_point(shard).filter(|_| taken);
    let command = at.map(|at| format!("shardmill stream split {name} {} --at {at}", shard.id.0));
    json!({
        "id": shard.id.to_string(),
        "write_kb_per_s": shard.now.write_bytes.div_ceil(KB),
        "records_per_s": shard.now.write_records,
        "load_percent": shard.now.write_load() / 10,
        "peak_load_percent": shard.peak.write_load() / 10,
        "hot_keys": shard.hot_keys.iter().filter(|key| key.share > 0).map(told).collect::<Vec<_>>(),
        "split_at": at.map(|at| at.to_string()),
        "command": command,
    })
}

/// Right at a key or right behind it, whichever leaves the rest of the traffic on the other side.
fn beside(shard: &ShardTraffic, key: &HotKey) -> Option<u128> {
    let (starting, ending) = (shard.range.starting.0, shard.range.ending.0);
    let parts = u128::try_from(shard.spread.len()).ok()?;
    let width = (ending - starting) / parts + 1;
    let part = usize::try_from(key.hash.0.checked_sub(starting)? / width).ok()?;
    let weight = |parts: &[u64]| parts.iter().sum::<u64>();
    let (below, above) = (shard.spread.get(..part)?, shard.spread.get(part + 1..)?);
    let at = if weight(below) >= weight(above) {
        key.hash.0
    } else {
        key.hash.0.checked_add(1)?
    };
    (at > starting + 1 && at < ending).then_some(at)
}

#[cfg(test)]
mod tests {
    use model::{HashKey, HashKeyRange, ShardId};
    use streams::{Payloads, Totals};

    use super::*;

    const HALF: u128 = 1 << 127;

    fn shard(id: u32, write_bytes: u64, records: u64) -> ShardTraffic {
        let range = HashKeyRange::split_whole(2)[usize::try_from(id).unwrap()];
        let rates = Rates {
            write_bytes,
            write_records: records,
            read_bytes: 0,
        };
        ShardTraffic {
            id: ShardId(id),
            range,
            open: true,
            totals: Totals::default(),
            now: rates,
            peak: rates,
            spread: [1; streams::limits::HASH_RANGES],
            hot_keys: Vec::new(),
        }
    }

    fn stream(shards: Vec<ShardTraffic>, read_bytes: u64, repeated: u64) -> StreamTraffic {
        let sum = |of: fn(&Rates) -> u64| shards.iter().map(|shard| of(&shard.peak)).sum();
        let peak = Rates {
            write_bytes: sum(|rates| rates.write_bytes),
            write_records: sum(|rates| rates.write_records),
            read_bytes,
        };
        StreamTraffic {
            totals: Totals::default(),
            now: peak,
            peak,
            payloads: Payloads {
                looked_at: 1_000,
                repeated,
            },
            operations: Vec::new(),
            shards,
        }
    }

    #[test]
    fn the_fullest_measure_says_how_many_shards_are_needed() {
        for (write, records, read, needed, with_fan_out) in [
            (0, 0, 0, 1, 1),
            (2_500_000, 10, 0, 3, 3),
            (100_000, 4_001, 0, 5, 5),
            (900_000, 100, 9_000_000, 5, 1),
        ] {
            let found = document(&stream(vec![shard(0, write, records)], read, 0));
            assert_eq!(
                (
                    &found["shards_needed"],
                    &found["shards_needed_with_fan_out"]
                ),
                (&json!(needed), &json!(with_fan_out))
            );
        }
    }

    #[test]
    fn sentences_say_what_stands_out() {
        let mut hot = shard(1, 1_800_000, 900);
        hot.hot_keys = vec![HotKey {
            key: "JFK".to_owned(),
            hash: HashKey(HALF + 77),
            share: 800,
        }];
        let found = document(&stream(
            vec![shard(0, 100_000, 100), hot.clone()],
            5_000_000,
            31,
        ));
        insta::assert_snapshot!(
            found["says"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect::<Vec<_>>().join("\n"),
            @"
        the highest traffic of the last 15 minutes needs 3 shards (1900 KB/s written over 1000, 5000 KB/s read over 2000, 1000 records/s over 1000); it has 2
        readers share what shards give: with enhanced fan-out each has 2 MB/s of every shard for itself, and 2 would do
        keys are skewed: shardId-000000000001 takes 94 % of what is written, 50 % would be its share
        key `JFK` is at least 80 % of shardId-000000000001
        about 3 % of payloads had been sent before, as producers do that repeat a put
        "
        );
        // The key is at the beginning of the range, so what is above it goes to the other side.
        assert_eq!(split_point(&hot), Some(HALF + 78));
        let told = hot_shards("flights", &stream(vec![hot], 0, 0));
        assert_eq!(told[0]["hot_keys"][0]["percent"], 80);
        assert_eq!(
            told[0]["command"],
            format!("shardmill stream split flights 1 --at {}", HALF + 78)
        );
    }

    #[test]
    fn without_a_ruling_key_the_traffic_is_halved() {
        assert_eq!(split_point(&shard(1, 9, 9)), Some(HALF + (1 << 126)));
        let mut quiet = shard(1, 0, 0);
        quiet.spread = [0; streams::limits::HASH_RANGES];
        let told = hot_shards("flights", &stream(vec![quiet], 0, 0));
        assert_eq!(told[0]["command"], Value::Null);
    }
}
