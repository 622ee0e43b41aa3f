"""docs/statistics.md and docs/sketch.md in NumPy, written from the pages: slow, and meant to be read beside them.

A tensor comes as its stored parts: a flat array of the stored bits (unsigned integers of the part's width) in row-major
order, and a dtype name without ``torch.``. A complex tensor of n elements has 2n parts.
"""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass

import numpy as np

LANES, TILE, TILES_PER_CHUNK, GROUP = 16, 1024, 64, 256
CHUNK = TILE * TILES_PER_CHUNK
PART_BYTES = {
    "float64": 8, "float32": 4, "float16": 2, "bfloat16": 2, "float8_e4m3fn": 1, "float8_e5m2": 1,
    "int64": 8, "int32": 4, "int16": 2, "int8": 1, "uint8": 1, "bool": 1,
    "complex32": 2, "complex64": 4, "complex128": 8,
}  # fmt: skip
PART_OF_COMPLEX = {"complex32": "float16", "complex64": "float32", "complex128": "float64"}
INTEGERS = ("int64", "int32", "int16", "int8", "uint8", "bool")


def is_complex(dtype: str) -> bool:
    return dtype in PART_OF_COMPLEX


# Elements ---------------------------------------------------------------------------------------------------------


def _float8(bits: np.ndarray, mantissa_bits: int, bias: int) -> np.ndarray:
    bits = bits.astype(np.int64)
    exponent = (bits & 0x7F) >> mantissa_bits
    fraction = (bits & ((1 << mantissa_bits) - 1)).astype(np.float64)
    subnormal = exponent == 0
    significand = np.where(subnormal, fraction, fraction + (1 << mantissa_bits))
    value = np.ldexp(significand, np.maximum(exponent, 1) - bias - mantissa_bits)
    return np.where(bits & 0x80, -value, value).astype(np.float32)


def real_elements(bits: np.ndarray, dtype: str) -> np.ndarray:
    """float32, float64 or Python-exact integers (an int64 array)."""
    unsigned = np.dtype(f"uint{8 * PART_BYTES[dtype]}")
    bits = np.ascontiguousarray(bits, dtype=unsigned)
    if dtype in ("float64", "float32"):
        return bits.view(dtype)
    if dtype == "float16":
        return bits.view(np.float16).astype(np.float32)
    if dtype == "bfloat16":
        return (bits.astype(np.uint32) << 16).view(np.float32)
    if dtype == "float8_e4m3fn":
        value = _float8(bits, 3, 7)
        return np.where((bits & 0x7F) == 0x7F, np.float32(np.nan), value)
    if dtype == "float8_e5m2":
        value = _float8(bits, 2, 15)
        infinity = np.where(bits & 0x80, np.float32(-np.inf), np.float32(np.inf))
        special = np.where(bits & 3, np.float32(np.nan), infinity)
        return np.where((bits & 0x7C) == 0x7C, special, value)
    if dtype == "bool":
        return (bits != 0).astype(np.int64)
    return bits.view(dtype).astype(np.int64)


def modulus(re: np.ndarray, im: np.ndarray) -> np.ndarray:
    re, im = np.abs(re.astype(np.float64)), np.abs(im.astype(np.float64))
    largest = np.where(np.isfinite(re) & np.isfinite(im), np.maximum(re, im), 0)
    exponent = np.clip(np.frexp(largest)[1], -1021, 1021)
    a, b = np.ldexp(re, -exponent), np.ldexp(im, -exponent)
    value = np.ldexp(1.0, exponent) * np.sqrt(a * a + b * b)
    value = np.where(largest == 0, 0.0, value)
    value = np.where(np.isnan(re) | np.isnan(im), np.nan, value)
    return np.where(np.isinf(re) | np.isinf(im), np.inf, value)


# Statistics -------------------------------------------------------------------------------------------------------


@dataclass
class Moments:
    n: int
    sum: np.float64
    magnitude: np.float64
    mean: np.float64
    m2: np.float64


def is_narrow(tile: np.ndarray) -> bool:
    if tile.dtype != np.float32 or not np.isfinite(tile).all():
        return False
    largest = np.abs(tile).max()
    return bool(largest == 0 or 2.0**-30 <= largest < 2.0**60)


