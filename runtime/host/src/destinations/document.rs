//! A failure document, member by member as AWS writes it (contract 1.9), with or without the records.

use dispatch::{Condition, DeadLetter, KeptRecord, Owed};
use model::{UserRecord, lambda};
use serde::Serialize;
use uuid::Uuid;

#[cfg(test)]
mod tests;

/// Kinds of errors by which a function that returned names what failed, as opposed to one that threw.
const REPORTED: [&str; 2] = ["BatchItemFailure", "MalformedOutput"];

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Document {
    request_context: RequestContext,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_context: Option<ResponseContext>,
    version: &'static str,
    timestamp: String,
    #[serde(rename = "KinesisBatchInfo")]
    batch: BatchInfo,
    /// The event as text, for destinations with room for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<String>,
    /// The event was left out: it is too large for the destination, or dead letters that held records of it are gone.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    has_been_truncated: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext {
    request_id: String,
    function_arn: String,
    condition: Condition,
    approximate_invoke_count: u32,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ResponseContext {
    status_code: u16,
    executed_version: String,
    function_error: Option<&'static str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct BatchInfo {
    shard_id: String,
    start_sequence_number: String,
    end_sequence_number: String,
    approximate_arrival_of_first_record: String,
    approximate_arrival_of_last_record: String,
    batch_size: u64,
    stream_arn: String,
}

impl Document {
    /// Without records, as queues and topics get it.
    pub(super) fn of(owed: &Owed) -> Self {
        let stream = &owed.stream;
        Self {
            request_context: RequestContext {
                request_id: id(owed).to_string(),
                function_arn: function_arn(owed),
                condition: owed.condition,
                approximate_invoke_count: invocations(owed),
            },
            response_context: response(owed),
            version: "1.0",
            timestamp: owed.written.to_string(),
            batch: BatchInfo {
                shard_id: owed.shard.to_string(),
                start_sequence_number: owed.first.sequence.to_string(),
                end_sequence_number: owed.last.sequence.to_string(),
                approximate_arrival_of_first_record: owed.first_arrived.to_string(),
                approximate_arrival_of_last_record: owed.last_arrived.to_string(),
                batch_size: owed.records,
                stream_arn: stream.arn(),
            },
            payload: None,
            has_been_truncated: false,
        }
    }

    /// With the event that the function got, unless it has more than so many bytes or is not whole any more.
    pub(super) fn with_records(
        owed: &Owed,
        (letters, role): (&[DeadLetter], Option<&str>),
        bytes_max: usize,
    ) -> Self {
        let records = letters.iter().flat_map(|letter| &letter.records);
        let records: Vec<UserRecord> = records.map(KeptRecord::to_user_record).collect();
        let event = lambda::event_of_records((&owed.stream, role), owed.shard, &records);
        let fits = letters.len() == owed.letters.len() && event.len() <= bytes_max;
        Self {
            payload: fits.then(|| String::from_utf8_lossy(&event).into_owned()),
            has_been_truncated: !fits,
            ..Self::of(owed)
        }
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        // Every part of it is text or a number.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// The same at every try, so that whoever gets a document twice can tell.
pub(super) fn id(owed: &Owed) -> Uuid {
    let Owed {
        trigger,
        destination,
        shard,
        first,
        ..
    } = owed;
    let name = format!(
        "{trigger}/{destination}/{shard}/{first}/{}",
        owed.written.as_millis()
    );
    Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes())
}

/// Qualified where the trigger names a version or an alias (FD-3).
fn function_arn(owed: &Owed) -> String {
    let (region, account) = (&owed.stream.region, &owed.stream.account);
    let qualifier = owed.qualifier.as_deref();
    owed.function.arn(region, account, qualifier)
}

/// `aws/lambda/<mapping>/<shard>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<id>` (FD-7).
pub(super) fn object_key(owed: &Owed, mapping: Uuid) -> String {
    let time = owed.written.to_string();
    let day = time.get(..10).unwrap_or_default();
    let second = time.get(..19).unwrap_or_default().replace(':', ".");
    let (shard, day, id) = (owed.shard, day.replace('-', "/"), id(owed));
    format!("aws/lambda/{mapping}/{shard}/{day}/{second}-{id}")
}

/// AWS counts one for records that were too old before they were ever delivered.
fn invocations(owed: &Owed) -> u32 {
    match owed.condition {
        Condition::RecordAgeExceeded => owed.attempts.max(1),
        Condition::RetryAttemptsExhausted
        | Condition::OutOfRange
        | Condition::Rejected
        | Condition::Unparsable
        | Condition::RetentionExpired
        | Condition::Late => owed.attempts,
    }
}

fn response(owed: &Owed) -> Option<ResponseContext> {
    match owed.condition {
        Condition::RetryAttemptsExhausted | Condition::Rejected => {
            let error = owed.error_type.as_deref();
            let reported = error.is_some_and(|error| REPORTED.contains(&error));
            Some(ResponseContext {
                status_code: 200,
                executed_version: owed.version.unwrap_or_default().name(),
                function_error: (!reported).then_some("Unhandled"),
            })
        }
        Condition::RecordAgeExceeded
        | Condition::OutOfRange
        | Condition::Unparsable
        | Condition::RetentionExpired
        | Condition::Late => None,
    }
}
