#!/usr/bin/env python3
"""Writes docs/vectors/{statistics,sketch}.json with the NumPy oracle. Run it only when a page's version changes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "python" / "tests"))
import oracle  # noqa: E402
import vectors  # noqa: E402

# and, or: what random bits become. Small exponents keep sums finite.
MODERATE = {
    "float64": (0x800FFFFFFFFFFFFF | 0x0030000000000000, 0x3FC0000000000000),
    "float32": (0x81FFFFFF, 0x3E000000),
    "float16": (0x8FFF, 0x3000),
    "bfloat16": (0x81FF, 0x3E00),
    "float8_e4m3fn": (0xBF, 0x00),
    "float8_e5m2": (0xBF, 0x00),
    "int64": (0xFFFFFFFFFFFFFFFF, 0),
    "int32": (0xFFFFFFFF, 0),
    "int16": (0xFFFF, 0),
    "int8": (0xFF, 0),
    "uint8": (0xFF, 0),
    "bool": (0x01, 0),
    "complex32": (0x8FFF, 0x3000),
    "complex64": (0x81FFFFFF, 0x3E000000),
    "complex128": (0x800FFFFFFFFFFFFF | 0x0030000000000000, 0x3FC0000000000000),
}
EVERY_BIT = 0xFFFFFFFFFFFFFFFF
SIZES = (0, 1, 2, 15, 16, 17, 1023, 1024, 1025, 65535, 65536, 65537, 140000)


def case(name, dtype, count, and_bits=None, or_bits=None, overrides=(), seed=0):
    moderate = MODERATE[dtype]
    return {
        "name": name,
        "dtype": dtype,
        "count": count,
        "seed": str(seed),
        "and": hex(moderate[0] if and_bits is None else and_bits),
        "or": hex(moderate[1] if or_bits is None else or_bits),
        "overrides": [[i, hex(bits)] for i, bits in overrides],
    }


def cases():
    for seed, size in enumerate(SIZES):
        yield case(f"{size} elements", "float32", size, seed=1000 * seed)
    for seed, dtype in enumerate(MODERATE):
        yield case(f"{dtype}, moderate", dtype, 2500, seed=100000 + 10000 * seed)
        yield case(f"{dtype}, all bit patterns", dtype, 1500, EVERY_BIT, 0, seed=500000 + 10000 * seed)
    yield case("complex64, two chunks of the sketch in one of the statistics", "complex64", 40000, seed=5)
    yield case("float64, several chunks", "float64", 70000, seed=6)
    yield case("bfloat16, several chunks", "bfloat16", 70000, seed=7)
    yield case("int64, the extremes", "int64", 4, 0, 1 << 63, [(1, 0x7FFFFFFFFFFFFFFF), (2, 0x7FFFFFFFFFFFFFFF)])
    yield case("int64, 2^24 + 1", "int64", 1, 0, 0x1000001)
    yield case("bool, a byte other than 1", "bool", 3, 0, 0, [(1, 2)])
    yield case("constant", "float32", 3000, 0, 0x3DCCCCCD)
    yield case("zeros", "float32", 1500, 0, 0)
    yield case("negative zeros", "float32", 1500, 0, 0x80000000)
    yield case("mean far above the spread", "float32", 70000, 0x000007FF, 0x42C80000, seed=8)
    yield case("mean far above the spread, float64", "float64", 5000, 0xFFFF, 0x4059000000000000, seed=9)
    yield case("tiny: wide tiles", "float32", 3000, 0x81FFFFFF, 0x0C000000, seed=10)
    yield case("subnormal", "float32", 3000, 0x807FFFFF, 0, seed=11)
    yield case("huge: wide tiles", "float32", 3000, 0x81FFFFFF, 0x7C000000, seed=12)
    yield case("the largest narrow number", "float32", 1024, 0x80000000, 0x5D7FFFFF, seed=13)
    yield case("the smallest wide number above", "float32", 1024, 0x80000000, 0x5D800000, seed=14)
    yield case("the smallest narrow number", "float32", 1024, 0x80000000, 0x30800000, seed=15)
    yield case("the largest wide number below", "float32", 1024, 0x80000000, 0x307FFFFF, seed=16)
    yield case(
        "narrow and wide tiles mixed", "float32", 5000, overrides=[(1030, 0x7E000000), (4999, 0x00000001)], seed=17
    )
    yield case("one NaN", "float32", 3000, overrides=[(2049, 0xFFC00001)], seed=18)
    yield case("one infinity", "float32", 3000, overrides=[(7, 0xFF800000)], seed=19)
    yield case("both infinities", "float32", 3000, overrides=[(7, 0xFF800000), (2999, 0x7F800000)], seed=20)
    yield case("one infinite element", "float32", 1, 0, 0x7F800000)
    yield case("float64 beyond 1e154", "float64", 3000, 0x800FFFFFFFFFFFFF, 0x6000000000000000, seed=21)
    yield case("float64, sums beyond the range", "float64", 3000, 0x800FFFFFFFFFFFFF, 0x7FE0000000000000, seed=22)
    yield case("float64, one element of 1e300", "float64", 1, 0, 0x7E37E43C8800759C)
    yield case("complex128 beyond the range", "complex128", 2, 0, 0x7FEFFFFFFFFFFFFF)
    yield case("complex128, subnormal", "complex128", 20, 0x800000000000FFFF, 0, seed=23)


def statistics_vectors():
    for entry in cases():
        found = oracle.statistics(vectors.stored_bits(entry), entry["dtype"])
        yield entry | {"expected": {name: vectors.number(value) for name, value in found.items()}}


def sketch_vectors():
    for index, entry in enumerate(cases()):
        k = (64, 64, 64, 64, 128, 256)[index % 6]
        yield entry | {"sketch": oracle.sketch_text(oracle.sketch(vectors.stored_bits(entry), entry["dtype"], k))}


ABOUT = (
    "Part i of the input (element i, or for complex tensors a real or imaginary part, 2 an element) has the stored bits "
    "(mix(seed + i) AND and) OR or, cut to the part's width, mix as in docs/sketch.md; overrides [i, bits] replace some."
)


def write(name, entries, more):
    lines = ",\n".join("  " + json.dumps(entry) for entry in entries)
    text = f'{{"version": 1, "about": {json.dumps(ABOUT + more)}, "cases": [\n{lines}\n]}}\n'
    (ROOT / "docs" / "vectors" / name).write_text(text)


if __name__ == "__main__":
    write(
        "statistics.json",
        statistics_vectors(),
        " Counts and exact integers are strings, floats shortest round-trip numbers.",
    )
    write("sketch.json", sketch_vectors(), "")
