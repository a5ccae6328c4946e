"""Handlers over records instead of events: `@batch`, `@each`, `@keyed`.

A body that does not parse is dead-lettered at once; `DeadLetter`, `Park` and `Retry` choose what becomes of a record; any
other exception means the trigger's retry policy, with the exception's name as its kind. What a failed record did is dropped,
and later records of its key in the batch are not run.
"""

import dataclasses
import functools
import inspect
import json
import sys
import traceback
import types
import typing

from . import host

# Under which a keyed handler's value is kept, in every language.
_STATE_NAME = "value"


class _Chosen(Exception):
    action = "retry"

    def __init__(self, reason="", kind=None):
        super().__init__(reason)
        self.kind = kind or type(self).__name__


class DeadLetter(_Chosen):
    """The record is at fault: it goes to the dead-letter store at once."""

    action = "dead-letter"


class Park(_Chosen):
    """The key is set aside until someone has looked at it."""

    action = "park"


class Retry(_Chosen):
    """The trigger's retry policy decides, with a kind of its own for `retry.classes`."""


class _BadJson(DeadLetter):
    def __init__(self, reason):
        super().__init__(reason, "BadJson")


class _Bound:
    """Outputs that one record causes, or none."""

    def __init__(self, into, record):
        self._into, self._record = into, record

    def to(self, output, key, data):
        """Bytes and text go out as they are, anything else as JSON."""
        source = None if self._record is None else self._record.index
        self._into.append((output, key, host.as_bytes(data), source))

    def json(self, output, value):
        """A value as JSON, under the record's own key."""
        self.to(output, "" if self._record is None else self._record.key, host.as_json(value))


class Outputs:
    """The outputs of a whole batch: each says which record caused it."""

    def __init__(self):
        self._all = []

    def from_(self, record):
        return _Bound(self._all, record)

    def from_none(self):
        """An output that no record caused: it forbids partial success."""
        return _Bound(self._all, None)


def batch(function):
    """`def late(records, out)`: the whole batch; `record.dead_letter(why)` marks one that failed."""
    named = _named(function, {"out", "ctx", "context"}, after=1)

    @functools.wraps(function)
    def handler(event, context):
        records, out = _records(event), Outputs()
        function(records, **_given(named, out, context))
        failed = {record.index: record._failed for record in records if record._failed}
        _send(out._all, failed)
        return _answer(failed)

    return handler


def each(function):
    """`def enrich(flight: Flight, ctx) -> Late | None`: one record; what it returns goes to `default` under the same key."""
    named = _named(function, {"out", "ctx", "context"}, after=1)
    body = _annotation(function, 0)

    @functools.wraps(function)
    def handler(event, context):
        out = []

        def one(record):
            effects = _Bound([], record)
            value = function(_read(record.data, body), **_given(named, effects, context))
            if value is not None:
                effects.json("default", value)
            out.extend(effects._into)

        failed = _walk(_records(event), one)
        _send(out, failed)
        return _answer(failed)

    return handler


def keyed(function):
    """`def board(flight: dict, state: Board, out)`: one record with the durable value of its key, changed in place.

    The state's annotation makes the first value of a key: a dataclass with defaults, or `dict`.
    """
    named = _named(function, {"out", "ctx", "context"}, after=2)
    body, kind = _annotation(function, 0), _annotation(function, 1)

    @functools.wraps(function)
    def handler(event, context):
        out, slots = [], {}

        def one(record):
            if record.key not in slots:
                slots[record.key] = _Slot(record, kind)
            slot = slots[record.key]
            value = slot.value()
            effects = _Bound([], record)
            returned = function(_read(record.data, body), value, **_given(named, effects, context))
            if returned is not None:
                effects.json("default", returned)
            slot.good(value, record)
            out.extend(effects._into)

        failed = _walk(_records(event), one)
        _send(out, failed)
        for slot in slots.values():
            slot.write()
        return _answer(failed)

    return handler


