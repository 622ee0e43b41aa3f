"""Small models to trace, and what is asked of them."""

import torch
from torch import nn

from fvhooks.activation_trace import attach_activation_trace, detach_activation_trace


class Toy(nn.Module):
    def __init__(self):
        super().__init__()
        self.block = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
        self.other = nn.Linear(2, 2)

    def forward(self, x):
        return self.other(self.block(x))


class Returns(nn.Module):
    """A root whose child `child` returns a given value."""

    class Child(nn.Module):
        def __init__(self, value):
            super().__init__()
            self.value = value

        def forward(self):
            return self.value

    def __init__(self, value):
        super().__init__()
        self.child = self.Child(value)

    def forward(self):
        return self.child()


class Fails(nn.Module):
    def forward(self, fail):
        if fail:
            raise KeyError("on purpose")
        return torch.ones(1)


def state_of(model):
    return [dict(vars(module)) for module in model.modules()]


def traced_call(model, *args, **kwargs):
    manager = attach_activation_trace(model)
    try:
        return model(*args, **kwargs)
    finally:
        detach_activation_trace(manager)
