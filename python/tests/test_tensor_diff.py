"""`fvtrace diff --tensors`: its numbers against NumPy's, written again from docs/diff.md; and what it says."""

import json
import math
import subprocess

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from programs import program
from written_captures import RUN, capture, rewritten

# Least normal exponent and digits behind the point.
FORMATS = {
    torch.float64: (-1022, 52),
    torch.float32: (-126, 23),
    torch.float16: (-14, 10),
    torch.bfloat16: (-126, 7),
    torch.float8_e4m3fn: (-6, 3),
    torch.float8_e5m2: (-14, 2),
}
INTEGERS = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool)


def fvtrace(*arguments):
    return subprocess.run(
        [program("fvtrace"), "diff", *map(str, arguments)], capture_output=True, text=True, timeout=60
    )


def compared(*arguments):
    process = fvtrace("--json", *arguments)
    assert process.returncode in (0, 1), process.stderr
    return json.loads(process.stdout)["tensors"]["compared"]


def numbers(tensor):
    """As float64, complex ones with a last axis of their parts."""
    return (torch.view_as_real(tensor) if tensor.is_complex() else tensor).to(torch.float64).numpy()


def ulp_counts(difference, a, b, dtype):
    size = np.abs(difference)
    if dtype in FORMATS:
        least, digits = FORMATS[dtype]
        with np.errstate(divide="ignore"):
            exponent = np.maximum(np.frexp(np.maximum(np.abs(a), np.abs(b)))[1] - 1, least)
        ulps = np.ldexp(size, digits - exponent)
    else:
        ulps = size
    bins = [0 if u == 0 else max(math.ceil(math.log2(u)), -1) + 2 for u in ulps]
    return np.bincount(bins).tolist() if bins else []


def parts(squares, axis, scale):
    """The error along one axis, by the page's words."""
    others = tuple(other for other in range(squares.ndim) if other != axis)
    return np.sqrt(squares.mean(axis=others)) / scale


def oracle(a, b):
    x, y = numbers(a), numbers(b)
    finite = np.isfinite(x) & np.isfinite(y)
    same = (x == y) | (np.isnan(x) & np.isnan(y))
    both = [np.where(finite, side, 0.0) for side in (x, y)]
    difference = both[1] - both[0]
    scale = math.sqrt((both[0] ** 2).mean()) if x.size else 0.0
    norms = [math.sqrt((side**2).sum()) for side in both]
    worst = np.unravel_index(np.argmax(np.abs(difference)), x.shape) if np.any(difference) else None
    return {
        "elements": x.size,
        "differing": int((~same).sum()),
        "non_finite_mismatches": int((~finite & ~same).sum()),
        "relative_l2": math.sqrt((difference**2).sum()) / norms[0] if np.any(difference) and norms[0] else None,
        "cosine": (both[0] * both[1]).sum() / (norms[0] * norms[1]) if norms[0] and norms[1] else None,
        "worst": None if worst is None else [int(i) for i in worst],
        "max_abs": float(np.abs(difference).max()) if x.size else 0.0,
        "axes": [parts(difference**2, axis, scale) for axis in range(x.ndim)] if scale else None,
        "difference": difference[finite],
        "pair": (x[finite], y[finite]),
    }


def check(diff, a, b, ulp_dtype):
    expected = oracle(a, b)
    for key in ("elements", "differing", "non_finite_mismatches", "max_abs"):
        assert diff[key] == expected[key], key
    assert (diff["worst"] or {"index": None})["index"] == expected["worst"]
    for key in ("relative_l2", "cosine"):
        if expected[key] is not None:
            assert diff[key] == pytest.approx(expected[key], rel=1e-12, abs=1e-12), key
    assert diff["ulp_dtype"] == str(ulp_dtype)
    assert diff["ulps"] == ulp_counts(expected["difference"], *expected["pair"], ulp_dtype)
    if expected["axes"] is not None:
        for axis, errors in zip(diff["axes"], expected["axes"], strict=True):
            assert axis["width"] == 1
            assert axis["errors"] == pytest.approx(errors.tolist(), rel=1e-12, abs=1e-300)


special = st.sampled_from([0.0, -0.0, math.nan, math.inf, -math.inf, 1e-40, 6e-8, 1.0, 448.0])


@st.composite
def pairs(draw):
    """Two tensors of one shape, mostly alike."""
    shape = draw(st.lists(st.integers(0, 5), max_size=4))
    dtypes = draw(st.sampled_from([(d, d) for d in [*FORMATS, *INTEGERS, torch.complex64]] + MIXED))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 1 << 30)))
    a = torch.randn(shape, generator=generator, dtype=torch.float64) * 4
    b = a + torch.randn(shape, generator=generator, dtype=torch.float64) * draw(
        st.sampled_from([0, 1e-7, 1e-2, 1, 1e9])
    )
    if a.numel() and dtypes[0] in FORMATS and dtypes[1] in FORMATS:
        for side in (a, b):
            side.view(-1)[draw(st.integers(0, a.numel() - 1))] = draw(special)
    return tuple(as_dtype(side, dtype) for side, dtype in zip((a, b), dtypes, strict=True))


MIXED = [
    (torch.float32, torch.bfloat16),
    (torch.float16, torch.bfloat16),
    (torch.float64, torch.float8_e4m3fn),
    (torch.int32, torch.float32),
    (torch.int64, torch.int8),
]


