"""What a handler may ask of Shardmill, beyond what AWS Lambda has: outputs and durable values.

    import shardmill

    def handler(event, context):
        for index, record in enumerate(shardmill.records(event)):
            shardmill.emit("default", record.key, record.data, source=index)

Outputs and values appear together with the checkpoint of the batch, or not at all.
"""

import base64
import json
import struct
from dataclasses import dataclass

from componentize_py_types import Err
from wit_world.imports import host, state as _state

_HEADER = struct.Struct("<IHHII16x")
_ENTRY = struct.Struct("<IIIIQQII")
_MAGIC = 0x314F4D53
_NO_SOURCE = 0xFFFFFFFF


class Refused(Exception):
    """The host does not do what was asked: the trigger does not grant it, or it is too large."""


@dataclass
class Record:
    """One record of a Kinesis event."""

    key: str
    sequence: str
    data: bytes

    def json(self):
        return json.loads(self.data)


def records(event):
    """The records of an event, their data decoded."""
    for record in event.get("Records", []):
        kinesis = record["kinesis"]
        data = base64.b64decode(kinesis["data"])
        yield Record(kinesis["partitionKey"], kinesis["sequenceNumber"], data)


def emit(output, key, data, source=None):
    """Puts one record to an output of the trigger. `data` is bytes or text as it is, or anything that becomes JSON."""
    key, data = key.encode(), _bytes(data)
    head = _HEADER.pack(_MAGIC, 1, 0, 1, _ENTRY.size)
    start = _HEADER.size + _ENTRY.size
    caused_by = _NO_SOURCE if source is None else source
    entry = _ENTRY.pack(start, len(key), start + len(key), len(data), 0, 0, caused_by, 0)
    _asked(host.emit, output, head + entry + key + data)


def get(source, name):
    """The value of this name under the key of the record with this index, as bytes; None where there is none."""
    return _asked(_state.get, source, name)


def put(source, name, value):
    _asked(_state.set, source, name, _bytes(value))


def delete(source, name):
    _asked(_state.delete, source, name)


def _bytes(data):
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(data)
    if isinstance(data, str):
        return data.encode()
    return json.dumps(data, separators=(",", ":")).encode()


def _asked(function, *arguments):
    try:
        return function(*arguments)
    except Err as error:
        raise Refused(error.value.message) from None