def _lane_sum(rows: np.ndarray) -> np.float64:
    lanes = np.zeros(LANES)
    for row in rows:
        lanes = lanes + row.astype(np.float64)
    half = LANES // 2
    while half:
        lanes = lanes[:half] + lanes[half : 2 * half]
        half //= 2
    return lanes[0]


def _tree_sum(padded: np.ndarray) -> np.float64:
    a = padded.reshape(8, 8, LANES)
    return _lane_sum(((a[:, 0] + a[:, 1]) + (a[:, 2] + a[:, 3])) + ((a[:, 4] + a[:, 5]) + (a[:, 6] + a[:, 7])))


def tile_moments(tile: np.ndarray) -> Moments:
    if not is_narrow(tile):
        tile = tile.astype(np.float64)
    m, f = len(tile), tile.dtype.type
    x = np.zeros(TILE, tile.dtype)
    x[:m] = tile
    pairs = x.reshape(32, 2, LANES)
    total = _lane_sum(pairs[:, 0] + pairs[:, 1])
    magnitude = _tree_sum(np.abs(x))
    p = f(total / np.float64(m))
    d = np.zeros(TILE, tile.dtype)
    d[:m] = tile - p
    first, second = _tree_sum(d), _tree_sum(d * d)
    m2 = second - first * first / np.float64(m)
    return Moments(m, total, magnitude, np.float64(p) + first / np.float64(m), np.float64(0) if m2 < 0 else m2)


def merged(a: Moments | None, b: Moments) -> Moments:
    if a is None:
        return b
    n = a.n + b.n
    w = np.float64(b.n) / np.float64(n)
    delta = b.mean - a.mean
    m2 = (a.m2 + b.m2) + (delta * delta) * (np.float64(a.n) * w)
    return Moments(n, a.sum + b.sum, a.magnitude + b.magnitude, a.mean + delta * w, m2)


def moments(elements: np.ndarray) -> Moments | None:
    whole = None
    for chunk in range(0, len(elements), CHUNK):
        state = None
        for tile in range(chunk, min(chunk + CHUNK, len(elements)), TILE):
            state = merged(state, tile_moments(elements[tile : tile + TILE]))
        whole = merged(whole, state)
    return whole


@np.errstate(all="ignore")
def statistics(bits: np.ndarray, dtype: str) -> dict:
    """Every statistic by its name, counts and exact integers as int, the rest as float; min and max None if empty."""
    if is_complex(dtype):
        parts = real_elements(bits, PART_OF_COMPLEX[dtype])
        exact, elements = None, modulus(parts[0::2], parts[1::2])
    elif dtype in INTEGERS:
        exact = [int(value) for value in real_elements(bits, dtype)]
        elements = np.array(exact, dtype=np.int64).astype(np.float64)
    else:
        exact, elements = None, real_elements(bits, dtype)
    n = len(elements)
    nan = int(np.isnan(elements).sum())
    result = {"count": n, "nan": nan, "inf": int(np.isinf(elements).sum()), "zeros": int((elements == 0).sum())}
    if n == 0:
        result |= {"sum": 0 if exact is not None else 0.0, "min": None, "max": None, "abs_max": None}
        return result | dict.fromkeys(("mean", "abs_mean", "std", "rms"), math.nan)

    state, count = moments(elements), np.float64(n)
    overflowed = nan == 0 and result["inf"] == 0 and not np.isfinite(state.m2)
    std = np.inf if overflowed else np.sqrt(state.m2 / (count - 1))
    rms = np.inf if overflowed else np.sqrt(state.m2 / count + state.mean * state.mean)
    result |= {"std": math.nan if n == 1 else float(std), "rms": float(rms)}
    if exact is not None:
        total, magnitude = sum(exact), sum(abs(value) for value in exact)
        result |= {"sum": total, "min": min(exact), "max": max(exact), "abs_max": max(abs(value) for value in exact)}
        return result | {"mean": float(total) / n, "abs_mean": float(magnitude) / n}
    result |= {"sum": float(state.sum), "mean": float(state.sum / count), "abs_mean": float(state.magnitude / count)}
    extremes = {"min": elements.min(), "max": elements.max(), "abs_max": np.abs(elements).max()}
    return result | {name: math.nan if nan else float(value) + 0.0 for name, value in extremes.items()}


# Sketch -----------------------------------------------------------------------------------------------------------


