// The event of a batch of stream records as Lambda writes it, made of its columns: what the host would have to write for every record,
// and the interpreter to read, stands here once. `function.wit` says what the columns are.

export function eventOf({ shard, role, region, stream, keys, sequences, data, arrivals, subs, rest }) {
  const Records = [];
  for (let at = 0; at < keys.length; at++) {
    const sequenceNumber = sequences[at];
    const kinesis = {
      kinesisSchemaVersion: '1.0', partitionKey: keys[at], sequenceNumber, data: data[at], approximateArrivalTimestamp: arrivals[at],
    };
    const record = {
      kinesis, eventSource: 'aws:kinesis', eventVersion: '1.0', eventID: `${shard}:${sequenceNumber}`, eventName: 'aws:kinesis:record',
      invokeIdentityArn: role, awsRegion: region, eventSourceARN: stream,
    };
    const sub = subs[at];
    if (sub) {
      kinesis.subSequenceNumber = Number(sub);
      record.eventID += `:${sub}`;
    }
    Records.push(record);
  }
  return { Records, ...JSON.parse(rest) };
}
