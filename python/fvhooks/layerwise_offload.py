"""A model in less device memory than it weighs: the weights of its blocks rest in host memory or on disk, and each
block's come in just ahead of its forward. docs/offload.md has the guarantees.

    enable_layerwise_offload(model, budget=4 << 30)                     # accelerator, weights in pinned host memory
    enable_layerwise_offload(model, store="model.safetensors")          # no accelerator: weights stay on disk
    model(...)
    disable_layerwise_offload(model)

While a model is offloaded the parameters and buffers of its blocks are empty outside their forwards (numel() == 0).
"""

from __future__ import annotations

import logging
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from fvhooks import _C
from fvhooks.hooks import ForwardHook, ModuleHookManager

logger = logging.getLogger("fvhooks")

_HOOK_NAME = "LayerwiseOffloadHook"
_LISTS = (nn.ModuleList, nn.Sequential)


class LayerwiseOffloadState:
    """One block's share of an offloaded model."""

    def __init__(self, model: _C.OffloadedModel, block: int, name: str, module: nn.Module):
        self.model = model
        self.block = block
        self.name = name  # of the block in the model
        self.module_ref = module

    def values(self) -> dict[str, torch.Tensor]:
        """Real values by name in the block: copies on the host, or private mappings of the checkpoint."""
        prefix = self.name + "."
        return {name.removeprefix(prefix): tensor for name, tensor in self.model.values(self.block)}


