"""Which tree of modules a call belongs to, and what the program calls it: told by the frames of the program."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Iterable, Iterator
from types import FrameType, FunctionType, ModuleType
from typing import Any, NamedTuple

import torch
from torch import nn

_OUR_FILES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "run")
_LONGEST_CONTAINER = 1000


class Holding(NamedTuple):
    """A module and the name of the attribute or variable that holds it; "" if that says nothing."""

    name: str
    module: nn.Module


def enclosing_root(module: nn.Module) -> Holding:
    """The largest tree around `module` that the program's frames hold, by the best of its names.

    Names are preferred in this order: attributes of the objects whose methods are running, the innermost first;
    variables of the frames, and attributes of their values, the outermost first; the name of the class.
    """
    frames = list(_frames_of_program())
    sizes: dict[int, int] = {id(module): len(_ids(module))}
    best = Holding("", module)
    for holding in _holdings(frames):
        candidate = holding.module
        if id(candidate) not in sizes:
            ids = _ids(candidate)
            sizes[id(candidate)] = 0 if is_wrapper(candidate) or id(module) not in ids else len(ids)
        size, best_size = sizes[id(candidate)], sizes[id(best.module)]
        if size > best_size or (candidate is best.module and not best.name):
            best = holding
    return Holding(best.name or type(best.module).__name__, best.module)


def evaluated(expression: str) -> nn.Module | None:
    """What a Python expression gives in the outermost of the program's frames in which it gives a module."""
    for frame in reversed(list(_frames_of_program())):
        try:
            value = unwrapped(eval(expression, frame.f_globals, _variables(frame)))
        except Exception:  # not there yet, or not from here
            continue
        if isinstance(value, nn.Module):
            return value
    return None


def is_compiled(module: nn.Module) -> bool:
    """Its submodules are not called by Python."""
    compiled_in_place = getattr(module, "_compiled_call_impl", None) is not None
    return compiled_in_place or isinstance(module, (_optimized_module(), torch.jit.ScriptModule))


def is_wrapper(module: nn.Module) -> bool:
    """It adds nothing to a name: the model is what it wraps."""
    return is_transparent(module) or isinstance(module, _optimized_module())


def unwrapped(value: Any) -> Any:
    while isinstance(value, nn.Module) and (attribute := _WRAPPED.get(type(value).__name__)):
        value = getattr(value, attribute)
    return value


def is_transparent(module: nn.Module) -> bool:
    return type(module).__name__ in _WRAPPED


_WRAPPED = {"DistributedDataParallel": "module", "DataParallel": "module", "FullyShardedDataParallel": "module"}


def _optimized_module() -> Any:
    frame = sys.modules.get("torch._dynamo.eval_frame")  # absent: nothing has been compiled
    return frame.OptimizedModule if frame is not None else ()


def _ids(module: nn.Module) -> set[int]:
    return {id(each) for each in module.modules()}


def _frames_of_program() -> Iterator[FrameType]:
    """Innermost first."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if not frame.f_code.co_filename.startswith(_OUR_FILES):
            yield frame
        frame = frame.f_back


def _holdings(frames: list[FrameType]) -> Iterator[Holding]:
    """In the order of preference."""
    variables = [_variables(frame) for frame in frames]
    for frame, values in zip(frames, variables):
        owner = _owner(frame, values)
        if owner is not None:
            yield from _attributes(owner)
    for namespace in _namespaces(frames, variables):
        # `self` names nothing
        yield from _modules_among(("" if name == "self" else name, value) for name, value in namespace.items())
        for value in namespace.values():
            if not isinstance(value, (nn.Module, type, ModuleType, FunctionType)):
                yield from _attributes(value)


def _namespaces(frames: list[FrameType], variables: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Outermost first: the variables of each function, then those of its file."""
    seen: set[int] = set()
    for frame, values in zip(reversed(frames), reversed(variables)):
        for namespace in (values, frame.f_globals):
            if id(namespace) not in seen:
                seen.add(id(namespace))
                yield dict(namespace)


def _owner(frame: FrameType, variables: dict[str, Any]) -> Any:
    """The object whose method runs in the frame."""
    first = frame.f_code.co_varnames[:1]
    if not first or frame.f_code.co_argcount == 0 or first[0] != "self":
        return None
    return variables.get("self")


def _variables(frame: FrameType) -> dict[str, Any]:
    values = frame.f_locals
    if not frame.f_code.co_flags & inspect.CO_OPTIMIZED:
        return values  # of a module or class body
    copied = dict(values)
    # Up to Python 3.12 the frame keeps what f_locals returned, and all values in it alive. It is emptied again if nobody
    # else has it (references: the frame's, ours, the call's).
    if type(values) is dict and sys.getrefcount(values) <= 3:
        values.clear()
    return copied


def _attributes(owner: Any) -> Iterator[Holding]:
    try:
        attributes = object.__getattribute__(owner, "__dict__")
    except Exception:
        return
    if isinstance(attributes, dict):
        yield from _modules_among((name, value) for name, value in list(attributes.items()) if name != "_modules")


def _modules_among(items: Iterable[tuple[Any, Any]]) -> Iterator[Holding]:
    for name, value in items:
        for holding in _modules_in(name, value):
            yield Holding(holding.name.strip("_"), unwrapped(holding.module))


def _modules_in(name: Any, value: Any) -> Iterator[Holding]:
    if _is_module(value):
        yield Holding(str(name), value)
    elif type(value) is dict and len(value) <= _LONGEST_CONTAINER:
        yield from (Holding(str(key), item) for key, item in list(value.items()) if _is_module(item))
    elif type(value) in (list, tuple) and len(value) <= _LONGEST_CONTAINER:
        yield from (Holding(f"{name}.{i}", item) for i, item in enumerate(value) if _is_module(item))


def _is_module(value: Any) -> bool:
    return issubclass(type(value), nn.Module)