@np.errstate(over="ignore")
def mix(j: np.ndarray) -> np.ndarray:
    z = (np.asarray(j, dtype=np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def buckets_and_signs(count: int) -> tuple[np.ndarray, np.ndarray]:
    i = np.arange(count, dtype=np.uint64)
    g, e = i // np.uint64(GROUP), i % np.uint64(GROUP)
    five_g = np.uint64(5) * g
    h, block = mix(five_g), e // np.uint64(64)
    bucket = e ^ (h & np.uint64(192)) ^ ((h >> (np.uint64(8) + np.uint64(6) * block)) & np.uint64(63))
    word = mix(five_g + np.uint64(1) + block)
    negative = (word >> (e % np.uint64(64))) & np.uint64(1)
    return bucket.astype(np.int64), negative.astype(bool)


@np.errstate(all="ignore")
def sketch_sums(bits: np.ndarray, dtype: str) -> np.ndarray:
    """The 256 float64 sums."""
    elements = real_elements(bits, PART_OF_COMPLEX.get(dtype, dtype))
    if dtype in INTEGERS:
        elements = elements.astype(np.float64)
    bucket, negative = buckets_and_signs(len(elements))
    total = np.zeros(GROUP)
    for chunk in range(0, len(elements), CHUNK):
        sums = np.zeros(GROUP)
        for start in range(chunk, min(chunk + CHUNK, len(elements)), TILE):
            members = slice(start, min(start + TILE, len(elements)))
            tile = elements[members]
            sum_tile = _with_narrow_tile if is_narrow(tile) else _with_wide_tile
            sums = sum_tile(sums, tile, bucket[members], negative[members])
        total = total + sums
    return total


def _by_group(terms: np.ndarray, bucket: np.ndarray) -> np.ndarray:
    """A row for each of the tile's four groups, with its terms by their buckets."""
    rows = np.zeros((TILE // GROUP, GROUP), terms.dtype)
    rows[np.arange(len(terms)) // GROUP, bucket] = terms
    return rows


def _with_narrow_tile(sums: np.ndarray, tile: np.ndarray, bucket: np.ndarray, negative: np.ndarray) -> np.ndarray:
    largest = np.abs(tile).max()
    if largest == 0:
        return sums
    exponent = np.frexp(largest)[1]
    v = np.rint(np.ldexp(tile.astype(np.float64), 29 - exponent)).astype(np.int32)
    units = _by_group(np.where(negative, -v, v), bucket).sum(axis=0, dtype=np.int32)
    return sums + np.ldexp(units.astype(np.float64), exponent - 29)


def _with_wide_tile(sums: np.ndarray, tile: np.ndarray, bucket: np.ndarray, negative: np.ndarray) -> np.ndarray:
    x = np.where(np.isfinite(tile), tile, 0).astype(np.float64)
    rows = _by_group(np.where(negative, -x, x), bucket)
    return (sums + (rows[0] + rows[1])) + (rows[2] + rows[3])


@np.errstate(all="ignore")
def sketch(bits: np.ndarray, dtype: str, k: int = 64) -> np.ndarray:
    """The k float32 that are stored."""
    return stored(sketch_sums(bits, dtype), k)


@np.errstate(all="ignore")
def stored(sums: np.ndarray, k: int) -> np.ndarray:
    while len(sums) > k:
        sums = sums[: len(sums) // 2] + sums[len(sums) // 2 :]
    largest = np.finfo(np.float32).max
    values = sums.astype(np.float32)
    values = np.where(np.isnan(values), largest, np.clip(values, -largest, largest))
    return values + np.float32(0)


def sketch_text(values: np.ndarray) -> str:
    return f"1:{len(values)}:{base64.b64encode(values.astype('<f4').tobytes()).decode()}"


def relative_l2(a: np.ndarray, b: np.ndarray) -> float:
    """Of sketches that have not overflowed and are not all zeros."""
    rounding = _squared_units(a) / 12 + _squared_units(b) / 12
    a, b = a.astype(np.float64), b.astype(np.float64)
    squared = np.where(a == b, 0, (a - b) ** 2 - rounding).sum()
    return float(np.sqrt(squared) / np.linalg.norm(a))


def _squared_units(values: np.ndarray) -> np.ndarray:
    """Squares of the units in the last place of float32; 0 for what is below the normal numbers."""
    magnitude = np.abs(values.astype(np.float64))
    units = np.ldexp(1.0, np.frexp(magnitude)[1] - 24)
    return np.where(magnitude < np.finfo(np.float32).smallest_normal, 0, units**2)
