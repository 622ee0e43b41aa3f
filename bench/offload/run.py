#!/usr/bin/env python3
"""What does a model cost that computes in less memory than it weighs?

run.py BUILD

Wan 1.3B, all 30 blocks, float32, random weights, kept in BUILD/bench-offload for the next run. Device = RAM and store =
disk where there is no accelerator, else device and disk through pinned memory, and pinned memory alone. The budget is a
quarter of the blocks. Our reader goes past the page cache (O_DIRECT); for the others it is dropped before each step
(POSIX_FADV_DONTNEED). Each way runs in a process of its own, one at a time and in turns; a figure is the median of its
rounds, a ratio the median of the rounds' ratios. All of it is in BUILD/offload.json, the last steps' timeline in
BUILD/offload_trace.json (Chrome's trace format).
"""

import contextlib
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
ROUNDS = {"few": 5, "mapped": 3, "many": 3}
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


def not_run(question: str, why: str) -> None:
    print(json.dumps({"question": question, "not_run": why}), flush=True)


def unpooled() -> dict[str, str]:
    """The allocator as a user has it: what pools memory for timings would count as memory needed."""
    return {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}


def memory_of_one_block(folder: pathlib.Path) -> dict:
    """What is not the blocks' weights: libraries, the rest of the model and the activations of a forward."""
    with Process("resident", folder, environment=unpooled()) as process:
        weight = process.ask("load", layers=1)["block_bytes"]
        for shape in (FEW, MANY):
            process.ask("prepare", **shape)
            process.ask("step")
        memory = process.ask("memory")
    return {"block_bytes": weight, "before": memory["before"], "besides": memory["peak"] - memory["before"] - weight}


def rounds(processes: dict[str, Process], shape: dict, count: int, reads: Process) -> list[dict]:
    """Ours steps twice in a round, and the second counts: before the first it had an idle time to prefetch in."""
    for process in processes.values():
        process.ask("prepare", **shape)
    found = []
    for _ in range(count):
        one = {}
        for name, process in processes.items():
            if name == "ours":
                process.ask("step")
            one[name] = process.ask("step")
        one["moves"] = reads.ask("move")
        found.append(one)
    check_outputs(found)
    return found


def has_accelerator() -> bool:
    import torch

    return torch.accelerator.is_available()


def median(found: list[dict], figure) -> float:
    return statistics.median(figure(one) for one in found)


def bound(one: dict) -> float:
    return max(one["resident"]["seconds"], one["moves"]["transfer_seconds"])


def check_outputs(found: list[dict]) -> None:
    """Bit-identical, or it would be another model that was timed."""
    checksums = {way["checksum"] for one in found for way in one.values() if "checksum" in way}
    if len(checksums) != 1:
        sys.exit(f"the ways do not compute the same: {checksums}")


def seconds(way: str):
    return lambda one: one[way]["seconds"]


def against(question: str, found: list[dict], baseline, goal: float) -> None:
    ratio = median(found, lambda one: baseline(one) / one["ours"]["seconds"])
    row(question, median(found, seconds("ours")), median(found, baseline), "s/step", ratio, goal)


def share_row(question: str, found: list[dict], goal: float) -> None:
    share = median(found, lambda one: one["moves"]["cpu_seconds"] / one["moves"]["seconds"])
    row(question, share, goal, "of wall", goal / share, 1)


def memory_row(folder: pathlib.Path, budget: int, one_block: dict) -> dict:
    with Process("offloaded", folder, environment=unpooled()) as process:
        loaded = process.ask("load", budget=budget)
        for shape in (FEW, MANY):
            process.ask("prepare", **shape)
            for _ in range(2):
                process.ask("step")
        memory = process.ask("memory")
    above = memory["peak"] - memory["before"] - budget
    limit = ALLOWED + one_block["besides"]
    question = "peak RSS above the budget and libtorch, of 64 MiB + one block's activations and the rest of the model"
    row(question, above / MIB, limit / MIB, "MiB", limit / max(above, 1), 1)
    return loaded | memory


def residency_row(program: pathlib.Path) -> None:
    output = subprocess.run([program], check=True, stdout=subprocess.PIPE, text=True).stdout
    evenly, prefix = (float(word) for word in output.split())
    row("40 simulated blocks, half resident, X = 2C: spread evenly, of the leading half", evenly, prefix, "s/step",
        prefix / evenly, 1.4)  # fmt: skip


def timeline(process: Process, path: pathlib.Path) -> None:
    process.ask("timeline", path=str(path))
    events = json.loads(path.read_text())["traceEvents"]
    loads, uses = (sum(event["name"].startswith(kind) for event in events) for kind in ("load", "use"))
    assert loads > 0 and uses > 0, path
    print(f"timeline of {len(events)} events in {path}")


def wan_rows(
    ours: Process, resident: Process, accelerate: Process, mapped: Process | None, mapped_question: str
) -> dict:
    few = rounds({"ours": ours, "resident": resident, "accelerate": accelerate}, FEW, ROUNDS["few"], ours)
    against("Wan 1.3B from disk in a quarter, few tokens: achieved, of T*", few, bound, 0.9)
    against("the same, against accelerate's disk_offload", few, seconds("accelerate"), 2)
    share_row("CPU time of moving the blocks, of its wall time (goal 0.15)", few, 0.15)
    table = {"few": few}
    if mapped:
        table["mapped"] = rounds({"ours": ours, "mapped": mapped}, FEW, ROUNDS["mapped"], ours)
        against(mapped_question, table["mapped"], seconds("mapped"), 1.5)
    many = rounds({"ours": ours, "resident": resident}, MANY, ROUNDS["many"], ours)
    against("many tokens: achieved, of T*", many, bound, 0.9)
    against("many tokens, against the resident model", many, seconds("resident"), 1 / 1.05)
    return table | {"many": many}


def limited(stack: contextlib.ExitStack, limit: int, folder: pathlib.Path, budget: int, question: str):
    """Ours and the mapped model, each under the limit; ours without, and no other, where none can be made."""
    try:
        processes = [
            stack.enter_context(Process(way, folder, stack.enter_context(memory_limit(limit, way))))
            for way in ("offloaded", "mapped")
        ]
        processes[1].ask("load")
    except NoMemoryLimit as trouble:
        not_run(question, str(trouble))
        processes = [stack.enter_context(Process("offloaded", folder)), None]
    print(json.dumps(processes[0].ask("load", budget=budget)).replace("{", "offloaded: {"), flush=True)
    return processes


def main() -> None:
    build = pathlib.Path(sys.argv[1])
    folder = build / "bench-offload"
    residency_row(build / "bin" / "offload_residency")
    one_block = memory_of_one_block(folder)
    budget = one_block["block_bytes"] * BLOCKS // 4
    table = {"one_block": one_block, "budget": budget, "memory": memory_row(folder, budget, one_block)}

    limit = one_block["before"] + budget + one_block["besides"] + ALLOWED  # all that ours may need
    question = f"few tokens, against mmap of the safetensors, each in a cgroup of {limit // MIB} MiB"
    with contextlib.ExitStack() as stack:
        ours, mapped = limited(stack, limit, folder, budget, question)
        resident = stack.enter_context(Process("resident", folder))
        resident.ask("load")
        accelerate = stack.enter_context(Process("accelerate", folder))
        accelerate.ask("load", offload_folder=str(folder / "accelerate"))
        table |= wan_rows(ours, resident, accelerate, mapped, question)
        timeline(ours, build / "offload_trace.json")
    if not has_accelerator():
        not_run("device, pinned memory and disk: achieved, of T*", "there is no accelerator on this machine")
    (build / "offload.json").write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main()
