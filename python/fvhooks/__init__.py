"""Forward hooks and activation traces that name the first divergent layer.

torch, and what is compiled here, are imported when one of the names below is first asked for: `python -m fvhooks` and
the .pth file of the installed package must not import torch before the program that they trace does.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

try:
    from fvhooks._build import TORCH_VERSION as _BUILT_FOR_TORCH
    from fvhooks._build import VERSION as __version__
except ImportError as error:
    raise ImportError(
        "this is the source folder of fvhooks, not a built package: run `make build`, and import it from elsewhere"
    ) from error

if TYPE_CHECKING:
    from fvhooks.activation_trace import (
        ActivationStatHook,
        ActivationTraceManager,
        JsonlSink,
        attach_activation_trace,
        current_step_idx,
        detach_activation_trace,
        trace_step,
    )
    from fvhooks.hooks import ForwardHook, ModuleHookManager
    from fvhooks.layerwise_offload import (
        LayerwiseOffloadHook,
        LayerwiseOffloadState,
        disable_layerwise_offload,
        enable_layerwise_offload,
        materialize,
        offload_report,
        offload_timeline,
    )
    from fvhooks.stats import tensor_stats

__all__ = [
    "ActivationStatHook",
    "ActivationTraceManager",
    "ForwardHook",
    "JsonlSink",
    "LayerwiseOffloadHook",
    "LayerwiseOffloadState",
    "ModuleHookManager",
    "attach_activation_trace",
    "current_step_idx",
    "detach_activation_trace",
    "disable_layerwise_offload",
    "enable_layerwise_offload",
    "materialize",
    "offload_report",
    "offload_timeline",
    "tensor_stats",
    "trace_step",
]

_SUBMODULES = ("hooks", "activation_trace", "layerwise_offload", "stats")


def __getattr__(name: str) -> Any:
    if name == "_C":
        return _load_extension()
    if name in _SUBMODULES:
        return importlib.import_module(f"fvhooks.{name}")
    if name in __all__:
        for submodule in map(importlib.import_module, (f"fvhooks.{submodule}" for submodule in _SUBMODULES)):
            if hasattr(submodule, name):
                return globals().setdefault(name, getattr(submodule, name))
    raise AttributeError(f"module 'fvhooks' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_SUBMODULES})


def _load_extension() -> Any:
    import atexit
    import logging

    import torch

    # Before the extension is loaded: against another torch it may load and then crash.
    if torch.__version__ != _BUILT_FOR_TORCH:
        raise ImportError(
            f"fvhooks {__version__} was built for torch {_BUILT_FOR_TORCH}, but this is torch {torch.__version__}; "
            "build it again for this one: pip install --no-build-isolation --force-reinstall --no-deps PATH_TO_FVHOOKS"
        )
    extension = importlib.import_module("fvhooks._C")
    extension.set_warning_handler(logging.getLogger("fvhooks").warning)
    # What is warned of after this (the summary of lost records) comes when Python is gone.
    atexit.register(extension.set_warning_handler, None)
    return extension
