"""Forward hooks and activation traces that name the first divergent layer."""

from __future__ import annotations

import atexit
import logging

try:
    from fvhooks._build import TORCH_VERSION as _BUILT_FOR_TORCH
    from fvhooks._build import VERSION as __version__
except ImportError as error:
    raise ImportError(
        "this is the source folder of fvhooks, not a built package: run `make build`, and import it from elsewhere"
    ) from error

import torch

# Before the extension is loaded: against another torch it may load and then crash.
if torch.__version__ != _BUILT_FOR_TORCH:
    raise ImportError(
        f"fvhooks {__version__} was built for torch {_BUILT_FOR_TORCH}, but this is torch {torch.__version__}; "
        "build it again for this one: pip install --no-build-isolation --force-reinstall --no-deps PATH_TO_FVHOOKS"
    )

from fvhooks import _C
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

_C.set_warning_handler(logging.getLogger("fvhooks").warning)
# What is warned of after this (the summary of lost records) comes when Python is gone.
atexit.register(_C.set_warning_handler, None)
