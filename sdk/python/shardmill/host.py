"""Records of an event, and what the host does for them: outputs and values by key.

In a sandbox the host is Shardmill. Elsewhere, in a test, it is the memory of a `shardmill.testing.Bench`.
"""

import base64
import json
import struct
from dataclasses import asdict, dataclass, field, is_dataclass

try:
    from componentize_py_types import Err
    from wit_world.imports import host, state
except ImportError:
    from .memory import Err, host, state

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
    # Of the record in its batch: what `source` of an output means.
    index: int = field(default=0, compare=False)
    # When it was put, in seconds since 1970.
    arrived: float = field(default=0.0, compare=False)
    _failed: object = field(default=None, compare=False, repr=False)

    def json(self):
        return json.loads(self.data)

    def dead_letter(self, reason, kind="DeadLetter"):
        """In a handler of whole batches: this record goes to the dead-letter store."""
        self._failed = ("dead-letter", kind, str(reason))

    def retry(self, reason, kind="Retry"):
        self._failed = ("retry", kind, str(reason))

    def park(self, reason, kind="Park"):
        self._failed = ("park", kind, str(reason))


def records(event):
    """The records of an event, their data decoded."""
    for index, record in enumerate(event.get("Records", [])):
        kinesis = record["kinesis"]
        data = base64.b64decode(kinesis["data"])
        arrived = kinesis.get("approximateArrivalTimestamp", 0.0)
        yield Record(kinesis["partitionKey"], kinesis["sequenceNumber"], data, index, arrived)


def emit(output, key, data, source=None):
    """Puts one record to an output of the trigger. `data` is bytes or text as it is, or anything that becomes JSON."""
    key, data = key.encode(), as_bytes(data)
    head = _HEADER.pack(_MAGIC, 1, 0, 1, _ENTRY.size)
    start = _HEADER.size + _ENTRY.size
    caused_by = _NO_SOURCE if source is None else source
    entry = _ENTRY.pack(start, len(key), start + len(key), len(data), 0, 0, caused_by, 0)
    _asked(host.emit, output, head + entry + key + data)


def get(source, name):
    """The value of this name under the key of the record with this index, as bytes; None where there is none."""
    return _asked(state.get, source, name)


def put(source, name, value):
    _asked(state.set, source, name, as_bytes(value))


def delete(source, name):
    _asked(state.delete, source, name)


def as_bytes(data):
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(data)
    if isinstance(data, str):
        return data.encode()
    return as_json(data)


def as_json(value):
    return json.dumps(value, separators=(",", ":"), default=_plain).encode()


def _plain(value):
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"a {type(value).__name__} has no form in JSON")


def _asked(function, *arguments):
    try:
        return function(*arguments)
    except Err as error:
        raise Refused(error.value.message) from None
