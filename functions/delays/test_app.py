"""`PYTHONPATH=../../sdk/python python3 -m unittest` in this folder."""

import unittest

from app import handler
from shardmill.testing import Bench


class Delays(unittest.TestCase):
    def test_each_flight_counts_once_and_early_ones_add_nothing(self):
        bench = Bench(handler)
        for delay in (12, -3, None):
            bench.put("JFK", {"origin": "JFK", "dep_delay": delay})
        self.assertEqual(bench.state("JFK"), {"flights": 3, "cancelled": 1, "minutes": 12})
        self.assertEqual(bench.outputs()[-1].json(), {"origin": "JFK", "flights": 3, "minutes": 12})

    def test_what_is_no_flight_is_given_up(self):
        failed = Bench(handler).put("JFK", {"origin": "JFK"}).failed
        self.assertEqual([(one.action, one.reason) for one in failed], [("dead-letter", "field `dep_delay` is missing")])


if __name__ == "__main__":
    unittest.main()