class _Slot:
    """The value of one key: encoded after each success, so that a record that fails changes nothing."""

    def __init__(self, record, kind):
        self.kind = dict if kind is None else kind
        self.stored = host.get(record.index, _STATE_NAME)
        self.encoded = self.stored
        self.source = None

    def value(self):
        if self.encoded is None:
            return self.kind()
        return _made(self.kind, json.loads(self.encoded))

    def good(self, value, record):
        self.encoded, self.source = host.as_json(value), record.index

    def write(self):
        if self.source is not None and self.encoded != self.stored:
            host.put(self.source, _STATE_NAME, self.encoded)


def _records(event):
    if "Records" not in event:
        raise TypeError("this handler takes the records of a stream, and the event has none")
    return list(host.records(event))


def _walk(records, one):
    """What failed, by index; after a failure, later records of the key are not run."""
    failed, keys = {}, set()
    for record in records:
        if record.key in keys:
            failed[record.index] = ("not-tried", "NotTried", "an earlier record of the same key failed")
            continue
        try:
            one(record)
        except host.Refused:
            raise
        except Exception as error:
            failed[record.index] = _said(error, record)
            keys.add(record.key)
    return failed


def _said(error, record):
    if isinstance(error, _Chosen):
        return (error.action, error.kind, str(error))
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "/shardmill/" not in frame.filename]
    reason = str(error)
    if frames:
        last = frames[-1]
        place = last.filename.removeprefix("/var/task/")
        reason += f" ({place} line {last.lineno} in {last.name})"
    print(f"{type(error).__name__}: {reason}, record {record.index + 1}, key {record.key}", file=sys.stderr)
    return ("retry", type(error).__name__, reason)


def _send(out, failed):
    for output, key, data, source in out:
        if source not in failed:
            host.emit(output, key, data, source)


def _answer(failed):
    names = ("action", "kind", "reason")
    items = [{"index": index, **dict(zip(names, said))} for index, said in sorted(failed.items())]
    return {"effects": "attributed", "batchItemFailures": items}


def _named(function, known, after):
    """The parameters that are given by name; any other is a mistake of whoever wrote the handler."""
    names = list(inspect.signature(function).parameters)[after:]
    for name in names:
        if name not in known:
            wanted = ", ".join(sorted(known))
            raise TypeError(f"{function.__name__} has a parameter `{name}`: after the first {after} there may be {wanted}")
    return names


def _given(names, out, context):
    return {name: out if name == "out" else context for name in names}


def _annotation(function, at):
    name = list(inspect.signature(function).parameters)[at]
    try:
        return typing.get_type_hints(function).get(name)
    except Exception:
        return None


def _read(data, kind):
    try:
        return _made(kind, json.loads(data))
    except (ValueError, TypeError, KeyError) as error:
        raise _BadJson(str(error)) from None


def _made(kind, value, name="the body"):
    """A value of JSON as the type that was asked for; unknown fields are left out, missing ones are an error."""
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in typing.get_args(kind):
            return None
        wanted = [one for one in typing.get_args(kind) if one is not type(None)]
        return _made(wanted[0], value, name) if len(wanted) == 1 else value
    if origin is list and isinstance(value, list) and typing.get_args(kind):
        return [_made(typing.get_args(kind)[0], one, name) for one in value]
    if dataclasses.is_dataclass(kind):
        if not isinstance(value, dict):
            raise TypeError(f"{name} is not an object")
        hints = typing.get_type_hints(kind)
        found = {}
        for one in dataclasses.fields(kind):
            if one.name in value:
                found[one.name] = _made(hints.get(one.name), value[one.name], f"field `{one.name}`")
            elif one.default is dataclasses.MISSING and one.default_factory is dataclasses.MISSING:
                raise TypeError(f"field `{one.name}` is missing")
        return kind(**found)
    if kind is float and type(value) is int:
        return float(value)
    if kind in (int, str, bool, float, dict, list) and type(value) is not kind:
        raise TypeError(f"{name} is no {kind.__name__}: {json.dumps(value)[:40]}")
    return value
