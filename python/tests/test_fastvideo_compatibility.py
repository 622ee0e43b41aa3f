"""What FastVideo's hooks promise, so that `from fastvideo.hooks.… import …` may become `from fvhooks.… import …`."""

import inspect
import json
import math
import os
import pathlib

import pytest
import torch
from torch import nn
from traced_models import Returns, Toy, traced_call

import fvhooks.activation_trace
import fvhooks.hooks
from fvhooks.activation_trace import (
    ActivationStatHook,
    JsonlSink,
    attach_activation_trace,
    current_step_idx,
    detach_activation_trace,
    trace_step,
)
from fvhooks.hooks import ForwardHook, ModuleHookManager

# As code written for FastVideo calls them, by position or by name.
HOOKS = {
    "ForwardHook.name": lambda cls: ...,  # ours may be asked of the class too
    "ForwardHook.on_attach": lambda self, module: ...,
    "ForwardHook.on_detach": lambda self, module: ...,
    "ForwardHook.pre_forward": lambda self, module, *args, **kwargs: ...,
    "ForwardHook.post_forward": lambda self, module, output: ...,
    "ModuleHookManager.__init__": lambda self, module: ...,
    "ModuleHookManager.get_from": lambda cls, module: ...,
    "ModuleHookManager.get_from_or_default": lambda cls, module: ...,
    "ModuleHookManager.append_forward_hook": lambda self, hook: ...,
    "ModuleHookManager.replace_forward_hook": lambda self, hook_name, new_hook, run_on_attach=True: ...,
    "ModuleHookManager.remove_forward_hook": lambda self, hook_name, run_detach=True: ...,
    "ModuleHookManager.get_forward_hook": lambda self, hook_name: ...,
    "ModuleHookManager.remove_from_manager": lambda module: ...,
}
ACTIVATION_TRACE = {
    "attach_activation_trace": lambda model: ...,
    "detach_activation_trace": lambda mgr: ...,
    "trace_step": lambda step_idx: ...,
    "current_step_idx": lambda: ...,
    "ActivationStatHook.__init__": lambda self, module_name, stats, sink, step_filter: ...,
    "ActivationStatHook.name": lambda self: ...,
    "ActivationStatHook.post_forward": lambda self, module, output: ...,
    "ActivationTraceManager.remove_from_manager": lambda self: ...,
    "JsonlSink.__init__": lambda self, path: ...,
    "JsonlSink.write": lambda self, record: ...,
    "JsonlSink.close": lambda self: ...,
}


def function_named(module, path):
    found = module
    for name in path.split("."):
        found = inspect.getattr_static(found, name)
    return getattr(found, "__func__", found)


@pytest.mark.parametrize(
    ("module", "path", "expected"),
    [
        *((fvhooks.hooks, path, function) for path, function in HOOKS.items()),
        *((fvhooks.activation_trace, path, function) for path, function in ACTIVATION_TRACE.items()),
    ],
    ids=[*HOOKS, *ACTIVATION_TRACE],
)
def test_signatures(module, path, expected):
    theirs = list(inspect.signature(expected).parameters.values())
    ours = list(inspect.signature(function_named(module, path)).parameters.values())
    assert [(p.name, p.kind) for p in ours[: len(theirs)]] == [(p.name, p.kind) for p in theirs]
    for our, their in zip(ours, theirs):
        assert their.default is their.empty or our.default == their.default
    assert all(added.default is not added.empty for added in ours[len(theirs) :])


# hooks


class Scale(ForwardHook):
    """y = factor·(x + factor), and a diary."""

    def __init__(self, label, factor, diary):
        self.label, self.factor, self.diary = label, factor, diary

    def name(self):
        return self.label

    def on_attach(self, module):
        self.diary.append(("on_attach", self.label, module))

    def on_detach(self, module):
        self.diary.append(("on_detach", self.label, module))

    def pre_forward(self, module, *args, **kwargs):
        self.diary.append(("pre_forward", self.label, module))
        return (args[0] + self.factor, *args[1:]), kwargs

    def post_forward(self, module, output):
        self.diary.append(("post_forward", self.label, module))
        return output * self.factor


