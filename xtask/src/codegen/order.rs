//! The order in which AWS prints the members of a request and the values of an enumeration.
//!
//! Recorded texts list them in an order that is neither alphabetical nor that of the model. It is the order in
//! which a Java hash table walks its buckets: for enumerations the plain string hash over 32 buckets, for
//! members the supplemental hash of Java 7 over 16 buckets, where of two names in one bucket the later comes
//! first. Both rules reproduce every recording we know of; the tests hold some of them.

/// The values of an enumeration as AWS prints them.
pub(super) fn printed_enumeration(values: &[String]) -> Vec<&str> {
    let mut ordered: Vec<&str> = values.iter().map(String::as_str).collect();
    ordered.sort_by_key(|value| java_hash(value) % 32);
    ordered
}

/// Sorts members by the place of their printed name. `name` picks the name out of an entry.
pub(super) fn sort_members<T>(members: &mut [T], name: impl Fn(&T) -> String) {
    members.reverse();
    members.sort_by_key(|member| java_7_spread(java_hash(&name(member))) % 16);
}

/// `partitionKey` for `PartitionKey`.
pub(super) fn printed_name(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_ascii_lowercase().to_string() + letters.as_str()
    })
}

fn java_hash(text: &str) -> u32 {
    text.encode_utf16().fold(0, |hash: u32, unit| {
        hash.wrapping_mul(31).wrapping_add(u32::from(unit))
    })
}

fn java_7_spread(hash: u32) -> u32 {
    let hash = hash ^ (hash >> 20) ^ (hash >> 12);
    hash ^ (hash >> 7) ^ (hash >> 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_enumeration(recorded: &[&str]) {
        let mut values: Vec<String> = recorded.iter().map(ToString::to_string).collect();
        values.sort();
        assert_eq!(printed_enumeration(&values), recorded);
    }

    fn check_members(in_model: &[&str], recorded: &[&str]) {
        let mut members = in_model.to_vec();
        sort_members(&mut members, |name| printed_name(name));
        assert_eq!(members, recorded);
    }

    #[test]
    fn enumerations_come_in_recorded_order() {
        check_enumeration(&[
            "AFTER_SEQUENCE_NUMBER",
            "LATEST",
            "AT_TIMESTAMP",
            "AT_SEQUENCE_NUMBER",
            "TRIM_HORIZON",
        ]);
        check_enumeration(&["ALL_NEW", "UPDATED_OLD", "ALL_OLD", "NONE", "UPDATED_NEW"]);
        check_enumeration(&["INDEXES", "TOTAL", "NONE"]);
    }

    #[test]
    fn members_come_in_recorded_order() {
        check_members(&["StreamName", "ShardCount"], &["ShardCount", "StreamName"]);
        check_members(
            &["StreamName", "Limit", "ExclusiveStartShardId"],
            &["Limit", "ExclusiveStartShardId", "StreamName"],
        );
        check_members(
            &[
                "StreamName",
                "ShardId",
                "ShardIteratorType",
                "StartingSequenceNumber",
            ],
            &[
                "ShardId",
                "ShardIteratorType",
                "StartingSequenceNumber",
                "StreamName",
            ],
        );
        check_members(
            &[
                "StreamName",
                "Data",
                "PartitionKey",
                "ExplicitHashKey",
                "SequenceNumberForOrdering",
            ],
            &[
                "SequenceNumberForOrdering",
                "PartitionKey",
                "ExplicitHashKey",
                "Data",
                "StreamName",
            ],
        );
    }
}
