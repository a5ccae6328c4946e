//! What a caller is told when a request fails: AWS's name for it, AWS's words, and sometimes a hint of ours.
//!
//! In: facts found by the other rooms of this door. Out: one error value, which `answer` writes in the codec of
//! the request. Every error text of the door is made here, in `refusals` or in `validate`, so that they can be read together.

use std::fmt;

use model::{ShardId, StreamKey};

use crate::{
    calendar::java_date, credentials::UnreadableSignature, limits, request_body::BodyRefused,
    signature::Unsigned,
};

/// AWS's name of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    AccessDenied,
    DryRunOperation,
    ExpiredIterator,
    ExpiredNextToken,
    IncompleteSignature,
    InternalFailure,
    /// The same, in a stream of events.
    InternalFailureException,
    InvalidArgument,
    InvalidSignature,
    LimitExceeded,
    MissingAuthenticationToken,
    ProvisionedThroughputExceeded,
    RequestEntityTooLarge,
    RequestTimeout,
    ResourceInUse,
    ResourceNotFound,
    Serialization,
    UnknownOperation,
    UnrecognizedClient,
    Validation,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::AccessDenied => "AccessDeniedException",
            Self::DryRunOperation => "DryRunOperationException",
            Self::ExpiredIterator => "ExpiredIteratorException",
            Self::ExpiredNextToken => "ExpiredNextTokenException",
            Self::IncompleteSignature => "IncompleteSignatureException",
            Self::InternalFailure => "InternalFailure",
            Self::InternalFailureException => "InternalFailureException",
            Self::InvalidArgument => "InvalidArgumentException",
            Self::InvalidSignature => "InvalidSignatureException",
            Self::LimitExceeded => "LimitExceededException",
            Self::MissingAuthenticationToken => "MissingAuthenticationTokenException",
            Self::ProvisionedThroughputExceeded => "ProvisionedThroughputExceededException",
            Self::RequestEntityTooLarge => "RequestEntityTooLargeException",
            Self::RequestTimeout => "RequestTimeoutException",
            Self::ResourceInUse => "ResourceInUseException",
            Self::ResourceNotFound => "ResourceNotFoundException",
            Self::Serialization => "SerializationException",
            Self::UnknownOperation => "UnknownOperationException",
            Self::UnrecognizedClient => "UnrecognizedClientException",
            Self::Validation => "ValidationException",
        }
    }

    pub(super) fn status(self) -> http::StatusCode {
        match self {
            Self::InternalFailure | Self::InternalFailureException => {
                http::StatusCode::INTERNAL_SERVER_ERROR
            }
            Self::RequestEntityTooLarge => http::StatusCode::PAYLOAD_TOO_LARGE,
            Self::RequestTimeout => http::StatusCode::REQUEST_TIMEOUT,
            Self::AccessDenied
            | Self::DryRunOperation
            | Self::ExpiredIterator
            | Self::ExpiredNextToken
            | Self::IncompleteSignature
            | Self::InvalidArgument
            | Self::InvalidSignature
            | Self::LimitExceeded
            | Self::MissingAuthenticationToken
            | Self::ProvisionedThroughputExceeded
            | Self::ResourceInUse
            | Self::ResourceNotFound
            | Self::Serialization
            | Self::UnknownOperation
            | Self::UnrecognizedClient
            | Self::Validation => http::StatusCode::BAD_REQUEST,
        }
    }

    /// The member that carries the text. One error spells it differently.
    pub(super) fn message_member(self) -> &'static str {
        if self == Self::Serialization {
            "Message"
        } else {
            "message"
        }
    }
}

/// A failed request, before it is written in a codec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AwsError {
    pub(super) kind: Kind,
    pub(super) message: Option<String>,
    /// What to do about it, for the `x-shardmill-hint` header: AWS's texts stay as they are.
    pub(super) hint: Option<&'static str>,
}

impl AwsError {
    pub(super) fn new(kind: Kind, message: impl fmt::Display) -> Self {
        Self {
            kind,
            message: Some(message.to_string()),
            hint: None,
        }
    }

    pub(super) fn bare(kind: Kind) -> Self {
        Self {
            kind,
            message: None,
            hint: None,
        }
    }

    pub(super) fn with_hint(self, hint: &'static str) -> Self {
        Self {
            hint: Some(hint),
            ..self
        }
    }

    pub(super) fn invalid_argument(message: impl fmt::Display) -> Self {
        Self::new(Kind::InvalidArgument, message)
    }

    pub(super) fn not_implemented(action: &str) -> Self {
        Self::new(
            Kind::UnknownOperation,
            format_args!("{action} is not implemented by this server."),
        )
    }