def test_a_hook_needs_a_name_only():
    class Named(ForwardHook):
        def name(self):
            return "named"

    module = nn.Identity()
    ModuleHookManager.get_from_or_default(module).append_forward_hook(Named())
    assert module(3) == 3


def test_the_life_of_two_hooks():
    diary, module = [], nn.Identity()
    forward = module.forward
    assert ModuleHookManager.get_from(module) is None
    manager = ModuleHookManager.get_from_or_default(module)
    assert ModuleHookManager.get_from_or_default(module) is manager is module._hook_manager
    assert ModuleHookManager.module_hook_attribute == "_hook_manager"
    assert manager.module is module
    assert manager.original_forward == forward
    two, three = Scale("two", 2, diary), Scale("three", 3, diary)
    manager.append_forward_hook(two)
    manager.append_forward_hook(three)
    assert type(manager.forward_hooks) is dict
    assert list(manager.forward_hooks.items()) == [("two", two), ("three", three)]
    assert manager.get_forward_hook("three") is three
    assert manager.get_forward_hook("four") is None
    assert module(1) == ((1 + 2) + 3) * 3 * 2
    assert manager.original_forward(1) == 1
    manager.remove_forward_hook("two")
    manager.replace_forward_hook("three", four := Scale("four", 4, diary))
    assert list(manager.forward_hooks.items()) == [("three", four)]
    ModuleHookManager.remove_from_manager(module)
    assert not hasattr(module, "_hook_manager")
    assert module(1) == 1
    assert diary == [
        *(("on_attach", label, module) for label in ("two", "three")),
        *(("pre_forward", label, module) for label in ("two", "three")),
        *(("post_forward", label, module) for label in ("three", "two")),
        *(("on_detach", "two", module), ("on_detach", "three", module), ("on_attach", "four", module)),
    ]


def test_hooks_are_told_nothing_of_their_removal_if_the_caller_says_so():
    diary, module = [], nn.Identity()
    manager = ModuleHookManager.get_from_or_default(module)
    manager.append_forward_hook(Scale("two", 2, diary))
    manager.replace_forward_hook(hook_name="two", new_hook=Scale("two", 3, diary), run_on_attach=False)
    manager.remove_forward_hook(hook_name="two", run_detach=False)
    assert [event for event, _, _ in diary] == ["on_attach", "on_attach"]


@pytest.mark.parametrize(
    "misuse",
    [
        lambda manager: manager.append_forward_hook(Scale("there", 1, [])),
        lambda manager: manager.replace_forward_hook("absent", Scale("absent", 1, [])),
        lambda manager: manager.remove_forward_hook("absent"),
        lambda manager: ModuleHookManager(manager.module).append_forward_hook(Scale("new", 1, [])),
        lambda manager: ModuleHookManager(nn.Identity()).append_forward_hook(Scale("new", 1, [])),
    ],
    ids=["a name twice", "replace an unknown name", "remove an unknown name", "another manager", "no manager attached"],
)
def test_misuse_is_a_value_error(misuse):
    manager = ModuleHookManager.get_from_or_default(nn.Identity())
    manager.append_forward_hook(Scale("there", 1, []))
    with pytest.raises(ValueError):
        misuse(manager)
    assert list(manager.forward_hooks) == ["there"]


# activation_trace

DEFAULT_OUTPUT = pathlib.Path(f"/tmp/fv_trace_{os.getpid()}.jsonl")


@pytest.fixture
def default_output():
    DEFAULT_OUTPUT.unlink(missing_ok=True)
    yield DEFAULT_OUTPUT
    DEFAULT_OUTPUT.unlink(missing_ok=True)


def test_defaults_of_the_environment(monkeypatch, default_output):
    assert attach_activation_trace(Toy()) is None
    monkeypatch.setenv("FASTVIDEO_TRACE_ACTIVATIONS", "1")
    traced_call(Toy(), torch.ones(1, 2))
    with default_output.open() as lines:
        records = [json.loads(line) for line in lines]
    assert [record["module"] for record in records] == ["block.0", "block.1", "block", "other"]
    for record in records:
        assert list(record)[:5] == ["module", "tensor", "step", "abs_mean", "sum"]
        assert (record["tensor"], record["step"]) == ("out", None)


