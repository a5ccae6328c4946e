"""A handler under test: records in, and everything it did out, without a sandbox and without a server.

    from shardmill.testing import Bench
    from app import handler

    def test_a_late_flight_counts_once():
        bench = Bench(handler)
        assert bench.put("JFK", "{broken").failed[0].action == "dead-letter"
        bench.put("JFK", {"dest": "LAX", "dep_delay": 47})
        assert len(bench.outputs("default")) == 1

A bench commits as the host does: what a failed record did is dropped.
"""

import base64
import json
import struct
from dataclasses import dataclass, field

from . import host, memory

_NO_SOURCE = 0xFFFFFFFF


@dataclass
class Failure:
    index: int
    action: str
    kind: str
    reason: str


@dataclass
class Reply:
    failed: list = field(default_factory=list)
    # What the whole invocation raised; nothing of it was kept.
    fault: Exception | None = None
    answer: object = None


@dataclass
class Output:
    key: str
    data: bytes

    def json(self):
        return json.loads(self.data)

    def text(self):
        return self.data.decode()


class Context:
    """As much of Lambda's context as a handler may look at."""

    function_name = "bench"
    function_version = "1"
    aws_request_id = "bench"
    memory_limit_in_mb = "128"
    invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:bench"

    def get_remaining_time_in_millis(self):
        return 3000


class Bench:
    def __init__(self, handler, outputs=None):
        """With `outputs`, the trigger has these only."""
        self._handler = handler
        self._granted = outputs
        self._outputs = {}
        self._values = {}
        self._records = 0

    def put(self, key, data):
        """Runs a batch of one record."""
        return self.batch([(key, data)])

    def batch(self, records):
        """Runs one batch of these keys and data."""
        numbered = []
        for key, data in records:
            self._records += 1
            numbered.append((key, host.as_bytes(data), self._records))
        return self._run(numbered, again=True)

    def outputs(self, name="default"):
        return self._outputs.get(name, [])

    def state(self, key, name="value"):
        """The value of a key as JSON; None where there is none."""
        value = self._values.get((key, name))
        return None if value is None else json.loads(value)

    def _run(self, records, again):
        seen = memory.Memory([key for key, _, _ in records], self._values, self._granted)
        memory.become(seen)
        try:
            answer = self._handler(_event(records), Context())
        except Exception as error:
            return Reply(fault=error)
        finally:
            memory.become(None)
        attributed = isinstance(answer, dict) and answer.get("effects") == "attributed"
        failed = _failed(answer, records)
        emitted = [(output, *_unpacked(chunk)) for output, chunk in seen.emitted]
        if failed and not (attributed and all(source is not None for *_, source in emitted)):
            # Nobody knows which effect is whose: the good records before the first failure run alone.
            good = records[: failed[0].index]
            if again and good:
                self._run(good, again=False)
            return Reply(failed, None, answer)
        bad = {failure.index for failure in failed}
        for output, key, data, source in emitted:
            if source not in bad:
                self._outputs.setdefault(output, []).append(Output(key, data))
        for source, name, value in seen.written:
            key = records[source][0]
            if source in bad:
                continue
            if value is None:
                self._values.pop((key, name), None)
            else:
                self._values[(key, name)] = value
        return Reply(failed, None, answer)


def _event(records):
    return {"Records": [_record(*record) for record in records]}


def _record(key, data, number):
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": key,
            "sequenceNumber": str(number),
            "data": base64.b64encode(data).decode(),
            "approximateArrivalTimestamp": float(number),
        },
        "eventSource": "aws:kinesis",
        "eventID": f"shardId-000000000000:{number}",
        "eventName": "aws:kinesis:record",
    }


def _failed(answer, records):
    items = answer.get("batchItemFailures") if isinstance(answer, dict) else None
    indexes = {str(number): index for index, (_, _, number) in enumerate(records)}
    failed = []
    for item in items or []:
        index = item["index"] if "index" in item else indexes[item["itemIdentifier"]]
        kind = item.get("kind", "BatchItemFailure")
        reason = item.get("reason", "named in batchItemFailures")
        failed.append(Failure(index, item.get("action", "retry"), kind, reason))
    return sorted(failed, key=lambda failure: failure.index)


def _unpacked(chunk):
    key_at, key_length, data_at, data_length = struct.unpack_from("<IIII", chunk, 32)
    (source,) = struct.unpack_from("<I", chunk, 64)
    key = chunk[key_at : key_at + key_length].decode()
    return key, chunk[data_at : data_at + data_length], None if source == _NO_SOURCE else source
