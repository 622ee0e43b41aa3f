#!/usr/bin/env python3
"""What does a model cost that computes in less memory than it weighs?

run.py BUILD [QUESTION...]      (residency memory few accelerate mapped many pinned; all, if none is named)

Wan 1.3B, all 30 blocks, float32, random weights, kept in BUILD/bench-offload for the next run. Device = RAM and store =
disk where there is no accelerator, else device and disk through pinned memory, and pinned memory alone. The budget is a
quarter of the blocks. Our reader goes past the page cache (O_DIRECT); for the others it is dropped before each step
(POSIX_FADV_DONTNEED). Each way runs in a process of its own, one at a time and in turns; a figure is the median of its
rounds, a ratio the median of the rounds' ratios. What was measured is in BUILD/offload.json, by question, the last steps'
timeline in BUILD/offload_trace.json (Chrome's trace format).
"""

import contextlib
import functools
import json
import os
import pathlib
import statistics
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from memory_limit import NoMemoryLimit, memory_limit, start_inside

FOLDER = pathlib.Path(__file__).parent
FEW = {"latents": [1, 4, 4], "text_tokens": 8}  # 4 tokens
MANY = {"latents": [1, 32, 32], "text_tokens": 64}  # 256 tokens
ROUNDS = {"few": 5, "accelerate": 3, "mapped": 3, "many": 3, "pinned": 3}
# Ours and the resident model are timed behind a step of their own; who reads all weights in each step needs none.
UNCOUNTED = {"offloaded": 1, "resident": 1}
BLOCKS = 30
MIB = 1 << 20
ALLOWED = 64 * MIB  # beside budget and activations


class Process:
    """A contender, told one thing at a time."""

    def __init__(self, way: str, folder: pathlib.Path, group: pathlib.Path | None = None, environment=None):
        command = [sys.executable, FOLDER / "contender.py", way, folder]
        options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": environment}
        self.process = start_inside(group, command, **options) if group else subprocess.Popen(command, **options)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()

    def ask(self, what: str, **arguments) -> dict:
        self.process.stdin.write(json.dumps({"do": what} | arguments) + "\n")
        self.process.stdin.flush()
        while line := self.process.stdout.readline():
            if line.startswith("{"):  # libraries print, too
                return json.loads(line)
        raise RuntimeError(f"{self.process.args} ended in {what!r} with status {self.process.wait()}")


def row(question: str, ours: float, baseline: float, unit: str, ratio: float, goal: float) -> None:
    values = {"ours": ours, "baseline": baseline, "unit": unit, "ratio": ratio, "goal": goal}
    print(json.dumps({"question": question} | values), flush=True)


def not_run(question: str, why: str) -> dict:
    print(json.dumps({"question": question, "not_run": why}), flush=True)
    return {"not_run": why}


def unpooled() -> dict[str, str]:
    """The allocator as a user has it: what pools memory for timings would count as memory needed."""
    return {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}


def has_accelerator() -> bool:
    import torch

    return torch.accelerator.is_available()


def rounds(processes: dict[str, Process], shape: dict, count: int) -> list[dict]:
    """One step of each way a round, and the moving of the blocks alone."""
    for process in processes.values():
        process.ask("prepare", **shape)
    found = []
    for _ in range(count):
        one = {way: process.ask("step", uncounted=UNCOUNTED.get(way, 0)) for way, process in processes.items()}
        found.append(one | {"moves": processes["offloaded"].ask("move")})
    check_outputs(found)
    return found


def check_outputs(found: list[dict]) -> None:
    """Bit-identical, or it would be another model that was timed."""
    checksums = {(way, step["checksum"]) for one in found for way, step in one.items() if "checksum" in step}
    if len({checksum for _, checksum in checksums}) != 1:
        sys.exit(f"the ways do not compute the same: {sorted(checksums)}")


def bound(one: dict) -> float:
    """T* of a round. A bound may not suffer from what else the machine did: of two transfers the faster one counts."""
    transfer = min(one[way]["transfer_seconds"] for way in ("offloaded", "moves"))
    return max(one["resident"]["seconds"], transfer)


def seconds(way: str):
    return lambda one: one[way]["seconds"]


def median(found: list[dict], figure) -> float:
    return statistics.median(figure(one) for one in found)


def against(question: str, found: list[dict], baseline, goal: float) -> None:
    ratio = median(found, lambda one: baseline(one) / one["offloaded"]["seconds"])
    row(question, median(found, seconds("offloaded")), median(found, baseline), "s/step", ratio, goal)


def share_row(question: str, found: list[dict], goal: float) -> None:
    share = median(found, lambda one: one["moves"]["cpu_seconds"] / one["moves"]["seconds"])
    row(question, share, goal, "of wall", goal / share, 1)


def timeline(process: Process, path: pathlib.Path) -> None:
    process.ask("timeline", path=str(path))
    events = json.loads(path.read_text())["traceEvents"]
    loads, uses = (sum(event["name"].startswith(kind) for event in events) for kind in ("load", "use"))
    assert loads > 0 and uses > 0, path
    print(f"timeline of {len(events)} events in {path}")


