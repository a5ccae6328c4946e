"""boto3 drives the actions beside putting and getting: resharding, fan-out, and all that is set on streams and accounts."""

import json
import threading
import time

import boto3
from botocore.exceptions import ClientError, EventStreamError

kinesis = boto3.client("kinesis")
STREAM = {"StreamName": "actions"}


def refused(code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        return error.response["Error"]["Message"]
    raise AssertionError(f"{code} expected")


def active():
    """Waits until the stream is ACTIVE and returns its summary."""
    while True:
        summary = kinesis.describe_stream_summary(**STREAM)["StreamDescriptionSummary"]
        if summary["StreamStatus"] == "ACTIVE":
            return summary
        assert summary["StreamStatus"] in ("CREATING", "UPDATING"), summary
        time.sleep(0.05)


def shards(**filter):
    answer = kinesis.list_shards(**STREAM, **({"ShardFilter": filter} if filter else {}))
    return {shard["ShardId"][-2:]: shard for shard in answer["Shards"]}


kinesis.create_stream(**STREAM, ShardCount=2, Tags={"made": "by boto3"}, MaxRecordSizeInKiB=2048)
summary = active()
assert summary["MaxRecordSizeInKiB"] == 2048, summary
arn = summary["StreamARN"]

# Records on both sides of a split, read through to the children.
put = kinesis.put_record(**STREAM, PartitionKey="k", ExplicitHashKey="0", Data=b"before")
kinesis.split_shard(**STREAM, ShardToSplit=put["ShardId"], NewStartingHashKey="1000")
active()
assert kinesis.put_record(StreamARN=arn, PartitionKey="k", ExplicitHashKey="0", Data=b"after")["ShardId"][-2:] == "02"
iterator = kinesis.get_shard_iterator(**STREAM, ShardId=put["ShardId"], ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
page = kinesis.get_records(ShardIterator=iterator)
assert [record["Data"] for record in page["Records"]] == [b"before"]
assert "NextShardIterator" not in page, page
assert [child["ShardId"][-2:] for child in page["ChildShards"]] == ["02", "03"], page
assert page["ChildShards"][0]["ParentShards"] == [put["ShardId"]]
parent = shards()["00"]
assert int(parent["SequenceNumberRange"]["EndingSequenceNumber"]) > int(put["SequenceNumber"])
assert list(shards(Type="AT_LATEST")) == ["01", "02", "03"]
assert list(shards(Type="AT_TRIM_HORIZON")) == ["00", "01"]
assert list(shards(Type="AFTER_SHARD_ID", ShardId="shardId-000000000001")) == ["02", "03"]
kinesis.merge_shards(**STREAM, ShardToMerge="shardId-000000000002", AdjacentShardToMerge="shardId-000000000003")
active()
merged = shards()["04"]
assert (merged["ParentShardId"][-2:], merged["AdjacentParentShardId"][-2:]) == ("02", "03"), merged
scaled = kinesis.update_shard_count(StreamARN=arn, TargetShardCount=4, ScalingType="UNIFORM_SCALING")
assert (scaled["CurrentShardCount"], scaled["TargetShardCount"]) == (2, 4), scaled
assert active()["OpenShardCount"] == 4
refused("InvalidArgumentException", kinesis.update_shard_count, **STREAM, TargetShardCount=9, ScalingType="UNIFORM_SCALING")

# Tags, by both families.
kinesis.add_tags_to_stream(**STREAM, Tags={"a": "1", "b": "2"})
kinesis.remove_tags_from_stream(**STREAM, TagKeys=["a"])
kinesis.tag_resource(ResourceARN=arn, Tags={"c": "3"})
kinesis.untag_resource(ResourceARN=arn, TagKeys=["made"])
tags = kinesis.list_tags_for_stream(**STREAM)
assert [(tag["Key"], tag["Value"]) for tag in tags["Tags"]] == [("b", "2"), ("c", "3")], tags
assert kinesis.list_tags_for_resource(ResourceARN=arn)["Tags"] == tags["Tags"]

# Retention, metrics, encryption.
kinesis.increase_stream_retention_period(**STREAM, RetentionPeriodHours=48)
kinesis.decrease_stream_retention_period(StreamARN=arn, RetentionPeriodHours=24)
text = refused("InvalidArgumentException", kinesis.decrease_stream_retention_period, **STREAM, RetentionPeriodHours=23)
assert "Minimum allowed retention period is 24 hours" in text, text
metrics = kinesis.enable_enhanced_monitoring(**STREAM, ShardLevelMetrics=["IncomingBytes"])
assert metrics["DesiredShardLevelMetrics"] == ["IncomingBytes"], metrics
kinesis.disable_enhanced_monitoring(**STREAM, ShardLevelMetrics=["ALL"])
kinesis.start_stream_encryption(**STREAM, EncryptionType="KMS", KeyId="alias/aws/kinesis")
active()
secret = kinesis.put_record(**STREAM, PartitionKey="k", Data=b"secret")
assert secret["EncryptionType"] == "KMS", secret
iterator = kinesis.get_shard_iterator(
    **STREAM,
    ShardId=secret["ShardId"],
    ShardIteratorType="AT_SEQUENCE_NUMBER",
    StartingSequenceNumber=secret["SequenceNumber"],
)["ShardIterator"]
record = kinesis.get_records(ShardIterator=iterator)["Records"][0]
assert (record["Data"], record["EncryptionType"]) == (b"secret", "KMS"), record
assert kinesis.describe_stream(**STREAM)["StreamDescription"]["KeyId"] == "alias/aws/kinesis"
kinesis.stop_stream_encryption(**STREAM, EncryptionType="KMS", KeyId="alias/aws/kinesis")
active()

# Policies and sizes.
assert kinesis.get_resource_policy(ResourceARN=arn)["Policy"] == "{}"
policy = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "kinesis:*"}]})
kinesis.put_resource_policy(ResourceARN=arn, Policy=policy)
assert kinesis.get_resource_policy(ResourceARN=arn)["Policy"] == policy
kinesis.delete_resource_policy(ResourceARN=arn)
refused("ResourceNotFoundException", kinesis.delete_resource_policy, ResourceARN=arn)
kinesis.update_max_record_size(StreamARN=arn, MaxRecordSizeInKiB=10240)
active()
large = kinesis.put_record(**STREAM, PartitionKey="k", ExplicitHashKey="0", Data=bytes(10 * 1024 * 1024 - 1))
iterator = kinesis.get_shard_iterator(
    **STREAM,
    ShardId=large["ShardId"],
    ShardIteratorType="AT_SEQUENCE_NUMBER",
    StartingSequenceNumber=large["SequenceNumber"],
)["ShardIterator"]
assert len(kinesis.get_records(ShardIterator=iterator)["Records"][0]["Data"]) == 10 * 1024 * 1024 - 1

