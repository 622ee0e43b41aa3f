"""What does one traced call cost, eight statistics of one element, the write included? Python, microseconds a call."""

import json
import os
import pathlib
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


def main() -> None:
    torch.set_num_threads(1)
    x = torch.ones(1)
    with tempfile.TemporaryDirectory() as directory:
        os.environ["FASTVIDEO_TRACE_ACTIVATIONS"] = "1"
        os.environ["FASTVIDEO_TRACE_STATS"] = ",".join(FASTVIDEO_STATS)
        os.environ["FASTVIDEO_TRACE_OUTPUT"] = f"{directory}/ours.jsonl"
        ours = torch.nn.Sequential(Identity())
        trace = attach_activation_trace(ours)
        plain = torch.nn.Sequential(Identity())
        theirs = torch.nn.Sequential(Identity())
        with open(f"{directory}/fastvideo.jsonl", "a", buffering=1) as file:
            ModuleHookManager.get_from_or_default(theirs[0]).append_forward_hook(FastVideoHook("layer", file))
            off, on, baseline = (t / CALLS for t in seconds(calls(plain, x), calls(ours, x), calls(theirs, x)))
        detach_activation_trace(trace)
    on, baseline = on - off, baseline - off
    print(
        json.dumps(
            {
                "question": "one hooked call in Python, eight statistics + sketch of one element, written",
                "ours": on * 1e6,
                "baseline": baseline * 1e6,
                "unit": "us/call",
                "ratio": baseline / on,
                "goal": 8,
            }
        )
    )


main()
