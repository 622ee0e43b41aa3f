"""FASTVIDEO_TRACE_CAPTURE: the tensors of records are written as they are (docs/capture.md)."""

import logging
import os
import subprocess
import sys

import pytest
import torch
from safetensors import safe_open
from torch import nn
from traced_models import Returns, Toy, traced_call

from fvhooks import attach_activation_trace, detach_activation_trace, trace_step


@pytest.fixture
def captures(trace, tmp_path):
    folder = tmp_path / "captures"
    trace.set(CAPTURE=str(folder))
    return folder


def read(path):
    """The tensors of a file by label, and its metadata."""
    with safe_open(path, "pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118


def files(folder):
    """The captures of the one run there, by the path inside it."""
    (run,) = folder.iterdir()
    return {str(path.relative_to(run)): path for path in run.rglob("*.safetensors")}


def captured_output(folder, value):
    traced_call(Returns(value))
    tensors, _ = read(files(folder)["@unnamed/child/nostep.call0.out.safetensors"])
    return tensors


def test_a_file_for_each_side_of_each_call_of_each_module(trace, captures):
    trace.set(INPUTS="1", ROOT="1")
    model = Toy()
    x = torch.randn(3, 2)
    manager = attach_activation_trace(model, root="transformer")
    for step in range(2):
        with trace_step(step):
            y = model(x)
            model(x)
    detach_activation_trace(manager)

    found = files(captures)
    modules = ["@root", "block", "block.0", "block.1", "other"]
    assert set(found) == {
        f"transformer/{module}/step{step}.call{call}.{side}.safetensors"
        for module in modules
        for step in range(2)
        for call in range(2)
        for side in ("in", "out")
    }
    tensors, metadata = read(found["transformer/@root/step1.call0.out.safetensors"])
    assert torch.equal(tensors["out"], y)
    run = trace.records()[0]["run"]
    assert {key: metadata[key] for key in ("fvhooks.capture", "root", "module", "step", "call", "side", "run")} == {
        "fvhooks.capture": "1",
        "root": "transformer",
        "module": "",
        "step": "1",
        "call": "0",
        "side": "out",
        "run": run,
    }
    tensors, _ = read(found["transformer/@root/step1.call0.in.safetensors"])
    assert torch.equal(tensors["in[0]"], x)


def test_the_filters_of_layers_and_steps_hold_for_captures_too(trace, captures):
    trace.set(LAYERS=r"block\.0", STEPS="1")
    model = Toy()
    manager = attach_activation_trace(model)
    for step in range(3):
        with trace_step(step):
            model(torch.ones(1, 2))
    detach_activation_trace(manager)
    assert set(files(captures)) == {"@unnamed/block.0/step1.call0.out.safetensors"}


DTYPES = [
    torch.float64,
    torch.float32,
    torch.float16,
    torch.bfloat16,
    torch.float8_e4m3fn,
    torch.float8_e5m2,
    torch.int64,
    torch.int32,
    torch.int16,
    torch.int8,
    torch.uint8,
    torch.bool,
    torch.complex64,
]


def bits(tensor):
    return tensor.contiguous().flatten().view(torch.uint8)


def test_tensors_keep_dtype_shape_and_bits(captures):
    value = {str(dtype): (torch.randn(3, 5) * 4).to(dtype) for dtype in DTYPES}
    value |= {
        "scalar": torch.tensor(1.5),
        "empty": torch.empty(0, 3),
        "transposed": torch.randn(3, 5).t(),
        "expanded": torch.randn(1, 4).expand(3, 4),
        "flipped slice": torch.randn(10)[1::3],
        "conjugate": torch.randn(3, dtype=torch.complex64).conj(),
        "negative": torch.randn(3, dtype=torch.complex64).conj().imag,
        "with gradient": nn.Parameter(torch.randn(2)) * 2,
    }
    tensors = captured_output(captures, value)
    assert len(tensors) == len(value)
    for key, expected in value.items():
        label = f"out.{key}" if key.isalnum() else f'out["{key}"]'
        assert tensors[label].dtype == expected.dtype, key
        assert tensors[label].shape == expected.shape, key
        expected = expected.detach().resolve_conj().resolve_neg()
        assert torch.equal(bits(tensors[label]), bits(expected)), key


@pytest.mark.parametrize(("dtype", "parts"), [(torch.complex32, torch.float16), (torch.complex128, torch.float64)])
def test_complex_dtypes_that_the_format_lacks_are_pairs(captures, dtype, parts):
    value = torch.view_as_complex(torch.randn(3, 4, 2).to(parts)).t()
    tensors = captured_output(captures, value)
    assert tensors["out"].dtype == parts
    assert torch.equal(tensors["out"], torch.view_as_real(value))
    _, metadata = read(next(iter(files(captures).values())))
    assert metadata["dtype out"] == str(dtype)


def test_tensors_without_values_are_left_out_and_counted(captures, caplog):
    value = {
        "dense": torch.ones(2),
        "meta": torch.empty(2, device="meta"),
        "sparse": torch.eye(3).to_sparse(),
        "nested": torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]),
        "quantised": torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8),
    }
    with caplog.at_level(logging.WARNING, logger="fvhooks"):
        assert set(captured_output(captures, value)) == {"out.dense"}
    (told,) = [record.getMessage() for record in caplog.records if "lack" in record.getMessage()]
    for reason in ("a meta tensor has no values", "a sparse tensor has no strides", "nested", "qint8 is not read"):
        assert reason in told


