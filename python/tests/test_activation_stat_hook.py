"""ActivationStatHook: statistics that are the caller's own functions."""

import torch
from torch import nn

from fvhooks.activation_trace import ActivationStatHook, JsonlSink, trace_step
from fvhooks.hooks import ModuleHookManager


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
