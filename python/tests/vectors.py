"""The inputs of docs/vectors, made from their formula."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import oracle

VECTORS = Path(__file__).resolve().parents[2] / "docs" / "vectors"


def load(name: str) -> list[dict]:
    return json.loads((VECTORS / f"{name}.json").read_text())["cases"]


def stored_bits(case: dict) -> np.ndarray:
    dtype = case["dtype"]
    parts = case["count"] * (2 if oracle.is_complex(dtype) else 1)
    random = oracle.mix(np.arange(parts, dtype=np.uint64) + np.uint64(int(case["seed"])))
    bits = (random & np.uint64(int(case["and"], 16))) | np.uint64(int(case["or"], 16))
    for index, value in case["overrides"]:
        bits[index] = int(value, 16)
    return bits.astype(f"uint{8 * oracle.PART_BYTES[dtype]}")


def number(value):
    """As the vectors write it: integers as strings, non-finite numbers as words."""
    if value is None or isinstance(value, int):
        return value if value is None else str(value)
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
