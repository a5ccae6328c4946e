"""The forms of handlers against the bench: `python3 -m unittest` in this folder."""

import unittest
from dataclasses import dataclass

from shardmill import DeadLetter, Park, Retry, batch, each, keyed, put, records
from shardmill.testing import Bench


@dataclass
class Flight:
    dest: str
    dep_delay: int | None = None


@dataclass
class Board:
    flights: int = 0


@each
def enrich(flight: Flight, ctx):
    if not flight.dest:
        raise DeadLetter("no dest")
    if flight.dest == "park":
        raise Park("later")
    if flight.dest == "busy":
        raise Retry("busy", kind="Throttled")
    if flight.dest == "bug":
        raise KeyError("gate")
    return flight if (flight.dep_delay or 0) > 30 else None


@keyed
def board(flight: dict, state: Board, out):
    state.flights += 1
    if flight.get("bad"):
        raise DeadLetter("bad")
    out.json("default", state)


@batch
def late(records, out):
    for record in records:
        if record.data == b"bad":
            record.dead_letter("bad")
        out.from_(record).to("default", record.key, record.data)


def plain(event, context):
    for index, record in enumerate(records(event)):
        put(index, "seen", "1")
    return {"statusCode": 200}


class Handlers(unittest.TestCase):
    def test_what_becomes_of_a_record(self):
        cases = [
            ("{broken", "dead-letter", "BadJson"),
            ("[1]", "dead-letter", "BadJson"),
            ('{"dep_delay": 3}', "dead-letter", "BadJson"),
            ('{"dest": 3}', "dead-letter", "BadJson"),
            ('{"dest": ""}', "dead-letter", "DeadLetter"),
            ('{"dest": "park"}', "park", "Park"),
            ('{"dest": "busy"}', "retry", "Throttled"),
            ('{"dest": "bug"}', "retry", "KeyError"),
        ]
        for data, action, kind in cases:
            failed = Bench(enrich).put("JFK", data).failed
            self.assertEqual([(one.action, one.kind) for one in failed], [(action, kind)], data)

    def test_what_is_returned_goes_out_under_the_same_key(self):
        bench = Bench(enrich)
        bench.put("JFK", {"dest": "LAX", "dep_delay": 47, "more": 1})
        bench.put("JFK", {"dest": "LAX", "dep_delay": None})
        self.assertEqual([(one.key, one.text()) for one in bench.outputs()], [("JFK", '{"dest":"LAX","dep_delay":47}')])

    def test_a_failed_record_changes_nothing_and_later_ones_of_its_key_wait(self):
        bench = Bench(board)
        reply = bench.batch([("A", {}), ("A", {"bad": True}), ("A", {}), ("B", {})])
        self.assertEqual([(one.index, one.action) for one in reply.failed], [(1, "dead-letter"), (2, "not-tried")])
        self.assertEqual((bench.state("A"), bench.state("B")), ({"flights": 1}, {"flights": 1}))
        self.assertEqual(len(bench.outputs()), 2)
        bench.put("A", {})
        self.assertEqual(bench.state("A"), {"flights": 2})

    def test_a_batch_marks_what_failed(self):
        bench = Bench(late)
        reply = bench.batch([("a", "good"), ("b", "bad")])
        self.assertEqual([one.index for one in reply.failed], [1])
        self.assertEqual([one.text() for one in bench.outputs()], ["good"])

    def test_an_unknown_parameter_is_named(self):
        with self.assertRaisesRegex(TypeError, "parameter `flights`"):
            each(lambda flight, flights: None)

    def test_an_ordinary_handler_runs_on_the_bench_too(self):
        bench = Bench(plain)
        self.assertEqual(bench.put("k", "x").failed, [])
        self.assertEqual(bench.state("k", "seen"), 1)


if __name__ == "__main__":
    unittest.main()
