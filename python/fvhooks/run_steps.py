"""Which denoise step a call belongs to, in a program that does not say so itself."""

from __future__ import annotations

import inspect
import threading
from typing import Any

import torch
from torch import nn

_TIMESTEP_PARAMETERS = ("timestep", "timesteps", "t", "sigma", "sigmas", "noise_level")


class StepCounter:
    """Calls with the same timestep as the last are one step: the passes of guidance, a ControlNet and its UNet.

    Another timestep is the next step, and the first timestep of all begins anew at step 0. Models without a timestep
    have no step, unless `step_from` names one: then its calls alone count, each a step if it has no timestep, and the
    calls of other models belong to the step that was begun last.
    """

    def __init__(self, step_from: str | None) -> None:
        self._step_from = step_from
        self._lock = threading.Lock()
        self._step: int | None = None
        self._first: Any = None
        self._last: Any = None
        self._positions: dict[type, tuple[str, int] | None] = {}

    def step_of(self, root: str, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int | None:
        with self._lock:
            if self._step_from not in (None, root):
                return self._step
            timestep = self._timestep(module, args, kwargs)
            if timestep is not None:
                self._count_timestep(timestep)
            elif self._step_from is None:
                return None
            else:
                self._step = 0 if self._step is None else self._step + 1
            return self._step

    def _count_timestep(self, timestep: float) -> None:
        if self._step is None:
            self._step, self._first = 0, timestep
        elif timestep != self._last:
            self._step = 0 if timestep == self._first else self._step + 1
        self._last = timestep

    def _timestep(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> float | None:
        """The largest element: guidance passes in one batch have it several times, masked tokens have 0."""
        place = self._place_of_timestep(type(module))
        if place is None:
            return None
        name, position = place
        value = kwargs.get(name, args[position] if position < len(args) else None)
        if isinstance(value, torch.Tensor):
            if value.numel() == 0 or _is_capturing(value):
                return self._last
            return value.detach().max().item()
        return value if isinstance(value, (int, float)) else None

    def _place_of_timestep(self, module_type: type) -> tuple[str, int] | None:
        if module_type not in self._positions:
            names = list(inspect.signature(module_type.forward).parameters)[1:]
            places = ((name, names.index(name)) for name in _TIMESTEP_PARAMETERS if name in names)
            self._positions[module_type] = next(places, None)
        return self._positions[module_type]


def _is_capturing(tensor: torch.Tensor) -> bool:
    """Nobody may wait for the device then."""
    return tensor.is_cuda and torch.cuda.is_current_stream_capturing()