    pub(super) fn stream_not_found(stream: &str, account: &str) -> Self {
        Self::new(
            Kind::ResourceNotFound,
            format_args!("Stream {stream} under account {account} not found."),
        )
    }

    pub(super) fn arn_unreadable(arn: &str) -> Self {
        Self::invalid_argument(format_args!(
            "StreamARN {} does not name a stream.",
            super::validate::shortened(arn)
        ))
    }

    pub(super) fn arn_of_other_stream(arn: &str) -> Self {
        Self::invalid_argument(format_args!(
            "StreamARN {} and StreamName do not name the same stream.",
            super::validate::shortened(arn)
        ))
    }

    pub(super) fn stream_exists(stream: &str, account: &str) -> Self {
        Self::new(
            Kind::ResourceInUse,
            format_args!("Stream {stream} under account {account} already exists."),
        )
    }

    /// The shard's number is fine, but the stream has none such, or there is no such stream.
    pub(super) fn shard_missing(shard: &str, stream: &str, account: &str) -> Self {
        Self::new(
            Kind::ResourceNotFound,
            format_args!("Shard {shard} in stream {stream} under account {account} does not exist"),
        )
    }

    /// What was given cannot be the name of any shard.
    pub(super) fn shard_unresolved(given: &str, stream: &str, account: &str) -> Self {
        Self::new(
            Kind::ResourceNotFound,
            format_args!(
                "Could not find shard {given} in stream {stream} under account {account}."
            ),
        )
    }

    pub(super) fn stream_not_active(stream: &str, account: &str, state: &str) -> Self {
        Self::new(
            Kind::ResourceInUse,
            format_args!(
                "Stream {stream} under account {account} not ACTIVE, instead in state {state}"
            ),
        )
    }

    /// Producers know how to wait when a shard is full, and that is what they have to do.
    pub(super) fn disk_full() -> Self {
        Self::new(
            Kind::ProvisionedThroughputExceeded,
            "The disk of this server is full.",
        )
        .with_hint("free space on the disk or shorten the retention of streams")
    }

    pub(super) fn shard_full(shard: ShardId, stream: &StreamKey) -> Self {
        Self::new(
            Kind::ProvisionedThroughputExceeded,
            format_args!(
                "Rate exceeded for shard {shard} in stream {} under account {}.",
                stream.name, stream.account
            ),
        )
    }

    pub(super) fn record_too_large(path: &str, bytes_max: usize) -> Self {
        Self::new(
            Kind::Validation,
            format_args!(
                "1 validation error detected: Value at '{path}' failed to satisfy constraint: \
                 Member must have length less than or equal to {bytes_max}"
            ),
        )
        .with_hint("split the record, or store the object elsewhere and put its address")
    }

    pub(super) fn body_unreadable() -> Self {
        Self::bare(Kind::Serialization)
            .with_hint("the body is not a JSON object: it may have been cut off on its way")
    }

    /// Not the caller's fault: the log below has stopped, or we made a mistake.
    pub(super) fn internal(reason: impl fmt::Display) -> Self {
        Self::new(Kind::InternalFailure, reason)
    }

    pub(super) fn hash_key_out_of_range(given: &str) -> Self {
        Self::invalid_argument(format_args!(
            "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. \
             Specified value was {given}"
        ))
    }

    pub(super) fn ordering_number_invalid(given: &str, stream: &str, account: &str) -> Self {
        Self::invalid_argument(format_args!(
            "ExclusiveMinimumSequenceNumber {given} used in PutRecord on stream {stream} \
             under account {account} is invalid."
        ))
    }

    pub(super) fn records_too_large() -> Self {
        Self::invalid_argument(format_args!(
            "Records size exceeds {} MB limit",
            limits::PUT_RECORDS_BYTES_MAX / (1024 * 1024)
        ))
    }

    /// A put whose members were found in order and that still cannot be read is our mistake.
    pub(super) fn put_unreadable() -> Self {
        Self::bare(Kind::InternalFailure)
    }

    /// `reason` ends the sentence: empty, or why the number cannot be of this shard.
    pub(super) fn starting_number_invalid(
        action: &str,
        given: &str,
        shard: &str,
        stream: &StreamKey,
        reason: &str,
    ) -> Self {
        Self::invalid_argument(format_args!(
            "StartingSequenceNumber {given} used in {action} on shard {shard} in stream {} \
             under account {} is invalid{reason}.",
            stream.name, stream.account
        ))
    }

    /// Its digits are a signed number of 32 bits to AWS.
    pub(super) fn starting_number_of_other_shard(encoded: u32, used: &str) -> Self {
        Self::invalid_argument(format_args!(
            "Invalid StartingSequenceNumber. It encodes shardId-{:012}, \
             while it was used in a call to a shard with {used}",
            encoded.cast_signed()
        ))
    }

