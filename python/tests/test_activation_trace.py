"""attach_activation_trace: what is recorded, and that the model never notices."""

import copy
import io
import logging
import re
import threading

import pytest
import torch
from torch import nn

from fvhooks import activation_trace
from fvhooks.activation_trace import (
    ActivationStatHook,
    JsonlSink,
    attach_activation_trace,
    current_step_idx,
    detach_activation_trace,
    trace_step,
)
from fvhooks.hooks import ForwardHook, ModuleHookManager


class Toy(nn.Module):
    def __init__(self):
        super().__init__()
        self.block = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
        self.other = nn.Linear(2, 2)

    def forward(self, x):
        return self.other(self.block(x))


class Returns(nn.Module):
    """A root whose child `child` returns a given value."""

    class Child(nn.Module):
        def __init__(self, value):
            super().__init__()
            self.value = value

        def forward(self):
            return self.value

    def __init__(self, value):
        super().__init__()
        self.child = self.Child(value)

    def forward(self):
        return self.child()


class Fails(nn.Module):
    def forward(self, fail):
        if fail:
            raise KeyError("on purpose")
        return torch.ones(1)


def state_of(model):
    return [dict(vars(module)) for module in model.modules()]


def traced_call(model, *args, **kwargs):
    manager = attach_activation_trace(model)
    try:
        return model(*args, **kwargs)
    finally:
        detach_activation_trace(manager)


# Off and on


def test_off_leaves_the_model_untouched(monkeypatch, tmp_path):
    monkeypatch.setenv("FASTVIDEO_TRACE_OUTPUT", str(tmp_path / "t"))
    monkeypatch.setenv("FASTVIDEO_TRACE_STEPS", "nonsense, which does not matter as long as tracing is off")
    for value in (None, "0"):
        if value is not None:
            monkeypatch.setenv("FASTVIDEO_TRACE_ACTIVATIONS", value)
        model = Toy()
        before = state_of(model)
        assert attach_activation_trace(model) is None
        assert state_of(model) == before
        assert all(module.forward.__func__ is type(module).forward for module in model.modules())
    assert list(tmp_path.iterdir()) == []


def test_any_value_but_0_switches_tracing_on_and_the_environment_is_read_at_each_attach(trace):
    for value in ("", "1", "no"):
        trace.set(ACTIVATIONS=value)
        manager = attach_activation_trace(Toy())
        assert manager is not None
        detach_activation_trace(manager)
    trace.set(ACTIVATIONS="0")
    assert attach_activation_trace(Toy()) is None


def test_no_model_is_no_trace(trace):
    assert attach_activation_trace(None) is None
    detach_activation_trace(None)


def test_only_modules_that_the_pattern_finds_are_hooked(trace):
    trace.set(LAYERS=r"block\.0.*")
    model = Toy()
    manager = attach_activation_trace(model)
    hooked = [name for name, module in model.named_modules() if ModuleHookManager.get_from(module)]
    assert hooked == ["block.0"]
    detach_activation_trace(manager)


def test_detaching_restores_the_model_exactly_and_may_be_repeated(trace):
    model = Toy()
    before = state_of(model)
    manager = attach_activation_trace(model)
    assert state_of(model) != before
    for _ in range(2):
        detach_activation_trace(manager)
        assert state_of(model) == before


def test_detaching_leaves_other_hooks_and_other_managers_alone(trace):
    class Mine(ForwardHook):
        def name(self):
            return "mine"

    model = Toy()
    mine = ModuleHookManager.get_from_or_default(model.other)
    mine.append_forward_hook(Mine())
    manager = attach_activation_trace(model)
    ModuleHookManager.remove_from_manager(model.block)
    later = ModuleHookManager.get_from_or_default(model.block)
    detach_activation_trace(manager)
    assert list(mine.forward_hooks) == ["mine"]
    assert ModuleHookManager.get_from(model.block) is later


# The record


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


def test_the_step_filter_takes_steps_and_ranges(trace):
    trace.set(LAYERS="other", STEPS="0,2-3")
    model = Toy()
    manager = attach_activation_trace(model)
    model(torch.ones(1, 2))
    for step in range(5):
        with trace_step(step):
            model(torch.ones(1, 2))
    detach_activation_trace(manager)
    assert [record["step"] for record in trace.records()] == [0, 2, 3]


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


# What goes wrong


@pytest.mark.parametrize(
    ("variable", "value"),
    [("LAYERS", "block.(0"), ("STEPS", "0-x"), ("SKETCH", "65"), ("INPUTS", "maybe"), ("BATCH", "-1")],
)
def test_a_bad_value_is_named_before_any_file_is_made(trace, variable, value):
    trace.set(**{variable: value})
    model = Toy()
    before = state_of(model)
    with pytest.raises(ValueError, match=f"FASTVIDEO_TRACE_{variable}") as raised:
        attach_activation_trace(model)
    assert value in str(raised.value)
    assert state_of(model) == before
    assert not trace.path.exists()


def test_a_bad_pattern_is_told_with_the_position(trace):
    trace.set(LAYERS="block.(0")
    with pytest.raises(ValueError, match="unterminated subpattern at position 6"):
        attach_activation_trace(Toy())


