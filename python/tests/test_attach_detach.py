"""Attaching and detaching a trace: all or nothing, and the model as it was."""

import copy
import io

import pytest
import torch
from traced_models import Toy, state_of

from fvhooks.activation_trace import attach_activation_trace, detach_activation_trace
from fvhooks.hooks import ForwardHook, ModuleHookManager


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


def test_no_model_is_no_trace(trace):
    assert attach_activation_trace(None) is None
    detach_activation_trace(None)


def test_what_is_no_module_is_a_type_error(trace):
    with pytest.raises(TypeError, match="takes a torch.nn.Module or None, not 3"):
        attach_activation_trace(3)
    assert not trace.path.exists()


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


def test_an_output_that_cannot_be_opened_is_an_os_error_and_leaves_the_model_alone(trace, tmp_path):
    (tmp_path / "file").write_text("")
    trace.set(OUTPUT=str(tmp_path / "file" / "trace.jsonl"))
    model = Toy()
    before = state_of(model)
    with pytest.raises(OSError, match="file"):
        attach_activation_trace(model)
    assert state_of(model) == before


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


def test_a_traced_model_is_scripted_only_after_detaching(trace):
    model = Toy()
    manager = attach_activation_trace(model)
    with pytest.raises(AttributeError, match="detach the trace.* before torch.jit.script"):
        torch.jit.script(model)
    detach_activation_trace(manager)
    assert torch.jit.script(model)(torch.ones(1, 2)).shape == (1, 2)


def test_a_traced_model_may_be_traced_by_torch_jit(trace):
    model = Toy()
    manager = attach_activation_trace(model)
    torch.jit.trace(model, torch.ones(1, 2))
    detach_activation_trace(manager)
    assert {record["module"] for record in trace.records()} == {"block.0", "block.1", "block", "other"}
