import sys
import tempfile
import time
import unittest
from pathlib import Path

from sidebyside import meter

#: Takes some CPU time and memory in a child that the command does not wait for.
ORPHAN = """
import os, time
if os.fork() == 0:
    kept = bytearray(64 << 20)
    deadline = time.process_time() + 0.4
    while time.process_time() < deadline:
        pass
    os._exit(0)
time.sleep(0.2)
"""


class TheMeter(unittest.TestCase):
    def run_python(self, code: str):
        with tempfile.TemporaryDirectory() as place:
            return meter.run([sys.executable, "-c", code], Path(place) / "run.log")

    def test_time_of_a_process_that_outlives_its_parent_counts(self):
        usage, _ = self.run_python(ORPHAN)
        self.assertGreater(usage.cpu_s, 0.4)

    def test_memory_of_parent_and_child_is_added(self):
        code = "import subprocess, sys; kept = bytearray(50 << 20); "
        code += "subprocess.run([sys.executable, '-c', 'kept = bytearray(50 << 20); import time; time.sleep(0.5)'])"
        usage, _ = self.run_python(code)
        self.assertGreater(usage.peak_rss_bytes, 100 << 20)

    def test_the_output_is_returned_and_waiting_is_no_cpu_time(self):
        began = time.monotonic()
        usage, said = self.run_python("import time; time.sleep(0.3); print('said')")
        self.assertEqual(said, "said\n")
        self.assertTrue(0.3 <= usage.wall_s <= time.monotonic() - began)
        self.assertLess(usage.cpu_s, 0.3)

    def test_a_failure_shows_the_end_of_the_log(self):
        with self.assertRaisesRegex(meter.CommandError, "ended with 3.*\n.*the cause"):
            self.run_python("import sys; print('the cause', file=sys.stderr); sys.exit(3)")
