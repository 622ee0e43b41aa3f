"""Statistics computed by operations of torch, as for tensors of other devices, against the kernels."""

import json
import math
import pathlib
import tempfile

import numpy as np
import oracle
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from test_tensor_stats import DTYPES, NUMBERS, STATS, tensors
from torch.utils._python_dispatch import TorchDispatchMode

import fvhooks
from fvhooks.activation_trace import attach_activation_trace, detach_activation_trace


class Identity(torch.nn.Module):
    def forward(self, x):
        return x


def traced(tensor, monkeypatch):
    """The record of `tensor`, as the operations of torch make it."""
    with tempfile.TemporaryDirectory() as directory, monkeypatch.context() as patch:
        path = pathlib.Path(directory) / "trace"
        variables = {"ACTIVATIONS": "1", "STATS": ",".join(STATS), "OUTPUT": str(path), "DEVICE_PATH": "1"}
        for name, value in variables.items():
            patch.setenv(f"FASTVIDEO_TRACE_{name}", value)
        model = torch.nn.Sequential(Identity())
        trace = attach_activation_trace(model)
        model(tensor)
        detach_activation_trace(trace)
        return json.loads(path.read_text())


def number(value):
    return math.nan if value is None else float(value)


def sketch(text):
    return np.frombuffer(oracle.base64.b64decode(text.split(":")[2]), "<f4")


def assert_agreement(tensor, monkeypatch):
    found, expected = traced(tensor, monkeypatch), fvhooks.tensor_stats(tensor, STATS)
    magnitude = number(expected["abs_mean"]) * tensor.numel()
    bounds = {
        "sum": 1e-7 * magnitude,
        "mean": 1e-7 * number(expected["abs_mean"]),
        "std": 1e-6 * number(expected["std"]) + 1e-15 * magnitude,
    }
    for name in ("shape", "dtype", "zeros"):
        assert found[name] == expected[name]
    for name in ("nan", "inf"):
        assert found.get(name, 0) == expected.get(name, 0)
    for name in NUMBERS:
        assert (found[name] is None) == (expected[name] is None)
        bound = bounds.get(name, 1e-6 * abs(number(expected[name])))
        bound = bound if math.isfinite(bound) else 0
        assert number(found[name]) == pytest.approx(number(expected[name]), rel=0, abs=bound, nan_ok=True), name
    if found["sketch"] != expected["sketch"]:
        # NaN where either overflowed: then both have, in the same places.
        assert oracle.relative_l2(sketch(expected["sketch"]), sketch(found["sketch"])) <= 3e-7


# The fixture is used for its undoing only, which a context does within each example.
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tensor=tensors())
def test_any_view_agrees_with_the_kernels(tensor, monkeypatch):
    assert_agreement(tensor, monkeypatch)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (1,), (255,), (70, 1000)])
def test_shapes(dtype, shape, monkeypatch):
    values = torch.randn(shape, generator=torch.Generator().manual_seed(1)) * 5
    assert_agreement(values.to(getattr(torch, dtype)), monkeypatch)


def test_no_operation_reads_a_value(monkeypatch):
    x = torch.randn(3, 500)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        traced(x, monkeypatch)
    names = {event.key for event in profile.key_averages()}
    assert "aten::scatter_" in names
    assert not {"aten::item", "aten::_local_scalar_dense", "aten::nonzero", "aten::equal"} & names


class Seen(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.operations = []

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        self.operations.append(str(operation))
        return operation(*args, **(kwargs or {}))


def test_what_watches_the_models_operations_does_not_see_ours(monkeypatch):
    with Seen() as seen, torch.autocast("cpu", torch.bfloat16):
        assert_agreement(torch.randn(300), monkeypatch)
    assert seen.operations == ["aten.randn.default"]


def test_a_value_of_the_switch_that_is_none_is_an_error(trace):
    trace.set(DEVICE_PATH="gpu")
    with pytest.raises(ValueError, match="FASTVIDEO_TRACE_DEVICE_PATH"):
        attach_activation_trace(torch.nn.Linear(1, 1))
