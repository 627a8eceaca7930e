"""This release beside the previous one: what one leaves, the other takes over. `make test-upgrade` runs these tests.

Every test runs in both directions: `WRITER` is the release that acts first, `READER` the one that finds what it left.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "chaos"))
