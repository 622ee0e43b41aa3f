"""FASTVIDEO_TRACE_*: what each variable chooses, and what a bad value does."""

import logging

import pytest
import torch
from traced_models import Toy, state_of

from fvhooks.activation_trace import attach_activation_trace, detach_activation_trace, trace_step
from fvhooks.hooks import ModuleHookManager


def test_any_value_but_0_switches_tracing_on_and_the_environment_is_read_at_each_attach(trace):
    for value in ("", "1", "no"):
        trace.set(ACTIVATIONS=value)
        manager = attach_activation_trace(Toy())
        assert manager is not None
        detach_activation_trace(manager)
    trace.set(ACTIVATIONS="0")
    assert attach_activation_trace(Toy()) is None


def test_only_modules_that_the_pattern_finds_are_hooked(trace):
    trace.set(LAYERS=r"block\.0.*")
    model = Toy()
    manager = attach_activation_trace(model)
    hooked = [name for name, module in model.named_modules() if ModuleHookManager.get_from(module)]
    assert hooked == ["block.0"]
    detach_activation_trace(manager)


def test_a_pattern_that_finds_nothing_warns_with_the_nearest_names(trace, caplog):
    trace.set(LAYERS="^othr$")
    manager = attach_activation_trace(Toy())
    assert manager is not None
    detach_activation_trace(manager)
    (warning,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "othr" in warning.getMessage()
    assert "nearest are other" in warning.getMessage()


def test_a_bad_pattern_is_told_with_the_position(trace):
    trace.set(LAYERS="block.(0")
    with pytest.raises(ValueError, match="unterminated subpattern at position 6"):
        attach_activation_trace(Toy())


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
