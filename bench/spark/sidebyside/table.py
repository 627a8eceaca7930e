"""The table, in Markdown, as docs/performance.md holds it."""

from .figures import Figures, Spread

#: Points of the job that dollars are told for.
PRICED_POINTS = 1e12

_COLUMNS = (
    *("engine", "n", "wall s", "CPU s", "peak memory MiB", "bits a point", "bits a rollup row"),
    *("CPU s a billion points", "the same, start-up left out", "cores for 10^12 points"),
)
_RATIOS = ("wall", "CPU", "CPU, start-up left out", "memory", "bits a point")


def of(engines: list[Figures], core_hour: float) -> str:
    """Writes a row for each engine, then how many times the last engine's figures the others have."""
    *others, last = engines
    rows = [
        *_head(_COLUMNS),
        *(_row(engine, core_hour) for engine in engines),
        "",
        *_head((f"over {last.name}", *_RATIOS)),
        *(_ratios(other, last) for other in others),
    ]
    return "\n".join(rows) + "\n"


def _head(columns: tuple[str, ...]) -> list[str]:
    return [f"| {' | '.join(columns)} |", "|" + "---|" * len(columns)]


def _row(engine: Figures, core_hour: float) -> str:
    cells = [
        engine.name,
        str(engine.rounds),
        _spread(engine.wall_s, 1),
        _spread(engine.cpu_s, 1),
        _spread(engine.peak_rss_mib, 0),
        f"{engine.bits_per_point:.2f}",
        f"{engine.bits_per_rollup_row:.1f}",
        f"{engine.cpu_s_per_gpt:.0f}",
        f"{engine.steady_cpu_s_per_gpt:.0f}",
        f"${engine.dollars(PRICED_POINTS, core_hour):.2f}",
    ]
    return f"| {' | '.join(cells)} |"


def _ratios(other: Figures, last: Figures) -> str:
    pairs = [
        (other.wall_s.median, last.wall_s.median),
        (other.cpu_s.median, last.cpu_s.median),
        (other.steady_cpu_s_per_gpt, last.steady_cpu_s_per_gpt),
        (other.peak_rss_mib.median, last.peak_rss_mib.median),
        (other.bits_per_point, last.bits_per_point),
    ]
    return f"| {other.name} | {' | '.join(f'{ours / theirs:.1f}' for ours, theirs in pairs)} |"


def _spread(spread: Spread, digits: int) -> str:
    """Median first; least and most behind it where they differ from it in print."""
    median, least, most = (f"{value:.{digits}f}" for value in (spread.median, spread.least, spread.most))
    return median if least == most else f"{median} ({least} to {most})"