def test_what_the_model_does_to_a_tensor_later_does_not_show(captures):
    class Adds(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Identity()

        def forward(self, x):
            return self.inner(x).add_(1)

    traced_call(Adds(), torch.zeros(3))
    tensors, _ = read(files(captures)["@unnamed/inner/nostep.call0.out.safetensors"])
    assert torch.equal(tensors["out"], torch.zeros(3))


def test_autocast_and_dispatch_modes_do_not_touch_captures(captures):
    from torch.utils._python_dispatch import TorchDispatchMode

    seen = []

    class Sees(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            seen.append(func)
            return func(*args, **(kwargs or {}))

    value = torch.randn(3, 5).t()
    model = Returns(value)
    manager = attach_activation_trace(model)
    with torch.autocast("cpu"), Sees():
        model()
    detach_activation_trace(manager)
    assert seen == []
    tensors, _ = read(files(captures)["@unnamed/child/nostep.call0.out.safetensors"])
    assert torch.equal(tensors["out"], value)


def test_the_limit_ends_captures_but_not_the_trace(trace, captures, caplog):
    trace.set(CAPTURE_LIMIT="1k")
    with caplog.at_level(logging.WARNING, logger="fvhooks"):
        model = Returns(torch.zeros(100))
        manager = attach_activation_trace(model)
        for _ in range(5):
            model()
        detach_activation_trace(manager)
    assert len(files(captures)) == 1
    assert len(trace.records()) == 5
    reached, told = [record.getMessage() for record in caplog.records]
    assert "FASTVIDEO_TRACE_CAPTURE_LIMIT" in reached
    assert "4 files" in told


def test_a_bad_limit_and_a_folder_that_cannot_be_are_errors_of_the_attach(trace, captures, tmp_path):
    trace.set(CAPTURE_LIMIT="much")
    with pytest.raises(ValueError, match="FASTVIDEO_TRACE_CAPTURE_LIMIT"):
        attach_activation_trace(Toy())
    (tmp_path / "file").write_text("")
    trace.set(CAPTURE_LIMIT="1G", CAPTURE=str(tmp_path / "file"))
    with pytest.raises(OSError, match="FASTVIDEO_TRACE_CAPTURE"):
        attach_activation_trace(Toy())
    assert not trace.path.exists()


def test_without_a_folder_nothing_is_captured(trace, tmp_path):
    trace.set(CAPTURE="")
    traced_call(Toy(), torch.ones(1, 2))
    assert [path.name for path in tmp_path.iterdir()] == ["trace.jsonl"]


FORKS = """
import os, torch
from torch import nn
from fvhooks import attach_activation_trace, detach_activation_trace
model = nn.ModuleDict({"m": nn.Identity()})
trace = attach_activation_trace(model)
model["m"](torch.zeros(2))
child = os.fork()
model["m"](torch.full((2,), 1.0 if child == 0 else 2.0))
if child == 0:
    os._exit(0)
os.waitpid(child, 0)
detach_activation_trace(trace)
"""


def test_a_forked_child_captures_to_a_run_of_its_own(captures):
    subprocess.run([sys.executable, "-c", FORKS], check=True, env=os.environ)
    values = sorted(
        sorted(read(path)[0]["out"][0].item() for path in run.rglob("*.safetensors")) for run in captures.iterdir()
    )
    assert values == [[0.0, 2.0], [1.0]]