def as_dtype(values, dtype):
    if dtype.is_complex:
        return torch.complex(values.float(), values.flip(-1).float() if values.dim() else values.float())
    if dtype in INTEGERS:
        values = values.clamp(0 if dtype == torch.uint8 else -100, 100)
    return values.to(dtype).contiguous()


def narrower(a, b):
    if a.is_complex:
        return torch.float32
    floats = [dtype for dtype in (a, b) if dtype in FORMATS]
    return max(floats, key=lambda dtype: -FORMATS[dtype][1]) if floats else a


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(pairs(), min_size=8, max_size=8))
def test_numbers_are_those_of_numpy(tmp_path_factory, cases):
    folder = tmp_path_factory.mktemp("captures")
    for side, name in enumerate("ab"):
        capture(folder / name, {f"m{i}": {"out": case[side]} for i, case in enumerate(cases)})
    found = {comparison["module"]: comparison for comparison in compared("--tensors", folder / "a", folder / "b")}
    assert len(found) == len(cases)
    for i, (a, b) in enumerate(cases):
        check(found[f"m{i}"]["diff"], a, b, narrower(a.dtype, b.dtype))


def test_the_picture_shows_the_wrong_channel(tmp_path):
    a = torch.randn(2, 96, 192)
    b = a.clone()
    b[..., 100] += 1
    capture(tmp_path / "a", {"m": {"out": a}})
    capture(tmp_path / "b", {"m": {"out": b}})
    (comparison,) = compared("--tensors", tmp_path / "a", tmp_path / "b")
    picture = comparison["diff"]["map"]
    assert (picture["row_axis"], picture["column_axis"], picture["rows"], picture["columns"]) == (1, 2, 48, 96)
    errors = np.array(picture["errors"]).reshape(48, 96)
    squares = ((numbers(b) - numbers(a)) ** 2).reshape(2, 48, 2, 96, 2).mean(axis=(0, 2, 4))
    assert errors == pytest.approx(np.sqrt(squares / (numbers(a) ** 2).mean()), rel=1e-12)
    assert set(np.nonzero(errors)[1]) == {50}


@pytest.fixture
def folders(tmp_path):
    """Of a reference and of a port in which blocks.1 is wrong and what comes after inherits it."""
    torch.manual_seed(0)
    a = {f"blocks.{i}": {"out": torch.randn(4, 8, 16)} for i in range(3)}
    b = {name: dict(tensors) for name, tensors in a.items()}
    for name in ("blocks.1", "blocks.2"):
        b[name]["out"] = a[name]["out"].clone()
        b[name]["out"][2, :, 5] += 0.5
    return capture(tmp_path / "a", a), capture(tmp_path / "b", b)


def test_captures_alone_are_enough_for_a_verdict(folders):
    process = fvtrace("--tensors", *folders)
    assert process.returncode == 1
    assert "blocks.1" in process.stdout.splitlines()[0]
    assert "worst at [2, " in process.stdout
    assert "axis 2 (16)" in process.stdout
    assert "▁▁▁▁▁█▁▁▁▁▁▁▁▁▁▁  0 to 0." in process.stdout
    assert "most at 5" in process.stdout
    assert fvtrace("--tensors", folders[0], folders[0]).returncode == 0


def test_names_are_mapped(folders, tmp_path):
    for path in sorted((folders[1] / RUN / "transformer").iterdir()):
        path.rename(path.with_name(path.name.replace("blocks", "layers")))
    (tmp_path / "map.txt").write_text("layers.* = blocks.*\n")
    rewritten(folders[1])
    found = compared("--map", tmp_path / "map.txt", "--tensors", *folders)
    assert [(each["module"], each["trouble"]) for each in found[:2]] == [("blocks.1", ""), ("blocks.2", "")]


def test_a_record_that_one_side_did_not_capture_says_so(folders, tmp_path):
    traces = []
    for folder, value in zip(folders, (1.0, 2.0), strict=True):
        record = {"module": "elsewhere", "tensor": "out", "step": 3, "sum": value, "call": 1, "seq": 0}
        traces.append(tmp_path / f"{folder.name}.jsonl")
        traces[-1].write_text(json.dumps(record) + "\n")
    (comparison,) = compared("--tensors", *folders, *traces)
    assert comparison["diff"] is None
    assert comparison["trouble"] == "not captured in the reference"


def test_other_shapes_are_said(tmp_path):
    capture(tmp_path / "a", {"m": {"out": torch.ones(2, 3)}})
    capture(tmp_path / "b", {"m": {"out": torch.ones(3, 2)}})
    process = fvtrace("--tensors", tmp_path / "a", tmp_path / "b")
    assert process.returncode == 1
    assert "shape [2, 3] in the reference, [3, 2] in the port" in process.stdout


def test_folders_without_captures_and_one_trace_alone_cannot_be_compared(tmp_path):
    process = fvtrace("--tensors", tmp_path, tmp_path)
    assert process.returncode == 2
    assert "holds no capture" in process.stderr
    assert fvtrace("reference.jsonl", "--tensors", tmp_path, tmp_path).returncode == 2
    assert fvtrace("reference.jsonl").returncode == 2
