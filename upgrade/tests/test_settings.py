"""Settings that only one of the releases takes, as docs/operations.md tells before an upgrade and before the way back.

When the previous release knows them too, these tests fail, and the rows of that page go with them.
"""

import unittest

from gameday import releases
from gameday.tailor import Ended, Tailor, binary

_NEW = {
    "coordinator": ["tls-cert", "auth-tokens", "roots-allowed", "autoscaling-target", "insecure"],
    "worker": ["tls-ca", "auth-token-file", "roots-allowed", "insecure"],
}


class Settings(unittest.TestCase):
    def setUp(self) -> None:
        self.this, self.previous = Tailor([str(binary())], {}), Tailor([str(releases.previous())], {})

    def refused(self, ended: Ended, *words: str) -> None:
        self.assertEqual(ended.code, 2, ended)
        for word in words:
            self.assertIn(word, ended.stderr)

    def test_the_previous_release_refuses_settings_that_it_does_not_know(self) -> None:
        for program, flags in _NEW.items():
            for flag in flags:
                with self.subTest(program=program, flag=flag):
                    self.assertIn(f"--{flag}", self.this.run(program, "--help").done().stdout)
                    self.refused(self.previous.run(program, f"--{flag}", "1m", "--print-config"), flag)

    def test_only_this_release_asks_for_tls_or_insecure_beyond_its_machine(self) -> None:
        for program in _NEW:
            beyond = (program, "--http-listen", "0.0.0.0:7081", "--print-config")
            self.previous.run(*beyond).done()
            self.refused(self.this.run(*beyond), "http.listen", "insecure")
            self.this.run(*beyond, "--insecure").done()
