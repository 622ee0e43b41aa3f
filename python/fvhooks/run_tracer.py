"""Traces every tree of modules that a program calls, with no edit of the program.

A tree's root is found, and a trace attached to it, when one of its modules is first called from outside the tree. What
is attached, and so what is recorded, is what attach_activation_trace attaches. Nothing here raises into the program.
"""

from __future__ import annotations

import functools
import logging
import os
import re
import threading
import weakref
from typing import Any

import torch
from torch import nn

from fvhooks import _C, activation_trace
from fvhooks.hooks import ModuleHookManager
from fvhooks.run_report import report_at_exit
from fvhooks.run_roots import Holding, enclosing_root, evaluated, is_compiled, is_transparent
from fvhooks.run_steps import StepCounter
from fvhooks.run_tree import Member, Root, has_weights, walk

logger = logging.getLogger("fvhooks")


def install() -> ProgramTracer | None:
    """None where tracing is off. Raises ValueError for a bad value in the environment and OSError if the output cannot be opened."""
    config = _C.trace_config()
    if not config.enabled or not config.stats:
        return None
    tracer = ProgramTracer(config, os.environ)
    activation_trace.before_program_attaches = tracer.leave_to_program
    report_at_exit(tracer.roots, config.layers)
    _trace_calls(tracer)
    return tracer


