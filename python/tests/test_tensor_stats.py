"""fvhooks.tensor_stats gives the bits of the oracle, for every dtype and layout."""

import math
import re

import numpy as np
import oracle
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import fvhooks

# uint8 stands for bool too: torch makes no bool bytes other than 0 and 1.
DTYPES = [name for name in oracle.PART_BYTES if hasattr(torch, name)]
STATS = ["abs_mean", "sum", "min", "max", "mean", "std", "shape", "dtype", "rms", "abs_max", "zeros"]
NUMBERS = [name for name in STATS if name not in ("shape", "dtype")]


def stored(tensor: torch.Tensor) -> np.ndarray:
    """The bits of the logical elements, in row-major order."""
    # A clone: one element counts as contiguous whatever its stride, but bytes need a stride of one.
    plain = tensor.resolve_conj().resolve_neg().flatten().clone(memory_format=torch.contiguous_format)
    dtype = str(tensor.dtype).removeprefix("torch.")
    return plain.view(torch.uint8).numpy().view(f"uint{8 * oracle.PART_BYTES[dtype]}")


def number(value):
    """As records write them: non-finite numbers are words."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def assert_bits_of_the_oracle(tensor: torch.Tensor, k: int = 64):
    dtype = str(tensor.dtype).removeprefix("torch.")
    bits = stored(tensor)
    expected = oracle.statistics(bits, dtype)
    found = fvhooks.tensor_stats(tensor, stats=STATS, sketch=k)
    assert {name: number(found[name]) for name in NUMBERS} == {name: number(expected[name]) for name in NUMBERS}
    assert list(found["shape"]) == list(tensor.shape)
    assert found["dtype"] == str(tensor.dtype)
    assert found.get("nan", 0) == expected["nan"] and found.get("inf", 0) == expected["inf"]
    if k:
        assert found["sketch"] == oracle.sketch_text(oracle.sketch(bits, dtype, k))


@st.composite
def tensors(draw):
    """Views of random bits: any dtype, sizes, order of dimensions, steps, expansion, conjugate and negative views."""
    dtype = getattr(torch, draw(st.sampled_from(DTYPES)))
    sizes = draw(st.lists(st.integers(0, 9), max_size=4))
    steps = [draw(st.integers(1, 2)) for _ in sizes]
    full = [size * step for size, step in zip(sizes, steps, strict=True)]
    item = torch.empty(0, dtype=dtype).element_size()
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    raw = random.integers(0, 2 if dtype == torch.bool else 256, math.prod(full) * item, dtype=np.uint8)
    tensor = torch.empty(math.prod(full), dtype=dtype)
    tensor.view(torch.uint8).copy_(torch.from_numpy(raw))
    tensor = tensor.reshape(full)
    tensor = tensor[tuple(slice(None, None, step) for step in steps)]
    tensor = tensor.permute(draw(st.permutations(range(len(sizes)))))
    if draw(st.booleans()):
        tensor = tensor.expand(draw(st.integers(1, 3)), *tensor.shape)
    if tensor.is_complex() and draw(st.booleans()):
        tensor = tensor.conj()
        if draw(st.booleans()) and dtype != torch.complex32:
            tensor = tensor.imag
    return tensor


@settings(max_examples=300, deadline=None)
@given(tensors(), st.sampled_from([0, 64, 128, 256]))
def test_any_view_gives_the_bits_of_the_oracle(tensor, k):
    assert_bits_of_the_oracle(tensor, k)


@pytest.mark.parametrize("dtype", DTYPES)
def test_several_chunks(dtype):
    dtype = getattr(torch, dtype)
    x = torch.randn(140_000, generator=torch.Generator().manual_seed(1)) * 5
    assert_bits_of_the_oracle(x.to(dtype))


@pytest.mark.parametrize("count", [0, 1, 2, 15, 16, 17, 1023, 1024, 1025, 65_535, 65_536, 65_537])
def test_borders_of_tiles_and_chunks(count):
    assert_bits_of_the_oracle(torch.randn(count, generator=torch.Generator().manual_seed(count)))


def test_channels_last_is_the_same_logical_tensor():
    x = torch.randn(2, 16, 9, 11, generator=torch.Generator().manual_seed(0))
    assert fvhooks.tensor_stats(x) == fvhooks.tensor_stats(x.contiguous(memory_format=torch.channels_last))


@pytest.mark.parametrize("size", [None, 100, -64, "64", 64.0, [64]])
def test_a_size_of_sketch_that_is_none_of_those_allowed_is_a_value_error(size):
    with pytest.raises(ValueError, match=re.escape(f"sketch={size!r} is none of 0 (no sketch), 64, 128 and 256")):
        fvhooks.tensor_stats(torch.ones(2), sketch=size)
