"""Traces the activations of a model, as the environment asks for (FASTVIDEO_TRACE_*, listed in docs/record.md)::

    trace = attach_activation_trace(model, root="transformer")
    for step in range(steps):
        with trace_step(step):
            model(...)
    detach_activation_trace(trace)

With FASTVIDEO_TRACE_ACTIVATIONS unset nothing is attached, and the model runs as if this were not there.
"""

from __future__ import annotations

import difflib
import inspect
import itertools
import json
import logging
import math
import operator
import os
import re
import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from fvhooks import _C
from fvhooks.hooks import ForwardHook, ModuleHookManager

logger = logging.getLogger("fvhooks")

_HOOK_NAME = "ActivationStatHook"


def current_step_idx() -> int | None:
    """The denoise step of this thread; None outside every trace_step."""
    return _C.current_step()


@contextmanager
def trace_step(step_idx: int | None) -> Iterator[None]:
    """Sets the denoise step of this thread for the records made inside; nests.

    To carry it to a worker thread: `step = current_step_idx()` here, `with trace_step(step):` in the worker.
    """
    with _C.TraceStep(None if step_idx is None else operator.index(step_idx)):
        yield


class JsonlSink:
    """Appends JSON objects to a file, a line each; any thread. What goes wrong after it was opened never raises: it is
    warned of once, and the records lost are counted in `dropped`."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Makes parent folders; `<pid>` in the path is replaced. Raises OSError if the file cannot be opened."""
        self._native = _C.JsonlSink(os.fsencode(path))

    @property
    def path(self) -> Path:
        return Path(self._native.path)

    @property
    def written(self) -> int:
        return self._native.written

    @property
    def dropped(self) -> int:
        return self._native.dropped

    def write(self, record: dict[str, Any]) -> None:
        """Values may be any objects: what JSON does not know is written as its str, NaN and infinities as strings."""
        try:
            text = json.dumps(record, default=str, allow_nan=False)
        except (
            TypeError,
            ValueError,
        ):  # a key that is no string, a number that is not finite, a cycle
            text = json.dumps(_portable(record, ()), default=str)
        self._native.write_line(text + "\n")

    def close(self) -> None:
        """Idempotent; what is written later is dropped."""
        self._native.close()


def _portable(value: Any, inside: tuple[int, ...]) -> Any:
    if id(value) in inside:
        return "<cycle>"
    inside = (*inside, id(value))
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {str(key): _portable(item, inside) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_portable(item, inside) for item in value]
    return value


