"""The machine, and the share of it that others took meanwhile."""

import os
from pathlib import Path


def processor() -> str:
    """Returns the processor's name with its family and model, as /proc/cpuinfo has them."""
    facts = {}
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, colon, value = line.partition(":")
        if colon:
            facts.setdefault(name.strip(), value.strip())
    name = facts.get("model name", os.uname().machine)
    return f"{name} (family {facts.get('cpu family', '?')}, model {facts.get('model', '?')})"


class Load:
    """Observes the cores from its creation on."""

    def __init__(self) -> None:
        self._busy, self._all = _ticks()

    def others_share(self, ours_s: float) -> float:
        """Share of all cores' time that was not idle and not ours."""
        busy, all_ticks = _ticks()
        ours = ours_s * os.sysconf("SC_CLK_TCK")
        return max(0.0, (busy - self._busy - ours) / max(1, all_ticks - self._all))


def _ticks() -> tuple[int, int]:
    """Ticks of all cores so far: busy ones (stolen ones included), and all."""
    with open("/proc/stat") as stat:
        ticks = [int(word) for word in stat.readline().split()[1:9]]
    idle, waiting = ticks[3:5]
    return sum(ticks) - idle - waiting, sum(ticks)
