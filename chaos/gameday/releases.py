"""The programs of days on which two releases meet: the one under test, and the one that the repository names as previous."""

import os
import shutil
import subprocess
from pathlib import Path

from .tailor import REPOSITORY, CommandFailed

#: Names of releases, as scenarios write them.
THIS, PREVIOUS = "this", "previous"
RELEASES = (THIS, PREVIOUS)

_BUILD = REPOSITORY / "upgrade/build.sh"


def previous() -> Path:
    """The binary of the previous release: `PREVIOUS_TAILOR`, or the one that `upgrade/build.sh` has built and kept."""
    if named := os.environ.get("PREVIOUS_TAILOR"):
        found = shutil.which(named)
        if found is None:
            raise CommandFailed(f"PREVIOUS_TAILOR names {named}, and there is no such program")
        return Path(found).resolve()
    built = subprocess.run([_BUILD], stdout=subprocess.PIPE, text=True)
    if built.returncode != 0:
        raise CommandFailed("the previous release cannot be built; see above")
    return Path(built.stdout.strip()).resolve()