def _trace_calls(tracer: ProgramTracer) -> None:
    is_compiling = torch.compiler.is_compiling
    original_call = nn.Module.__call__

    @functools.wraps(original_call)
    def __call__(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        if is_compiling():  # True where torch.compile reads this, which then sees the original alone
            return original_call(self, *args, **kwargs)
        scope = tracer.scope_of_call(self, args, kwargs)
        if scope is None:
            return original_call(self, *args, **kwargs)
        try:
            output = original_call(self, *scope.args, **scope.kwargs)
        except BaseException:
            scope.failed()
            raise
        return scope.returned(output)

    _keep_frame_from_dynamo(__call__)
    nn.Module.__call__ = __call__


def _keep_frame_from_dynamo(function: Any) -> None:
    """torch.compile begins with the frames below: taken for one, this code would have one cache for all modules."""
    try:
        from torch._C._dynamo.eval_frame import skip_code

        skip_code(function.__code__)
    except ImportError:
        pass


class ProgramTracer:
    def __init__(self, config: _C.TraceConfig, environment: Any) -> None:
        self.roots: list[Root] = []
        self._config = config
        self._pattern = activation_trace._compiled(config.layers)
        # Keeps the output open, and its numbering going on, while no root is attached.
        self._output = _C.Trace(config, "")
        self._gives_way_to_program = environment.get("FASTVIDEO_TRACE_PROGRAM", "0") == "0"
        self._components = _components(environment.get("FASTVIDEO_TRACE_COMPONENTS", ""))
        self._steps = StepCounter(environment.get("FASTVIDEO_TRACE_STEP_FROM") or None)
        self._members: dict[int, Member] = {}
        self._lock = threading.RLock()
        self._local = threading.local()
        self._ended = False
        self._troubled = False

    def scope_of_call(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Scope | None:
        """None for a call that needs nothing done around it."""
        try:
            member = self._members.get(id(module))
            if member is None or member.module() is not module:
                member = self._adopt(module)
                if member is None:
                    return None
            elif member.compiled_since():
                self._adopt(module)
                member = self._members[id(module)]
            member.called = True
            root = member.root
            if root is None:
                return None
            under_way = self._roots_under_way()
            if root in under_way:
                return None if member.boundary is None else _Scope(None, None, module, member.boundary, args, kwargs)
            root.calls += 1
            step = activation_trace.current_step_idx()
            if step is None:
                step = self._steps.step_of(root.name, module, args, kwargs)
            return _Scope(under_way, root, module, member.boundary, args, kwargs, _C.TraceStep(step))
        except Exception:
            self._tell_of_trouble()
            return None

    def leave_to_program(self, model: nn.Module) -> None:
        """The program attaches a trace to the model itself."""
        with self._lock:
            if self._gives_way_to_program:
                self._ended = True
            for root in [root for root in self.roots if root.module() is not None]:
                if self._ended or any(id(each) in root.names for each in model.modules()):
                    self._release(root)
            for _, module in walk(model):
                self._members[id(module)] = Member(module, None, "")

    def _roots_under_way(self) -> set[Root]:
        if not hasattr(self._local, "roots"):
            self._local.roots = set()
        return self._local.roots

    def _tell_of_trouble(self) -> None:
        if not self._troubled:
            self._troubled = True
            logger.exception("a module could not be traced, the program goes on")

    def _adopt(self, module: nn.Module) -> Member | None:
        """Attaches a trace to the tree that the module belongs to. None for what is no part of one."""
        if self._ended or is_transparent(module) or not (module._modules or has_weights(module)):
            return None
        if torch._C._get_tracing_state() is not None:
            return None
        with self._lock:
            component = self._component_around(module)
            found = component or enclosing_root(module)
            name = found.name if component else self._unused(found)
            for root in self._roots_within(found.module):
                if root.module() is found.module:
                    name = root.name
                self._release(root)
            if activation_trace._live_trace(found.module):  # the program's own, or a hook of its own by that name
                self._members[id(module)] = Member(module, None, "")
            else:
                self._attach(Root(name, found.module))
            return self._members.get(id(module))

    def _component_around(self, module: nn.Module) -> Holding | None:
        """The smallest of the components that were asked for which has the module."""
        around = []
        for component in self._components:
            model = component.find()
            if model is not None and any(each is module for each in model.modules()):
                around.append((sum(1 for _ in model.modules()), component.name, model))
        return Holding(*min(around, key=lambda entry: entry[0])[1:]) if around else None

    def _unused(self, found: Holding) -> str:
        used = {root.name for root in self.roots if root.module() is not found.module}
        names = (found.name if i == 1 else f"{found.name}#{i}" for i in range(1, len(used) + 2))
        return next(name for name in names if name not in used)

    def _roots_within(self, model: nn.Module) -> list[Root]:
        ids = {id(module) for module in model.modules()}
        components = [component.find() for component in self._components]
        return [
            root
            for root in self.roots
            if (module := root.module()) is not None
            and id(module) in ids
            and (module is model or not any(module is component for component in components))
        ]

    def _attach(self, root: Root) -> None:
        model = root.module()
        others = {id(component.find()) for component in self._components} - {id(model)}
        modules = [(name, module) for name, module in walk(model, others)]
        called = {id(module): self._was_called(module) for _, module in modules}
        targets = [
            (name, module)
            for name, module in modules
            if (self._config.root or is_compiled(model) if not name else self._pattern.search(name))
        ]
        hooked = [(name, module) for name, module in targets if not is_compiled(module)]
        compiled = [(name, module) for name, module in targets if is_compiled(module)]
        trace = activation_trace._attach(hooked, [name for name, _ in modules], self._config, root.name)
        root.trace = trace._trace
        for name, module in modules:
            self._members[id(module)] = Member(module, root, name)
            self._members[id(module)].called = called[id(module)]
            root.names[id(module)] = name
        for name, module in compiled:
            self._members[id(module)].boundary = activation_trace._TraceHook(trace._trace, name, {})
            logger.warning(
                "%s of %s is compiled: it is traced at its boundary, as one module; those inside are not",
                f"module {name}" if name else "all",
                root.name,
            )
        root.has_targets = bool(targets)
        root.members = [self._members[id(module)] for _, module in modules]
        weakref.finalize(model, self._forget, root).atexit = False
        self.roots.append(root)
        logger.info("tracing %d modules of root %s to %s", len(targets), root.name, trace.path)

    def _was_called(self, module: nn.Module) -> bool:
        member = self._members.get(id(module))
        return member is not None and member.module() is module and member.called

    def _release(self, root: Root) -> None:
        """Takes the trace off. The model is as it was."""
        self.roots.remove(root)
        self._forget(root)
        hooked = [ModuleHookManager.get_from(member.module()) for member in root.members if member.module() is not None]
        managers = [manager for manager in hooked if manager is not None]
        activation_trace.ActivationTraceManager(managers, root.trace).remove_from_manager()

    def _forget(self, root: Root) -> None:
        for key in root.names:
            member = self._members.get(key)
            if member is not None and member.root is root:
                del self._members[key]


class _Scope:
    """One call of a root, or of a module that is traced by its calls and not by its forward."""

    def __init__(
        self,
        under_way: set[Root] | None,
        root: Root | None,
        module: nn.Module,
        boundary: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        step: Any = None,
    ) -> None:
        self._under_way = under_way
        self._root = root
        self._module = module
        self._boundary = boundary
        self._step = step
        if step is not None:
            step.__enter__()
            under_way.add(root)
        self.args, self.kwargs = boundary.pre_forward(module, *args, **kwargs) if boundary else (args, kwargs)

    def returned(self, output: Any) -> Any:
        if self._boundary is not None:
            output = self._boundary.post_forward(self._module, output)
        self._leave()
        return output

    def failed(self) -> None:
        if self._boundary is not None:
            self._boundary.forward_failed(self._module)
        self._leave()

    def _leave(self) -> None:
        if self._step is not None:
            self._under_way.discard(self._root)
            self._step.__exit__(None, None, None)


class _Component:
    """A root that was asked for."""

    def __init__(self, name: str, expression: str) -> None:
        self.name = name
        self._expression = expression
        self._found: weakref.ref[nn.Module] | None = None

    def find(self) -> nn.Module | None:
        model = self._found() if self._found is not None else None
        if model is None:
            model = evaluated(self._expression)
            self._found = weakref.ref(model) if model is not None else None
        return model


def _components(text: str) -> list[_Component]:
    """One NAME=EXPR a line."""
    found = [re.fullmatch(r"([^=]+)=(.+)", line.strip()) for line in text.splitlines() if line.strip()]
    if None in found:
        raise ValueError(f"FASTVIDEO_TRACE_COMPONENTS={text!r}: is not of the form NAME=EXPR, one a line")
    return [_Component(match[1].strip(), match[2].strip()) for match in found if match]
