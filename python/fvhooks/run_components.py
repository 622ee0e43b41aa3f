"""Roots that were asked for by name: --component, FASTVIDEO_TRACE_COMPONENTS."""

from __future__ import annotations

import re
import weakref
from collections.abc import Callable

from torch import nn

from fvhooks.run_roots import evaluated


class Component:
    """A root that was asked for."""

    def __init__(self, name: str, expression: str) -> None:
        self.name = name
        self.expression = expression
        self.was_found = False
        self._model: Callable[[], nn.Module | None] = lambda: None

    def model(self) -> nn.Module | None:
        return self._model()

    def look_for(self) -> None:
        if self.model() is None and (found := evaluated(self.expression)) is not None:
            self.was_found = True
            self._model = weakref.ref(found)


def components_from(text: str) -> list[Component]:
    """One NAME=EXPR a line."""
    found = [re.fullmatch(r"([^=]+)=(.+)", line.strip()) for line in text.splitlines() if line.strip()]
    if None in found:
        raise ValueError(f"FASTVIDEO_TRACE_COMPONENTS={text!r}: is not of the form NAME=EXPR, one a line")
    return [Component(match[1].strip(), match[2].strip()) for match in found if match]