class Bench:
    """Its questions print their rows, and return what they measured."""

    def __init__(self, build: pathlib.Path):
        self.build = build
        self.folder = build / "bench-offload"

    @functools.cached_property
    def one_block(self) -> dict:
        """What is not the blocks' weights: libraries, the rest of the model and the activations of a forward."""
        with Process("resident", self.folder, environment=unpooled()) as process:
            weight = process.ask("load", layers=1)["block_bytes"]
            for shape in (FEW, MANY):
                process.ask("prepare", **shape)
                process.ask("step")
            memory = process.ask("memory")
        return {
            "block_bytes": weight,
            "before": memory["before"],
            "besides": memory["peak"] - memory["before"] - weight,
        }

    @property
    def budget(self) -> int:
        return self.one_block["block_bytes"] * BLOCKS // 4

    @contextlib.contextmanager
    def running(self, *ways: str, limit: int | None = None, **of_ours):
        """A process of each way with its model loaded, under a limit of its own if there is one."""
        arguments = {
            "offloaded": {"budget": self.budget} | of_ours,
            "accelerate": {"offload_folder": str(self.folder / "accelerate")},
        }
        with contextlib.ExitStack() as stack:
            processes = {}
            for way in ways:
                group = stack.enter_context(memory_limit(limit, way)) if limit else None
                processes[way] = stack.enter_context(Process(way, self.folder, group))
                processes[way].ask("load", **arguments.get(way, {}))
            yield processes

    def residency(self) -> dict:
        program = self.build / "bin" / "offload_residency"
        output = subprocess.run([program], check=True, stdout=subprocess.PIPE, text=True).stdout
        evenly, prefix = (float(word) for word in output.split())
        question = "40 simulated blocks, half resident, X = 2C: spread evenly, of the leading half"
        row(question, evenly, prefix, "s/step", prefix / evenly, 1.4)
        return {"evenly": evenly, "prefix": prefix}

    def memory(self) -> dict:
        with Process("offloaded", self.folder, environment=unpooled()) as process:
            loaded = process.ask("load", budget=self.budget)
            for shape in (FEW, MANY):
                process.ask("prepare", **shape)
                process.ask("step", uncounted=1)
            memory = process.ask("memory")
        above = memory["peak"] - memory["before"] - self.budget
        limit = ALLOWED + self.one_block["besides"]
        question = "peak RSS above budget and libtorch, of 64 MiB + one block's activations and the rest of the model"
        row(question, above / MIB, limit / MIB, "MiB", limit / max(above, 1), 1)
        return loaded | memory | {"budget": self.budget, "one_block": self.one_block}

    def few(self) -> list[dict]:
        with self.running("offloaded", "resident") as processes:
            found = rounds(processes, FEW, ROUNDS["few"])
            timeline(processes["offloaded"], self.build / "offload_trace.json")
        against("Wan 1.3B from disk in a quarter, few tokens: achieved, of T*", found, bound, 0.9)
        share_row("CPU time of moving the blocks, of its wall time (goal 0.15)", found, 0.15)
        return found

    def accelerate(self) -> list[dict]:
        with self.running("offloaded", "accelerate") as processes:
            found = rounds(processes, FEW, ROUNDS["accelerate"])
        against("few tokens, against accelerate's disk_offload", found, seconds("accelerate"), 2)
        return found

    def mapped(self) -> list[dict] | dict:
        limit = self.one_block["before"] + self.budget + self.one_block["besides"] + ALLOWED  # all that ours may need
        question = f"few tokens, against mmap of the safetensors, each in a cgroup of {limit // MIB} MiB"
        try:
            with self.running("offloaded", "mapped", limit=limit) as processes:
                found = rounds(processes, FEW, ROUNDS["mapped"])
        except NoMemoryLimit as trouble:
            return not_run(question, str(trouble))
        against(question, found, seconds("mapped"), 1.5)
        return found

    def many(self) -> list[dict]:
        with self.running("offloaded", "resident") as processes:
            found = rounds(processes, MANY, ROUNDS["many"])
        against("many tokens: achieved, of T*", found, bound, 0.9)
        against("many tokens, against the resident model", found, seconds("resident"), 1 / 1.05)
        return found

    def pinned(self) -> list[dict] | dict:
        question = "the weights in pinned memory, no disk, few tokens: achieved, of T*"
        if not has_accelerator():
            return not_run(question, "there is no accelerator on this machine")
        with self.running("offloaded", "resident", store="host") as processes:
            found = rounds(processes, FEW, ROUNDS["pinned"])
        against(question, found, bound, 0.9)
        return found


QUESTIONS = ("residency", "memory", "few", "accelerate", "mapped", "many", "pinned")


def main() -> None:
    build, *names = sys.argv[1:]
    bench = Bench(pathlib.Path(build))
    measured = bench.build / "offload.json"
    table = json.loads(measured.read_text()) if measured.exists() and names else {}
    for name in names or QUESTIONS:
        table[name] = getattr(bench, name)()
        measured.write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    if len(sys.argv) < 2 or not set(sys.argv[2:]) <= set(QUESTIONS):
        sys.exit(__doc__)
    main()
