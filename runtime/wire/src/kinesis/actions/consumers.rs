//! Registered consumers: made, described, listed, and let go.

use model::{StreamKey, Timestamp};
use streams::{Consumer, ConsumerStatus, World};

use super::{
    super::{
        answer::Answer,
        documents::{
            ConsumerDocument, DescribeStreamConsumerReply, ListStreamConsumersReply,
            RegisterStreamConsumerReply, seconds,
        },
        error::AwsError,
        input::Members,
        next_token::{ListKind, NextToken},
        resource::{ConsumerKey, Resource},
    },
    Carrier,
    account::consumers_per_stream,
    listing::{check_beside_token, check_creation},
    settings::check_in_use,
    stream_key,
    tags::tags_at_creation,
};
use crate::limits::{CONSUMERS_CREATING_MAX, DESCRIBED_PER_PAGE_MAX};

impl Carrier<'_> {
    pub(super) async fn register_consumer(&self, input: Members<'_>) -> Result<Answer, AwsError> {
        let key = self.addressed(input)?;
        let name = input.text("ConsumerName").unwrap_or_default().to_owned();
        let tags = tags_at_creation(input, key.name.as_str(), key.account.as_str())?;
        let stream = key.clone();
        let settings = self.streams.account_settings(&World {
            account: key.account.clone(),
            region: key.region.clone(),
        });
        let made = self
            .amend(key.clone(), move |amendment| {
                check_in_use(amendment, &stream)?;
                let max = consumers_per_stream(amendment.mode(), settings, amendment.now());
                let (now, transition) = (amendment.now(), amendment.transition());
                let traits = amendment.traits_mut();
                if traits.consumer(&name, None, now).is_some() {
                    return Err(AwsError::consumer_exists(&name, &stream));
                }
                check_counts(traits.consumers(now), max, &stream, now)?;
                let consumer = Consumer {
                    name,
                    created: now,
                    active_from: now.plus(transition),
                    gone_from: None,
                    tags,
                    policy: None,
                };
                traits.add_consumer(consumer.clone(), now);
                Ok(consumer)
            })
            .await?;
        self.document(&RegisterStreamConsumerReply {
            consumer: consumer_document(&key, &made, ConsumerStatus::Creating, false),
        })
    }

    pub(super) async fn deregister_consumer(&self, input: Members<'_>) -> Result<Answer, AwsError> {
        let consumer = self.named_consumer(input)?;
        let stream = consumer.stream.clone();
        self.amend(stream, move |amendment| {
            let (now, transition) = (amendment.now(), amendment.transition());
            let traits = amendment.traits_mut();
            let found = traits.consumer_mut(&consumer.name, consumer.created_s, now);
            let found = found.ok_or_else(|| AwsError::consumer_missing(&consumer))?;
            found.gone_from.get_or_insert(now.plus(transition));
            Ok(())
        })
        .await?;
        Ok(Answer::done(self.codec))
    }

    pub(super) fn describe_consumer(&self, input: Members<'_>) -> Result<Answer, AwsError> {
        let consumer = self.named_consumer(input)?;
        let traits = self.described(&consumer.stream)?.traits;
        let now = self.now();
        let found = traits.consumer(&consumer.name, consumer.created_s, now);
        let found = found.and_then(|found| Some((found, found.status(now)?)));
        let (found, status) = found.ok_or_else(|| AwsError::consumer_missing(&consumer))?;
        self.document(&DescribeStreamConsumerReply {
            consumer_description: consumer_document(&consumer.stream, found, status, true),
        })
    }

    pub(super) fn list_consumers(&self, input: Members<'_>) -> Result<Answer, AwsError> {
        let key = self.addressed(input)?;
        let now = self.now();
        let after = match input.text("NextToken") {
            Some(token) => {
                check_beside_token(input, &["StreamCreationTimestamp"])?;
                let parts = NextToken::decode(token, ListKind::Consumers, now.as_millis())?;
                match <[String; 2]>::try_from(parts) {
                    Ok([arn, after]) if arn == key.arn() => Some(after),
                    Ok(_) | Err(_) => return Err(AwsError::next_token_invalid()),
                }
            }
            None => None,
        };
        let facts = self.described(&key)?;
        check_creation(input, &facts)?;
        let traits = facts.traits;
        let max = DESCRIBED_PER_PAGE_MAX;
        let limit = input
            .count("MaxResults")
            .map_or(max, |asked| asked.min(max));
        let mut consumers: Vec<(&Consumer, ConsumerStatus)> = traits
            .consumers(now)
            .filter(|consumer| after.as_ref().is_none_or(|after| consumer.name > *after))
            .filter_map(|consumer| Some((consumer, consumer.status(now)?)))
            .collect();
        let more = consumers.len() > limit;
        consumers.truncate(limit);
        let last = consumers.last().filter(|_| more);
        let next_token = last.map(|(last, _)| {
            let token = NextToken {
                created_ms: now.as_millis(),
                list: ListKind::Consumers,
                parts: vec![key.arn(), last.name.clone()],
            };
            token.encode(self.platform.rng.u64())
        });
        let document = |(consumer, status): &(&Consumer, ConsumerStatus)| {
            consumer_document(&key, consumer, *status, false)
        };
        self.document(&ListStreamConsumersReply {
            consumers: consumers.iter().map(document).collect(),
            next_token,
        })
    }

    /// By its ARN, or by its name and the ARN of its stream; either way it is the consumer that policies are asked about.
    fn named_consumer(&self, input: Members<'_>) -> Result<ConsumerKey, AwsError> {
        let name = input.text("ConsumerName");
        if let Some(arn) = input.text("ConsumerARN") {
            let Resource::Consumer(consumer) = self.resource(arn)? else {
                return Err(AwsError::resource_unreadable(arn));
            };
            let stream = input.text("StreamARN");
            let agrees = name.is_none_or(|name| name == consumer.name)
                && stream.is_none_or(|stream| stream == consumer.stream.arn());
            return agrees
                .then_some(consumer)
                .ok_or_else(|| AwsError::arn_of_other_consumer(arn));
        }
        match (name, input.text("StreamARN")) {
            (Some(name), Some(_)) => {
                let consumer = ConsumerKey {
                    stream: stream_key(&input.stream().addressed(&self.caller)?)?,
                    name: name.to_owned(),
                    created_s: None,
                };
                self.permit(&Resource::Consumer(consumer.clone()))?;
                Ok(consumer)
            }
            (Some(_) | None, Some(_) | None) => Err(AwsError::consumer_unnamed()),
        }
    }
}

