"""The statistics of one tensor (docs/statistics.md, docs/sketch.md)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from fvhooks import _C


def tensor_stats(tensor: torch.Tensor, stats: Iterable[str] | None = None, sketch: int = 64) -> dict[str, Any]:
    """A dict with the keys of a record: the statistics asked for, in that order (None: all), then `nan` and `inf` if
    they are not zero, then `sketch` unless it is 0.

    Non-finite statistics are floats here; sums, extremes and counts of integer tensors are exact integers. Raises
    ValueError for an unknown statistic, a sketch size that is none of 0, 64, 128 and 256, and a tensor without readable
    values (meta, sparse, quantised) unless only its shape and dtype are asked for.
    """
    return _C.tensor_stats(tensor, stats, sketch)
