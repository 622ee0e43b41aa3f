"""What the benchmarks compare with: FastVideo's formulas, and torch code that tries harder."""

import json
import statistics
import time

import torch

from fvhooks.hooks import ForwardHook

# FastVideo's statistics: a float copy and a host read each.
FASTVIDEO_STATS = {
    "abs_mean": lambda t: float(t.detach().float().abs().mean().item()),
    "sum": lambda t: float(t.detach().float().sum().item()),
    "min": lambda t: float(t.detach().float().min().item()),
    "max": lambda t: float(t.detach().float().max().item()),
    "mean": lambda t: float(t.detach().float().mean().item()),
    "std": lambda t: float(t.detach().float().std().item()),
    "shape": lambda t: list(t.shape),
    "dtype": lambda t: str(t.dtype),
}
FASTVIDEO_VALUES = ("abs_mean", "sum", "min", "max", "mean", "std")
FASTVIDEO_DEFAULT = ("abs_mean", "sum")


def fastvideo(tensor: torch.Tensor, names: tuple[str, ...]) -> list:
    return [FASTVIDEO_STATS[name](tensor) for name in names]


class FastVideoHook(ForwardHook):
    """FastVideo's way: each statistic by itself, a dict, json.dumps, a line-buffered file."""

    def __init__(self, module_name: str, file):
        self.module_name = module_name
        self.file = file

    @classmethod
    def name(cls):
        return "FastVideoHook"

    def post_forward(self, module, output):
        record = {"module": self.module_name, "tensor": "out", "step": None}
        for name, statistic in FASTVIDEO_STATS.items():
            record[name] = statistic(output)
        self.file.write(json.dumps(record, default=str) + "\n")
        return output


def tuned_torch(tensor: torch.Tensor) -> list[float]:
    """The same six with one float copy, aminmax and one host read."""
    values = tensor.detach().float()
    low, high = torch.aminmax(values)
    std, mean = torch.std_mean(values)
    return torch.stack([values.abs().mean(), values.sum(), low, high, mean, std]).tolist()


def seconds(*functions, repeats: int = 7) -> list[float]:
    """Median time of each function; their runs alternate, so that what else the machine does falls on all alike."""
    times: list[list[float]] = [[] for _ in functions]
    for function in functions:
        function()
    for _ in range(repeats):
        for function, samples in zip(functions, times, strict=True):
            start = time.perf_counter()
            function()
            samples.append(time.perf_counter() - start)
    return [statistics.median(samples) for samples in times]
