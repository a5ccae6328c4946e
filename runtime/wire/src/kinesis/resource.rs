//! What an ARN names: a stream, or a consumer of one.
//!
//! In: a text that fits the pattern of an ARN. Out: names in their types, or the error that AWS's clients
//! understand. Whether the thing exists is not asked here.

use model::{AccountId, Region, StreamKey, StreamName};

use super::error::AwsError;

/// The thing behind a `ResourceARN`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Resource {
    Stream(StreamKey),
    Consumer(ConsumerKey),
}

/// A consumer of a stream; the second of its creation tells it from others of the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ConsumerKey {
    pub(super) stream: StreamKey,
    pub(super) name: String,
    pub(super) created_s: Option<u64>,
}

impl Resource {
    pub(super) fn parse(arn: &str) -> Result<Self, AwsError> {
        let unreadable = || AwsError::resource_unreadable(arn);
        // arn:aws:kinesis:REGION:ACCOUNT:KIND/NAME
        let mut parts = arn.splitn(6, ':').skip(3);
        let (Some(region), Some(account), Some(resource)) =
            (parts.next(), parts.next(), parts.next())
        else {
            return Err(unreadable());
        };
        let Some(named) = resource.strip_prefix("stream/") else {
            let kind = ["queue", "channel"]
                .into_iter()
                .find(|kind| resource.starts_with(kind));
            return Err(kind.map_or_else(unreadable, AwsError::kind_not_implemented));
        };
        let (stream, consumer) = match named.split_once("/consumer/") {
            Some((stream, consumer)) => (stream, Some(consumer)),
            None => (named, None),
        };
        let stream = StreamKey {
            account: AccountId::parse(account).map_err(|_| unreadable())?,
            region: Region::parse(region).map_err(|_| unreadable())?,
            name: StreamName::parse(stream).map_err(|_| unreadable())?,
        };
        let Some(consumer) = consumer else {
            return Ok(Self::Stream(stream));
        };
        let (name, created) = consumer.rsplit_once(':').ok_or_else(unreadable)?;
        Ok(Self::Consumer(ConsumerKey {
            stream,
            name: name.to_owned(),
            created_s: Some(created.parse().map_err(|_| unreadable())?),
        }))
    }

    pub(super) fn stream(&self) -> &StreamKey {
        match self {
            Self::Stream(stream) => stream,
            Self::Consumer(consumer) => &consumer.stream,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_of_streams_and_consumers_are_understood() {
        for stream in [
            "arn:aws:kinesis:eu-west-1:000000000000:stream/flights",
            "arn:aws-cn:kinesis:cn-north-1:000000000000:stream/flights",
        ] {
            understood(stream);
        }
    }

    fn understood(stream: &str) {
        let Resource::Stream(key) = Resource::parse(stream).unwrap() else {
            panic!("a stream");
        };
        assert_eq!(key.arn(), stream);
        let consumer = Resource::parse(&format!("{stream}/consumer/a.b-c:17")).unwrap();
        assert_eq!(
            consumer,
            Resource::Consumer(ConsumerKey {
                stream: key,
                name: "a.b-c".to_owned(),
                created_s: Some(17),
            })
        );
    }

    #[test]
    fn other_arns_are_refused() {
        for arn in [
            "",
            "arn:aws:kinesis:eu-west-1:000000000000:stream/",
            "arn:aws:kinesis:eu-west-1:000000000000:stream/a b",
            "arn:aws:kinesis:eu-west-1:000000000000:stream/a/consumer/b",
            "arn:aws:kinesis:eu-west-1:000000000000:stream/a/consumer/b:99999999999999999999999",
            "arn:aws:kinesis::000000000000:stream/a",
            "arn:aws:kinesis:eu-west-1:000000000000:queue/a",
            "arn:aws:kinesis:eu-west-1:000000000000:channel/a",
        ] {
            assert!(Resource::parse(arn).is_err(), "{arn}");
        }
    }
}
