"""ForwardHook and ModuleHookManager: FastVideo's behaviour, and what a hooked module must survive."""

import copy
import functools
import inspect
import io
import pickle

import pytest
import torch
from torch import nn

from fvhooks.hooks import ForwardHook, ModuleHookManager


class EventHook(ForwardHook):
    def __init__(self, label, events):
        self.label = label
        self.events = events

    def name(self):
        return self.label

    def on_attach(self, module):
        self.events.append(f"attach {self.label}")

    def on_detach(self, module):
        self.events.append(f"detach {self.label}")

    def pre_forward(self, module, *args, **kwargs):
        self.events.append(f"pre {self.label}")
        return args, kwargs

    def post_forward(self, module, output):
        self.events.append(f"post {self.label}")
        return output

    def forward_failed(self, module):
        self.events.append(f"failed {self.label}")


class RefusesToAttach(EventHook):
    def on_attach(self, module):
        raise RuntimeError("no")


class Add(nn.Module):
    def forward(self, x, y=1):
        return x + y


def hooked(module, *hooks):
    manager = ModuleHookManager.get_from_or_default(module)
    for hook in hooks:
        manager.append_forward_hook(hook)
    return manager


def test_pre_hooks_run_in_order_of_attachment_and_post_hooks_in_reverse():
    events = []
    module = Add()
    hooked(module, EventHook("a", events), EventHook("b", events))
    events.clear()
    assert module(1) == 2
    assert events == ["pre a", "pre b", "post b", "post a"]


def test_a_hook_may_change_arguments_and_output():
    class Change(ForwardHook):
        def name(self):
            return "change"

        def pre_forward(self, module, *args, **kwargs):
            return (args[0] * 10,), {"y": 5}

        def post_forward(self, module, output):
            return -output

    module = Add()
    hooked(module, Change())
    assert module(1) == -15


def test_a_module_has_one_manager_with_its_hooks_in_order():
    module = Add()
    assert ModuleHookManager.get_from(module) is None
    a, b = EventHook("a", []), EventHook("b", [])
    manager = hooked(module, a, b)
    assert ModuleHookManager.get_from(module) is manager is ModuleHookManager.get_from_or_default(module)
    assert module._hook_manager is manager
    assert manager.module is module
    assert list(manager.forward_hooks.items()) == [("a", a), ("b", b)]
    assert manager.get_forward_hook("b") is b
    assert manager.get_forward_hook("c") is None


def test_duplicate_and_unknown_names_are_value_errors():
    manager = hooked(Add(), EventHook("a", []))
    with pytest.raises(ValueError, match="a is already registered"):
        manager.append_forward_hook(EventHook("a", []))
    with pytest.raises(ValueError, match="No hook with name b"):
        manager.replace_forward_hook("b", EventHook("b", []))
    with pytest.raises(ValueError, match="No hook with name b"):
        manager.remove_forward_hook("b")


def test_replacing_keeps_the_place_and_tells_both_hooks():
    events = []
    manager = hooked(Add(), EventHook("a", events), EventHook("b", events))
    events.clear()
    new = EventHook("a", events)
    manager.replace_forward_hook("a", new)
    assert events == ["detach a", "attach a"]
    assert list(manager.forward_hooks) == ["a", "b"]
    assert manager.get_forward_hook("a") is new


def test_replacing_without_run_on_attach_does_not_detach_the_old_hook():
    events = []
    manager = hooked(Add(), EventHook("a", events))
    events.clear()
    manager.replace_forward_hook("a", EventHook("a", events), run_on_attach=False)
    assert events == ["attach a"]


def test_removing_detaches_unless_told_otherwise():
    events = []
    manager = hooked(Add(), EventHook("a", events), EventHook("b", events))
    events.clear()
    manager.remove_forward_hook("a", run_detach=False)
    manager.remove_forward_hook("b")
    assert events == ["detach b"]


def test_a_removed_manager_takes_no_more_hooks():
    module = Add()
    manager = hooked(module)
    ModuleHookManager.remove_from_manager(module)
    with pytest.raises(ValueError, match="is not attached"):
        manager.append_forward_hook(EventHook("a", []))
    hooked(module)
    with pytest.raises(ValueError, match="is different"):
        manager.append_forward_hook(EventHook("a", []))


def test_a_hook_that_cannot_attach_leaves_nothing_behind():
    events = []
    module = Add()
    manager = hooked(module, EventHook("a", events))
    with pytest.raises(RuntimeError):
        manager.append_forward_hook(RefusesToAttach("b", events))
    assert list(manager.forward_hooks) == ["a"]
    with pytest.raises(RuntimeError):
        manager.replace_forward_hook("a", RefusesToAttach("a", events))
    assert type(manager.get_forward_hook("a")) is EventHook
    assert events == ["attach a", "detach a", "attach a"]


