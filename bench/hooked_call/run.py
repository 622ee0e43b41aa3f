"""What does one traced call cost, eight statistics of one element, the write included? Microseconds a call.

run.py BUILD
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

import torch
from baselines import FASTVIDEO_STATS, FastVideoHook, seconds

from fvhooks.activation_trace import attach_activation_trace, detach_activation_trace
from fvhooks.hooks import ModuleHookManager

CALLS = 2000


class Identity(torch.nn.Module):
    def forward(self, x):
        return x


def calls(model, x):
    def run():
        for _ in range(CALLS):
            model(x)

    return run


def row(question: str, ours: float, baseline: float, goal: float) -> None:
    row = {"question": question, "ours": ours, "baseline": baseline, "unit": "us/call", "ratio": baseline / ours}
    print(json.dumps(row | {"goal": goal}), flush=True)


def in_python(folder: str) -> tuple[float, float]:
    """What a trace and FastVideo's hook add to a call, in microseconds."""
    torch.set_num_threads(1)
    x = torch.ones(1)
    plain, ours, theirs = (torch.nn.Sequential(Identity()) for _ in range(3))
    trace = attach_activation_trace(ours)
    with open(f"{folder}/fastvideo.jsonl", "a", buffering=1) as file:
        ModuleHookManager.get_from_or_default(theirs[0]).append_forward_hook(FastVideoHook("layer", file))
        off, on, baseline = (t / CALLS * 1e6 for t in seconds(calls(plain, x), calls(ours, x), calls(theirs, x)))
    detach_activation_trace(trace)
    return on - off, baseline - off


def main() -> None:
    program = pathlib.Path(sys.argv[1]) / "bin" / "hooked_call"
    with tempfile.TemporaryDirectory() as folder:
        os.environ["FASTVIDEO_TRACE_ACTIVATIONS"] = "1"
        os.environ["FASTVIDEO_TRACE_STATS"] = ",".join(FASTVIDEO_STATS)
        os.environ["FASTVIDEO_TRACE_OUTPUT"] = f"{folder}/ours.jsonl"
        python, fastvideo = in_python(folder)
        cpp = float(subprocess.run([program], check=True, stdout=subprocess.PIPE, text=True).stdout)
    row("one hooked call in Python, eight statistics + sketch of one element, written", python, fastvideo, 8)
    row("the same in C++, against FastVideo's in Python", cpp, fastvideo, 12)


main()