class LayerwiseOffloadHook(ForwardHook):
    def __init__(self, state: LayerwiseOffloadState):
        self.state = state
        self._state_dict_hook: Any = None

    @classmethod
    def name(cls) -> str:
        return _HOOK_NAME

    def on_attach(self, module: nn.Module) -> None:
        # A function, since torch marks what it is given.
        def fill(_: nn.Module, state_dict: dict[str, Any], prefix: str, __: Any) -> None:
            for name, tensor in self.state.values().items():
                if prefix + name in state_dict:
                    state_dict[prefix + name] = tensor

        self._state_dict_hook = module.register_state_dict_post_hook(fill)

    def on_detach(self, module: nn.Module) -> None:
        self._state_dict_hook.remove()

    @torch.compiler.disable
    def pre_forward(self, module: nn.Module, *args: Any, **kwargs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
        self.state.model.enter(self.state.block)
        return args, kwargs

    @torch.compiler.disable
    def post_forward(self, module: nn.Module, output: Any) -> Any:
        self.state.model.leave(self.state.block)
        return output

    @torch.compiler.disable
    def forward_failed(self, module: nn.Module) -> None:
        self.state.model.leave(self.state.block)

    @contextmanager
    def mutate_params_scope(self) -> Iterator[None]:
        """Inside, the block's parameters hold their values, and what is made of them is kept: all of it, or, if
        something raises, nothing. Dtypes and shapes stay. Waits for forwards of the block on other threads."""
        model, block = self.state.model, self.state.block
        model.begin_change(block)
        try:
            yield
            model.commit_change(block)
        finally:
            model.end_change(block)


def enable_layerwise_offload(
    model: nn.Module,
    is_replace: bool = False,
    *,
    blocks: Iterable[str] | None = None,
    budget: int = 0,
    store: str | os.PathLike[str] = "host",
    prefetch_depth: int = 1,
    device: torch.device | str | None = None,
    scratch: str | os.PathLike[str] = "",
) -> None:
    """Offloads the blocks of `model`.

    blocks: their paths; None: the children of every ModuleList and Sequential, however deep (not those inside a block).
    budget: bytes on the device for all blocks, never exceeded; 0: as few as will do.
    store: "host" (memory, pinned beside an accelerator), a checkpoint that holds this model's weights under its names (a
    safetensors file, an index or a folder), or a folder without one, to which the weights are written. Parameters on the
    meta device get their values from the checkpoint: a model that never fits in memory can be built.
    device: where the blocks run; None: the accelerator, or the CPU if the store is a disk.
    scratch: folder for weights that are changed while they are on disk.
    is_replace: the model is offloaded already, and shall be as asked here from now on.

    Raises ValueError or RuntimeError, and leaves the model as it was (with is_replace: offloaded as it was), for a
    device, a store or blocks that are not there, a budget that is too small, a model that is offloaded already (or, with
    is_replace, is not).
    """
    store = os.fspath(store)
    where = _device(device, store)
    named = _find_blocks(model) if blocks is None else _blocks_named(model, blocks)
    _check_attachment(named, is_replace)
    former = list(_hooks(model)) if is_replace else []
    with _set_aside([hook.state.model for _, hook in former]):
        placeholders = _Placeholders(store)
        variables, others = _variables(model, named, placeholders)
        offloaded = _C.OffloadedModel(
            variables,
            others,
            budget=budget,
            prefetch_depth=prefetch_depth,
            device=where,
            store="" if store == "host" else store,
            scratch=os.fspath(scratch),
            log=logger.info,
        )
        placeholders.install(model)
    _remove(former)
    for index, (name, module) in enumerate(named):
        state = LayerwiseOffloadState(offloaded, index, name, module)
        ModuleHookManager.get_from_or_default(module).append_forward_hook(LayerwiseOffloadHook(state))


def disable_layerwise_offload(model: nn.Module) -> None:
    """Every value back where it was: in memory, or on private mappings of the checkpoint. Nothing happens if it is not
    offloaded. Raises RuntimeError while a forward of a block runs."""
    hooks = list(_hooks(model))
    with _set_aside([hook.state.model for _, hook in hooks]):
        pass
    _remove(hooks)


@contextmanager
def materialize(model: nn.Module) -> Iterator[None]:
    """Inside, all parameters and buffers hold their values at once: copies, or private mappings of the checkpoint. What is
    changed in them is forgotten at the end; mutate_params_scope keeps changes. Forwards run on them."""
    offloaded = list(dict.fromkeys(hook.state.model for _, hook in _hooks(model)))
    entered = []
    try:
        for one in offloaded:
            entered.append(one)
            one.materialize()
        yield
    finally:
        for one in entered:
            one.dematerialize()


def offload_report(model: nn.Module) -> dict[str, Any]:
    """What the offload did since it was enabled: seconds and counts by block, bytes moved, efficiency (1 is the best that
    the same computation and transfers allow)."""
    return _offloaded(model).report()


def offload_timeline(model: nn.Module) -> str:
    """Loads, stalls and uses as JSON of Chrome's trace format, which Perfetto opens: the latest 65,536."""
    return _offloaded(model).chrome_trace()


@contextmanager
def _set_aside(models: list[_C.OffloadedModel]) -> Iterator[None]:
    """Inside, they are whole; they stay so at the end, but are offloaded as before if something raises."""
    restored: list[_C.OffloadedModel] = []
    try:
        for one in dict.fromkeys(models):
            one.restore()
            restored.append(one)
        yield
    except BaseException:
        for one in restored:
            one.resume()
        raise


def _remove(hooks: list[tuple[nn.Module, LayerwiseOffloadHook]]) -> None:
    for module, hook in hooks:
        manager = ModuleHookManager.get_from(module)
        manager.remove_forward_hook(hook.name())
        if not manager.forward_hooks:
            ModuleHookManager.remove_from_manager(module)


def _offloaded(model: nn.Module) -> _C.OffloadedModel:
    for _, hook in _hooks(model):
        return hook.state.model
    raise ValueError("the model is not offloaded")


def _hooks(model: nn.Module) -> Iterator[tuple[nn.Module, LayerwiseOffloadHook]]:
    for module in model.modules():
        manager = ModuleHookManager.get_from(module)
        hook = manager.get_forward_hook(_HOOK_NAME) if manager else None
        if isinstance(hook, LayerwiseOffloadHook):
            yield module, hook


def _device(device: torch.device | str | None, store: str) -> torch.device:
    if device is None:
        accelerator = torch.accelerator.current_accelerator(check_available=True)
        if accelerator is not None:
            return torch.device(accelerator.type, torch.accelerator.current_device_index())
        if store == "host":
            raise RuntimeError(
                "there is no accelerator on this machine whose memory could be relieved: "
                'name a disk (store="model.safetensors"), or say device="cpu"'
            )
        return torch.device("cpu")
    device = torch.device(device)
    if device.type == "cpu":
        return device
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    if accelerator is None or accelerator.type != device.type:
        raise RuntimeError(f"there is no device {device} on this machine (or this torch was built without it)")
    if device.index is None:
        return torch.device(device.type, torch.accelerator.current_device_index())
    if device.index >= torch.accelerator.device_count():
        raise RuntimeError(f"there is no device {device}: this machine has {torch.accelerator.device_count()}")
    return device


def _has_tensors(module: nn.Module) -> bool:
    return any(True for _ in module.parameters()) or any(True for _ in module.buffers())


def _find_blocks(model: nn.Module) -> list[tuple[str, nn.Module]]:
    found = _once(_blocks_in(model, ""))
    if not found:
        raise ValueError(
            "No nn.ModuleList or nn.Sequential found in the model for layerwise offloading: name its blocks"
        )
    return found


def _blocks_in(model: nn.Module, prefix: str) -> Iterator[tuple[str, nn.Module]]:
    for name, child in model.named_children():
        if not isinstance(model, _LISTS):
            yield from _blocks_in(child, f"{prefix}{name}.")
        elif _has_tensors(child):
            yield prefix + name, child


def _once(named: Iterable[tuple[str, nn.Module]]) -> list[tuple[str, nn.Module]]:
    """A module that several lists have, by its first name."""
    found: dict[nn.Module, str] = {}
    for name, module in named:
        found.setdefault(module, name)
    return [(name, module) for module, name in found.items()]


def _blocks_named(model: nn.Module, names: Iterable[str]) -> list[tuple[str, nn.Module]]:
    modules = dict(model.named_modules())
    named = []
    for name in names:
        if name not in modules or not name:
            raise ValueError(f"the model has no module {name!r} to offload")
        named.append((name, modules[name]))
    if not named:
        raise ValueError("no blocks were named to offload")
    return _once(named)


def _check_attachment(named: list[tuple[str, nn.Module]], is_replace: bool) -> None:
    for name, module in named:
        manager = ModuleHookManager.get_from(module)
        is_attached = manager is not None and manager.get_forward_hook(_HOOK_NAME) is not None
        if is_attached and not is_replace:
            raise ValueError(f"block {name!r} is offloaded already (is_replace=True does it anew)")
        if is_replace and not is_attached:
            raise ValueError(f"block {name!r} is not offloaded, so that nothing can be replaced")


_Variable = tuple[str, torch.Tensor, list[int] | None]  # name in the model, tensor, shape of what the checkpoint has


class _Placeholders:
    """Stand-ins for tensors on the meta device, which cannot get other data: the tensor itself is replaced, once."""

    def __init__(self, store: str):
        self._store = store
        self._by_meta: dict[int, torch.Tensor] = {}

    def variable(self, name: str, tensor: torch.Tensor) -> _Variable:
        if not tensor.is_meta:
            return name, tensor, None
        if self._store == "host":
            raise ValueError(f"{name!r} is on the meta device: its values need a checkpoint as the store")
        if id(tensor) not in self._by_meta:
            empty = torch.empty((0,) * max(tensor.ndim, 1), dtype=tensor.dtype)
            is_parameter = isinstance(tensor, nn.Parameter)
            self._by_meta[id(tensor)] = nn.Parameter(empty, tensor.requires_grad) if is_parameter else empty
        return name, self._by_meta[id(tensor)], list(tensor.shape)

    def install(self, model: nn.Module) -> None:
        for module in model.modules():
            for tensors in (module._parameters, module._buffers):
                for name, tensor in tensors.items():
                    if tensor is not None and id(tensor) in self._by_meta:
                        tensors[name] = self._by_meta[id(tensor)]


def _variables(
    model: nn.Module, blocks: list[tuple[str, nn.Module]], placeholders: _Placeholders
) -> tuple[list[list[_Variable]], list[_Variable]]:
    """Those of each block, and the others. What only the checkpoint has, and two of them share, is one of the others."""
    block_of = {id(part): index for index, (_, module) in enumerate(blocks) for part in module.modules()}
    owners: dict[int, set[int]] = defaultdict(set)
    found: list[tuple[int, str, torch.Tensor]] = []
    for path, module in model.named_modules():
        owner = block_of.get(id(module), -1)
        for tensors in (module._parameters, module._buffers):
            for name, tensor in tensors.items():
                if tensor is not None:
                    owners[id(tensor)].add(owner)
                    found.append((owner, f"{path}.{name}" if path else name, tensor))
    of_blocks: list[list[_Variable]] = [[] for _ in blocks]
    others: list[_Variable] = []
    seen: set[int] = set()
    for owner, name, tensor in found:
        is_shared = len(owners[id(tensor)]) > 1
        if owner < 0 or (is_shared and tensor.is_meta):
            if not (tensor.is_meta and id(tensor) in seen):
                others.append(placeholders.variable(name, tensor))
            seen.add(id(tensor))
        else:
            of_blocks[owner].append(placeholders.variable(name, tensor))
    return of_blocks, others