/// A consumer is checked against the others of its stream.
fn check_counts<'a>(
    consumers: impl Iterator<Item = &'a Consumer>,
    max: usize,
    stream: &StreamKey,
    now: Timestamp,
) -> Result<(), AwsError> {
    let states: Vec<_> = consumers
        .filter_map(|consumer| consumer.status(now))
        .collect();
    if states.len() >= max {
        return Err(AwsError::too_many_consumers(stream, max));
    }
    let creating = states
        .iter()
        .filter(|status| **status == ConsumerStatus::Creating);
    if creating.count() >= CONSUMERS_CREATING_MAX {
        return Err(AwsError::too_many_consumers_creating(stream));
    }
    Ok(())
}

fn consumer_document(
    stream: &StreamKey,
    consumer: &Consumer,
    status: ConsumerStatus,
    with_stream: bool,
) -> ConsumerDocument {
    ConsumerDocument {
        consumer_name: consumer.name.clone(),
        consumer_arn: consumer.arn(stream),
        consumer_status: consumer_status_name(status),
        consumer_creation_timestamp: seconds(consumer.created.as_millis()),
        stream_arn: with_stream.then(|| stream.arn()),
    }
}

pub(super) fn consumer_status_name(status: ConsumerStatus) -> &'static str {
    match status {
        ConsumerStatus::Creating => "CREATING",
        ConsumerStatus::Active => "ACTIVE",
        ConsumerStatus::Deleting => "DELETING",
    }
}
