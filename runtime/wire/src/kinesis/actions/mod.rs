//! The actions: what a call that got through the door does to the streams, and what it is told.
//!
//! In: a call whose input fits its shape. Out: an answer, or an error in AWS's words. What is asked here comes last
//! in AWS's order: whether the stream and the shard exist, and whether their state allows it.

mod data;
mod lifecycle;
mod listing;
mod reshard;
mod shards;

use model::{AccountId, Region, StreamKey, StreamName, Timestamp};
use platform::Platform;
use serde::Serialize;
use serde_json::{Map, Value};
use streams::{StreamFacts, StreamStatus, Streams, World};

use super::{
    answer::{Answer, Codec},
    error::AwsError,
    generated::Action,
    input::{Addressed, Members},
    producer::ProducerMark,
    puts::{PutRecordBody, PutRecordsBody},
    reception::{Call, Input},
};
use crate::credentials::Caller;

/// One call on its way through an action.
#[derive(Debug)]
pub(super) struct Carrier<'a> {
    streams: &'a Streams,
    platform: &'a Platform,
    caller: Caller,
    codec: Codec,
    producer: Option<ProducerMark>,
}

/// Carries out a call. Puts wait until they are durable; nothing else waits for long.
pub(super) async fn carry_out(
    streams: &Streams,
    platform: &Platform,
    call: Call,
) -> Result<Answer, AwsError> {
    let carrier = Carrier {
        streams,
        platform,
        caller: call.caller,
        codec: call.codec,
        producer: call.producer,
    };
    match call.input {
        Input::PutRecord(body) => carrier.put_record(body).await,
        Input::PutRecords(body) => carrier.put_records(body).await,
        Input::Object(object) => carrier.serve(call.action, call.name, object).await,
    }
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
            Action::CreateStream => self.create_stream(input).await,
            Action::DeleteStream => self.delete_stream(input).await,
            Action::DescribeStream => self.describe_stream(input),
            Action::DescribeStreamSummary => self.describe_stream_summary(input),
            Action::GetRecords => self.get_records(input).await,
            Action::GetShardIterator => self.get_shard_iterator(input),
            Action::ListShards => self.list_shards(input),
            Action::ListStreams => self.list_streams(input),
            Action::MergeShards => self.merge_shards(input).await,
            Action::PutRecord => self.put_record(PutRecordBody::from_object(object)?).await,
            Action::PutRecords => self.put_records(PutRecordsBody::from_object(object)?).await,
            Action::SplitShard => self.split_shard(input).await,
            Action::UpdateShardCount => self.update_shard_count(input).await,
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
            | Action::AddTagsToStream
            | Action::DecreaseStreamRetentionPeriod
            | Action::DeleteResourcePolicy
            | Action::DeregisterStreamConsumer
            | Action::DescribeAccountSettings
            | Action::DescribeLimits
            | Action::DescribeStreamConsumer
            | Action::DisableEnhancedMonitoring
            | Action::EnableEnhancedMonitoring
            | Action::GetResourcePolicy
            | Action::IncreaseStreamRetentionPeriod
            | Action::ListStreamConsumers
            | Action::ListTagsForResource
            | Action::ListTagsForStream
            | Action::PutResourcePolicy
            | Action::RegisterStreamConsumer
            | Action::RemoveTagsFromStream
            | Action::StartStreamEncryption
            | Action::StopStreamEncryption
            | Action::SubscribeToShard
            | Action::TagResource
            | Action::UntagResource
            | Action::UpdateAccountSettings
            | Action::UpdateMaxRecordSize
            | Action::UpdateStreamMode
            | Action::UpdateStreamRecordDistributionStrategy
            | Action::UpdateStreamWarmThroughput => Err(AwsError::not_implemented(name)),
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
        key(&input.stream().addressed(&self.caller)?)
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
fn key(addressed: &Addressed) -> Result<StreamKey, AwsError> {
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
