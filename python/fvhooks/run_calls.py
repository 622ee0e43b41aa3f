"""Every call of a module passes here."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from fvhooks.run_traceback import leave_frames_out_of_tracebacks
from fvhooks.run_tree import Root


def trace_calls(scope_of_call: Callable[..., Scope | None]) -> None:
    is_compiling = torch.compiler.is_compiling
    original_call = nn.Module.__call__

    @functools.wraps(original_call)
    def __call__(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        if is_compiling():  # True where torch.compile reads this, which then sees the original alone
            return original_call(self, *args, **kwargs)
        scope = scope_of_call(self, args, kwargs)
        if scope is None:
            return original_call(self, *args, **kwargs)
        try:
            output = original_call(self, *scope.args, **scope.kwargs)
        except BaseException:
            scope.failed()
            raise
        return scope.returned(output)

    _keep_frame_from_dynamo(__call__)
    leave_frames_out_of_tracebacks(__file__)
    nn.Module.__call__ = __call__


def _keep_frame_from_dynamo(function: Any) -> None:
    """torch.compile begins with the frames below: taken for one, this code would have one cache for all modules."""
    try:
        from torch._C._dynamo.eval_frame import skip_code

        skip_code(function.__code__)
    except ImportError:
        pass


class Scope:
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
