// The AWS SDK for JavaScript 3 drives every way of putting and reading once, fan-out included, over HTTP/2 as is its habit;
// any surprise ends the program with a failed assertion.
const assert = require("node:assert/strict");
const {
  CreateStreamCommand,
  DeleteStreamCommand,
  DeregisterStreamConsumerCommand,
  DescribeStreamCommand,
  DescribeStreamConsumerCommand,
  DescribeStreamSummaryCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  Kinesis,
  ListShardsCommand,
  ListStreamsCommand,
  PutRecordCommand,
  PutRecordsCommand,
  RegisterStreamConsumerCommand,
  ResourceInUseException,
  ResourceNotFoundException,
  SubscribeToShardCommand,
  waitUntilStreamExists,
} = require("@aws-sdk/client-kinesis");

const StreamName = "numbers";
const kinesis = new Kinesis({});
const text = (record) => Buffer.from(record.Data).toString();

async function recordsFrom(ShardId, position) {
  const start = await kinesis.send(new GetShardIteratorCommand({ StreamName, ShardId, ...position }));
  const page = await kinesis.send(new GetRecordsCommand({ ShardIterator: start.ShardIterator }));
  assert.equal(page.MillisBehindLatest, 0);
  return page.Records;
}

async function fanOut(StreamARN, ShardId, expected) {
  const made = await kinesis.send(new RegisterStreamConsumerCommand({ StreamARN, ConsumerName: "board" }));
  const { ConsumerARN } = made.Consumer;
  for (let attempt = 0, status; status !== "ACTIVE"; attempt++) {
    assert.ok(attempt < 200, "the consumer did not become ACTIVE");
    const described = await kinesis.send(new DescribeStreamConsumerCommand({ ConsumerARN }));
    status = described.ConsumerDescription.ConsumerStatus;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const StartingPosition = { Type: "TRIM_HORIZON" };
  const subscription = await kinesis.send(new SubscribeToShardCommand({ ConsumerARN, ShardId, StartingPosition }));
  const told = [];
  for await (const { SubscribeToShardEvent: event } of subscription.EventStream) {
    told.push(...event.Records.map(text));
    assert.ok(event.ContinuationSequenceNumber);
    if (told.length >= expected.length) break;
  }
  assert.deepEqual(told, expected);
  await kinesis.send(new DeregisterStreamConsumerCommand({ ConsumerARN }));
}

async function main() {
  const { StreamNames } = await kinesis.send(new ListStreamsCommand({}));
  assert.deepEqual(StreamNames, ["flights"]);
  await kinesis.send(new CreateStreamCommand({ StreamName, ShardCount: 2 }));
  await waitUntilStreamExists({ client: kinesis, maxWaitTime: 20, minDelay: 1 }, { StreamName });
  const { StreamDescription } = await kinesis.send(new DescribeStreamCommand({ StreamName }));
  assert.equal(StreamDescription.StreamStatus, "ACTIVE");
  assert.ok(StreamDescription.StreamCreationTimestamp instanceof Date);
  const { StreamDescriptionSummary } = await kinesis.send(new DescribeStreamSummaryCommand({ StreamName }));
  assert.equal(StreamDescriptionSummary.OpenShardCount, 2);
  const { Shards } = await kinesis.send(new ListShardsCommand({ StreamName }));
  assert.equal(Shards.length, 2);

  const Data = Buffer.from("late");
  const { ShardId, SequenceNumber } = await kinesis.send(new PutRecordCommand({ StreamName, PartitionKey: "JFK", Data }));
  const many = Array.from({ length: 100 }, (_, n) => ({ PartitionKey: "JFK", Data: Buffer.from(String(n)) }));
  const put = await kinesis.send(new PutRecordsCommand({ StreamName, Records: many }));
  assert.equal(put.FailedRecordCount, 0);

  const all = ["late", ...many.map(text)];
  const at = (ShardIteratorType) => ({ ShardIteratorType, StartingSequenceNumber: SequenceNumber });
  const hourAgo = new Date(Date.now() - 3600 * 1000);
  for (const [position, expected] of [
    [{ ShardIteratorType: "TRIM_HORIZON" }, all],
    [{ ShardIteratorType: "AT_TIMESTAMP", Timestamp: hourAgo }, all],
    [at("AT_SEQUENCE_NUMBER"), all],
    [at("AFTER_SEQUENCE_NUMBER"), all.slice(1)],
    [{ ShardIteratorType: "LATEST" }, []],
  ]) {
    assert.deepEqual((await recordsFrom(ShardId, position)).map(text), expected, position.ShardIteratorType);
  }

  await fanOut(StreamDescription.StreamARN, ShardId, all);

  const nowhere = kinesis.send(new DescribeStreamCommand({ StreamName: "nowhere" }));
  await assert.rejects(nowhere, (error) => {
    assert.ok(error instanceof ResourceNotFoundException, error);
    return error.message === "Stream nowhere under account 000000000000 not found.";
  });
  const again = kinesis.send(new CreateStreamCommand({ StreamName, ShardCount: 1 }));
  await assert.rejects(again, ResourceInUseException);
  await kinesis.send(new DeleteStreamCommand({ StreamName, EnforceConsumerDeletion: true }));
  kinesis.destroy();
  console.log("JavaScript: every action answered as expected");
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
