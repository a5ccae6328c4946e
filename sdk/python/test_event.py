"""An event made of columns and the same event read from JSON are the same to a handler."""

import json
import unittest

from types import SimpleNamespace

from lambda_event import event_of

ROLE = "arn:aws:iam::123456789012:role/shardmill"
STREAM = "arn:aws:kinesis:eu-west-1:123456789012:stream/clicks"
COLUMNS = {
    "shard": "shardId-000000000006",
    "role": ROLE,
    "region": "eu-west-1",
    "stream": STREAM,
    "keys": ["a", 'b\n"é'],
    "sequences": ["495", "496"],
    "data": ["aGk=", ""],
    "arrivals": [1545084650.987, 1545084651.0],
    "subs": [],
    "rest": "{}",
}


def record(kinesis, number):
    return (
        '{"kinesis":{"kinesisSchemaVersion":"1.0",%s},"eventSource":"aws:kinesis","eventVersion":"1.0",'
        '"eventID":"shardId-000000000006:%s","eventName":"aws:kinesis:record","invokeIdentityArn":"%s",'
        '"awsRegion":"eu-west-1","eventSourceARN":"%s"}' % (kinesis, number, ROLE, STREAM)
    )


FIRST = record('"partitionKey":"a","sequenceNumber":"495","data":"aGk=","approximateArrivalTimestamp":1545084650.987', "495")
SECOND = record(
    r'"partitionKey":"b\n\"é","sequenceNumber":"496","data":"","approximateArrivalTimestamp":1545084651.0,"subSequenceNumber":7',
    "496:7",
)


class OfColumns(unittest.TestCase):
    def test_members_their_order_and_their_values(self):
        text = '{"Records":[%s,%s],"state":{"n":1},"isFinalInvokeForWindow":false}' % (FIRST, SECOND)
        rest = '{"state":{"n":1},"isFinalInvokeForWindow":false}'
        event = event_of(SimpleNamespace(**{**COLUMNS, "subs": ["", "7"], "rest": rest}))
        self.assertEqual(json.dumps(event, ensure_ascii=False, separators=(",", ":")), text)
        self.assertEqual(event, json.loads(text))

    def test_records_are_objects_of_their_own(self):
        event = event_of(SimpleNamespace(**COLUMNS))
        first, second = event["Records"]
        self.assertEqual(list(event), ["Records"])
        self.assertNotIn("subSequenceNumber", second["kinesis"])
        first["kinesis"]["data"] = first["awsRegion"] = "changed"
        self.assertEqual((second["kinesis"]["data"], second["awsRegion"]), ("", "eu-west-1"))

    def test_no_records_are_an_empty_list(self):
        none = {name: [] for name in ("keys", "sequences", "data", "arrivals")}
        self.assertEqual(event_of(SimpleNamespace(**{**COLUMNS, **none})), {"Records": []})


if __name__ == "__main__":
    unittest.main()