@pytest.mark.parametrize(("value", "on"), [("1", True), ("", True), ("false", True), ("0", False)])
def test_any_value_but_0_is_on(trace, value, on):
    trace.set(ACTIVATIONS=value)
    manager = attach_activation_trace(Toy())
    assert (manager is not None) == on
    detach_activation_trace(mgr=manager)
    detach_activation_trace(mgr=manager)


def test_the_hooks_of_a_trace_are_found_by_their_name(trace):
    manager = attach_activation_trace(model := Toy())
    assert [hooked.module for hooked in manager.managers] == [model.block, *model.block, model.other]
    assert all(hooked.get_forward_hook("ActivationStatHook") is not None for hooked in manager.managers)
    assert ModuleHookManager.get_from(model) is None
    manager.remove_from_manager()
    assert all(ModuleHookManager.get_from(module) is None for module in model.modules())


def test_every_statistic_stands_where_it_was_asked_for(trace):
    stats = ["dtype", "shape", "std", "mean", "max", "min", "sum", "abs_mean"]
    trace.set(STATS=" , ".join(stats))
    traced_call(Returns({"hidden": (torch.tensor([-1.0, 2.0, 5.0]), torch.ones(1))}))
    three, one = trace.records()
    assert list(three)[:11] == ["module", "tensor", "step", *stats]
    assert (three["tensor"], one["tensor"]) == ("out.hidden[0]", "out.hidden[1]")
    assert [three[name] for name in stats] == ["torch.float32", [3], 3.0, 2.0, 5.0, -1.0, 6.0, pytest.approx(8 / 3)]
    assert math.isnan(float(one["std"]))


def test_layers_are_searched_for_and_steps_are_a_list(trace):
    trace.set(LAYERS="k.1|the", STEPS="1, 3")
    manager = attach_activation_trace(model := Toy())
    for step in range(4):
        with trace_step(step_idx=step):
            assert current_step_idx() == step
            model(torch.ones(1, 2))
    detach_activation_trace(manager)
    assert current_step_idx() is None
    found = [(record["module"], record["step"]) for record in trace.records()]
    assert found == [("block.1", 1), ("other", 1), ("block.1", 3), ("other", 3)]


def test_unknown_statistics_are_skipped_and_none_left_is_off(trace, caplog):
    trace.set(STATS="median,max")
    traced_call(Toy(), torch.ones(1, 2))
    assert list(trace.records()[0])[:4] == ["module", "tensor", "step", "max"]
    assert "median" in caplog.text
    trace.set(STATS="median")
    assert attach_activation_trace(Toy()) is None


def test_output_has_its_folders_made_its_pid_put_in_and_is_appended_to(trace, tmp_path):
    trace.set(OUTPUT=str(tmp_path / "a" / "b" / "<pid>.jsonl"), LAYERS="other")
    for _ in range(2):
        traced_call(Toy(), torch.ones(1, 2))
    assert len((tmp_path / "a" / "b" / f"{os.getpid()}.jsonl").read_text().splitlines()) == 2


def test_a_hook_and_a_sink_of_the_callers_own(tmp_path):
    sink = JsonlSink(path=tmp_path / "made" / "trace.jsonl")
    hook = ActivationStatHook(
        module_name="mine", stats=[("largest", lambda x: x.max().item())], sink=sink, step_filter={7}
    )
    assert hook.name() == "ActivationStatHook"
    manager = ModuleHookManager.get_from_or_default(module := nn.ReLU())
    manager.append_forward_hook(hook)
    for step in (6, 7):
        with trace_step(step):
            module(torch.tensor([-1.0, step]))
    sink.write(record={"path": tmp_path})
    for _ in range(2):
        sink.close()
    record, own = (json.loads(line) for line in sink.path.read_text().splitlines())
    assert list(record.items())[:4] == [("module", "mine"), ("tensor", "out"), ("step", 7), ("largest", 7.0)]
    assert own == {"path": str(tmp_path)}
