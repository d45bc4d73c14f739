"""The benchmark, in one run, as ratios: `cargo xtask bench`, or `python -m benches.run` with ICEBRIDGE_BIN set.

Goals: clone at most 1.1 x `cp -r`; a rewrite at least 4 x faster than PyIceberg's scan-and-append and ahead of DuckDB's
COPY at the same codec and level; under 500 MB of memory. The numbers say whether that holds; nothing here does.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from benches import ours, table

HERE = Path(__file__).resolve().parent
GIB = 1 << 30


@dataclass
class Sample:
    """One copy: its seconds, those of the copy alone, and the most memory it had."""

    seconds: float
    copy_seconds: float
    peak_bytes: int


@dataclass
class Goal:
    """A ratio of two contenders' medians, and where it should lie."""

    name: str
    ratio: float
    with_digests: float
    goal: str
    met: bool


def measured(
    command: list[str], cwd: Path, environment: dict[str, str] | None = None, allowed: tuple[int, ...] = (0,)
) -> tuple[str, float, int]:
    """Run a program; its output, its seconds and the peak of its memory."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=cwd, env={**os.environ, **(environment or {})})
    if process.stdout is None:
        raise RuntimeError("no output to read")
    output = process.stdout.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in allowed:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}:\n{output[-4000:]}")
    # Kilobytes on Linux, bytes on macOS.
    return output, seconds, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def contender(name: str, source: Path, work: Path) -> Sample:
    """One copy by one of the others."""
    command = [sys.executable, "-m", "benches.contenders", name, str(source), str(work / name)]
    output, _, peak = measured(command, HERE.parent)
    seconds = float(json.loads(output.splitlines()[-1])["seconds"])
    return Sample(seconds, seconds, peak)


def icebridge(mode: ours.Mode, source: dict[str, object], work: Path) -> Sample:
    """One run of a plan made beforehand; making the plan reads metadata only and isn't timed."""
    plan = ours.prepare(mode, source, work)
    output, seconds, peak = measured(plan.command, work)
    return Sample(seconds, seconds - ours.validation_seconds(output, int(str(source["rows"]))), peak)


def rounds(
    contenders: dict[str, Callable[[Path], Sample]], times: dict[str, int], scratch: Path
) -> dict[str, list[Sample]]:
    """Take turns, so that a slow minute of the machine hits everybody; each starts with a clean folder and disk."""
    samples: dict[str, list[Sample]] = {name: [] for name in contenders}
    for turn in range(max(times.values())):
        for name, copy in contenders.items():
            if turn >= times[name]:
                continue
            work = scratch / "work"
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir(parents=True)
            os.sync()
            sample = copy(work)
            samples[name].append(sample)
            print(f"  round {turn + 1}: {name:<18} {sample.seconds:8.2f} s", file=sys.stderr)
    shutil.rmtree(scratch / "work", ignore_errors=True)
    return samples


def goals(median: dict[str, Sample]) -> list[Goal]:
    """The ratios that were promised, ours over theirs: below the goal is good."""
    found = []
    for name, own, other, limit, words in [
        ("clone / cp -r", "clone", "cp", 1.1, "at most 1.1"),
        ("clone / cp -r to disk", "clone", "cp-to-disk", 1.1, "at most 1.1"),
        ("rewrite, chunks moved / PyIceberg", "rewrite-chunks", "pyiceberg", 0.25, "at most 0.25"),
        ("rewrite, decoded / PyIceberg", "rewrite-decoded", "pyiceberg", 0.25, "at most 0.25"),
        ("rewrite, chunks moved / DuckDB", "rewrite-chunks", "duckdb", 1.0, "below 1"),
        ("rewrite, decoded / DuckDB", "rewrite-decoded", "duckdb", 1.0, "below 1"),
    ]:
        if own in median and other in median:
            ratio = median[own].copy_seconds / median[other].seconds
            full = median[own].seconds / median[other].seconds
            found.append(Goal(name, ratio, full, words, ratio <= limit))
    return found


def machine() -> dict[str, object]:
    """Where the numbers are from: without it they mean nothing."""
    import importlib.metadata as metadata

    model = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        names = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    return {
        "system": platform.platform(),
        "cpu": model,
        "cores": os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "versions": {name: metadata.version(name) for name in ("pyiceberg", "pyarrow", "duckdb")},
        "icebridge": ours.version(),
    }