    /// `given` says what the request did: `no StartingSequenceNumber`, `also a StartingSequenceNumber`.
    pub(super) fn starting_number_mismatch(iterator_type: &str, given: &str) -> Self {
        Self::invalid_argument(format_args!(
            "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and \
             StartingSequenceNumber or (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. \
             Request specified {iterator_type} and {given} StartingSequenceNumber."
        ))
    }

    pub(super) fn timestamp_missing() -> Self {
        Self::invalid_argument(
            "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. \
             Current request has no timestamp parameter.",
        )
    }

    pub(super) fn timestamp_in_future(given_ms: u64, now_ms: u64) -> Self {
        Self::invalid_argument(format_args!(
            "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. \
             timestampInMillis: {given_ms}, currentTimestampInMillis: {now_ms}"
        ))
    }

    pub(super) fn iterator_invalid() -> Self {
        Self::invalid_argument("Invalid ShardIterator.")
    }

    pub(super) fn iterator_expired(created_ms: u64, now_ms: u64) -> Self {
        Self::new(
            Kind::ExpiredIterator,
            format_args!(
                "Iterator expired. The iterator was created at time {} while right now it is {} \
                 which is further in the future than the tolerated delay of {} milliseconds.",
                java_date(created_ms),
                java_date(now_ms),
                limits::ITERATOR_LIFETIME.as_millis()
            ),
        )
    }

    pub(super) fn next_token_invalid() -> Self {
        Self::invalid_argument("Invalid NextToken.")
    }

    pub(super) fn next_token_expired() -> Self {
        Self::new(
            Kind::ExpiredNextToken,
            format_args!(
                "The specified NextToken has expired: it may be used for {} seconds.",
                limits::NEXT_TOKEN_LIFETIME.as_secs()
            ),
        )
    }

    pub(super) fn list_unnamed() -> Self {
        Self::invalid_argument("Either NextToken or StreamName should be provided.")
    }

    pub(super) fn beside_next_token(member: &str) -> Self {
        Self::invalid_argument(format_args!(
            "NextToken and {member} cannot be provided together."
        ))
    }

    pub(super) fn dry_run() -> Self {
        Self::new(
            Kind::DryRunOperation,
            "Request would have succeeded, but DryRun flag is set.",
        )
    }

    pub(super) fn origin_refused() -> Self {
        Self::new(
            Kind::AccessDenied,
            "Requests from web pages must carry the signature of a known key.",
        )
        .with_hint("start the server with --auth to let web pages in, or call it without an Origin")
    }

    pub(super) fn producer_header_invalid(given: &str) -> Self {
        Self::new(
            Kind::Validation,
            format_args!(
                "Value '{}' at header 'x-shardmill-producer' failed to satisfy constraint: \
                 Member must have the form ID:N, a name of 1 to {} letters, digits, '_', '.' or '-', \
                 and a number",
                super::validate::shortened(given),
                limits::PRODUCER_NAME_BYTES_MAX
            ),
        )
    }
}

/// Said before the request was read as a whole.
impl From<BodyRefused> for AwsError {
    fn from(refused: BodyRefused) -> Self {
        match refused {
            BodyRefused::TooLarge => Self::new(
                Kind::RequestEntityTooLarge,
                format_args!(
                    "The body of a request may have {} bytes.",
                    limits::BODY_BYTES_MAX
                ),
            ),
            BodyRefused::TooSlow => Self::new(
                Kind::RequestTimeout,
                "The body of the request did not come in time.",
            ),
            // Whoever still reads this has closed only its own side.
            BodyRefused::CutOff => Self::new(
                Kind::Serialization,
                "The request ended before its body was complete.",
            ),
        }
    }
}

impl From<UnreadableSignature> for AwsError {
    fn from(error: UnreadableSignature) -> Self {
        let kind = match error {
            UnreadableSignature::Missing => Kind::MissingAuthenticationToken,
            UnreadableSignature::Twice => Kind::InvalidSignature,
            UnreadableSignature::Incomplete(_) => Kind::IncompleteSignature,
        };
        Self::new(kind, error)
    }
}

impl From<Unsigned> for AwsError {
    fn from(error: Unsigned) -> Self {
        let kind = match error {
            Unsigned::UnknownKey => Kind::UnrecognizedClient,
            Unsigned::Algorithm(_) | Unsigned::Date(_) => Kind::IncompleteSignature,
            Unsigned::Mismatch
            | Unsigned::Expired { .. }
            | Unsigned::NotYet { .. }
            | Unsigned::Scope(_)
            | Unsigned::HeaderLeftOut(_) => Kind::InvalidSignature,
        };
        Self::new(kind, error)
    }
}