class ActivationStatHook(ForwardHook):
    """Writes one record for each tensor of a module's output, with statistics that are the caller's own functions.

    The records go to `sink.write`, as dicts with FastVideo's keys and `call`. Nothing raised by the functions or the
    sink reaches the model: the former stand in the record as "<error: ...>", the latter is logged once.
    """

    def __init__(
        self,
        module_name: str,
        stats: list[tuple[str, Callable[[torch.Tensor], Any]]],
        sink: JsonlSink,
        step_filter: Collection[int] | None = None,
    ) -> None:
        self.module_name = module_name
        self.stats = stats
        self.sink = sink
        self.step_filter = step_filter
        self._calls: defaultdict[int | None, itertools.count[int]] = defaultdict(itertools.count)
        self._entered = threading.local()
        self._failed_before = False

    def name(self) -> str:
        return _HOOK_NAME

    def pre_forward(self, module: nn.Module, *args: Any, **kwargs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
        step = current_step_idx()
        self._calls_under_way().append((step, next(self._calls[step])))
        return args, kwargs

    def post_forward(self, module: nn.Module, output: Any) -> Any:
        calls = self._calls_under_way()
        step, call = calls.pop() if calls else (current_step_idx(), None)
        if self.step_filter is None or step in self.step_filter:
            try:
                self._record(step, call, output)
            except Exception:
                if not self._failed_before:
                    logger.exception(
                        "the output of %r could not be traced, the model goes on",
                        self.module_name,
                    )
                self._failed_before = True
        return output

    def forward_failed(self, module: nn.Module) -> None:
        self._calls_under_way().pop()

    def _calls_under_way(self) -> list[tuple[int | None, int]]:
        if not hasattr(self._entered, "calls"):
            self._entered.calls = []
        return self._entered.calls

    def _record(self, step: int | None, call: int | None, output: Any) -> None:
        for label, tensor in _C.labelled_tensors(output, "out"):
            record = {"module": self.module_name, "tensor": label, "step": step}
            record.update((name, _value_or_error(function, tensor)) for name, function in self.stats)
            if call is not None:
                record.setdefault("call", call)
            self.sink.write(record)


def _value_or_error(function: Callable[[torch.Tensor], Any], tensor: torch.Tensor) -> Any:
    try:
        return function(tensor)
    except Exception as error:
        return f"<error: {error!r}>"


class _TraceHook(_C.ModuleTrace, ForwardHook):
    """What attach_activation_trace attaches: all the work is done in C++."""

    def __init__(self, trace: _C.Trace, module_name: str, positions: dict[str, int]) -> None:
        super().__init__(trace, module_name, positions)
        self.module_name = module_name
        self.trace = trace

    def name(self) -> str:
        return _HOOK_NAME


class _EndedTrace(NamedTuple):
    path: str
    written: int
    dropped: int


class ActivationTraceManager:
    """A model under trace."""

    def __init__(self, managers: list[ModuleHookManager], trace: _C.Trace) -> None:
        self.managers = managers
        self._trace: _C.Trace | _EndedTrace = trace

    @property
    def path(self) -> Path:
        return Path(self._trace.path)

    @property
    def written(self) -> int:
        """Records written to this path by this process."""
        return self._trace.written

    @property
    def dropped(self) -> int:
        """Records that were lost, by a full disk for example."""
        return self._trace.dropped

    def remove_from_manager(self) -> None:
        """Removes this trace's hooks and what was attached for them, and closes its output; idempotent."""
        managers, self.managers = self.managers, []
        for manager in managers:
            self._remove_from(manager)
        if not isinstance(self._trace, _EndedTrace):
            self._trace.flush()
            self._trace = _EndedTrace(self._trace.path, self._trace.written, self._trace.dropped)

    def _remove_from(self, manager: ModuleHookManager) -> None:
        if ModuleHookManager.get_from(manager.module) is not manager:
            return
        hook = manager.get_forward_hook(_HOOK_NAME)
        if isinstance(hook, _TraceHook) and hook.trace is self._trace:
            manager.remove_forward_hook(_HOOK_NAME)
        if not manager.forward_hooks:
            ModuleHookManager.remove_from_manager(manager.module)


def attach_activation_trace(model: nn.Module | None, *, root: str = "") -> ActivationTraceManager | None:
    """Traces `model` as the environment says; None, and nothing attached, where tracing is off.

    `root` names the component ("transformer", "vae") in the records. None with a warning if no statistic is left, or if
    one of the modules is traced already. Raises ValueError for a bad value in the environment, and OSError if the
    output cannot be opened or the views (FASTVIDEO_TRACE_VIEW) cannot be read, with model and disk as they were.
    """
    if model is None:
        return None
    config = _C.trace_config()
    if not config.enabled:
        return None
    if not config.stats:
        logger.warning("FASTVIDEO_TRACE_STATS names no statistic that there is: nothing is traced")
        return None
    if not isinstance(model, nn.Module):
        raise TypeError(f"attach_activation_trace takes a torch.nn.Module or None, not {model!r}")
    targets = _targets(model, config)
    before_program_attaches(model)
    if traced_to := _live_trace(model):
        logger.warning(
            "the model is already traced to %s; detach first. Nothing was attached",
            traced_to,
        )
        return None
    trace = _attach(targets, [name for name, _ in model.named_modules()], config, root)
    logger.info("tracing the activations of %d modules to %s", len(targets), trace.path)
    return trace


def before_program_attaches(model: nn.Module) -> None:
    """Replaced by run_tracer, which gives way to a program that traces its models itself."""


def _attach(
    targets: list[tuple[str, nn.Module]], names: list[str], config: _C.TraceConfig, root: str
) -> ActivationTraceManager:
    """Traces `targets`, of a model whose modules have `names`."""
    _C.set_rank(_distributed_rank())
    trace = ActivationTraceManager([], _C.Trace(config, root))
    positions: dict[type, dict[str, int]] = {}
    try:
        trace._trace.match_views(names)
        for name, module in targets:
            manager = ModuleHookManager.get_from_or_default(module)
            trace.managers.append(manager)
            hook = _TraceHook(
                trace._trace,
                name,
                _parameter_positions(manager.original_forward, type(module), positions),
            )
            manager.append_forward_hook(hook)
    except BaseException:
        trace.remove_from_manager()
        raise
    return trace


def detach_activation_trace(mgr: ActivationTraceManager | None) -> None:
    """Ends a trace; idempotent."""
    if mgr is not None:
        mgr.remove_from_manager()


def _targets(model: nn.Module, config: _C.TraceConfig) -> list[tuple[str, nn.Module]]:
    pattern = _compiled(config.layers)
    named = [(name, module) for name, module in model.named_modules() if name]
    found = [(name, module) for name, module in named if pattern.search(name)]
    if not found:
        _warn_of_no_match(config.layers, [name for name, _ in named])
    return [*([("", model)] if config.root else []), *found]


def _compiled(layers: str) -> re.Pattern[str]:
    try:
        return re.compile(layers)
    except re.error as error:
        where = "" if error.pos is None else f" at position {error.pos}"
        raise ValueError(f'FASTVIDEO_TRACE_LAYERS="{layers}": is no regular expression: {error.msg}{where}') from None


def _warn_of_no_match(layers: str, names: list[str]) -> None:
    plain = re.sub(r"\\(.)", r"\1", layers).strip("^$")
    nearest = difflib.get_close_matches(plain, names, n=3, cutoff=0.0)
    there_are = f"the nearest are {', '.join(nearest)}" if nearest else "the model has no submodules"
    logger.warning('FASTVIDEO_TRACE_LAYERS="%s" matches no module; %s', layers, there_are)


def _live_trace(model: nn.Module) -> str | None:
    """Where a trace on one of the model's modules goes to."""
    for module in model.modules():
        manager = ModuleHookManager.get_from(module)
        hook = manager.get_forward_hook(_HOOK_NAME) if manager is not None else None
        if isinstance(hook, _TraceHook):
            return hook.trace.path
        if hook is not None:
            return str(getattr(getattr(hook, "sink", None), "path", "a hook of your own"))
    return None


def _parameter_positions(
    forward: Callable[..., Any], module_type: type, known: dict[type, dict[str, int]]
) -> dict[str, int]:
    """Positions of the parameters of `forward`, by name; a class's own forward is inspected once."""
    is_of_class = getattr(forward, "__func__", None) is getattr(module_type, "forward", None)
    if is_of_class and module_type in known:
        return known[module_type]
    positions = _positions_in_signature(forward)
    if is_of_class:
        known[module_type] = positions
    return positions


def _positions_in_signature(forward: Callable[..., Any]) -> dict[str, int]:
    try:
        parameters = list(inspect.signature(forward).parameters.values())
    except (TypeError, ValueError):
        return {}  # keyword arguments are labelled by name
    positions = {}
    for position, parameter in enumerate(parameters):
        if parameter.kind is parameter.VAR_POSITIONAL:
            break  # what follows has no position of its own
        if parameter.kind is not parameter.VAR_KEYWORD:
            positions[parameter.name] = position
    return positions


def _distributed_rank() -> int | None:
    distributed = torch.distributed
    return distributed.get_rank() if distributed.is_available() and distributed.is_initialized() else None
