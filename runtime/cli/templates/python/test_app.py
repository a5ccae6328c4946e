"""`python3 -m unittest` in this folder: no WebAssembly, no server. `shardmill build` keeps the SDK of its version below
`.shardmill`; needs Python 3.10."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / ".shardmill/sdk/python"))

from app import handler  # noqa: E402
from shardmill.testing import Bench  # noqa: E402


class Hello(unittest.TestCase):
    def test_a_late_flight_goes_out_and_others_do_not(self):
        bench = Bench(handler)
        bench.put("EWR", {"flight": "UA1545", "dep_delay": 2})
        bench.put("EWR", {"flight": "UA1", "dep_delay": None})
        self.assertEqual([out.text() for out in bench.outputs()], ['{"flight":"UA1545","late":2}'])
        self.assertEqual(bench.put("EWR", "{broken").failed[0].action, "dead-letter")


if __name__ == "__main__":
    unittest.main()