# Dry runs and what is not there.
dry = {"PartitionKey": "k", "Data": b"", "DryRun": True}
refused("DryRunOperationException", kinesis.put_record, **STREAM, **dry)
refused("UnknownOperationException", kinesis.list_queues)

# Accounts and modes.
assert kinesis.describe_limits()["OpenShardCount"] >= 8
kinesis.update_account_settings(MinimumThroughputBillingCommitment={"Status": "ENABLED"})
assert kinesis.describe_account_settings()["MinimumThroughputBillingCommitment"]["Status"] == "ENABLED"
kinesis.update_stream_mode(StreamARN=arn, StreamModeDetails={"StreamMode": "ON_DEMAND"})
active()
warmed = kinesis.update_stream_warm_throughput(StreamARN=arn, WarmThroughputMiBps=10)
assert warmed["WarmThroughput"]["TargetMiBps"] == 10, warmed
active()
kinesis.update_stream_record_distribution_strategy(StreamARN=arn, RecordDistributionStrategy="AUTO")
assert active()["RecordDistributionStrategy"] == "AUTO"
spread = kinesis.put_records(**STREAM, Records=[{"ExplicitHashKey": "0", "Data": b"keyless"}] * 100)
assert len({record["ShardId"] for record in spread["Records"]}) > 1, spread
kinesis.update_stream_record_distribution_strategy(StreamARN=arn, RecordDistributionStrategy="USER_PARTITION_KEY")
assert active()["RecordDistributionStrategy"] == "USER_PARTITION_KEY"

# Consumers and their subscriptions.
consumer = kinesis.register_stream_consumer(StreamARN=arn, ConsumerName="board", Tags={"kind": "fan-out"})["Consumer"]
assert consumer["ConsumerStatus"] == "CREATING", consumer
refused("ResourceInUseException", kinesis.register_stream_consumer, StreamARN=arn, ConsumerName="board")
named = {"StreamARN": arn, "ConsumerName": "board"}
while kinesis.describe_stream_consumer(**named)["ConsumerDescription"]["ConsumerStatus"] != "ACTIVE":
    time.sleep(0.05)
assert [found["ConsumerName"] for found in kinesis.list_stream_consumers(StreamARN=arn)["Consumers"]] == ["board"]
where = kinesis.put_record(**STREAM, PartitionKey="k", ExplicitHashKey="0", Data=b"first")
begin = {"Type": "AT_SEQUENCE_NUMBER", "SequenceNumber": where["SequenceNumber"]}
subscription = kinesis.subscribe_to_shard(ConsumerARN=consumer["ConsumerARN"], ShardId=where["ShardId"], StartingPosition=begin)
writer = threading.Timer(
    0.5,
    lambda: kinesis.put_records(
        **STREAM, Records=[{"PartitionKey": "k", "ExplicitHashKey": "0", "Data": data} for data in (b"second", b"third")]
    ),
)
writer.start()
pages = []
for event in subscription["EventStream"]:
    page = event["SubscribeToShardEvent"]
    assert page["ContinuationSequenceNumber"], page
    if page["Records"]:
        pages.append([record["Data"] for record in page["Records"]])
        assert page["MillisBehindLatest"] == 0, page
    if len(pages) == 2:
        break
assert pages == [[b"first"], [b"second", b"third"]], pages
writer.join()
refused(
    "ResourceInUseException",
    kinesis.subscribe_to_shard,
    ConsumerARN=consumer["ConsumerARN"],
    ShardId=where["ShardId"],
    StartingPosition={"Type": "LATEST"},
)
kinesis.deregister_stream_consumer(**named)
try:
    for _ in subscription["EventStream"]:
        pass
except EventStreamError as error:
    assert "ResourceNotFoundException" in str(error), error
else:
    raise AssertionError("a subscription ends with its consumer")

kinesis.delete_stream(**STREAM, EnforceConsumerDeletion=True)
print("boto3: every further action answered as expected")
