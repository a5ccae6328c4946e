//! `tail`: pages over all shards of a stream, waiting for more where asked.
//!
//! The place of a reader in every shard is one opaque text, which the reader hands back; the server keeps nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::pending,
};

use futures_util::future::select_all;
use model::{
    HashKey, Record, ShardId, StreamKey,
    seams::{ReadFrom, ReadLimit, Source as _},
};
use serde_json::{Value, json};

use super::{
    ApiError, Call, Reply, news,
    streams::{key, missing, read_from},
};
use crate::{assemble::Rooms, limits::API_PAGE_BYTES_MAX};

type Places = BTreeMap<u32, ReadFrom>;

pub(crate) async fn page(rooms: &Rooms, name: &str, call: &Call<'_>) -> Reply {
    let stream = key(rooms, name)?;
    let mut places = places(rooms, name, &stream, call)?;
    let limit = call.query.limit()?;
    let (mut found, ended) = read_all(rooms, &stream, &mut places, limit).await?;
    let wait = call.query.wait()?;
    if found.is_empty() && !wait.is_zero() {
        // Nothing more comes from a shard that has ended.
        let waits: Vec<_> = places
            .iter()
            .filter(|(shard, _)| !ended.contains(shard))
            .map(|(shard, from)| rooms.streams.wait(&stream, ShardId(*shard), *from))
            .collect();
        if waits.is_empty() {
            news(rooms, wait, pending::<()>()).await;
        } else {
            news(rooms, wait, select_all(waits)).await;
        }
        (found, _) = read_all(rooms, &stream, &mut places, limit).await?;
    }
    let records: Vec<Value> = found
        .iter()
        .map(|(shard, record)| document(*shard, record))
        .collect();
    Ok(json!({ "at_tip": records.is_empty(), "records": records, "after": written(&places) }))
}

async fn read_all(
    rooms: &Rooms,
    stream: &StreamKey,
    places: &mut Places,
    limit: usize,
) -> Result<(Vec<(ShardId, Record)>, BTreeSet<u32>), ApiError> {
    let (mut found, mut ended) = (Vec::new(), BTreeSet::new());
    let mut left = ReadLimit {
        records: limit,
        bytes: API_PAGE_BYTES_MAX,
    };
    let shards = rooms.streams.shards(stream).unwrap_or_default();
    let read: BTreeSet<u32> = places.keys().copied().collect();
    for (shard, from) in places {
        if left.records == 0 || left.bytes == 0 {
            break;
        }
        let shard = ShardId(*shard);
        // Children come after all of their parents.
        let facts = shards.iter().find(|known| known.facts.id == shard);
        let mut parents = facts.iter().flat_map(|known| &known.facts.parents);
        if parents.any(|parent| read.contains(&parent.0) && !ended.contains(&parent.0)) {
            continue;
        }
        let page = rooms
            .streams
            .read(stream, shard, *from, left)
            .await
            .map_err(ApiError::failed)?;
        *from = page.next;
        if page.ended {
            ended.insert(shard.0);
        }
        left.records = left.records.saturating_sub(page.records.len());
        let bytes: usize = page.records.iter().map(|record| record.data.len()).sum();
        left.bytes = left.bytes.saturating_sub(bytes);
        found.extend(page.records.iter().map(|record| (shard, record.clone())));
    }
    found.sort_by_key(|(_, record)| record.arrived);
    Ok((found, ended))
}

fn places(
    rooms: &Rooms,
    name: &str,
    stream: &StreamKey,
    call: &Call<'_>,
) -> Result<Places, ApiError> {
    let shards = rooms.streams.shards(stream).map_err(|_| missing(name))?;
    if let Some(after) = call.query.get("after") {
        let mut places = parsed(after)?;
        // What became of a shard since is read from its first record on, unless one shard alone is wanted.
        let shards = shards.iter().map(|shard| &shard.facts);
        for facts in shards.filter(|_| call.query.get("shard").is_none()) {
            let known = |parent: &ShardId| places.contains_key(&parent.0);
            if !places.contains_key(&facts.id.0) && facts.parents.iter().any(known) {
                places.insert(facts.id.0, ReadFrom::Oldest);
            }
        }
        return Ok(places);
    }
    let from = read_from(call.query.get("from").unwrap_or("latest"))?;
    if let ReadFrom::At(number) = from
        && number.parts().is_none()
    {
        return Err(ApiError::bad(&format!("read stream {name}: {number} is no sequence number"))
            .with_hint("they have 56 digits, as `shardmill tail` shows them; times are @-15m or @2026-11-23T09:00Z"));
    }
    let only = call.query.get("shard").map(|text| {
        ShardId::parse(text).ok_or_else(|| ApiError::bad("`shard` is a shard id or its number"))
    });
    let only = only.transpose()?;
    let places: Places = shards
        .iter()
        .map(|shard| shard.facts.id)
        .filter(|id| only.is_none_or(|only| only == *id))
        .map(|id| (id.0, from))
        .collect();
    match only {
        Some(shard) if places.is_empty() => Err(ApiError::not_found(&format!(
            "shard {shard} of stream {name}"
        ))
        .with_hint(format!(
            "`shardmill stream shards {name}` shows what is there"
        ))),
        Some(_) | None => Ok(places),
    }
}

fn written(places: &Places) -> String {
    let one = |(shard, from): (&u32, &ReadFrom)| match from {
        ReadFrom::Oldest => format!("{shard}:oldest"),
        ReadFrom::Latest => format!("{shard}:latest"),
        ReadFrom::At(number) => format!("{shard}:at:{number}"),
        ReadFrom::After(number) => format!("{shard}:after:{number}"),
        ReadFrom::Arrived(time) => format!("{shard}:time:{}", time.as_millis()),
    };
    places.iter().map(one).collect::<Vec<_>>().join(",")
}

fn parsed(text: &str) -> Result<Places, ApiError> {
    let one = |part: &str| {
        let (shard, place) = part.split_once(':')?;
        let from = match place.split_once(':') {
            Some(("at", number)) => ReadFrom::At(number.parse().ok()?),
            Some(("after", number)) => ReadFrom::After(number.parse().ok()?),
            Some(_) | None => read_from(place).ok()?,
        };
        Some((shard.parse().ok()?, from))
    };
    let places: Option<Places> = text.split(',').map(one).collect();
    places.ok_or_else(|| ApiError::bad("`after` is not what an earlier page returned"))
}

fn document(shard: ShardId, record: &Record) -> Value {
    let mut document = json!({
        "shard": shard.to_string(),
        "sequence": record.sequence,
        "arrived_ms": record.arrived.as_millis(),
        "key": String::from_utf8_lossy(&record.partition_key),
        "data": base64_simd::STANDARD.encode_to_string(&record.data),
    });
    if let Some(HashKey(key)) = record.explicit_hash_key {
        document["explicit_hash_key"] = json!(key.to_string());
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_round_trip() {
        let number = "49544985256907370027570885864065577703022652638596431874"
            .parse()
            .unwrap();
        let places = Places::from([
            (0, ReadFrom::After(number)),
            (1, ReadFrom::Latest),
            (7, ReadFrom::At(number)),
        ]);
        assert_eq!(parsed(&written(&places)), Ok(places));
        assert!(parsed("x:latest").is_err());
    }
}
