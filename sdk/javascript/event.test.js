// An event made of columns and the same event read from JSON are the same to a handler.
import assert from 'node:assert/strict';
import test from 'node:test';
import { eventOf } from './event.js';

const shared = ['"eventSource":"aws:kinesis","eventVersion":"1.0",', '"eventName":"aws:kinesis:record","invokeIdentityArn":"arn:aws:iam::123456789012:role/shardmill","awsRegion":"eu-west-1","eventSourceARN":"arn:aws:kinesis:eu-west-1:123456789012:stream/clicks"'];
const record = (kinesis, id) => `{"kinesis":{"kinesisSchemaVersion":"1.0",${kinesis}},${shared[0]}"eventID":"shardId-000000000006:${id}",${shared[1]}}`;
const first = record('"partitionKey":"a","sequenceNumber":"495","data":"aGk=","approximateArrivalTimestamp":1545084650.987', '495');
const second = record('"partitionKey":"b\\n\\"é","sequenceNumber":"496","data":"","approximateArrivalTimestamp":1545084651,"subSequenceNumber":7', '496:7');
const columns = {
  shard: 'shardId-000000000006', role: 'arn:aws:iam::123456789012:role/shardmill', region: 'eu-west-1',
  stream: 'arn:aws:kinesis:eu-west-1:123456789012:stream/clicks', keys: ['a', 'b\n"é'], sequences: ['495', '496'],
  data: ['aGk=', ''], arrivals: [1545084650.987, 1545084651], subs: [], rest: '{}',
};
const rest = '{"state":{"n":1},"isFinalInvokeForWindow":false}';

test('members, their order and their values', () => {
  const text = `{"Records":[${first},${second}],"state":{"n":1},"isFinalInvokeForWindow":false}`;
  const event = eventOf({ ...columns, subs: ['', '7'], rest });
  assert.equal(JSON.stringify(event), text);
  assert.deepStrictEqual(event, JSON.parse(text));
});

test('records are objects of their own', () => {
  const { Records, ...others } = eventOf(columns);
  assert.deepEqual(others, {});
  assert.ok(!('subSequenceNumber' in Records[1].kinesis));
  Records[0].kinesis.data = 'changed';
  Records[0].awsRegion = 'changed';
  assert.deepEqual([Records[1].kinesis.data, Records[1].awsRegion], ['', 'eu-west-1']);
});

test('no records are an empty list', () => {
  const none = { ...columns, keys: [], sequences: [], data: [], arrivals: [] };
  assert.equal(JSON.stringify(eventOf(none)), '{"Records":[]}');
});
