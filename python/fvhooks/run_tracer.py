"""Traces every tree of modules that a program calls, with no edit of the program.

A tree's root is found, and a trace attached to it, when one of its modules is first called from outside the tree. What
is attached, and so what is recorded, is what attach_activation_trace attaches. Nothing here raises into the program.
"""

from __future__ import annotations

import atexit
import itertools
import logging
import os
import threading
import weakref
from typing import Any

import torch
from torch import nn

from fvhooks import _C, activation_trace
from fvhooks.hooks import ModuleHookManager
from fvhooks.run_calls import Scope, trace_calls
from fvhooks.run_components import components_from
from fvhooks.run_report import print_report
from fvhooks.run_roots import Holding, enclosing_root, is_compiled, is_transparent
from fvhooks.run_steps import StepCounter
from fvhooks.run_tree import Member, Root, has_weights, walk

logger = logging.getLogger("fvhooks")


def install() -> ProgramTracer | None:
    """None where tracing is off. Raises ValueError for a bad value in the environment, OSError for a bad output."""
    config = _C.trace_config()
    if not config.enabled or not config.stats:
        return None
    tracer = ProgramTracer(config, os.environ)
    activation_trace.before_program_attaches = tracer.leave_to_program
    atexit.register(tracer.report)
    trace_calls(tracer.scope_of_call)
    return tracer