def show(
    source: dict[str, object], median: dict[str, Sample], samples: dict[str, list[Sample]], found: list[Goal]
) -> None:
    """The table for people."""
    size = int(str(source["bytes"]))
    print(f"\nSource: {int(str(source['rows'])):,} rows, {source['data_files']} data files, {size / GIB:.2f} GiB")
    print(f"Codec {table.CODEC} level {table.LEVEL}; medians; `copy` leaves out the digests of both sides\n")
    print(f"{'':<20}{'runs':>5}{'copy s':>10}{'whole s':>10}{'x cp -r':>10}{'peak MB':>10}")
    base = median["cp"].seconds if "cp" in median else 0.0
    for name, sample in median.items():
        times = f"{sample.copy_seconds / base:.2f}" if base else "-"
        row = f"{name:<20}{len(samples[name]):>5}{sample.copy_seconds:>10.2f}{sample.seconds:>10.2f}"
        print(f"{row}{times:>10}{sample.peak_bytes / 1e6:>10.0f}")
    print(f"\n{'ratio':<36}{'copy':>8}{'whole':>8}  goal (copy)")
    for goal in found:
        verdict = "met" if goal.met else "NOT met"
        print(f"{goal.name:<36}{goal.ratio:>8.2f}{goal.with_digests:>8.2f}  {goal.goal}: {verdict}")


def main() -> None:
    """Make the table, measure, tell."""
    modes = {mode.name: mode for mode in ours.MODES}
    everybody = ["cp", "cp-to-disk", "clone", "rewrite-chunks", "rewrite-decoded", "pyiceberg", "duckdb"]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000_000, help="rows of the source (default: 20 million, 1 GB)")
    parser.add_argument("--runs", type=int, default=3, help="runs of each, of which the median counts")
    parser.add_argument("--fast-runs", type=int, default=5, help="runs of cp, clone and moved chunks: seconds each")
    parser.add_argument("--only", nargs="+", choices=everybody, default=everybody, help="leave the others out")
    parser.add_argument("--scratch", type=Path, help="where copies are written (default: in the cache)")
    options = parser.parse_args()

    cache = Path(os.environ.get("ICEBRIDGE_CACHE") or HERE.parent / ".icebridge" / "cache").resolve()
    scratch = (options.scratch or cache / "bench").resolve()
    # In a process of its own: what Python holds of 20 million rows must not count as the memory of those that follow.
    made = subprocess.run(
        [sys.executable, "-m", "benches.table", str(cache), str(options.rows)],
        check=True,
        stdout=subprocess.PIPE,
        cwd=HERE.parent,
    )
    source = dict(json.loads(made.stdout))
    told = Path(str(source["folder"])) / "source.json"
    warm(Path(str(source["location"])))

    def runner(name: str) -> Callable[[Path], Sample]:
        if name in modes:
            return lambda work: icebridge(modes[name], source, work)
        return lambda work: contender(name, told, work)

    fast = {"cp", "cp-to-disk", "clone", "rewrite-chunks"}
    times = {name: options.fast_runs if name in fast else options.runs for name in options.only}
    samples = rounds({name: runner(name) for name in options.only}, times, scratch)
    median = {
        name: Sample(
            statistics.median(one.seconds for one in several),
            statistics.median(one.copy_seconds for one in several),
            max(one.peak_bytes for one in several),
        )
        for name, several in samples.items()
    }
    found = goals(median)
    show(source, median, samples, found)
    result = {
        "machine": machine(),
        "source": source,
        "medians": {name: asdict(sample) for name, sample in median.items()},
        "samples": {name: [asdict(one) for one in several] for name, several in samples.items()},
        "ratios": [asdict(goal) for goal in found],
    }
    (HERE / "results.json").write_text(json.dumps(result, indent=2) + "\n")
    print(f"\nEverything measured: {HERE / 'results.json'}")


def warm(location: Path) -> None:
    """Read the source once, so that nobody pays for the first reading."""
    for file in location.rglob("*"):
        if file.is_file():
            file.read_bytes()


if __name__ == "__main__":
    main()
