"""`python3 -m unittest` in this folder: no WebAssembly, no server. `shardmill build` keeps the SDK of its version below
`.shardmill`; needs Python 3.10."""

import sys
import unittest
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / ".shardmill/sdk/python"))

import shardmill  # noqa: E402
from app import handler  # noqa: E402


class Report(unittest.TestCase):
    def test_a_report_says_over_how_many_days_it_is(self):
        with mock.patch.object(shardmill, "emit") as emit:
            answer = handler({"days": 2}, SimpleNamespace(function_name="report"))
        self.assertEqual(answer, {"days": 2})
        emit.assert_called_once_with("default", "report", {"days": 2, "by": "report"})


if __name__ == "__main__":
    unittest.main()
