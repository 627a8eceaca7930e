#!/usr/bin/env bash
# Puts pictures of the dashboard into docs/pictures, from those that scripts/test-browser.sh left in target/browser:
# one of each view, cut to the height of a screen, with few colours, so that all of them are below a megabyte.
set -euo pipefail

cd "$(dirname "$0")/.."
[[ -x .cache/pictures/bin/python ]] || python3 -m venv .cache/pictures
.cache/pictures/bin/pip install --quiet pillow==12.0.0
.cache/pictures/bin/python - <<'END'
from pathlib import Path

from PIL import Image

VIEWS = ["jobs", "coverage", "job", "shard", "task", "cost", "compare", "trouble", "workers"]
PICTURES = [(view, "light", 1100, view) for view in VIEWS] + [("coverage", "dark", 700, "coverage-dark")]

folder = Path("docs/pictures")
folder.mkdir(parents=True, exist_ok=True)
for view, scheme, height, name in PICTURES:
    page = Image.open(f"target/browser/{view}-{scheme}.png").convert("RGB")
    screen = page.crop((0, 0, page.width, min(height, page.height)))
    small = screen.resize((960, screen.height * 960 // screen.width), Image.Resampling.LANCZOS)
    small.quantize(64).save(folder / f"{name}.png", optimize=True)
END
du --human-readable --summarize docs/pictures
