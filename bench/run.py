"""Runs every benchmark and prints question, ours, baseline, ratio.

    bench/run.py BUILD [NAME...]

A benchmark is a folder here with a run.py that takes BUILD and prints one JSON object a line:
{"question", "ours", "baseline", "unit", "ratio", "goal"}, where ratio >= goal is good, or {"question", "not_run": why}
where this machine cannot answer it. All rows go to BUILD/bench.json.
"""

import json
import os
import pathlib
import subprocess
import sys

KEYS = ("question", "ours", "baseline", "unit", "ratio", "goal")


def rows_of(script: pathlib.Path, build: pathlib.Path) -> list[dict]:
    # malloc pooled: torch's baselines would otherwise pay for fresh pages at every large tensor.
    pooled = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "17179869184", "MALLOC_TOP_PAD_": "268435456"}
    process = subprocess.run(
        [sys.executable, script, build], stdout=subprocess.PIPE, text=True, env=os.environ | pooled
    )
    if process.returncode != 0:  # it has said why
        sys.exit(1)
    rows = [json.loads(line) for line in process.stdout.splitlines() if line.startswith("{")]
    return [row if "not_run" in row else {key: row[key] for key in KEYS} for row in rows]


def show(row: dict) -> None:
    if "not_run" in row:
        print(f"  {row['question']:<86} not run: {row['not_run']}", flush=True)
        return
    mark = "good" if row["ratio"] >= row["goal"] else "short"
    print(
        f"  {row['question']:<86} {row['ours']:>10.4g} {row['baseline']:>10.4g} {row['unit']:<12}"
        f" {row['ratio']:>8.2f} (goal {row['goal']:g}, {mark})",
        flush=True,
    )


def main() -> int:
    build, *names = sys.argv[1:]
    build = pathlib.Path(build).resolve()
    scripts = sorted(pathlib.Path(__file__).parent.glob("*/run.py"))
    rows = []
    for script in scripts:
        if names and script.parent.name not in names:
            continue
        print(f"{script.parent.name}: question, ours, baseline, unit, ratio", flush=True)
        for row in rows_of(script, build):
            show(row)
            rows.append(row)
    (build / "bench.json").write_text(json.dumps(rows, indent=1) + "\n")
    print(f"{len(rows)} rows in {build / 'bench.json'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
