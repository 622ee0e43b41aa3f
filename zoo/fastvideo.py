"""FastVideo's documented way of comparing: its statistics of the two runs, side by side.

Its trace has the outputs of all modules but the root, in the order of execution. Two traces are compared line by line,
and the module of the first line that differs is taken for the guilty one: as text (`diff`), or by a fixed tolerance on
`abs_mean` and `max`.
"""

import itertools
import json
import pathlib
from collections import Counter
from collections.abc import Callable

from zoo.expected import Place

TOLERANCES = {"fp32": 1e-3, "bf16": 1e-2}  # relative
TEXT_KEYS = ("module", "tensor", "step", "abs_mean", "sum")  # its default record


def records(trace: pathlib.Path) -> list[dict]:
    lines = map(json.loads, trace.read_text().splitlines())
    return [line for line in lines if line["module"] and not line["tensor"].startswith("in[")]


def first_line(reference: list[dict], port: list[dict], differ: Callable[[dict, dict], bool]) -> Place | None:
    """Its records have no call: which pass of a step it is, the reader counts."""
    seen = Counter()
    for expected, actual in itertools.zip_longest(reference, port):
        record = expected or actual
        key = record["module"], record["tensor"], record["step"]
        if expected is None or actual is None or differ(expected, actual):
            return Place(record["module"], record["step"], seen[key])
        seen[key] += 1
    return None


def differs_as_text(expected: dict, actual: dict) -> bool:
    return any(repr(expected[key]) != repr(actual[key]) for key in TEXT_KEYS)


def differs_beyond(tolerance: float) -> Callable[[dict, dict], bool]:
    def differs(expected: dict, actual: dict) -> bool:
        if any(expected[key] != actual[key] for key in ("module", "tensor", "step")):
            return True
        for key in ("abs_mean", "max"):
            a, b = float(expected[key]), float(actual[key])
            if not abs(a - b) <= tolerance * abs(a):
                return True
        return False

    return differs


def compare(reference: pathlib.Path, port: pathlib.Path, dtype: str) -> dict[str, Place | None]:
    a, b = records(reference), records(port)
    return {
        "text": first_line(a, b, differs_as_text),
        "tolerance": first_line(a, b, differs_beyond(TOLERANCES[dtype])),
    }