def test_an_output_that_cannot_be_opened_is_an_os_error_and_leaves_the_model_alone(trace, tmp_path):
    (tmp_path / "file").write_text("")
    trace.set(OUTPUT=str(tmp_path / "file" / "trace.jsonl"))
    model = Toy()
    before = state_of(model)
    with pytest.raises(OSError, match="file"):
        attach_activation_trace(model)
    assert state_of(model) == before


def test_a_pattern_that_finds_nothing_warns_with_the_nearest_names(trace, caplog):
    trace.set(LAYERS="^othr$")
    manager = attach_activation_trace(Toy())
    assert manager is not None
    detach_activation_trace(manager)
    (warning,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "othr" in warning.getMessage()
    assert "nearest are other" in warning.getMessage()


def test_unknown_statistics_are_warned_of_and_none_left_is_no_trace(trace, caplog):
    trace.set(STATS="median,sum")
    traced_call(Toy(), torch.ones(1, 2))
    assert "median" in caplog.text
    assert "sum" in trace.records()[0]
    trace.set(STATS="median")
    assert attach_activation_trace(Toy()) is None


def test_a_second_attach_warns_and_changes_nothing(trace, caplog):
    model = Toy()
    manager = attach_activation_trace(model)
    before = state_of(model)
    assert attach_activation_trace(model) is None
    assert attach_activation_trace(model.block) is None
    assert f"already traced to {trace.path}; detach first" in caplog.text
    assert state_of(model) == before
    model(torch.ones(1, 2))
    detach_activation_trace(manager)
    assert len(trace.records()) == 4
    again = attach_activation_trace(model)
    assert again is not None
    detach_activation_trace(again)


def test_an_attach_that_fails_half_way_takes_everything_back(trace, monkeypatch):
    model = Toy()
    before = state_of(model)
    on_attach = ForwardHook.on_attach

    def refuse_the_last(hook, module):
        if module is model.other:
            raise RuntimeError("no")
        on_attach(hook, module)

    monkeypatch.setattr(ForwardHook, "on_attach", refuse_the_last)
    with pytest.raises(RuntimeError, match="no"):
        attach_activation_trace(model)
    assert state_of(model) == before


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


# Outputs of every kind


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


def test_a_traced_model_can_be_copied_and_saved_and_the_copy_is_not_traced(trace):
    model = Toy()
    manager = attach_activation_trace(model)
    buffer = io.BytesIO()
    torch.save(model, buffer)
    buffer.seek(0)
    for twin in (copy.deepcopy(model), torch.load(buffer, weights_only=False)):
        assert all(ModuleHookManager.get_from(module) is None for module in twin.modules())
        assert torch.equal(twin(torch.ones(1, 2)), twin(torch.ones(1, 2)))
    detach_activation_trace(manager)
    assert trace.records() == []


# Steps


def test_steps_nest_and_are_put_back():
    assert current_step_idx() is None
    with trace_step(1):
        with pytest.raises(KeyError), trace_step(2):
            assert current_step_idx() == 2
            raise KeyError
        assert current_step_idx() == 1
        with trace_step(None):
            assert current_step_idx() is None
    assert current_step_idx() is None
    with pytest.raises(TypeError), trace_step(1.5):
        pass


def test_a_step_is_carried_to_a_worker_thread():
    seen = []

    def work(step):
        seen.append(current_step_idx())
        with trace_step(step):
            seen.append(current_step_idx())

    with trace_step(5):
        worker = threading.Thread(target=work, args=(current_step_idx(),))
        worker.start()
        worker.join()
    assert seen == [None, 5]


# A hook of one's own


def test_a_hook_of_ones_own_writes_what_its_functions_return(tmp_path):
    def fails(tensor):
        raise RuntimeError("no")

    sink = JsonlSink(tmp_path / "t")
    stats = [("norm", lambda x: x.norm().item()), ("bad", fails), ("nan", lambda _: float("nan"))]
    module = nn.Identity()
    hook = ActivationStatHook("mine", stats, sink, {1})
    ModuleHookManager.get_from_or_default(module).append_forward_hook(hook)
    for step in range(3):
        with trace_step(step):
            module((torch.tensor([3.0, 4.0]),))
    sink.close()
    module(torch.ones(1))
    (line,) = (tmp_path / "t").read_text().splitlines()
    assert line == (
        '{"module": "mine", "tensor": "out[0]", "step": 1, "norm": 5.0, '
        '"bad": "<error: RuntimeError(\'no\')>", "nan": "NaN", "call": 0}'
    )


def test_a_sink_that_raises_never_reaches_the_model(caplog):
    class Broken:
        def write(self, record):
            raise RuntimeError("no")

    module = nn.Identity()
    hook = ActivationStatHook("mine", [("shape", lambda x: list(x.shape))], Broken(), None)
    ModuleHookManager.get_from_or_default(module).append_forward_hook(hook)
    for _ in range(2):
        module(torch.ones(1))
    assert len(caplog.records) == 1


def test_fastvideos_public_names_are_there():
    for name in (
        *("ActivationStatHook", "ActivationTraceManager", "JsonlSink", "attach_activation_trace"),
        *("current_step_idx", "detach_activation_trace", "trace_step"),
    ):
        assert hasattr(activation_trace, name)
