"""FASTVIDEO_TRACE_INJECT: a port goes on from what its reference computed, and is judged module by module."""

import collections
import dataclasses
import json
import logging
import typing

import pytest
import torch
from torch import nn

from fvhooks.activation_trace import attach_activation_trace, detach_activation_trace, trace_step


class Doubled(nn.Module):
    """A module with a weight, whatever it returns it in."""

    def __init__(self, weight, wrap=lambda tensor: tensor):
        super().__init__()
        self.weight, self.wrap, self.seen = weight, wrap, None

    def forward(self, x, scale=None):
        self.seen = x if scale is None else scale
        return self.wrap(x * self.weight)


class Model(nn.Module):
    def __init__(self, first=2.0, second=3.0, wrap=lambda tensor: tensor, unwrap=lambda value: value):
        super().__init__()
        self.first, self.second = Doubled(first, wrap), Doubled(second)
        self.unwrap, self.returned = unwrap, None

    def forward(self, x):
        self.returned = self.first(x)
        return self.second(self.unwrap(self.returned))


INPUT = torch.linspace(-1, 1, 12).reshape(3, 4)


@pytest.fixture
def traced(tmp_path, monkeypatch):
    """Runs a model under a trace with these variables: what it returned, and its records by module and tensor."""

    def run(model, x=INPUT, **variables):
        trace = tmp_path / "trace.jsonl"
        trace.unlink(missing_ok=True)
        settings = {"ACTIVATIONS": "1", "INPUTS": "1", "ROOT": "1", "STATS": "max,shape", "OUTPUT": str(trace)}
        with monkeypatch.context() as patch:
            for name, value in (settings | variables).items():
                patch.setenv(f"FASTVIDEO_TRACE_{name}", value)
            manager = attach_activation_trace(model)
        with trace_step(0):
            output = model(x)
        detach_activation_trace(manager)
        records = [json.loads(line) for line in trace.read_text().splitlines()]
        return output, {(record["module"], record["tensor"]): record for record in records}

    return run


@pytest.fixture
def capture(tmp_path, traced):
    def make(model, x=INPUT):
        folder = tmp_path / "capture"
        output, _ = traced(model, x, CAPTURE=str(folder))
        return output, str(folder)

    return make


def test_a_port_goes_on_from_what_the_reference_computed(traced, capture):
    expected, folder = capture(Model())
    output, records = traced(Model(first=5.0), INJECT=folder)
    assert torch.equal(output, expected)
    wrong, right = records["first", "out"], records["second", "out"]
    assert wrong["inject"] == "replaced" and wrong["inject_error"] == pytest.approx(1.5)
    assert right["inject"] == "replaced" and right["inject_error"] == 0.0
    assert wrong["max"] == 5.0, "statistics are of the tensor that the port made"


def test_inputs_are_compared_and_left_as_they_are(traced, capture):
    _, folder = capture(Model())
    port = Model(unwrap=lambda value: value + 1)
    _, records = traced(port, INJECT=folder)
    assert records["second", "in[0]"]["inject"] == "compared"
    assert records["second", "in[0]"]["inject_error"] > 0
    assert torch.equal(port.second.seen, 2 * INPUT + 1)


def test_inputs_are_replaced_where_that_is_asked_for(traced, capture):
    _, folder = capture(Model())
    port = Model(unwrap=lambda value: value + 1)
    _, records = traced(port, INJECT=folder, INJECT_INPUTS="1")
    assert records["second", "in[0]"]["inject"] == "replaced"
    assert records["second", "in[0]"]["inject_error"] > 0
    assert records["second", "out"]["inject_error"] == 0.0
    assert torch.equal(port.second.seen, 2 * INPUT)


def test_arguments_passed_by_keyword_are_replaced_too(traced, capture):
    class Caller(nn.Module):
        def __init__(self, scale):
            super().__init__()
            self.inner, self.scale = Doubled(2.0), scale

        def forward(self, x):
            return self.inner(x, scale=x * self.scale)

    _, folder = capture(Caller(1.0))
    port = Caller(4.0)
    traced(port, INJECT=folder, INJECT_INPUTS="1")
    assert torch.equal(port.inner.seen, INPUT)


