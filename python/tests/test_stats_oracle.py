"""The NumPy oracle against float64 and torch, and the vectors against the oracle."""

import math

import numpy as np
import oracle
import pytest
import torch
import vectors

TORCH_FLOATS = ("float64", "float32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2")
UNSIGNED_OF_BYTES = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def all_patterns(dtype: str, count: int = 70_000, seed: int = 1) -> np.ndarray:
    random = np.random.default_rng(seed).integers(0, 2**64, count, dtype=np.uint64, endpoint=False)
    return random.astype(f"uint{8 * oracle.PART_BYTES[dtype]}")


def stored(tensor: torch.Tensor) -> np.ndarray:
    tensor = tensor.contiguous().reshape(-1)
    size = tensor.element_size()
    return tensor.view(UNSIGNED_OF_BYTES[size]).numpy().view(f"uint{8 * size}")


@pytest.mark.parametrize("dtype", TORCH_FLOATS)
def test_elements_are_what_torch_reads(dtype):
    bits = all_patterns(dtype)
    signed = bits.view(f"int{8 * bits.itemsize}") if bits.itemsize > 1 else bits
    read = torch.from_numpy(signed.copy()).view(getattr(torch, dtype))
    expected = read.to(torch.float64).numpy()
    with np.errstate(invalid="ignore"):  # signalling NaNs
        found = oracle.real_elements(bits, dtype).astype(np.float64)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("case", vectors.load("statistics"), ids=lambda case: case["name"])
def test_statistics_vectors(case):
    found = oracle.statistics(vectors.stored_bits(case), case["dtype"])
    assert {name: vectors.number(value) for name, value in found.items()} == case["expected"]


@pytest.mark.parametrize("case", vectors.load("sketch"), ids=lambda case: case["name"])
def test_sketch_vectors(case):
    k = int(case["sketch"].split(":")[1])
    assert oracle.sketch_text(oracle.sketch(vectors.stored_bits(case), case["dtype"], k)) == case["sketch"]


@pytest.mark.parametrize("dtype", TORCH_FLOATS)
@pytest.mark.parametrize("mean, spread", [(0, 1), (3, 1e-1), (100, 1e-3), (0, 1e-3), (0, 100)])
@pytest.mark.parametrize("count", [2, 17, 1025, 70_000])
def test_bounds_against_torch_in_float64(dtype, mean, spread, count):
    generator = torch.Generator().manual_seed(count)
    x = (torch.randn(count, generator=generator, dtype=torch.float64) * spread + mean).to(getattr(torch, dtype))
    exact = x.to(torch.float64)
    found = oracle.statistics(stored(x), dtype)
    magnitude = exact.abs().sum().item()
    assert found["count"] == count
    assert found["sum"] == pytest.approx(exact.sum().item(), rel=0, abs=1e-7 * magnitude)
    assert found["mean"] == pytest.approx(exact.mean().item(), rel=0, abs=1e-7 * magnitude / count)
    assert found["abs_mean"] == pytest.approx(magnitude / count, rel=1e-6)
    assert found["std"] == pytest.approx(exact.std().item(), rel=1e-6, abs=1e-300)
    assert found["rms"] == pytest.approx(exact.square().mean().sqrt().item(), rel=1e-6)
    assert (found["min"], found["max"]) == (exact.min().item(), exact.max().item())
    assert found["abs_max"] == exact.abs().max().item()
    assert found["zeros"] == (exact == 0).sum().item()


@pytest.mark.parametrize("dtype", ["int64", "int32", "int16", "int8", "uint8", "bool"])
def test_integers_are_exact(dtype):
    bits = all_patterns(dtype, 3000)
    values = [int(v != 0) if dtype == "bool" else int(v) for v in bits.view(dtype if dtype != "bool" else "uint8")]
    found = oracle.statistics(bits, dtype)
    assert (found["sum"], found["min"], found["max"]) == (sum(values), min(values), max(values))
    assert found["std"] == pytest.approx(np.std(np.array(values, dtype=np.float64), ddof=1), rel=1e-6)


@pytest.mark.parametrize("scale", [1, 1e-30, 1e30])
def test_complex_statistics_are_of_the_modulus(scale):
    x = torch.randn(3000, dtype=torch.complex64, generator=torch.Generator().manual_seed(0)) * scale
    found = oracle.statistics(stored(torch.view_as_real(x)), "complex64")
    modulus = x.to(torch.complex128).abs()
    assert found["sum"] == pytest.approx(modulus.sum().item(), rel=1e-7)
    assert found["std"] == pytest.approx(modulus.std().item(), rel=1e-6)


def test_special_values():
    def of(*values):
        return oracle.statistics(np.array(values, dtype=np.float32).view(np.uint32), "float32")

    assert math.isnan(of(1, math.nan)["max"]) and of(1, math.nan)["nan"] == 1
    assert of(1, math.inf)["sum"] == math.inf and of(1, math.inf)["inf"] == 1
    assert math.isnan(of(-math.inf, math.inf)["sum"])
    assert math.isnan(of(1)["std"]) and of()["min"] is None and of()["sum"] == 0
    assert math.copysign(1, of(-0.0)["min"]) == 1


def test_sketch_is_linear_and_folds():
    a, b = (np.random.default_rng(seed).integers(-500, 500, 70_000).astype(np.float32) for seed in (1, 2))
    of = {k: lambda x, k=k: oracle.sketch(x.view(np.uint32), "float32", k) for k in (64, 128, 256)}
    np.testing.assert_array_equal(of[64](a) - of[64](b), of[64](a - b))
    np.testing.assert_array_equal(oracle.stored(of[256](a).astype(np.float64), 64), of[64](a))
    np.testing.assert_array_equal(oracle.stored(of[256](a).astype(np.float64), 128), of[128](a))


def test_mix_is_splitmix64():
    # The first outputs for seed 0, as published with the algorithm's reference implementation.
    assert [hex(v) for v in oracle.mix(np.arange(3))] == [
        "0xe220a8397b1dcdaf",
        "0x6e789e6aa1b965f4",
        "0x6c45d188009454f",
    ]


def test_every_bucket_of_a_group_is_used_once():
    bucket, negative = oracle.buckets_and_signs(256 * 50)
    for group in bucket.reshape(50, 256):
        assert sorted(group) == list(range(256))
    assert 0.45 < negative.mean() < 0.55
