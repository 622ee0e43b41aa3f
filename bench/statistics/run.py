"""What do all statistics and the sketch of a tensor cost, beside FastVideo's formulas? One thread, nanoseconds an element."""

import json
import pathlib
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


def main() -> None:
    torch.set_num_threads(1)
    for elements, dtype, six_goal, two_goal in CASES:
        tensor = torch.randn(elements, generator=torch.Generator().manual_seed(1)).to(dtype)
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


main()
