//! Which service a source is of, by its ARN, and where a mapping may begin on it.
//!
//! In: the ARN and what a request says of the beginning. Out: the beginning, or AWS's refusal for that kind of source. What
//! is no stream of Kinesis is refused in any case, after everything that AWS would look at first.

use super::{
    StartingPosition,
    input::{Input, mistyped},
};
use crate::lambda::error::LambdaError;

const SERVED: &str = "streams of Kinesis and their consumers are the only sources here";
/// Of a queue, without a batching window.
const QUEUE_BATCH_MAX: i64 = 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// A stream of Kinesis or one of its consumers (ESM-4).
    Stream,
    /// The stream of a `DynamoDB` table.
    TableStream,
    Queue,
    /// Any other that AWS reads.
    Other,
}

/// A position and, with `AT_TIMESTAMP`, the time in seconds since 1970.
pub(super) type Beginning = (StartingPosition, Option<f64>);

impl Source {
    pub(super) fn of(arn: &str) -> Result<Self, LambdaError> {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        match parts.as_slice() {
            ["arn", _, "kinesis", _, _, resource] if resource.starts_with("stream/") => {
                Ok(Self::Stream)
            }
            ["arn", _, "dynamodb", _, _, resource] if resource.contains("/stream/") => {
                Ok(Self::TableStream)
            }
            ["arn", _, "sqs", ..] => Ok(Self::Queue),
            ["arn", _, "kafka" | "mq" | "rds", ..] => Ok(Self::Other),
            _ => Err(LambdaError::invalid_parameter("Unrecognized event source.")),
        }
    }

    /// Where a mapping of it begins, as far as the request alone says whether it may; nothing where it has no beginning.
    pub(super) fn beginning(
        self,
        input: &Input,
        (arn, position): (&str, Option<StartingPosition>),
        now_ms: u64,
    ) -> Result<Option<Beginning>, LambdaError> {
        let at = match input.value("StartingPositionTimestamp") {
            None => None,
            Some(value) => Some(value.as_f64().ok_or_else(mistyped)?),
        };
        let refused = |text: &str| Err(LambdaError::invalid_parameter(text));
        let position = match (self, position) {
            (Self::Queue, Some(_)) => {
                return refused("StartingPosition is not valid for SQS event sources.");
            }
            (Self::Queue, None) => return queue(input).map(|()| None),
            (Self::Other, _) => return Ok(None),
            (Self::Stream | Self::TableStream, Some(position)) => position,
            (Self::Stream | Self::TableStream, None) => {
                return refused(
                    "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must not be null.",
                );
            }
        };
        match (position, at) {
            (StartingPosition::AtTimestamp, _) if self == Self::TableStream => refused(&format!(
                "Unsupported starting position for arn type: {arn}"
            )),
            (StartingPosition::AtTimestamp, None) => refused(
                "StartingPositionTimestamp must be specified when StartingPosition is AT_TIMESTAMP.",
            ),
            (StartingPosition::AtTimestamp, Some(at)) if at > seconds(now_ms) => {
                refused("StartingPositionTimestamp cannot be in the future.")
            }
            (StartingPosition::Latest | StartingPosition::TrimHorizon, Some(_)) => {
                refused("Timestamp only valid with StartingPosition AT_TIMESTAMP")
            }
            (position, at) => Ok(Some((position, at))),
        }
    }

    /// It is not there, or nothing here reads its kind.
    pub(super) fn missing(self, arn: &str) -> LambdaError {
        let not_found = LambdaError::invalid_parameter(format!("Stream not found: {arn}"));
        match self {
            Self::Stream => not_found,
            Self::TableStream => not_found.with_hint(SERVED),
            Self::Queue | Self::Other => {
                LambdaError::invalid_parameter("Unrecognized event source.").with_hint(SERVED)
            }
        }
    }
}

/// What AWS finds out as it reads from the stream.
pub(super) fn refuse_before_1970((_, at): Beginning) -> Result<(), LambdaError> {
    match at {
        Some(at) if at < 0.0 => Err(LambdaError::invalid_parameter(
            "Received Exception while reading from provided stream. class java.lang.Long can not be converted to a Timestamp",
        )),
        Some(_) | None => Ok(()),
    }
}

/// ESM-E12.
fn queue(input: &Input) -> Result<(), LambdaError> {
    let number = |name: &str| input.value(name).and_then(serde_json::Value::as_i64);
    let window = number("MaximumBatchingWindowInSeconds").unwrap_or(0);
    if number("BatchSize").is_some_and(|size| size > QUEUE_BATCH_MAX) && window == 0 {
        return Err(LambdaError::invalid_parameter(
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10",
        ));
    }
    Ok(())
}

#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds of this era fit a double exactly"
)]
fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}
