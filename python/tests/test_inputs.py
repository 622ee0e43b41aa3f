"""FASTVIDEO_TRACE_INPUTS: inputs are labelled by their position in the signature, however they were passed."""

import functools

import pytest
import torch
from torch import nn

from fvhooks import attach_activation_trace, detach_activation_trace


def one(value=1.0):
    return torch.full((1,), value)


class Plain(nn.Module):
    def forward(self, x, scale=None, *, mask=None):
        return x


class Variadic(nn.Module):
    def forward(self, x, *rest, mask=None, **more):
        return x


class InPlace(nn.Module):
    def forward(self, x):
        return x.mul_(10)


def recorded(trace, module, call):
    trace.set(INPUTS="1", STATS="sum")
    model = nn.ModuleDict({"m": module})
    manager = attach_activation_trace(model)
    call(module)
    detach_activation_trace(manager)
    records = trace.records()
    assert [record["seq"] for record in records] == list(range(len(records)))
    return [(record["tensor"], record["sum"]) for record in records]


@pytest.mark.parametrize(
    ("module", "call", "expected"),
    [
        (Plain(), lambda m: m(one(), one(2)), [("in[0]", 1.0), ("in[1]", 2.0)]),
        (Plain(), lambda m: m(scale=one(2), x=one()), [("in[0]", 1.0), ("in[1]", 2.0)]),
        (Plain(), lambda m: m(one(), mask=one(3)), [("in[0]", 1.0), ("in[2]", 3.0)]),
        (Plain(), lambda m: m(one(), scale=None, mask=one(3)), [("in[0]", 1.0), ("in[2]", 3.0)]),
        (Plain(), lambda m: m(one(), {"a": [one(4)]}), [("in[0]", 1.0), ("in[1].a[0]", 4.0)]),
        (
            Variadic(),
            lambda m: m(one(), one(2), one(3), mask=one(4), other=one(5)),
            [("in[0]", 1.0), ("in[1]", 2.0), ("in[2]", 3.0), ("in.mask", 4.0), ("in.other", 5.0)],
        ),
    ],
)
def test_labels_of_inputs(trace, module, call, expected):
    assert recorded(trace, module, call) == [*expected, ("out", 1.0)]


def test_an_own_forward_of_the_instance_gives_the_signature(trace):
    module = Plain()
    module.forward = functools.partial(lambda y, x: x, one(9))
    assert recorded(trace, module, lambda m: m(x=one())) == [("in[0]", 1.0), ("out", 1.0)]


def test_a_forward_without_a_signature_has_its_keyword_arguments_by_name(trace):
    class NoSignature:
        __signature__ = "none"

        def __call__(self, x):
            return x

    module = Plain()
    module.forward = NoSignature()
    assert recorded(trace, module, lambda m: m(x=one())) == [("in.x", 1.0), ("out", 1.0)]


def test_inputs_are_recorded_before_forward_can_change_them(trace):
    assert recorded(trace, InPlace(), lambda m: m(one())) == [("in[0]", 1.0), ("out", 10.0)]


def test_inputs_are_left_out_unless_asked_for(trace):
    model = nn.Sequential(nn.ReLU())
    manager = attach_activation_trace(model)
    model(one())
    detach_activation_trace(manager)
    assert [record["tensor"] for record in trace.records()] == ["out"]