class ProgramTracer:
    def __init__(self, config: _C.TraceConfig, environment: Any) -> None:
        self.roots: list[Root] = []
        self._config = config
        self._pattern = activation_trace._compiled(config.layers)
        # Keeps the output open, and its numbering going on, while no root is attached.
        self._output = _C.Trace(config, "")
        self._gives_way_to_program = environment.get("FASTVIDEO_TRACE_PROGRAM", "0") == "0"
        self._components = components_from(environment.get("FASTVIDEO_TRACE_COMPONENTS", ""))
        self._steps = StepCounter(environment.get("FASTVIDEO_TRACE_STEP_FROM") or None)
        self._members: dict[int, Member] = {}
        self._lock = threading.RLock()
        self._local = threading.local()
        self._ended = False
        self._program_attaches = False
        self._troubled = False

    def scope_of_call(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Scope | None:
        """None for a call that needs nothing done around it."""
        try:
            member = self._members.get(id(module))
            if member is None or not member.is_still(module):
                member = self._adopt(module)
                if member is None:
                    return None
            member.called = True
            root = member.root
            if root is None:
                return None
            under_way = self._roots_under_way()
            if root in under_way:
                return None if member.boundary is None else Scope(None, None, module, member.boundary, args, kwargs)
            root.calls += 1
            step = _C.TraceStep(self._step_of(root, module, args, kwargs))
            return Scope(under_way, root, module, member.boundary, args, kwargs, step)
        except Exception:
            self._tell_of_trouble()
            return None

    def end(self) -> None:
        """Takes all traces off."""
        with self._lock:
            self._ended = True
            for root in list(self.roots):
                self._release(root)
            atexit.unregister(self.report)

    def report(self) -> None:
        if self.roots or not self._program_attaches:
            print_report(self.roots, self._config.layers)
        for component in self._components:
            if not component.was_found:
                logger.warning(
                    "component %s: no function of the program has a module %s", component.name, component.expression
                )

    def leave_to_program(self, model: nn.Module) -> None:
        """The program attaches a trace to the model itself."""
        with self._lock:
            if self._gives_way_to_program:
                self._ended = True
            self._program_attaches = True
            taken = {self._members.get(id(module)) for module in model.modules()}
            for root in list(self.roots):
                if self._ended or not taken.isdisjoint(root.members):
                    self._release(root)
            self._leave_alone(model)

    def _step_of(self, root: Root, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int | None:
        set_by_program = activation_trace.current_step_idx()
        if set_by_program is not None:
            return set_by_program
        try:
            return self._steps.step_of(root.name, module, args, kwargs)
        except Exception:  # a timestep without a value, on meta or in a transform
            self._tell_of_trouble()
            return None

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
            member = self._members.get(id(module))
            if member is None or not member.is_still(module):
                self._adopt_tree_around(module)
            return self._members.get(id(module))

    def _adopt_tree_around(self, module: nn.Module) -> None:
        for component in self._components:
            component.look_for()
        found = self._component_around(module) or enclosing_root(module)
        model = found.module
        try:
            called = {id(each) for each in model.modules() if self._was_called(each)}
            replaced = self._roots_within(model)
            root = next((root for root in replaced if root.module() is model), None)
            calls = root.calls if root is not None else 0
            name = root.name if root is not None else self._unused(found.name)
            for root in replaced:
                self._release(root)
            if activation_trace._live_trace(model):  # the program's own
                self._leave_alone(model)
            else:
                self._attach(Root(name, model, calls), called)
        except Exception:
            self._leave_alone(model)
            raise

    def _leave_alone(self, model: nn.Module) -> None:
        for _, module in walk(model):
            self._members[id(module)] = Member(module, None, "")

    def _component_around(self, module: nn.Module) -> Holding | None:
        """The smallest of the components that were asked for which has the module."""
        around = []
        for component in self._components:
            model = component.model()
            if model is not None and any(each is module for each in model.modules()):
                around.append((sum(1 for _ in model.modules()), component.name, model))
        return Holding(*min(around, key=lambda entry: entry[0])[1:]) if around else None

    def _unused(self, name: str) -> str:
        used = {root.name for root in self.roots}
        numbered = (f"{name}#{i}" for i in itertools.count(2))
        return next(each for each in itertools.chain([name], numbered) if each not in used)

    def _roots_within(self, model: nn.Module) -> list[Root]:
        """The roots whose place the tree of `model` takes: what was asked for stays a root of its own."""
        ids = {id(module) for module in model.modules()} - self._ids_of_other_components(model)
        return [root for root in self.roots if (module := root.module()) is not None and id(module) in ids]

    def _ids_of_other_components(self, model: nn.Module) -> set[int]:
        return {id(component.model()) for component in self._components} - {id(model)}

    def _attach(self, root: Root, called: set[int]) -> None:
        model = root.module()
        modules = list(walk(model, self._ids_of_other_components(model)))
        targets = [(name, module) for name, module in modules if self._is_target(name, module)]
        hooked = [(name, module) for name, module in targets if not is_compiled(module)]
        trace = activation_trace._attach(hooked, [name for name, _ in modules], self._config, root.name)
        root.trace = trace._trace
        root.has_targets = bool(targets)
        root.members = [Member(module, root, name) for name, module in modules]
        for (_, module), member in zip(modules, root.members):
            member.called = id(module) in called
            self._members[id(module)] = member
        for _, module in targets:
            if is_compiled(module):
                self._trace_boundary(self._members[id(module)])
        weakref.finalize(model, self._forget, root.members).atexit = False
        self.roots.append(root)
        logger.info("tracing %d modules of root %s to %s", len(targets), root.name, trace.path)

    def _is_target(self, name: str, module: nn.Module) -> bool:
        if not name:
            return self._config.root or is_compiled(module)
        return self._pattern.search(name) is not None

    def _trace_boundary(self, member: Member) -> None:
        member.boundary = activation_trace._TraceHook(member.root.trace, member.name, {})
        logger.warning(
            "%s of %s is compiled: it is traced at its boundary, as one module; those inside are not",
            f"module {member.name}" if member.name else "all",
            member.root.name,
        )

    def _was_called(self, module: nn.Module) -> bool:
        member = self._members.get(id(module))
        return member is not None and member.module() is module and member.called

    def _release(self, root: Root) -> None:
        """Takes the trace off. The model is as it was."""
        self.roots.remove(root)
        self._forget(root.members)
        modules = [module for member in root.members if (module := member.module()) is not None]
        managers = [manager for module in modules if (manager := ModuleHookManager.get_from(module)) is not None]
        activation_trace.ActivationTraceManager(managers, root.trace).remove_from_manager()

    def _forget(self, members: list[Member]) -> None:
        for member in members:
            if self._members.get(member.key) is member:
                del self._members[member.key]
