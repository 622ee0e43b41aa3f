"""What do all statistics and the sketch of a tensor cost, beside FastVideo's formulas? Nanoseconds an element, one thread
but where it says two.

run.py BUILD
"""

import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

import torch
from baselines import FASTVIDEO_DEFAULT, FASTVIDEO_VALUES, fastvideo, seconds, tuned_torch

import fvhooks

MEGA = 1 << 20
# (elements, dtype, goal against the six, goal against the default two)
CASES = [
    (16 * MEGA, torch.float32, 12, None),
    (16 * MEGA, torch.bfloat16, 20, None),
    (MEGA, torch.float32, 10, 1.5),
    (MEGA, torch.bfloat16, 12, 2.5),
]


def random_tensor(elements: int, dtype: torch.dtype) -> torch.Tensor:
    return torch.randn(elements, generator=torch.Generator().manual_seed(1)).to(dtype)


def row(question: str, ours: float, baseline: float, elements: int, goal: float) -> None:
    per_element = 1e9 / elements
    print(
        json.dumps(
            {
                "question": question,
                "ours": ours * per_element,
                "baseline": baseline * per_element,
                "unit": "ns/element",
                "ratio": baseline / ours,
                "goal": goal,
            }
        ),
        flush=True,
    )


def against_torch() -> None:
    torch.set_num_threads(1)
    for elements, dtype, six_goal, two_goal in CASES:
        tensor = random_tensor(elements, dtype)
        ours, six, two, tuned = seconds(
            lambda t=tensor: fvhooks.tensor_stats(t),
            lambda t=tensor: fastvideo(t, FASTVIDEO_VALUES),
            lambda t=tensor: fastvideo(t, FASTVIDEO_DEFAULT),
            lambda t=tensor: tuned_torch(t),
        )
        what = f"all statistics + sketch, {elements // MEGA}M {str(dtype).removeprefix('torch.')}"
        row(f"{what}, against FastVideo's six", ours, six, elements, six_goal)
        row(f"{what}, against the six in tuned torch", ours, tuned, elements, 1)
        if two_goal:
            row(f"{what}, against FastVideo's default two", ours, two, elements, two_goal)


def with_threads(count: int, tensor: torch.Tensor) -> float:
    torch.set_num_threads(count)
    return seconds(lambda: fvhooks.tensor_stats(tensor), repeats=15)[0]


def threads() -> None:
    tensor = random_tensor(16 * MEGA, torch.bfloat16)
    one, two = with_threads(1, tensor), with_threads(2, tensor)
    row("all statistics + sketch, 16M bfloat16, two threads against one", two, one, tensor.numel(), 1.6)


def read_bound(build: pathlib.Path) -> None:
    program = build / "bin" / "statistics_read_bound"
    measured = json.loads(subprocess.run([program], check=True, capture_output=True, text=True).stdout)
    row(
        "all statistics + sketch, 16M float32, as a share of the read bound",
        measured["ours"] / 1e9,
        measured["bound"] / 1e9,
        1,
        0.8,
    )


def main() -> None:
    against_torch()
    threads()
    read_bound(pathlib.Path(sys.argv[1]))


main()
