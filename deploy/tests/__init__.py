"""Tests of the image, and of pods that are started from it; `deploy/test.sh` runs them."""

import sys
from pathlib import Path

_REPOSITORY = Path(__file__).resolve().parents[2]

# The pods; and the proxies of the game days, by which pods reach servers of this machine.
sys.path[:0] = [str(_REPOSITORY / "deploy"), str(_REPOSITORY / "chaos")]
