"""Hooks around the forward of a module. A module without hooks is left exactly as it was."""

from __future__ import annotations

import logging
import types
from collections.abc import Callable
from typing import Any

from torch import nn

from fvhooks import _C

logger = logging.getLogger("fvhooks")


class ForwardHook:
    """Derive from it, override what is needed, hand it to ModuleHookManager.append_forward_hook.

    What a hook raises reaches the caller of forward, except from forward_failed.
    """

    @classmethod
    def name(cls) -> str:
        """Unique among the hooks of a module."""
        raise NotImplementedError

    def on_attach(self, module: nn.Module) -> None:
        """If it raises, the hook is not attached."""

    def on_detach(self, module: nn.Module) -> None:
        """Not called for a module that is destroyed with its hooks."""

    def pre_forward(self, module: nn.Module, *args: Any, **kwargs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Before forward, in the order of attachment. Returns what forward shall get."""
        return args, kwargs

    def post_forward(self, module: nn.Module, output: Any) -> Any:
        """After forward, in reverse order. Returns what the caller shall get."""
        return output

    def forward_failed(self, module: nn.Module) -> None:
        """In place of post_forward, if pre_forward of this hook returned and then something raised."""


class ModuleHookManager:
    """The hooks of one module, kept on it as `_hook_manager`.

    A call runs to its end with the hooks that it began with, so that a hook may attach and remove hooks, itself too.
    Copies of the module (copy, deepcopy, pickle, torch.save) have no hooks. torch.jit.script refuses it.
    """

    module_hook_attribute = "_hook_manager"

    def __init__(self, module: nn.Module):
        self.module = module
        self.forward_hooks: dict[str, ForwardHook] = {}
        self.original_forward = module.forward
        self._shadowed: dict[str, Any] = {}  # the module's own attributes that ours stand before

    @classmethod
    def get_from(cls, module: nn.Module) -> ModuleHookManager | None:
        manager = vars(module).get(cls.module_hook_attribute)
        # A copy made behind our back carries the manager of another module.
        return manager if manager is not None and manager.module is module else None

    @classmethod
    def get_from_or_default(cls, module: nn.Module) -> ModuleHookManager:
        manager = cls.get_from(module)
        if manager is None:
            manager = cls(module)
            manager._shadow("forward", _HookedForward(manager))
            manager._shadow("__getstate__", _StateWithoutHooks(manager))
            vars(module)[cls.module_hook_attribute] = manager
        return manager

    @staticmethod
    def remove_from_manager(module: nn.Module) -> None:
        """Puts the module's own forward back. The hooks are dropped without on_detach."""
        manager = ModuleHookManager.get_from(module)
        if manager is None:
            return
        manager._unshadow("forward", _HookedForward)
        manager._unshadow("__getstate__", _StateWithoutHooks)
        del vars(module)[manager.module_hook_attribute]

    def append_forward_hook(self, hook: ForwardHook) -> None:
        self._check_manager_attached()
        name = hook.name()
        if name in self.forward_hooks:
            raise ValueError(f"Hook with name {name} is already registered.")
        self.forward_hooks[name] = hook
        try:
            hook.on_attach(self.module)
        except BaseException:
            if self.forward_hooks.get(name) is hook:
                del self.forward_hooks[name]
            raise

    def replace_forward_hook(self, hook_name: str, new_hook: ForwardHook, run_on_attach: bool = True) -> None:
        """The new hook stands where the old one stood, under the old one's name.

        on_attach of the new hook is always called, on_detach of the old one only with run_on_attach. If the new hook
        cannot be attached the old one is attached again.
        """
        self._check_manager_attached()
        old_hook = self._hook_named(hook_name)
        if run_on_attach:
            old_hook.on_detach(self.module)
        self.forward_hooks[hook_name] = new_hook
        try:
            new_hook.on_attach(self.module)
        except BaseException:
            self.forward_hooks[hook_name] = old_hook
            if run_on_attach:
                old_hook.on_attach(self.module)
            raise

    def remove_forward_hook(self, hook_name: str, run_detach: bool = True) -> None:
        self._check_manager_attached()
        hook = self._hook_named(hook_name)
        if run_detach:
            hook.on_detach(self.module)
        self.forward_hooks.pop(hook_name, None)

    def get_forward_hook(self, hook_name: str) -> ForwardHook | None:
        return self.forward_hooks.get(hook_name)

    def __reduce__(self) -> tuple[type, tuple[()]]:
        return type(None), ()  # a copy of the module has no manager

    def _check_manager_attached(self) -> None:
        manager = vars(self.module).get(self.module_hook_attribute)
        if manager is None:
            raise ValueError("ModuleHookManager is not attached to the module.")
        if manager is not self:
            raise ValueError("ModuleHookManager attached to the module is different.")

    def _hook_named(self, hook_name: str) -> ForwardHook:
        if hook_name not in self.forward_hooks:
            raise ValueError(f"No hook with name {hook_name} found.")
        return self.forward_hooks[hook_name]

    def _shadow(self, attribute: str, value: Any) -> None:
        own = vars(self.module)
        if attribute in own:
            self._shadowed[attribute] = own[attribute]
        own[attribute] = value

    def _unshadow(self, attribute: str, ours: type) -> None:
        """Restores the module's own attribute, or its absence. What somebody laid over ours since then stays."""
        own = vars(self.module)
        if type(own.get(attribute)) is not ours:
            return
        if attribute in self._shadowed:
            own[attribute] = self._shadowed[attribute]
        else:
            del own[attribute]


class _HookedForward(_C.HookedForward):
    """Stands in the module's `forward` while it has a manager. What it does when called is C++."""

    def __init__(self, manager: ModuleHookManager):
        super().__init__(manager, manager.module_hook_attribute)
        self._manager = manager
        self.__wrapped__ = manager.original_forward  # for inspect.signature
        self.__name__ = "forward"

    @staticmethod
    def _tell_of_failure(hooks: list[ForwardHook], module: nn.Module) -> None:
        for hook in hooks:
            try:
                hook.forward_failed(module)
            except Exception:
                logger.exception("forward_failed of hook %s raised", hook.name())

    def __getattr__(self, name: str) -> Any:
        if name == "__globals__":  # what torch.jit.script asks a function for
            raise AttributeError(
                "a forward with hooks cannot be scripted: detach the trace, or remove the hooks "
                "(ModuleHookManager.remove_from_manager), before torch.jit.script"
            )
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        # Reached only where a class copies its __dict__ by itself: the copy gets a forward without hooks.
        return types.MethodType, (
            type(self._manager.module).forward,
            self._manager.module,
        )


class _StateWithoutHooks:
    """Stands in the module's `__getstate__`, which copy and pickle ask for: the state without what we put there."""

    def __init__(self, manager: ModuleHookManager):
        self._manager = manager

    def __call__(self) -> Any:
        module = self._manager.module
        state = _own_state(module)
        if not isinstance(state, dict):
            return state
        state = dict(state)
        for attribute, ours in (
            ("forward", _HookedForward),
            ("__getstate__", _StateWithoutHooks),
        ):
            if type(state.get(attribute)) is ours:
                del state[attribute]
                if attribute in self._manager._shadowed:
                    state[attribute] = self._manager._shadowed[attribute]
        state.pop(self._manager.module_hook_attribute, None)
        return state

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return types.MethodType, (_own_state, self._manager.module)


def _own_state(module: nn.Module) -> Any:
    own = getattr(type(module), "__getstate__", None)  # object has one from Python 3.11 on
    return own(module) if own is not None else vars(module)
