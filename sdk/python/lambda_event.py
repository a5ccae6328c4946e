"""The event of a batch of stream records as Lambda writes it, made of its columns.

What the host would have to write for every record, and the interpreter to read, stands here once. `function.wit` says what the
columns are.
"""

import json


def event_of(columns):
    shard, role, region, stream = columns.shard, columns.role, columns.region, columns.stream
    rows = zip(columns.keys, columns.sequences, columns.data, columns.arrivals)
    records = [
        {
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": key,
                "sequenceNumber": sequence,
                "data": data,
                "approximateArrivalTimestamp": arrived,
            },
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": f"{shard}:{sequence}",
            "eventName": "aws:kinesis:record",
            "invokeIdentityArn": role,
            "awsRegion": region,
            "eventSourceARN": stream,
        }
        for key, sequence, data, arrived in rows
    ]
    for record, sub in zip(records, columns.subs):
        if sub:
            record["kinesis"]["subSequenceNumber"] = int(sub)
            record["eventID"] += f":{sub}"
    return {"Records": records, **json.loads(columns.rest)}
