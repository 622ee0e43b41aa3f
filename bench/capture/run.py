"""How many bytes a second does a capture write, beside safetensors.torch.save_file? Neither flushes to the disk; ours
is written beside its name and renamed, and what a traced call costs besides (a record without statistics) is ours too.

run.py BUILD
"""

import json
import os
import pathlib
import shutil
import statistics
import tempfile
import time

import torch
from safetensors.torch import save_file
from torch import nn

import fvhooks

REPEATS = 21
# (what, tensor): the last is one that save_file takes only as a contiguous copy.
CASES = [
    ("64 MB float32", lambda: torch.randn(4096, 4096)),
    ("64 MB bfloat16", lambda: torch.randn(8192, 4096).bfloat16()),
    ("1 MB bfloat16", lambda: torch.randn(512, 1024).bfloat16()),
    ("16 kB float32", lambda: torch.randn(64, 64)),
    ("64 MB float32, transposed", lambda: torch.randn(4096, 4096).t()),
]


class Captured:
    """A module under a trace that captures what it returns."""

    def __init__(self, folder: pathlib.Path):
        os.environ |= {
            "FASTVIDEO_TRACE_ACTIVATIONS": "1",
            "FASTVIDEO_TRACE_OUTPUT": str(folder / "trace.jsonl"),
            "FASTVIDEO_TRACE_CAPTURE": str(folder / "captures"),
            "FASTVIDEO_TRACE_CAPTURE_LIMIT": "1T",
            "FASTVIDEO_TRACE_STATS": "shape,dtype",
            "FASTVIDEO_TRACE_SKETCH": "0",
        }
        self.model = nn.ModuleDict({"m": nn.Identity()})
        self.trace = fvhooks.attach_activation_trace(self.model)

    def __call__(self, tensor: torch.Tensor) -> None:
        self.model["m"](tensor)


def seconds(write, tensor: torch.Tensor, folder: pathlib.Path) -> float:
    start = time.perf_counter()
    write(tensor)
    elapsed = time.perf_counter() - start
    for path in folder.rglob("*.safetensors"):  # the page cache stays as it was
        path.unlink()
    return elapsed


def compare(what: str, tensor: torch.Tensor, captured: Captured, folder: pathlib.Path) -> None:
    def saved(value: torch.Tensor) -> None:
        save_file({"out": value.contiguous()}, folder / "saved.safetensors")

    times: dict = {captured: [], saved: []}
    for _ in range(REPEATS):
        for write, samples in times.items():
            samples.append(seconds(write, tensor, folder))
    ours, theirs = (statistics.median(samples) for samples in times.values())
    size = tensor.numel() * tensor.element_size() / 1e9
    row = {
        "question": f"capture of {what}, against safetensors.torch.save_file",
        "ours": size / ours,
        "baseline": size / theirs,
        "unit": "GB/s",
        "ratio": theirs / ours,
        "goal": 1,
    }
    print(json.dumps(row), flush=True)


def main() -> None:
    torch.set_num_threads(1)
    folder = pathlib.Path(tempfile.mkdtemp())
    try:
        captured = Captured(folder)
        for what, tensor in CASES:
            compare(what, tensor(), captured, folder)
        fvhooks.detach_activation_trace(captured.trace)
    finally:
        shutil.rmtree(folder)


main()
