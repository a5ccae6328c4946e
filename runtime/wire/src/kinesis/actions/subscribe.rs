//! SubscribeToShard: everything that is asked before the first event.

use streams::{ConsumerId, ConsumerStatus, Noted, Operation, SubscribeError};

use super::{
    super::{
        error::AwsError,
        input::Members,
        resource::{ConsumerKey, Resource},
        subscription::Granted,
    },
    Carrier,
    consumers::consumer_status_name,
    shards::{Start, resolved, source_error},
};

impl Carrier<'_> {
    pub(super) fn subscribe_to_shard(&self, input: Members<'_>) -> Result<Granted, AwsError> {
        let arn = input.text("ConsumerARN").unwrap_or_default();
        let consumer = match self.resource(arn)? {
            Resource::Consumer(consumer) => consumer,
            Resource::Stream(_) => return Err(AwsError::resource_unreadable(arn)),
        };
        let stream = &consumer.stream;
        self.check_consumer(&consumer)?;
        let shard = resolved(input.text("ShardId").unwrap_or_default(), stream)?;
        let described = self.existing_shard(stream, shard)?;
        let position = input.inside("StartingPosition");
        let start = Start {
            action: "SubscribeToShard",
            kind: position.and_then(|position| position.text("Type")),
            number: position.and_then(|position| position.text("SequenceNumber")),
            moment_ms: position.and_then(|position| position.moment_ms("Timestamp")),
        };
        let from = self.place(start, stream, &described)?;
        if input.flag("DryRun") {
            return Err(AwsError::dry_run());
        }
        let (began, name) = (self.begins(), &consumer.name);
        let throttled = self
            .quotas
            .is_some_and(|quotas| !quotas.pass_subscription(arn, &shard.to_string(), began));
        if throttled {
            let noted = Noted {
                throttled: 1,
                ..Noted::default()
            };
            self.measured(stream, Operation::SubscribeToShard, began, noted);
            return Err(AwsError::consumer_rate_exceeded(name, shard, stream));
        }
        let id = ConsumerId {
            stream: stream.clone(),
            name: consumer.name.clone(),
            created_s: consumer.created_s.unwrap_or_default(),
        };
        let subscription = self.streams.subscribe(id, shard, from);
        let noted = Noted {
            succeeded: subscription.is_ok(),
            ..Noted::default()
        };
        self.measured(stream, Operation::SubscribeToShard, began, noted);
        let subscription = subscription.map_err(|error| match error {
            SubscribeError::NoSuchConsumer => AwsError::consumer_missing(&consumer),
            SubscribeError::NotActive(status) => not_active(&consumer, status),
            SubscribeError::TooSoon => AwsError::subscribed_already(&consumer.name, shard, stream),
            stopping @ SubscribeError::Stopping => AwsError::internal(stopping),
            SubscribeError::Source(error) => source_error(error, stream),
        })?;
        Ok(Granted {
            subscription,
            stream: consumer.stream,
            shard,
            consumer: consumer.name,
            codec: self.codec,
        })
    }

    fn check_consumer(&self, consumer: &ConsumerKey) -> Result<(), AwsError> {
        let (traits, now) = (self.described(&consumer.stream)?.traits, self.now());
        let found = traits.consumer(&consumer.name, consumer.created_s, now);
        match found.and_then(|found| found.status(now)) {
            None => Err(AwsError::consumer_missing(consumer)),
            Some(ConsumerStatus::Active) => Ok(()),
            Some(status @ (ConsumerStatus::Creating | ConsumerStatus::Deleting)) => {
                Err(not_active(consumer, status))
            }
        }
    }
}

fn not_active(consumer: &ConsumerKey, status: ConsumerStatus) -> AwsError {
    AwsError::consumer_not_active(consumer, consumer_status_name(status))
}