class Pair(typing.NamedTuple):
    sample: torch.Tensor
    other: str


@dataclasses.dataclass(frozen=True)
class Frozen:
    sample: torch.Tensor
    other: str = "kept"


CONTAINERS = {
    "tuple": (lambda t: ("kept", t), lambda v: v[1]),
    "list": (lambda t: [t, "kept"], lambda v: v[0]),
    "dict": (lambda t: {"sample": t, 3: "kept"}, lambda v: v["sample"]),
    "ordered": (lambda t: collections.OrderedDict(sample=t), lambda v: v["sample"]),
    "named tuple": (lambda t: Pair(t, "kept"), lambda v: v.sample),
    "dataclass": (lambda t: Frozen(t), lambda v: v.sample),
    "nested": (lambda t: {"a": [Pair(t, "kept")]}, lambda v: v["a"][0].sample),
}


@pytest.mark.parametrize("kind", CONTAINERS)
def test_a_tensor_is_replaced_wherever_it_lies(kind, traced, capture):
    wrap, unwrap = CONTAINERS[kind]
    expected, folder = capture(Model(wrap=wrap, unwrap=unwrap))
    made = []

    def remembered(tensor):
        made.append(wrap(tensor))
        return made[-1]

    port = Model(first=5.0, wrap=remembered, unwrap=unwrap)
    output, _ = traced(port, INJECT=folder)
    assert torch.equal(output, expected)
    assert type(port.returned) is type(made[0])
    assert torch.equal(unwrap(made[0]), 5 * INPUT), "the module may keep what it returned"


def test_replacements_have_the_ports_dtype_and_strides(traced, capture):
    _, folder = capture(Model())
    port = Model(first=5.0, wrap=lambda tensor: tensor.to(torch.bfloat16).t().contiguous().t())
    traced(port, INJECT=folder)
    assert port.returned.dtype == torch.bfloat16
    assert port.returned.stride() == (1, 3)
    assert torch.equal(port.returned, (2 * INPUT).to(torch.bfloat16))


def test_what_was_not_captured_or_has_another_shape_stays(traced, capture):
    _, folder = capture(Model())
    port = Model(first=5.0, wrap=lambda tensor: (tensor[:2], tensor), unwrap=lambda value: value[0])
    output, records = traced(port, INJECT=folder)
    assert records["first", "out[0]"]["inject"] == "absent"
    assert "inject_error" not in records["first", "out[0]"]
    assert records["second", "out"]["inject"] == "shape"
    assert torch.allclose(output, 15 * INPUT[:2])


def test_a_capture_that_cannot_be_read_never_reaches_the_model(traced, capture, tmp_path, caplog):
    _, folder = capture(Model())
    for file in (tmp_path / "capture").rglob("*.safetensors"):
        file.write_bytes(b"rubbish")
    with caplog.at_level(logging.WARNING, logger="fvhooks"):
        output, records = traced(Model(first=5.0), INJECT=folder)
    assert torch.allclose(output, 15 * INPUT)
    assert {record["inject"] for record in records.values()} == {"failed"}
    assert len([record for record in caplog.records if "could not be injected" in record.message]) == 1


def test_a_folder_without_a_capture_is_an_error_of_the_attach(traced, tmp_path):
    with pytest.raises(ValueError, match="FASTVIDEO_TRACE_INJECT"):
        traced(Model(), INJECT=str(tmp_path / "nowhere"))
    assert not (tmp_path / "trace.jsonl").exists()


def test_modules_may_have_other_names_in_the_capture(traced, capture, tmp_path):
    expected, folder = capture(Model())

    class Renamed(Model):
        def __init__(self):
            super().__init__(first=5.0)
            self.start = self.first
            del self.first

        def forward(self, x):
            return self.second(self.start(x))

    names = tmp_path / "names.txt"
    names.write_text("start\tfirst\n")
    output, _ = traced(Renamed(), INJECT=folder, INJECT_NAMES=str(names))
    assert torch.equal(output, expected)


def test_without_injection_records_say_nothing_of_it(traced):
    _, records = traced(Model())
    assert not any(key.startswith("inject") for record in records.values() for key in record)
