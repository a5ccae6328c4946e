"""boto3 drives every served action once; any surprise ends the program with a failed assertion."""

import json
import time

import boto3
from botocore.exceptions import ClientError

kinesis = boto3.client("kinesis")


def records_of(stream, **position):
    """Every record of every shard from a starting position on."""
    found = []
    for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
        iterator = kinesis.get_shard_iterator(StreamName=stream, ShardId=shard["ShardId"], **position)["ShardIterator"]
        while True:
            page = kinesis.get_records(ShardIterator=iterator)
            found += page["Records"]
            iterator = page["NextShardIterator"]
            if not page["Records"] and page["MillisBehindLatest"] == 0:
                break
    return found


def refused(code, text, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        assert text in error.response["Error"]["Message"], error
    else:
        raise AssertionError(f"{code} expected")


assert "flights" in kinesis.list_streams()["StreamNames"]

kinesis.create_stream(StreamName="numbers", ShardCount=2)
assert kinesis.describe_stream_summary(StreamName="numbers")["StreamDescriptionSummary"]["StreamStatus"] == "CREATING"
kinesis.get_waiter("stream_exists").wait(StreamName="numbers", WaiterConfig={"Delay": 1, "MaxAttempts": 20})
described = kinesis.describe_stream(StreamName="numbers")["StreamDescription"]
assert len(described["Shards"]) == 2 and described["StreamStatus"] == "ACTIVE", described

first = kinesis.put_record(StreamName="numbers", PartitionKey="one", Data=b"1")
answer = kinesis.put_records(
    StreamName="numbers",
    Records=[{"PartitionKey": str(n), "Data": json.dumps({"n": n}).encode()} for n in range(500)],
)
assert answer["FailedRecordCount"] == 0 and len(answer["Records"]) == 500

everything = records_of("numbers", ShardIteratorType="TRIM_HORIZON")
assert len(everything) == 501, len(everything)
assert {r["PartitionKey"] for r in everything} >= {str(n) for n in range(500)}
by_shard = {}
for entry in answer["Records"]:
    by_shard.setdefault(entry["ShardId"], []).append(int(entry["SequenceNumber"]))
assert all(numbers == sorted(numbers) for numbers in by_shard.values())

iterator = kinesis.get_shard_iterator(
    StreamName="numbers",
    ShardId=first["ShardId"],
    ShardIteratorType="AT_SEQUENCE_NUMBER",
    StartingSequenceNumber=first["SequenceNumber"],
)["ShardIterator"]
assert kinesis.get_records(ShardIterator=iterator, Limit=1)["Records"][0]["Data"] == b"1"
iterator = kinesis.get_shard_iterator(
    StreamName="numbers",
    ShardId=first["ShardId"],
    ShardIteratorType="AFTER_SEQUENCE_NUMBER",
    StartingSequenceNumber=first["SequenceNumber"],
)["ShardIterator"]
assert kinesis.get_records(ShardIterator=iterator, Limit=1)["Records"][0]["Data"] != b"1"
assert records_of("numbers", ShardIteratorType="LATEST") == []
assert len(records_of("numbers", ShardIteratorType="AT_TIMESTAMP", Timestamp=time.time() - 3600)) == 501

refused("ResourceNotFoundException", "Stream nowhere under account 000000000000 not found.", kinesis.describe_stream, StreamName="nowhere")
refused("ResourceInUseException", "already exists", kinesis.create_stream, StreamName="numbers", ShardCount=1)
refused("ValidationException", "1 validation error detected", kinesis.put_record, StreamName="bad name", PartitionKey="k", Data=b"")

kinesis.delete_stream(StreamName="numbers")
print("boto3: every action answered as expected")
