"""Which denoise step a call belongs to, told by timesteps."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from fvhooks.run_steps import StepCounter


class Denoiser(nn.Module):
    def forward(self, latents, timestep, prompt=None):
        return latents


class Encoder(nn.Module):
    def forward(self, ids):
        return ids


def steps(timesteps, counter=None, module=None):
    counter, module = counter or StepCounter(None), module or Denoiser()
    return [counter.step_of("transformer", module, (None, timestep), {}) for timestep in timesteps]


@given(
    loop=st.lists(st.floats(0, 1000, allow_nan=False), min_size=1, max_size=8, unique=True),
    passes=st.integers(1, 3),
    runs=st.integers(1, 3),
)
def test_each_run_of_a_loop_has_the_steps_of_the_first(loop, passes, runs):
    called_with = [timestep for timestep in loop for _ in range(passes)] * (runs if len(loop) > 1 else 1)
    expected = [step for step in range(len(loop)) for _ in range(passes)] * (runs if len(loop) > 1 else 1)
    assert steps(called_with) == expected


@pytest.mark.parametrize(
    "timesteps",
    [
        [torch.tensor(9.0), torch.tensor([9.0, 9.0]), torch.tensor([5])],  # a pass, two in one batch
        [torch.tensor([9.0]), torch.tensor([[0.0, 9.0, 9.0]]), torch.tensor([[0.0, 5.0, 5.0]])],  # a timestep a token
        [torch.tensor([9.0], dtype=torch.bfloat16), 9, 5.0],
    ],
)
def test_a_timestep_is_its_largest_element(timesteps):
    assert steps(timesteps) == [0, 0, 1]


def test_a_timestep_may_be_passed_by_name():
    counter = StepCounter(None)
    assert counter.step_of("unet", Denoiser(), (None,), {"timestep": 3}) == 0
    assert counter.step_of("unet", Denoiser(), (None,), {"timestep": 2}) == 1


def test_models_that_take_a_timestep_share_the_count():
    counter = StepCounter(None)
    seen = [counter.step_of(root, Denoiser(), (None, t), {}) for t in (9, 5) for root in ("controlnet", "unet")]
    assert seen == [0, 0, 1, 1]


def test_others_have_no_step():
    assert steps([1, 2], module=Encoder()) == [None, None]


def test_the_calls_of_the_chosen_root_alone_count():
    counter = StepCounter("model")

    def step_of(root):
        return counter.step_of(root, Encoder(), (None,), {})

    assert [step_of(root) for root in ("vae", "model", "vae", "vae", "model", "vae")] == [None, 0, 0, 0, 1, 1]


def test_the_chosen_root_counts_by_timesteps_if_it_has_them():
    assert steps([9, 9, 5], StepCounter("transformer")) == [0, 0, 1]
