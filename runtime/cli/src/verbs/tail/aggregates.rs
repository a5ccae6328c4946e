//! What KPL producers aggregated, record by record. In: a record as the server shows it. Out: the records in it, each
//! with its place among them; a record that is no aggregate comes out as it is.

use bytes::Bytes;
use dispatch::{RangeCheck, deaggregate::unpack};
use model::{HashKeyRange, Record, SequenceNumber, Timestamp, UserRecord};
use serde_json::{Value, json};

use super::bytes;

pub(super) fn expand(record: Value) -> Vec<Value> {
    let Some(data) = bytes(&record, "data") else {
        return vec![record];
    };
    let sequence = record["sequence"]
        .as_str()
        .and_then(|text| text.parse().ok());
    let stored = Record {
        sequence: sequence.unwrap_or(SequenceNumber([0; 3])),
        arrived: Timestamp::from_millis(0),
        partition_key: Bytes::from(record["key"].as_str().unwrap_or_default().to_owned()),
        explicit_hash_key: None,
        data: data.into(),
        encrypted: false,
    };
    let unpacked = unpack(stored, HashKeyRange::WHOLE, RangeCheck::Off);
    if !unpacked.records.iter().any(|user| user.aggregated) {
        return vec![record];
    }
    let one = |user: &UserRecord| {
        let mut one = record.clone();
        one["key"] = json!(String::from_utf8_lossy(&user.partition_key));
        one["data"] = json!(base64_simd::STANDARD.encode_to_string(&user.data));
        one["sub_sequence"] = json!(user.position.sub_sequence);
        if let Some(fields) = one.as_object_mut() {
            match user.explicit_hash_key {
                Some(key) => {
                    fields.insert("explicit_hash_key".to_owned(), json!(key.0.to_string()))
                }
                None => fields.remove("explicit_hash_key"),
            };
        }
        one
    };
    unpacked.records.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_aggregate_is_shown_record_by_record_and_all_else_as_it_is() {
        // Two records of the key `EWR`, as a KPL packs them.
        let aggregate = "84mawgoDRVdSGggIABoEb25lIRoICAAaBHR3byHR+m/vbq8TCQiuimOaPDOi";
        let record = json!({"sequence": "1", "shard": "s", "key": "a", "data": aggregate, "explicit_hash_key": "7"});
        let shown = expand(record);
        let facts = |at: usize| {
            (
                &shown[at]["key"],
                &shown[at]["data"],
                &shown[at]["sub_sequence"],
            )
        };
        assert_eq!(facts(0), (&json!("EWR"), &json!("b25lIQ=="), &json!(0)));
        assert_eq!(facts(1), (&json!("EWR"), &json!("dHdvIQ=="), &json!(1)));
        for data in ["eA==", "84mawg==", "no base64"] {
            let record = json!({"sequence": "1", "key": "a", "data": data});
            assert_eq!(expand(record.clone()), [record]);
        }
    }
}
