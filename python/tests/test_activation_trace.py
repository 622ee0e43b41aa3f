"""What a trace records of a model, and that the model never notices."""

import logging
import re

import pytest
import torch
from torch import nn
from traced_models import Fails, Returns, Toy, traced_call

from fvhooks.activation_trace import attach_activation_trace, detach_activation_trace, trace_step


def test_keys_stand_in_fastvideos_order_and_ours_after_them(trace):
    trace.set(STATS="sum,dtype,abs_mean,shape", LAYERS=r"block\.0")
    with trace_step(3):
        manager = attach_activation_trace(model := Toy(), root="transformer")
        model(torch.ones(1, 2))
        detach_activation_trace(manager)
    (record,) = trace.records()
    assert list(record) == [
        *("module", "tensor", "step", "sum", "dtype", "abs_mean", "shape"),
        *("call", "seq", "run", "root", "sketch"),
    ]
    assert record["module"] == "block.0"
    assert record["tensor"] == "out"
    assert record["step"] == 3
    assert record["shape"] == [1, 2]
    assert record["dtype"] == "torch.float32"
    assert record["root"] == "transformer"
    assert re.fullmatch("[0-9a-f]{8}", record["run"])
    expected = model.block[0](torch.ones(1, 2)).double()
    assert record["sum"] == pytest.approx(expected.sum().item(), rel=1e-6)


def test_children_are_recorded_before_parents_and_the_root_only_if_asked_for(trace):
    traced_call(Toy(), torch.ones(1, 2))
    assert [record["module"] for record in trace.records()] == ["block.0", "block.1", "block", "other"]
    trace.path.unlink()
    trace.set(ROOT="1", LAYERS="other")
    traced_call(Toy(), torch.ones(1, 2))
    records = trace.records()
    assert [record["module"] for record in records] == ["other", ""]
    assert [record["seq"] for record in records] == [0, 1]


def test_a_module_in_several_places_has_its_first_name(trace):
    layer = nn.Linear(2, 2)
    traced_call(nn.Sequential(layer, nn.ReLU(), layer), torch.ones(1, 2))
    assert [(record["module"], record["call"]) for record in trace.records()] == [("0", 0), ("1", 0), ("0", 1)]


def test_calls_are_counted_by_module_and_step_and_a_failed_one_uses_its_number_up(trace):
    model = nn.ModuleDict({"a": Fails()})
    manager = attach_activation_trace(model)
    for step in (0, 1):
        with trace_step(step):
            for fail in (False, True, False):
                try:
                    model["a"](fail)
                except KeyError as error:
                    assert error.args == ("on purpose",)  # noqa: PT017
    detach_activation_trace(manager)
    assert [(record["step"], record["call"]) for record in trace.records()] == [(0, 0), (0, 2), (1, 0), (1, 2)]


def test_a_module_that_calls_itself_is_recorded_from_the_inside_out(trace):
    class Recursive(nn.Module):
        def forward(self, depth):
            return self(depth - 1) + 1 if depth else torch.zeros(1)

    model = nn.ModuleDict({"a": Recursive()})
    manager = attach_activation_trace(model)
    model["a"](2)
    detach_activation_trace(manager)
    assert [(record["call"], record["sum"]) for record in trace.records()] == [(2, 0.0), (1, 1.0), (0, 2.0)]


def test_integers_are_exact_and_huge_doubles_keep_their_size(trace):
    trace.set(STATS="sum,max,min")
    values = (
        torch.tensor([2**24 + 1]),
        torch.tensor([2**63 - 1, 2**63 - 1]),
        torch.tensor([1e300], dtype=torch.float64),
    )
    traced_call(Returns(values))
    small, large, double = trace.records()
    assert small["sum"] == 2**24 + 1
    assert large["sum"] == 2**64 - 2
    assert double["max"] == 1e300


def test_numbers_that_are_not_finite_are_strings_and_are_counted(trace):
    trace.set(STATS="sum,max,min", SKETCH="0")
    nan, inf = float("nan"), float("inf")
    traced_call(Returns([torch.tensor([nan, 1.0]), torch.tensor([inf, 2.0]), torch.tensor([-inf])]))
    one, two, three = trace.records()
    assert (one["sum"], one["max"], one["nan"]) == ("NaN", "NaN", 1)
    assert (two["sum"], two["max"], two["min"], two["inf"]) == ("Infinity", "Infinity", 2.0, 1)
    assert (three["min"], "nan" in three) == ("-Infinity", False)


class Wrapper(torch.Tensor):
    """A tensor whose elements lie in another one, as of DTensor and of quantised tensors."""

    @staticmethod
    def __new__(cls, inner):
        return torch.Tensor._make_wrapper_subclass(cls, inner.shape, dtype=inner.dtype)

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        raise RuntimeError("not to be computed with")


@pytest.mark.parametrize(
    "tensor",
    [torch.ones(2, device="meta"), torch.ones(2).to_sparse(), Wrapper(torch.ones(2))],
    ids=["meta", "sparse", "wrapper"],
)
def test_a_tensor_without_readable_values_is_recorded_with_the_reason(trace, tensor):
    trace.set(STATS="sum,shape,dtype")
    traced_call(Returns(tensor))
    (record,) = trace.records()
    assert record["sum"].startswith("<error: ")
    assert (record["shape"], record["dtype"]) == ([2], "torch.float32")
    assert "sketch" not in record


def test_tracing_takes_no_part_in_autograd(trace):
    model = Toy()
    x = torch.ones(1, 2, requires_grad=True)
    model(x).sum().backward()
    expected = x.grad.clone()
    x.grad = None
    manager = attach_activation_trace(model)
    output = model(x)
    detach_activation_trace(manager)
    output.sum().backward()
    assert torch.equal(x.grad, expected)


def test_a_value_that_raises_while_it_is_walked_never_reaches_the_model(trace, caplog):
    class Trap(dict):
        def items(self):
            raise RuntimeError("trap")

    model = Returns(Trap())
    manager = attach_activation_trace(model)
    for _ in range(3):
        assert model() == {}
    detach_activation_trace(manager)
    (warning,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert '"child"' in warning.getMessage()
    assert "trap" in warning.getMessage()


def test_a_full_disk_never_reaches_the_model(trace, caplog):
    trace.set(OUTPUT="/dev/full")
    model = Toy()
    manager = attach_activation_trace(model)
    expected = model.other(model.block(torch.ones(1, 2)))
    assert torch.equal(model(torch.ones(1, 2)), expected)
    detach_activation_trace(manager)
    assert manager.dropped == 8
    assert manager.written == 0
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 2
    assert "8" in warnings[-1]


def test_a_cyclic_output_is_recorded(trace):
    cyclic = [torch.ones(1)]
    cyclic.append(cyclic)
    assert traced_call(Returns(cyclic)) is cyclic
    assert [record["tensor"] for record in trace.records()] == ["out[0]"]


def test_a_generator_is_not_used_up(trace):
    generator = (torch.ones(1) for _ in range(2))
    assert traced_call(Returns(generator)) is generator
    assert len(list(generator)) == 2
    assert trace.records() == []
