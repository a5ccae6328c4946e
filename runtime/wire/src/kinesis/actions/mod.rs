//! The actions: what a call that got through the door does to the streams, and what it is told.
//!
//! In: a call whose input fits its shape. Out: an answer, or an error in AWS's words. What is asked here comes last
//! in AWS's order: whether the stream and the shard exist, and whether their state allows it.

mod account;
mod consumers;
mod data;
mod labels;
mod lifecycle;
mod listing;
mod measured;
mod policies;
mod reshard;
mod settings;
mod shards;
mod subscribe;
mod tags;

use model::{AccountId, Region, StreamKey, StreamName, Timestamp};
use platform::Platform;
use serde::Serialize;
use serde_json::{Map, Value};
use streams::{Amendment, StreamFacts, StreamStatus, Streams, Unrevised, World};

pub(super) use data::page_noted;
pub(super) use shards::{children, source_error};

use super::{
    answer::{Answer, Codec},
    error::AwsError,
    generated::Action,
    input::{Addressed, Members},
    policy::{Question, Verdict, verdict},
    producer::ProducerMark,
    puts::{PutRecordBody, PutRecordsBody},
    quotas::Quotas,
    reception::{Call, Input},
    resource::Resource,
    subscription::Granted,
};
use crate::credentials::Caller;

/// One call on its way through an action.
#[derive(Debug)]
pub(super) struct Carrier<'a> {
    streams: &'a Streams,
    platform: &'a Platform,
    caller: Caller,
    /// As clients call it.
    action: &'static str,
    verified: bool,
    codec: Codec,
    producer: Option<ProducerMark>,
    /// Absent where AWS's limits are not kept.
    quotas: Option<&'a Quotas>,
}

/// What came of a call.
#[derive(Debug)]
pub(super) enum Carried {
    Answer(Answer),
    /// Events follow for as long as the subscription lives.
    Subscription(Box<Granted>),
}

/// Carries out a call. Puts wait until they are durable; nothing else waits for long.
pub(super) async fn carry_out(
    streams: &Streams,
    platform: &Platform,
    quotas: Option<&Quotas>,
    call: Call,
) -> Result<Carried, AwsError> {
    let carrier = Carrier {
        streams,
        platform,
        caller: call.caller,
        action: call.name,
        verified: call.verified,
        codec: call.codec,
        producer: call.producer,
        quotas,
    };
    let answer = match call.input {
        Input::PutRecord(body) => carrier.put_record(body).await?,
        Input::PutRecords(body) => carrier.put_records(body).await?,
        Input::Object(object) if call.action == Action::SubscribeToShard => {
            let granted = carrier.subscribe_to_shard(Members(&object))?;
            return Ok(Carried::Subscription(Box::new(granted)));
        }
        Input::Object(object) => {
            carrier.pass_quotas(call.action, Members(&object))?;
            carrier.serve(call.action, call.name, object).await?
        }
    };
    Ok(Carried::Answer(answer))
}

