"""Whether a bug is smaller than what legitimate differences make anyway: from whole tensors, in float64.

The effect of a bug is the relative L2 distance, of what the guilty module returns at the first wrong call (of what the
transformer is given, if its caller is guilty), between the port with and without the bug, which share all their kernels.
The floor is the largest distance between the clean port and a clean variant of it, in the same place. Of several tensors
the one counts in which the bug shows best: the effect is hidden only if each is below its floor.
"""

import math
from dataclasses import dataclass

from zoo.expected import CALLER, Expected
from zoo.programs import Model, Programs

VARIANTS = ("split-products", "fused-bias", "explicit-attention", "fused-projections", "explicit-norms", "no-onednn")


@dataclass(frozen=True)
class Floor:
    effect: float
    floor: float

    @property
    def ratio(self) -> float:
        return self.effect / self.floor if self.floor else math.inf if self.effect else 0.0

    @property
    def hides_effect(self) -> bool:
        return self.ratio <= 1


def measure(programs: Programs, model: Model, dtype: str, expected: Expected, options: tuple[str, ...]) -> Floor:
    from safetensors.torch import load_file

    place = expected.place
    module, label = ("", "in") if place.module == CALLER else (place.module, "out")

    def tensors(name: str, *more: str) -> dict:
        path = model.capture(programs, f"{expected.bug}.{name}", dtype, module, *options, *more)
        at = f"@{place.step}.{place.call}"
        whole = load_file(path)
        path.unlink()
        return {key: tensor.double() for key, tensor in whole.items() if key.startswith(label) and key.endswith(at)}

    clean, bug = tensors("clean"), tensors("bug", "--bug", expected.bug)
    variants = [tensors(variant, "--variant", variant) for variant in VARIANTS]

    def floor(key: str) -> Floor:
        noise = max(relative_l2(clean.get(key), variant.get(key)) for variant in variants)
        return Floor(relative_l2(clean.get(key), bug.get(key)), noise)

    return max((floor(key) for key in clean.keys() | bug.keys()), key=lambda each: each.ratio)


def relative_l2(expected, actual) -> float:
    if expected is None or actual is None or expected.shape != actual.shape:
        return float("inf")
    difference, norm = (actual - expected).norm().item(), expected.norm().item()
    return 0.0 if difference == 0 else difference / norm if norm else float("inf")
