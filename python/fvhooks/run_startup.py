"""What runs as Python starts, where FASTVIDEO_TRACE_ACTIVATIONS asks for a trace: it waits for the program to import
torch. Free of torch itself; a program that never imports it is left alone."""

from __future__ import annotations

import importlib.abc
import importlib.util
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


def start() -> None:
    """Traces the program once torch is there; idempotent."""
    if "torch" in sys.modules:
        _install_tracer()
    elif not any(isinstance(finder, _TorchFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _TorchFinder())


class _TorchFinder(importlib.abc.MetaPathFinder):
    """Finds nothing, but has the tracer installed when torch has been imported."""

    def find_spec(self, name: str, path: Any, target: ModuleType | None = None) -> ModuleSpec | None:
        if name != "torch":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec("torch")
        if spec is not None and spec.loader is not None:
            _call_after_import(spec.loader, _install_tracer)
        return spec


def _call_after_import(loader: Any, callback: Any) -> None:
    import_module = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        del loader.exec_module  # the loader's own from now on
        import_module(module)
        callback()

    loader.exec_module = exec_module


def _install_tracer() -> None:
    try:
        from fvhooks import run_tracer

        run_tracer.install()
    except Exception as error:  # the program goes on, as after any trouble of a tracer
        print(f"fvhooks: nothing is traced: {error}", file=sys.stderr)