impl Carrier<'_> {
    async fn serve(
        self,
        action: Action,
        name: &str,
        object: Map<String, Value>,
    ) -> Result<Answer, AwsError> {
        let input = Members(&object);
        match action {
            Action::AddTagsToStream => self.add_tags_to_stream(input).await,
            Action::CreateStream => self.create_stream(input).await,
            Action::DecreaseStreamRetentionPeriod => self.change_retention(input, false).await,
            Action::DeleteResourcePolicy => self.delete_resource_policy(input).await,
            Action::DeleteStream => self.delete_stream(input).await,
            Action::DeregisterStreamConsumer => self.deregister_consumer(input).await,
            Action::DescribeAccountSettings => self.describe_account_settings(),
            Action::DescribeLimits => self.describe_limits(),
            Action::DescribeStream => self.describe_stream(input),
            Action::DescribeStreamConsumer => self.describe_consumer(input),
            Action::DescribeStreamSummary => self.describe_stream_summary(input),
            Action::DisableEnhancedMonitoring => self.change_monitoring(input, false).await,
            Action::EnableEnhancedMonitoring => self.change_monitoring(input, true).await,
            Action::GetRecords => self.get_records(input).await,
            Action::GetResourcePolicy => self.get_resource_policy(input),
            Action::GetShardIterator => self.get_shard_iterator(input),
            Action::IncreaseStreamRetentionPeriod => self.change_retention(input, true).await,
            Action::ListShards => self.list_shards(input),
            Action::ListStreamConsumers => self.list_consumers(input),
            Action::ListStreams => self.list_streams(input),
            Action::ListTagsForResource => self.list_tags_for_resource(input),
            Action::ListTagsForStream => self.list_tags_for_stream(input),
            Action::MergeShards => self.merge_shards(input).await,
            Action::PutRecord => self.put_record(PutRecordBody::from_object(object)?).await,
            Action::PutRecords => self.put_records(PutRecordsBody::from_object(object)?).await,
            Action::PutResourcePolicy => self.put_resource_policy(input).await,
            Action::RegisterStreamConsumer => self.register_consumer(input).await,
            Action::RemoveTagsFromStream => self.remove_tags_from_stream(input).await,
            Action::SplitShard => self.split_shard(input).await,
            Action::StartStreamEncryption => self.start_encryption(input).await,
            Action::StopStreamEncryption => self.stop_encryption(input).await,
            Action::TagResource => self.tag_resource(input).await,
            Action::UntagResource => self.untag_resource(input).await,
            Action::UpdateAccountSettings => self.update_account_settings(input).await,
            Action::UpdateMaxRecordSize => self.update_max_record_size(input).await,
            Action::UpdateShardCount => self.update_shard_count(input).await,
            Action::UpdateStreamMode => self.update_stream_mode(input).await,
            Action::UpdateStreamRecordDistributionStrategy => self.update_distribution(input).await,
            Action::UpdateStreamWarmThroughput => self.update_warm_throughput(input).await,
            Action::AcknowledgeDeadLetterQueueRecords
            | Action::AcknowledgeQueueRecords
            | Action::CreateChannel
            | Action::CreateQueue
            | Action::DeleteChannel
            | Action::DeleteQueue
            | Action::DescribeChannel
            | Action::DescribeQueue
            | Action::ListChannels
            | Action::ListQueues
            | Action::ReceiveDeadLetterQueueRecords
            | Action::ReceiveQueueRecords
            | Action::RestoreDeadLetterQueueRecords
            | Action::UpdateChannel
            | Action::UpdateDeadLetterQueueRecordsVisibility
            | Action::UpdateQueue
            | Action::UpdateQueueRecordsVisibility
            // Its answer is no document, so it was carried out before.
            | Action::SubscribeToShard => Err(AwsError::not_implemented(name)),
        }
    }

    fn document(&self, document: &impl Serialize) -> Result<Answer, AwsError> {
        Answer::document(self.codec, document)
    }

    fn now(&self) -> Timestamp {
        self.platform.clock.wall()
    }

    /// The stream that the input names.
    fn addressed(&self, input: Members<'_>) -> Result<StreamKey, AwsError> {
        self.permitted(&input.stream().addressed(&self.caller)?)
    }

    /// The stream of that name, if the caller may do to it what it asks.
    fn permitted(&self, addressed: &Addressed) -> Result<StreamKey, AwsError> {
        let key = stream_key(addressed)?;
        self.permit(&Resource::Stream(key.clone()))?;
        Ok(key)
    }

    /// What an ARN names, if the caller may do to it what it asks.
    fn resource(&self, arn: &str) -> Result<Resource, AwsError> {
        let resource = Resource::parse(arn)?;
        self.permit(&resource)?;
        Ok(resource)
    }

    /// Owners may do what no policy forbids them, and can always change their policies. Others may do what one allows. Of a
    /// consumer its own policy decides, unless that of its stream forbids it.
    fn permit(&self, resource: &Resource) -> Result<(), AwsError> {
        if !self.verified {
            return Ok(());
        }
        let stream = resource.stream();
        let traits = self.streams.describe(stream).ok().map(|facts| facts.traits);
        let action = format!("kinesis:{}", self.action);
        let asked = |policy: Option<&String>, arn: &str| {
            let question = Question {
                account: &self.caller.account,
                action: &action,
                resource: arn,
            };
            policy.map_or(Verdict::Silent, |policy| verdict(policy, question))
        };
        let mut arn = stream.arn();
        let of_stream = traits.as_ref().and_then(|traits| traits.policy.as_ref());
        let mut said = asked(of_stream, &arn);
        if let Resource::Consumer(consumer) = resource {
            let found = traits
                .as_ref()
                .and_then(|traits| traits.consumer(&consumer.name, consumer.created_s, self.now()));
            arn = found.map_or(arn, |found| found.arn(stream));
            if said != Verdict::Denied {
                said = asked(found.and_then(|found| found.policy.as_ref()), &arn);
            }
        }
        let owner = stream.account.as_str() == self.caller.account;
        let keeper = owner && self.action.ends_with("ResourcePolicy");
        match said {
            Verdict::Allowed => Ok(()),
            Verdict::Silent if owner => Ok(()),
            Verdict::Denied if keeper => Ok(()),
            Verdict::Silent | Verdict::Denied => Err(AwsError::not_authorized(
                &self.caller.account,
                &action,
                &arn,
            )),
        }
    }

    /// Changes what is set on a stream; `decide` is asked while nobody else changes it.
    async fn amend<T: Send + 'static>(
        &self,
        key: StreamKey,
        decide: impl FnOnce(&mut Amendment<'_>) -> Result<T, AwsError> + Send + 'static,
    ) -> Result<T, AwsError> {
        let amended = self.streams.amend(key.clone(), decide).await;
        amended.map_err(|error| match error {
            Unrevised::Unknown(_) => {
                AwsError::stream_not_found(key.name.as_str(), key.account.as_str())
            }
            Unrevised::Refused(refused) => refused,
            Unrevised::Down(reason) => AwsError::internal(reason),
        })
    }

    fn described(&self, key: &StreamKey) -> Result<StreamFacts, AwsError> {
        let unknown = |_| AwsError::stream_not_found(key.name.as_str(), key.account.as_str());
        self.streams.describe(key).map_err(unknown)
    }

    fn world(&self) -> Result<World, AwsError> {
        let (account, region) = (&self.caller.account, &self.caller.region);
        match (AccountId::parse(account), Region::parse(region)) {
            (Ok(account), Ok(region)) => Ok(World { account, region }),
            // `credentials` lets only such names through.
            (Err(invalid), _) | (_, Err(invalid)) => Err(AwsError::internal(invalid)),
        }
    }
}

/// Names that no stream can have belong to no stream.
pub(super) fn stream_key(addressed: &Addressed) -> Result<StreamKey, AwsError> {
    let parsed = (
        AccountId::parse(&addressed.account),
        Region::parse(&addressed.region),
        StreamName::parse(&addressed.name),
    );
    match parsed {
        (Ok(account), Ok(region), Ok(name)) => Ok(StreamKey {
            account,
            region,
            name,
        }),
        (Err(_), _, _) | (_, Err(_), _) | (_, _, Err(_)) => Err(AwsError::stream_not_found(
            &addressed.name,
            &addressed.account,
        )),
    }
}

fn status_name(status: StreamStatus) -> &'static str {
    match status {
        StreamStatus::Creating => "CREATING",
        StreamStatus::Active => "ACTIVE",
        StreamStatus::Updating => "UPDATING",
        StreamStatus::Deleting => "DELETING",
    }
}
