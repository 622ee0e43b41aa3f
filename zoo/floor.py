"""Whether a bug is smaller than what legitimate differences make anyway: from whole tensors, in float64.

The effect of a bug is the relative L2 distance, of what the guilty module returns at the first wrong call (of what the
transformer is given, if its caller is guilty), between the port with and without the bug, which share all their kernels.
The floor is the largest distance between the clean port and a clean variant of it, in the same place.
"""

from dataclasses import dataclass

from expected import CALLER, Expected
from programs import Model, Programs

VARIANTS = ("split-products", "fused-bias", "explicit-attention", "fused-projections", "explicit-norms", "no-onednn")


@dataclass(frozen=True)
class Floor:
    effect: float
    floor: float

    @property
    def hides_effect(self) -> bool:
        return self.effect <= self.floor


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

    clean = tensors("clean")

    def distance(other: dict) -> float:
        """Of the output, or argument, that differs most."""
        return max(relative_l2(clean.get(key), other.get(key)) for key in clean.keys() | other.keys())

    effect = distance(tensors("bug", "--bug", expected.bug))
    return Floor(effect, max(distance(tensors(variant, "--variant", variant)) for variant in VARIANTS))


def relative_l2(expected, actual) -> float:
    if expected is None or actual is None or expected.shape != actual.shape:
        return float("inf")
    difference, norm = (actual - expected).norm().item(), expected.norm().item()
    return 0.0 if difference == 0 else difference / norm if norm else float("inf")