def test_a_hook_may_remove_itself_during_a_call():
    class Once(EventHook):
        def post_forward(self, module, output):
            ModuleHookManager.get_from(module).remove_forward_hook(self.label)
            return super().post_forward(module, output)

    events = []
    module = Add()
    hooked(module, Once("once", events), EventHook("b", events))
    events.clear()
    module(1)
    module(1)
    assert events == ["pre once", "pre b", "post b", "detach once", "post once", "pre b", "post b"]


def test_a_call_ends_with_the_hooks_that_it_began_with():
    class RemoveAll(EventHook):
        def pre_forward(self, module, *args, **kwargs):
            ModuleHookManager.remove_from_manager(module)
            return super().pre_forward(module, *args, **kwargs)

    events = []
    module = Add()
    hooked(module, RemoveAll("a", events), EventHook("b", events))
    events.clear()
    assert module(1) == 2
    assert events == ["pre a", "pre b", "post b", "post a"]
    assert "forward" not in vars(module)


def test_an_exception_in_forward_reaches_the_caller_and_the_hooks_that_were_entered():
    class Broken(nn.Module):
        def forward(self):
            raise KeyError("broken")

    events = []
    module = Broken()
    hooked(module, EventHook("a", events), EventHook("b", events))
    events.clear()
    with pytest.raises(KeyError, match="broken"):
        module()
    assert events == ["pre a", "pre b", "failed b", "failed a"]


def test_an_exception_in_a_hook_reaches_the_other_hooks_that_were_entered():
    class BrokenPre(EventHook):
        def pre_forward(self, module, *args, **kwargs):
            raise KeyError("pre")

    class BrokenPost(EventHook):
        def post_forward(self, module, output):
            raise KeyError("post")

    events = []
    module = Add()
    manager = hooked(module, EventHook("a", events), BrokenPre("b", events), EventHook("c", events))
    events.clear()
    with pytest.raises(KeyError, match="pre"):
        module(1)
    assert events == ["pre a", "failed a"]
    manager.replace_forward_hook("b", BrokenPost("b", events))
    events.clear()
    with pytest.raises(KeyError, match="post"):
        module(1)
    assert events == ["pre a", "pre b", "pre c", "post c", "failed a"]


def test_removing_the_manager_restores_the_module_exactly():
    module = Add()
    before = dict(vars(module))
    hooked(module, EventHook("a", []))
    ModuleHookManager.remove_from_manager(module)
    assert vars(module) == before
    ModuleHookManager.remove_from_manager(module)
    assert vars(module) == before


def test_an_own_forward_of_the_instance_is_put_back():
    module = Add()
    own = functools.partial(Add.forward, module, y=7)
    module.forward = own
    hooked(module)
    assert module(1) == 8
    ModuleHookManager.remove_from_manager(module)
    assert vars(module)["forward"] is own


def test_what_others_laid_over_the_forward_survives_the_removal():
    module = Add()
    events = []
    hooked(module, EventHook("a", events))
    inner = module.forward
    module.forward = lambda x: inner(x) * 100
    ModuleHookManager.remove_from_manager(module)
    events.clear()
    assert module(1) == 200
    assert events == []


def test_the_signature_of_a_hooked_forward_is_that_of_its_own():
    module = Add()
    signature = inspect.signature(module.forward)
    hooked(module)
    assert inspect.signature(module.forward) == signature


def pickled(module):
    return pickle.loads(pickle.dumps(module))


def saved_and_loaded(module):
    buffer = io.BytesIO()
    torch.save(module, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=False)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickled, saved_and_loaded])
def test_copies_of_a_hooked_model_have_no_hooks(copied):
    class Unpicklable(EventHook):
        def __reduce__(self):
            raise TypeError("a hook is not to be copied")

    events = []
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    for module in model.modules():
        hooked(module, Unpicklable("a", events))
    events.clear()
    twin = copied(model)
    plain = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    if copied is not copy.copy:  # whose children are the original's
        assert [vars(module).keys() for module in twin.modules()] == [vars(m).keys() for m in plain.modules()]
        twin(torch.ones(1, 2))
        assert events == []
    assert vars(twin).keys() == vars(plain).keys()
    assert ModuleHookManager.get_from(twin) is None
    model(torch.ones(1, 2))
    assert len(events) == 6


def test_a_copy_has_the_instances_own_forward_but_not_the_hooks():
    module = Add()
    module.forward = functools.partial(Add.forward, y=3)
    events = []
    hooked(module, EventHook("a", events))
    events.clear()
    twin = copy.deepcopy(module)
    assert isinstance(vars(twin)["forward"], functools.partial)
    assert events == []


def test_a_class_that_copies_its_attributes_itself_gives_an_unhooked_copy():
    class OwnCopy(Add):
        def __deepcopy__(self, memo):
            twin = type(self)()
            memo[id(self)] = twin
            vars(twin).update(copy.deepcopy(dict(vars(self)), memo))
            return twin

    events = []
    module = OwnCopy()
    hooked(module, EventHook("a", events))
    events.clear()
    twin = copy.deepcopy(module)
    assert ModuleHookManager.get_from(twin) is None
    assert twin(1) == 2
    assert twin.forward.__self__ is twin
    assert events == []
