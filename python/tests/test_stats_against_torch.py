"""fvhooks.tensor_stats against torch in float64, on every dtype and on strided tensors."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import fvhooks

FLOATS = [
    *(torch.float64, torch.float32, torch.float16, torch.bfloat16),
    *(torch.float8_e4m3fn, torch.float8_e5m2),
]
INTEGERS = [torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool]
COMPLEX = [torch.complex32, torch.complex64, torch.complex128]
ALL = ["abs_mean", "sum", "min", "max", "mean", "std", "shape", "dtype", "rms", "abs_max", "zeros"]


def as_float64(tensor):
    """What the statistics are of: the elements, or their modulus."""
    if tensor.is_complex():
        return tensor.to(torch.complex128).abs()
    return tensor.to(torch.float64)


def assert_agrees(tensor):
    found = fvhooks.tensor_stats(tensor)
    x = as_float64(tensor)
    magnitude = x.abs().sum().item()
    assert list(found) == [*ALL, "sketch"]
    assert found["shape"] == list(tensor.shape)
    assert found["dtype"] == str(tensor.dtype)
    assert found["zeros"] == (x == 0).sum().item()
    assert found["sum"] == pytest.approx(x.sum().item(), rel=0, abs=1e-7 * magnitude)
    if x.numel() == 0:
        assert (found["min"], found["max"], found["abs_max"]) == (None, None, None)
        assert math.isnan(found["mean"])
        return
    assert found["mean"] == pytest.approx(x.mean().item(), rel=0, abs=1e-7 * magnitude / x.numel())
    assert found["abs_mean"] == pytest.approx(x.abs().mean().item(), rel=1e-6)
    assert found["rms"] == pytest.approx((x * x).mean().sqrt().item(), rel=1e-6)
    # Two ways to a modulus may round to neighbouring doubles.
    rounding = 4e-16 if tensor.is_complex() else 0
    assert found["min"] == pytest.approx(x.min().item(), rel=rounding, abs=0)
    assert found["max"] == pytest.approx(x.max().item(), rel=rounding, abs=0)
    assert found["abs_max"] == pytest.approx(x.abs().max().item(), rel=rounding, abs=0)
    if x.numel() > 1:
        about_mean = x - x.mean()
        assert found["std"] == pytest.approx(
            ((about_mean * about_mean).sum() / (x.numel() - 1)).sqrt().item(), rel=1e-6, abs=1e-15 * magnitude
        )
    else:
        assert math.isnan(found["std"])


def random_tensor(dtype, shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    if dtype in COMPLEX:
        return torch.randn(shape, dtype=torch.complex64, generator=generator).to(dtype)
    if dtype in FLOATS:
        return (torch.randn(shape, generator=generator) + 0.25).to(dtype)
    return torch.randint(0, 100, shape, generator=generator).to(dtype)


@pytest.mark.parametrize("shape", [(), (0,), (1,), (3, 0, 2), (7,), (5, 1023), (3, 7, 1000), (70_000,)])
@pytest.mark.parametrize("dtype", [*FLOATS, *INTEGERS, *COMPLEX], ids=str)
def test_every_dtype(dtype, shape):
    assert_agrees(random_tensor(dtype, shape))


@st.composite
def strided(draw):
    dtype = draw(st.sampled_from([torch.float32, torch.bfloat16, torch.float8_e4m3fn, torch.int64, torch.complex64]))
    shape = draw(st.lists(st.integers(0, 9), min_size=1, max_size=4))
    tensor = random_tensor(dtype, shape, draw(st.integers(0, 100)))
    tensor = tensor.permute(draw(st.permutations(range(tensor.dim()))))
    dim = draw(st.integers(0, tensor.dim() - 1))
    size = tensor.size(dim)
    start = draw(st.integers(0, size))
    tensor = tensor.narrow(dim, start, size - start)
    if draw(st.booleans()):
        tensor = tensor[(slice(None),) * dim + (slice(None, None, 2),)]
    if draw(st.booleans()):
        tensor = tensor.unsqueeze(0).expand(draw(st.integers(1, 3)), *tensor.shape)
    if tensor.is_complex() and draw(st.booleans()):
        tensor = tensor.conj()
    return tensor


@settings(deadline=None)
@given(strided())
def test_strides_do_not_matter(tensor):
    assert_agrees(tensor)
    plain = tensor.resolve_conj().clone(memory_format=torch.contiguous_format)
    assert str(fvhooks.tensor_stats(tensor)) == str(fvhooks.tensor_stats(plain))


def test_integers_are_exact():
    found = fvhooks.tensor_stats(torch.tensor([2**63 - 1, 2**63 - 1, -(2**63)]), ["sum", "min", "abs_max"])
    assert (found["sum"], found["min"], found["abs_max"]) == (2**63 - 2, -(2**63), 2**63)


def test_std_holds_where_the_mean_is_far_from_zero():
    x = 1e4 + torch.randn(100_000, generator=torch.Generator().manual_seed(0))
    assert fvhooks.tensor_stats(x)["std"] == pytest.approx(x.double().std().item(), rel=1e-6)


def test_elements_that_are_not_finite():
    found = fvhooks.tensor_stats(torch.tensor([1.0, math.nan, math.inf, -math.inf]))
    assert (found["nan"], found["inf"]) == (1, 2)
    assert math.isnan(found["sum"])
    assert math.isnan(found["max"])
    found = fvhooks.tensor_stats(torch.tensor([1.0, math.inf]))
    assert (found["sum"], found["max"], found["min"]) == (math.inf, math.inf, 1.0)
    assert "nan" not in found


def test_only_what_was_asked_for_in_the_order_asked():
    x = torch.ones(2)
    assert list(fvhooks.tensor_stats(x, ["sum", "abs_mean"])) == ["sum", "abs_mean", "sketch"]
    assert fvhooks.tensor_stats(x, stats=("dtype", "shape"), sketch=0) == {"dtype": "torch.float32", "shape": [2]}
    assert fvhooks.tensor_stats(x, [], sketch=128)["sketch"].startswith("1:128:")


def test_what_cannot_be_done_is_said():
    with pytest.raises(ValueError, match="median.*abs_mean"):
        fvhooks.tensor_stats(torch.ones(1), ["median"])
    with pytest.raises(ValueError, match="sketch=65"):
        fvhooks.tensor_stats(torch.ones(1), sketch=65)
    with pytest.raises(TypeError, match="not one string"):
        fvhooks.tensor_stats(torch.ones(1), "sum")
    with pytest.raises(TypeError, match=r"torch\.Tensor"):
        fvhooks.tensor_stats([1.0])
    meta = torch.ones(2, 3, device="meta")
    with pytest.raises(ValueError, match="meta"):
        fvhooks.tensor_stats(meta)
    assert fvhooks.tensor_stats(meta, ["shape", "dtype"], sketch=0) == {"shape": [2, 3], "dtype": "torch.float32"}
