#!/usr/bin/env python3
"""What does a hookable module cost a call? Instructions, counted by callgrind.

run.py BUILD
"""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

CALLS = 1000  # kCalls in hook_cost.cc


def counts(program):
    """{name of the loop: {event: count a call}}"""
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "callgrind"
        run = subprocess.run(
            [
                "valgrind",
                "--tool=callgrind",
                "--instr-atstart=no",
                "--branch-sim=yes",
                f"--callgrind-out-file={out}",
                program,
            ],
            capture_output=True,
            text=True,
        )
        if run.returncode != 0:
            sys.exit(f"{program} under valgrind failed:\n{run.stderr}")
        result = {}
        for dump in pathlib.Path(folder).glob("callgrind.*"):
            text = dump.read_text()
            name = re.search(r"^desc: Trigger: Client Request: (.*)$", text, re.M)
            if name:
                events = re.search(r"^events: (.*)$", text, re.M).group(1).split()
                totals = re.search(r"^(?:totals|summary): (.*)$", text, re.M).group(1).split()
                result[name.group(1)] = {event: int(total) / CALLS for event, total in zip(events, totals)}
        return result


def row(question, ours, baseline, unit, ratio):
    return {
        "question": question,
        "ours": round(ours, 3),
        "baseline": round(baseline, 3),
        "unit": unit,
        "ratio": round(ratio, 3),
        "goal": 1.0,
    }


def instructions(measured, what, loop):
    """Against the plain module. The ratio is the two instructions that are allowed over those that were added."""
    off, plain = measured[f"{loop} off"]["Ir"], measured[f"{loop} plain"]["Ir"]
    return row(f"{what}: hooks off, at most 2 more than plain", off, plain, "instructions", 2 / max(off - plain, 1.0))


def branches(measured, what, loop):
    off, plain = measured[f"{loop} off"]["Bc"], measured[f"{loop} plain"]["Bc"]
    return row(f"{what}: conditional branches, none more", off, plain, "branches", float(off - plain < 0.01))


def missing(programs):
    """What keeps the benchmark from running, else None"""
    if not shutil.which("valgrind"):
        return "valgrind is not installed"
    if not (programs / "hook_cost").exists():
        return (
            f"there is no {programs / 'hook_cost'}: build it, with valgrind/callgrind.h installed when CMake configures"
        )
    return None


def rows(programs):
    direct, thunk = counts(programs / "hook_cost"), counts(programs / "hook_cost_thunk")
    added = direct["trivial on"]["Ir"] - direct["trivial plain"]["Ir"]
    budget = 200.0
    return [
        instructions(direct, "trivial forward", "trivial"),
        branches(direct, "trivial forward", "trivial"),
        instructions(direct, "forward that takes a tensor by value", "by_value"),
        branches(direct, "forward that takes a tensor by value", "by_value"),
        instructions(direct, "Linear", "linear"),
        instructions(direct, "Sequential", "sequential"),
        instructions(thunk, "trivial forward, by thunk", "trivial"),
        branches(thunk, "trivial forward, by thunk", "trivial"),
        row("one empty hook: added to a call, against a budget", added, budget, "instructions", budget / added),
    ]


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    programs = pathlib.Path(sys.argv[1]) / "bin"
    if trouble := missing(programs):
        sys.exit(f"hook_cost: {trouble}")
    for each in rows(programs):
        print(json.dumps(each), flush=True)
