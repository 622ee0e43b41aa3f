"""A tree of modules under trace, and the modules in it. Nothing here keeps a model alive."""

from __future__ import annotations

import weakref
from collections.abc import Collection, Iterator
from typing import Any

from torch import nn

from fvhooks.run_roots import is_compiled


class Root:
    def __init__(self, name: str, model: nn.Module, calls: int) -> None:
        self.name = name
        self.module = weakref.ref(model)
        self.calls = calls  # from outside
        self.has_targets = False
        self.members: list[Member] = []
        self.trace: Any = None


class Member:
    """A module of a tree; of none (root is None) if it is left alone."""

    __slots__ = ("boundary", "called", "has_weights", "key", "module", "name", "root", "was_compiled")

    def __init__(self, module: nn.Module, root: Root | None, name: str) -> None:
        self.module = weakref.ref(module)
        self.key = id(module)
        self.root = root
        self.name = name
        self.called = False
        self.has_weights = has_weights(module)
        self.boundary: Any = None  # the hook of a module that is traced by its calls, not by its forward
        self.was_compiled = is_compiled(module)

    def is_still(self, module: nn.Module) -> bool:
        """It has not been freed, and another module put in its place, nor compiled in place since it was seen."""
        return self.module() is module and (self.was_compiled or module._compiled_call_impl is None)


def has_weights(module: nn.Module) -> bool:
    return any(parameter is not None for parameter in module._parameters.values())


def walk(model: nn.Module, left_out: Collection[int] = ()) -> Iterator[tuple[str, nn.Module]]:
    """As named_modules, but not into compiled modules, nor into those with the ids `left_out`."""
    return _walk("", model, set(left_out))


def _walk(name: str, module: nn.Module, seen: set[int]) -> Iterator[tuple[str, nn.Module]]:
    if id(module) in seen:
        return
    seen.add(id(module))
    yield name, module
    if is_compiled(module):
        return
    for child_name, child in module._modules.items():
        if child is not None:
            yield from _walk(f"{name}.{child_name}" if name else child_name, child, seen)
