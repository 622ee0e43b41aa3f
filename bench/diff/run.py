#!/usr/bin/env python3
"""How fast are two large traces compared, and in how much memory?

run.py BUILD

Traces of 300 MB are made in BUILD/bench-diff (the same each time) and kept for the next run.
"""

import json
import pathlib
import subprocess
import sys
import time

from traces import write_pair

FOLDER = pathlib.Path(__file__).parent
SIZE = 300_000_000
REPEATS = 3


def traces(folder: pathlib.Path, size: int) -> tuple[pathlib.Path, pathlib.Path, int]:
    """Made once; the number of records is kept beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    count = folder / "records"
    if not count.exists():
        *_, records = write_pair(folder, size)
        count.write_text(str(records))
    return folder / "reference.jsonl", folder / "port.jsonl", int(count.read_text())


def timed(command: list) -> float:
    """Seconds of the fastest of some runs: nothing else than the machine's other work makes one slower."""
    best = float("inf")
    for _ in range(REPEATS):
        start = time.perf_counter()
        run = subprocess.run(command, capture_output=True, text=True)
        best = min(best, time.perf_counter() - start)
        if run.returncode not in (0, 1):
            sys.exit(f"{command} failed:\n{run.stderr}")
    return best


def peak_bytes(command: list) -> int:
    """Peak resident memory of one run, measured by a child of its own."""
    script = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], capture_output=True);"
    script += "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    run = subprocess.run([sys.executable, "-c", script, *command], capture_output=True, text=True, check=True)
    return 1024 * int(run.stdout)


def row(question: str, ours: float, baseline: float, unit: str, goal: float, ratio: float | None = None) -> dict:
    ratio = baseline / ours if ratio is None else ratio
    return {"question": question, "ours": ours, "baseline": baseline, "unit": unit, "ratio": ratio, "goal": goal}


def reading_rows(program: pathlib.Path, trace: pathlib.Path):
    seconds = {
        what: float(subprocess.run([program, trace, what], capture_output=True, text=True, check=True).stdout)
        for what in ("iterate", "heads", "records")
    }
    for what, means in (("heads", "every line checked, its key read"), ("records", "every value and sketch read")):
        yield row(f"reading 300 MB: {means}, of simdjson's iterate a line", seconds[what], seconds["iterate"], "s", 0.7)


def diff_rows(fvtrace: pathlib.Path, reference: pathlib.Path, port: pathlib.Path):
    ours = timed([fvtrace, "diff", "--no-progress", reference, port])
    for library, goal in (("json", 15), ("orjson", 6)):
        baseline = timed([sys.executable, FOLDER / "obvious.py", reference, port, library])
        yield row(f"diff of two 300 MB traces with sketches, of a script with {library}", ours, baseline, "s", goal)


def memory_row(fvtrace: pathlib.Path, folder: pathlib.Path) -> dict:
    """What a record more costs: two sizes, so that the fixed part falls out. Both files' records count."""
    peaks, counts = [], []
    for name, size in (("small", SIZE // 4), ("300MB", SIZE)):
        reference, port, records = traces(folder / name, size)
        peaks.append(peak_bytes([fvtrace, "diff", "--no-progress", reference, port]))
        counts.append(2 * records)
    slope = (peaks[1] - peaks[0]) / (counts[1] - counts[0])
    return row("memory a record beside the fixed part, at most", slope, 64, "bytes", 1.0)


def main() -> None:
    build = pathlib.Path(sys.argv[1])
    folder = build / "bench-diff"
    reference, port, _ = traces(folder / "300MB", SIZE)
    fvtrace = build / "bin" / "fvtrace"
    for each in (
        *reading_rows(build / "bin" / "diff_reading", reference),
        *diff_rows(fvtrace, reference, port),
        memory_row(fvtrace, folder),
    ):
        print(json.dumps(each), flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main()
