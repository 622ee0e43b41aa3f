"""Layerwise offload: the same bits as the resident model, whatever is asked of it."""

import copy
import itertools
import json
import os
import pathlib
import subprocess
import sys
import textwrap
import threading

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import nn

from fvhooks.hooks import ForwardHook, ModuleHookManager
from fvhooks.layerwise_offload import (
    LayerwiseOffloadHook,
    disable_layerwise_offload,
    enable_layerwise_offload,
    materialize,
    offload_report,
    offload_timeline,
)

WIDTH = 24


class Block(nn.Module):
    def __init__(self, width: int = WIDTH, dtype: torch.dtype = torch.float32):
        super().__init__()
        self.up = nn.Linear(width, 2 * width, dtype=dtype)
        self.down = nn.Linear(2 * width, width, dtype=dtype)
        self.register_buffer("scale", torch.rand(width, dtype=dtype))
        self.fails = False

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.down(torch.nn.functional.gelu(self.up(x))) * self.scale
        if self.fails:
            raise ValueError("as asked")
        return x + y


class Model(nn.Module):
    """Two lists, one of them deep inside."""

    def __init__(self, blocks: int = 5):
        super().__init__()
        self.blocks = nn.ModuleList(Block() for _ in range(blocks))
        self.inner = nn.Module()
        self.inner.tail = nn.Sequential(Block(), Block())
        self.head = nn.Linear(WIDTH, 3)
        self.order: list[int] | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for index in range(len(self.blocks)) if self.order is None else self.order:
            x = self.blocks[index](x)
        return self.head(self.inner.tail(x))


def made(blocks: int = 5) -> Model:
    torch.manual_seed(7)
    return Model(blocks)


def inputs() -> torch.Tensor:
    return torch.randn(4, WIDTH, generator=torch.Generator().manual_seed(3))


def offloadable(model: nn.Module) -> list[nn.Module]:
    return [*model.blocks, *model.inner.tail]


def checkpoint(model: nn.Module, path: os.PathLike) -> str:
    save_file({name: tensor.clone() for name, tensor in model.state_dict().items()}, path)
    return str(path)


def hook_of(block: nn.Module) -> LayerwiseOffloadHook:
    return ModuleHookManager.get_from(block).get_forward_hook("LayerwiseOffloadHook")


def block_bytes() -> int:
    return sum(t.numel() * t.element_size() for t in Block().state_dict().values())


def run_python(code: str, *arguments: str) -> str:
    process = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *arguments], capture_output=True, text=True, timeout=300
    )
    assert process.returncode == 0, process.stderr
    return process.stdout


STORES = ("host", "folder", "file", "index")


def store_for(kind: str, model: nn.Module, tmp_path) -> str:
    if kind == "host":
        return "host"
    if kind == "folder":
        return str(tmp_path / "spilled")
    if kind == "file":
        return checkpoint(model, tmp_path / "model.safetensors")
    tensors = list(model.state_dict().items())
    shards = {"a.safetensors": dict(tensors[::2]), "b.safetensors": dict(tensors[1::2])}
    weight_map = {name: shard for shard, items in shards.items() for name in items}
    for shard, items in shards.items():
        save_file({name: tensor.clone() for name, tensor in items.items()}, tmp_path / shard)
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    return str(tmp_path / "model.safetensors.index.json")


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("depth", [0, 1, 3])
@pytest.mark.parametrize("budget_in_blocks", [0, 4.5, 100])
@pytest.mark.parametrize("blocks", [1, 2, 5])
def test_outputs_have_the_resident_models_bits(store, depth, budget_in_blocks, blocks, tmp_path):
    model = made(blocks)
    expected = model(inputs())
    per_block = -(-block_bytes() // 4096) * 4096 + 8192
    budget = int(budget_in_blocks * per_block)
    enable_layerwise_offload(
        model, store=store_for(store, model, tmp_path), prefetch_depth=depth, budget=budget, device="cpu"
    )
    for _ in range(3):
        assert torch.equal(model(inputs()), expected)
    if budget:
        assert hook_of(model.blocks[0]).state.model.allocated_bytes <= budget


@given(order=st.lists(st.integers(0, 4), max_size=12), steps=st.integers(1, 3))
@settings(max_examples=25, deadline=None)
def test_blocks_may_be_skipped_repeated_and_reordered(order, steps):
    model = made()
    model.order = order
    expected = model(inputs())
    enable_layerwise_offload(model, device="cpu")
    for _ in range(steps):
        assert torch.equal(model(inputs()), expected)


def at_address(tensor: torch.Tensor, remainder: int) -> torch.Tensor:
    """The same values, beginning at `remainder` modulo 64."""
    memory = torch.empty(tensor.nbytes + 128, dtype=torch.uint8)
    begin = (remainder - memory.data_ptr()) % 64
    copy = memory[begin : begin + tensor.nbytes].view(tensor.dtype).view(tensor.shape)
    return copy.copy_(tensor)


def write_checkpoint(model: nn.Module, path: os.PathLike, remainder: int) -> None:
    """With its data at `remainder` modulo 64 of the file."""
    save_file({name: tensor.clone() for name, tensor in model.state_dict().items()}, path)
    whole = path.read_bytes()
    end = 8 + int.from_bytes(whole[:8], "little")
    header = whole[8:end] + b" " * ((remainder - end) % 64)
    path.write_bytes(len(header).to_bytes(8, "little") + header + whole[end:])


@pytest.mark.parametrize("in_file", [0, 4, 8, 44])
@pytest.mark.parametrize("in_memory", [0, 8, 20])
def test_one_row_has_the_resident_models_bits_wherever_its_weights_lie(in_file, in_memory, tmp_path):
    """Kernels for a single row add up in an order that goes by the weight's address."""
    torch.manual_seed(7)
    model = nn.Sequential(*(nn.Linear(256, 256) for _ in range(4)))
    for parameter in model.parameters():
        parameter.data = at_address(parameter.data, in_memory)
    path = tmp_path / "model.safetensors"
    write_checkpoint(model, path, in_file)
    row = torch.randn(1, 256, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        expected = model(row)
        for store in ("host", tmp_path / "spilled", path):
            for budget in (0, 1 << 30):
                enable_layerwise_offload(model, store=store, budget=budget, device="cpu", scratch=tmp_path)
                assert torch.equal(model(row), expected), store
                with hook_of(model[1]).mutate_params_scope():
                    model[1].weight.data = model[1].weight.data.clone()
                assert torch.equal(model(row), expected), store
                with materialize(model):
                    assert torch.equal(model(row), expected), store
                disable_layerwise_offload(model)
                assert torch.equal(model(row), expected), store


@pytest.mark.parametrize("in_file", [0, 4, 8, 44])
def test_one_row_of_a_model_that_was_never_in_memory_has_the_bits_of_one_that_was(in_file, tmp_path):
    torch.manual_seed(7)
    model = nn.Sequential(*(nn.Linear(256, 256) for _ in range(4)))
    for parameter in model.parameters():
        parameter.data = at_address(parameter.data, 0)
    path = tmp_path / "model.safetensors"
    write_checkpoint(model, path, in_file)
    row = torch.randn(1, 256, generator=torch.Generator().manual_seed(3))
    with torch.device("meta"):
        empty = nn.Sequential(*(nn.Linear(256, 256) for _ in range(4)))
    with torch.no_grad():
        enable_layerwise_offload(empty, store=path, device="cpu")
        assert torch.equal(empty(row), model(row))


def test_parameters_and_buffers_are_empty_while_offloaded_and_come_back():
    model = made()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    enable_layerwise_offload(model, device="cpu")
    for block in offloadable(model):
        for tensor in itertools.chain(block.parameters(), block.buffers()):
            assert tensor.numel() == 0 and tensor.ndim > 0
    assert model.head.weight.numel() > 0
    model(inputs())
    disable_layerwise_offload(model)
    after = model.state_dict()
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert all(ModuleHookManager.get_from(block) is None for block in offloadable(model))
    disable_layerwise_offload(model)


@pytest.mark.parametrize("store", STORES)
def test_state_dict_has_real_values_of_the_model_and_of_a_block(store, tmp_path):
    model = made()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    enable_layerwise_offload(model, store=store_for(store, model, tmp_path), device="cpu")
    state = model.state_dict()
    assert state.keys() == before.keys()
    assert all(torch.equal(state[name], before[name]) for name in before)
    assert torch.equal(model.blocks[2].state_dict()["up.weight"], before["blocks.2.up.weight"])
    assert model.blocks[2].up.weight.numel() == 0


@pytest.mark.parametrize("store", ["host", "file"])
def test_materialize_is_a_scope_with_all_values(store, tmp_path):
    model = made()
    expected = model(inputs())
    weight = model.blocks[3].up.weight.clone()
    enable_layerwise_offload(model, store=store_for(store, model, tmp_path), device="cpu")
    with materialize(model):
        assert torch.equal(model.blocks[3].up.weight, weight)
        assert torch.equal(model(inputs()), expected)
        assert torch.equal(model.blocks[3].up.weight, weight)
        model.blocks[3].up.weight.data.zero_()
    assert model.blocks[3].up.weight.numel() == 0
    assert torch.equal(model(inputs()), expected)


def test_a_forward_that_raises_leaves_a_model_that_works():
    model = made()
    expected = model(inputs())
    enable_layerwise_offload(model, device="cpu")
    model.blocks[2].fails = True
    for _ in range(3):
        with pytest.raises(ValueError, match="as asked"):
            model(inputs())
    model.blocks[2].fails = False
    assert torch.equal(model(inputs()), expected)
    assert all(block.up.weight.numel() == 0 for block in model.blocks)


def test_a_hook_behind_that_raises_leaves_a_model_that_works():
    class Raises(ForwardHook):
        armed = True

        @classmethod
        def name(cls):
            return "raises"

        def pre_forward(self, module, *args, **kwargs):
            if self.armed:
                raise ValueError("a hook")
            return args, kwargs

    model = made()
    expected = model(inputs())
    enable_layerwise_offload(model, device="cpu")
    hook = Raises()
    ModuleHookManager.get_from(model.blocks[1]).append_forward_hook(hook)
    with pytest.raises(ValueError, match="a hook"):
        model(inputs())
    hook.armed = False
    assert torch.equal(model(inputs()), expected)


@pytest.mark.parametrize("store", STORES)
def test_a_mutation_is_kept_whole(store, tmp_path):
    model = made()
    changed = copy.deepcopy(model)
    with torch.no_grad():
        changed.blocks[1].up.weight += 1
        changed.blocks[1].down.bias.zero_()
    enable_layerwise_offload(model, store=store_for(store, model, tmp_path), device="cpu", scratch=tmp_path)
    with hook_of(model.blocks[1]).mutate_params_scope():
        model.blocks[1].up.weight.data += 1
        model.blocks[1].down.bias.data = torch.zeros(WIDTH)
    assert model.blocks[1].up.weight.numel() == 0
    for _ in range(2):
        assert torch.equal(model(inputs()), changed(inputs()))
    disable_layerwise_offload(model)
    assert torch.equal(model.blocks[1].up.weight, changed.blocks[1].up.weight)
    assert torch.equal(model(inputs()), changed(inputs()))


@pytest.mark.parametrize("budget", [0, 1 << 30])
def test_a_mutation_that_raises_changes_nothing(budget):
    model = made()
    expected = model(inputs())
    enable_layerwise_offload(model, device="cpu", budget=budget)
    with pytest.raises(ValueError, match="half way"), hook_of(model.blocks[1]).mutate_params_scope():
        model.blocks[1].up.weight.data.zero_()
        raise ValueError("half way")
    with pytest.raises(RuntimeError, match="another shape"), hook_of(model.blocks[1]).mutate_params_scope():
        model.blocks[1].down.bias.data = torch.zeros(WIDTH)
        model.blocks[1].up.weight.data = torch.zeros(3, 3)
    assert torch.equal(model(inputs()), expected)


def test_a_mutation_that_cannot_be_stored_changes_nothing(tmp_path):
    model = made()
    expected = model(inputs())
    path = checkpoint(model, tmp_path / "model.safetensors")
    enable_layerwise_offload(model, store=path, device="cpu", scratch=tmp_path / "nowhere")
    with pytest.raises(RuntimeError, match="nowhere"), hook_of(model.blocks[1]).mutate_params_scope():
        model.blocks[1].up.weight.data.zero_()
    for _ in range(2):
        assert torch.equal(model(inputs()), expected)


def test_a_block_may_call_itself_and_another():
    class Recursive(Block):
        def forward(self, x):
            if self.left > 0:
                self.left -= 1
                return self.other(self(x))
            return super().forward(x)

    model = made()
    recursive = model.blocks[1] = Recursive()
    object.__setattr__(recursive, "other", model.blocks[3])
    recursive.left = 2
    expected = model(inputs())
    enable_layerwise_offload(model, device="cpu")
    for _ in range(3):
        recursive.left = 2
        assert torch.equal(model(inputs()), expected)
    assert recursive.up.weight.numel() == 0


def test_a_model_of_one_block():
    model = nn.Sequential(Block())
    expected = model(inputs())
    enable_layerwise_offload(model, device="cpu", prefetch_depth=3)
    for _ in range(3):
        assert torch.equal(model(inputs()), expected)


def after_nothing(model: Model) -> None:
    pass


def after_a_forward(model: Model) -> None:
    model(inputs())


def after_a_forward_that_raised(model: Model) -> None:
    model.blocks[2].fails = True
    with pytest.raises(ValueError):
        model(inputs())
    model.blocks[2].fails = False


def after_a_mutation_that_raised(model: Model) -> None:
    with pytest.raises(ValueError), hook_of(model.blocks[4]).mutate_params_scope():
        model.blocks[4].up.weight.data.zero_()
        raise ValueError


def after_materializing(model: Model) -> None:
    with materialize(model):
        model.blocks[0].up.weight.data.zero_()


def after_a_refused_replacement(model: Model) -> None:
    with pytest.raises(RuntimeError):
        enable_layerwise_offload(model, is_replace=True, device="cpu", budget=100)


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("depth", [0, 3])
@pytest.mark.parametrize(
    "state",
    [
        after_nothing,
        after_a_forward,
        after_a_forward_that_raised,
        after_a_mutation_that_raised,
        after_materializing,
        after_a_refused_replacement,
    ],
)
def test_detach_restores_every_byte_from_any_state(state, depth, store, tmp_path):
    model = made()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    expected = model(inputs())
    enable_layerwise_offload(model, store=store_for(store, model, tmp_path), device="cpu", prefetch_depth=depth)
    state(model)
    disable_layerwise_offload(model)
    after = model.state_dict()
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert torch.equal(model(inputs()), expected)


def test_a_model_that_was_never_in_memory_is_detached_to_private_mappings(tmp_path):
    path = checkpoint(made(), tmp_path / "model.safetensors")
    stored = pathlib.Path(path).read_bytes()
    with torch.device("meta"):
        model = Model()
    enable_layerwise_offload(model, store=path)
    model(inputs())
    disable_layerwise_offload(model)
    mappings = [line for line in pathlib.Path("/proc/self/maps").read_text().splitlines() if line.endswith(path)]
    ranges = [[int(end, 16) for end in line.split()[0].split("-")] for line in mappings]
    for block in offloadable(model):
        for tensor in itertools.chain(block.parameters(), block.buffers()):
            assert any(begin <= tensor.data_ptr() < end for begin, end in ranges)
            tensor.data.zero_()
    assert pathlib.Path(path).read_bytes() == stored


def test_tied_parameters_stay_tied():
    model = made()
    model.blocks[1].up.weight = model.blocks[0].up.weight  # across blocks: stays on the device
    model.blocks[2].down.bias = nn.Parameter(model.blocks[2].scale)  # inside one
    expected = model(inputs())
    enable_layerwise_offload(model, device="cpu")
    assert model.blocks[0].up.weight.numel() > 0 and model.blocks[0].down.weight.numel() == 0
    assert torch.equal(model(inputs()), expected)
    disable_layerwise_offload(model)
    assert model.blocks[1].up.weight is model.blocks[0].up.weight
    assert model.blocks[2].down.bias.data_ptr() == model.blocks[2].scale.data_ptr()
    assert torch.equal(model(inputs()), expected)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float8_e4m3fn, torch.int8, torch.complex64, torch.bool])
@pytest.mark.parametrize("store", ["host", "folder"])
def test_every_dtype_and_stride_comes_back_as_it_was(dtype, store, tmp_path):
    model = nn.Module()
    model.list = nn.ModuleList(nn.Module() for _ in range(3))
    values = {}
    for index, block in enumerate(model.list):
        raw = torch.randint(0, 2, (6, 40), dtype=torch.uint8, generator=torch.Generator().manual_seed(index))
        value = raw.to(dtype).t()[::2]  # neither contiguous nor dense
        block.register_buffer("value", value)
        values[index] = value.clone()
        strides = value.stride()
    enable_layerwise_offload(model, store=store_for(store, model, tmp_path), device="cpu")
    assert all(block.value.numel() == 0 and block.value.dtype == dtype for block in model.list)
    disable_layerwise_offload(model)
    for index, block in enumerate(model.list):
        assert block.value.stride() == strides
        assert torch.equal(
            block.value.view(torch.uint8) if dtype.itemsize == 1 else block.value,
            values[index].view(torch.uint8) if dtype.itemsize == 1 else values[index],
        )


def test_threads_may_run_the_model_at_once():
    model = made()
    expected = model(inputs())
    enable_layerwise_offload(model, device="cpu", prefetch_depth=4)
    failures = []

    def run():
        for _ in range(20):
            if not torch.equal(model(inputs()), expected):
                failures.append("other values")

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_a_backward_is_refused_rather_than_wrong():
    model = made()
    enable_layerwise_offload(model, device="cpu")
    x = inputs().requires_grad_()
    with pytest.raises(RuntimeError):
        model(x).sum().backward()
    assert x.grad is None


def test_inference_mode_works():
    model = made()
    expected = model(inputs())
    enable_layerwise_offload(model, device="cpu")
    with torch.inference_mode():
        assert torch.equal(model(inputs()), expected)
    assert torch.equal(model(inputs()), expected)


def test_a_model_on_the_meta_device_gets_its_values_from_the_checkpoint(tmp_path):
    model = made()
    path = checkpoint(model, tmp_path / "model.safetensors")
    expected = model(inputs())
    with torch.device("meta"):
        empty = Model()
    with pytest.raises(ValueError, match="meta device"):
        enable_layerwise_offload(empty, device="cpu")
    assert empty.head.weight.is_meta
    enable_layerwise_offload(empty, store=path)
    assert torch.equal(empty(inputs()), expected)
    disable_layerwise_offload(empty)
    assert torch.equal(empty(inputs()), expected)


def test_is_replace_offloads_anew():
    model = made()
    expected = model(inputs())
    with pytest.raises(ValueError, match="not offloaded"):
        enable_layerwise_offload(model, is_replace=True, device="cpu")
    enable_layerwise_offload(model, device="cpu")
    with pytest.raises(ValueError, match="already"):
        enable_layerwise_offload(model, device="cpu")
    enable_layerwise_offload(model, is_replace=True, device="cpu", prefetch_depth=2)
    assert torch.equal(model(inputs()), expected)


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize(
    "failing", [{"budget": 100}, {"store": "/no/such/model.safetensors"}, {"store": "/proc/nowhere"}]
)
def test_a_replacement_that_fails_leaves_the_model_offloaded_as_it_was(store, failing, tmp_path):
    model = made()
    changed = copy.deepcopy(model)
    with torch.no_grad():
        changed.blocks[1].up.weight.zero_()
    enable_layerwise_offload(model, store=store_for(store, model, tmp_path), device="cpu", scratch=tmp_path)
    with hook_of(model.blocks[1]).mutate_params_scope():
        model.blocks[1].up.weight.data.zero_()
    before = hook_of(model.blocks[0])
    with pytest.raises(RuntimeError):
        enable_layerwise_offload(model, **{"is_replace": True, "device": "cpu"} | failing)
    assert hook_of(model.blocks[0]) is before
    assert all(parameter.numel() == 0 for block in offloadable(model) for parameter in block.parameters())
    for _ in range(2):
        assert torch.equal(model(inputs()), changed(inputs()))
    disable_layerwise_offload(model)
    assert torch.equal(model(inputs()), changed(inputs()))


def test_a_replacement_while_a_forward_runs_is_refused_and_the_forward_goes_on():
    model = made()
    expected = model(inputs())
    enable_layerwise_offload(model, device="cpu")
    refusals = []

    def replace(*_):
        with pytest.raises(RuntimeError, match="in use"):
            enable_layerwise_offload(model, is_replace=True, device="cpu")
        with pytest.raises(RuntimeError, match="in use"):
            disable_layerwise_offload(model)
        refusals.append(model.blocks[1].up.weight.numel())

    handle = model.blocks[1].up.register_forward_hook(replace)
    assert torch.equal(model(inputs()), expected)
    handle.remove()
    assert refusals == [WIDTH * 2 * WIDTH]
    assert torch.equal(model(inputs()), expected)


def test_a_block_in_two_lists_is_one_block():
    model = made()
    model.again = nn.ModuleList([model.blocks[2], model.blocks[0]])
    expected = model(inputs())
    enable_layerwise_offload(model, device="cpu")
    assert all(parameter.numel() == 0 for block in offloadable(model) for parameter in block.parameters())
    assert torch.equal(model(inputs()), expected)
    assert offload_report(model)["uses"] == [1] * 7
    assert model.state_dict()["again.0.up.weight"].shape == (2 * WIDTH, WIDTH)
    disable_layerwise_offload(model)
    assert torch.equal(model(inputs()), expected)


def test_blocks_can_be_named():
    model = made()
    expected = model(inputs())
    enable_layerwise_offload(model, device="cpu", blocks=["blocks.1", "head"])
    assert model.head.weight.numel() == 0 and model.blocks[0].up.weight.numel() > 0
    assert torch.equal(model(inputs()), expected)
    with pytest.raises(ValueError, match="no module 'blok'"):
        enable_layerwise_offload(made(), device="cpu", blocks=["blok"])


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"device": "cuda:99"}, RuntimeError, "no device cuda:99"),
        ({"device": "cpu", "budget": 100}, RuntimeError, "too small"),
        ({"store": "/no/such/model.safetensors"}, RuntimeError, "/no/such/model.safetensors"),
        ({"store": "/proc/nowhere"}, RuntimeError, "/proc/nowhere"),
    ],
)
def test_what_cannot_be_is_an_error_and_the_model_stays_as_it_was(options, error, message):
    model = made()
    expected = model(inputs())
    with pytest.raises(error, match=message):
        enable_layerwise_offload(model, **options)
    assert torch.equal(model(inputs()), expected)
    assert ModuleHookManager.get_from(model.blocks[0]) is None


@pytest.mark.skipif(torch.accelerator.is_available(), reason="there is an accelerator")
def test_without_an_accelerator_host_memory_relieves_nothing_and_says_so():
    with pytest.raises(RuntimeError, match="no accelerator"):
        enable_layerwise_offload(made())


def test_a_model_without_lists_is_an_error():
    with pytest.raises(ValueError, match="ModuleList"):
        enable_layerwise_offload(nn.Linear(2, 2), device="cpu")


def test_a_checkpoint_with_other_values_is_refused(tmp_path):
    model = made()
    path = checkpoint(model, tmp_path / "model.safetensors")
    with torch.no_grad():
        model.blocks[1].up.weight[0, 0] += 1
    with pytest.raises(RuntimeError, match="blocks.1.up.weight"):
        enable_layerwise_offload(model, store=path)
    assert model.blocks[1].up.weight.numel() > 0


def test_a_disk_that_fails_is_an_error_of_that_forward_and_the_next_call_works(tmp_path):
    model = made()
    path = checkpoint(model, tmp_path / "model.safetensors")
    expected = model(inputs())
    enable_layerwise_offload(model, store=path, prefetch_depth=0)
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        whole = file.read()
    os.truncate(path, size // 3)
    with pytest.raises(RuntimeError, match="shorter"):
        model(inputs())
    with open(path, "r+b") as file:
        file.write(whole)
    assert torch.equal(model(inputs()), expected)


def test_the_report_counts_uses_and_bytes():
    model = made()
    enable_layerwise_offload(model, device="cpu")
    for _ in range(3):
        model(inputs())
    report = offload_report(model)
    assert report["uses"] == [3] * 7
    assert report["bytes_moved"] > 0 and 0 < report["efficiency"] <= 1
    events = json.loads(offload_timeline(model))["traceEvents"]
    assert sum(event["name"].startswith("use ") for event in events) == 3 * 7
    disable_layerwise_offload(model)
    with pytest.raises(ValueError, match="not offloaded"):
        offload_report(model)


def test_a_forked_child_is_refused_and_no_thread_outlives_the_model():
    run_python(
        """
        import gc, os, time
        import torch
        from torch import nn
        from fvhooks.layerwise_offload import enable_layerwise_offload

        def loaders():
            names = (open(f"/proc/self/task/{task}/comm").read() for task in os.listdir("/proc/self/task"))
            return sum(name.strip() == "fvhooks-offload" for name in names)

        torch.set_num_threads(1)
        model = nn.Sequential(*(nn.Linear(8, 8) for _ in range(4)))
        enable_layerwise_offload(model, device="cpu")
        assert loaders() == 1
        x = torch.ones(2, 8)
        model(x)
        child = os.fork()
        if child == 0:
            try:
                model(x)
            except RuntimeError as error:
                os._exit(0 if "forked child" in str(error) else 1)
            os._exit(2)
        assert os.waitpid(child, 0)[1] == 0
        model(x)
        del model
        gc.collect()
        for _ in range(200):  # a thread that was joined leaves /proc a moment later
            if loaders() > 0:
                time.sleep(0.01)
        assert loaders() == 0
        """
    )


def test_memory_stays_within_the_budget(tmp_path):
    """A model of 256 MB, built on the meta device, runs in 64 MB beside what torch itself takes."""
    path = tmp_path / "model.safetensors"
    layers = {f"{i}.weight": torch.full((2048, 2048), i / 1e4) for i in range(16)}
    save_file(layers, path)
    result = run_python(
        """
        import re, sys
        import torch
        from torch import nn
        from fvhooks.layerwise_offload import enable_layerwise_offload

        def peak():
            status = open("/proc/self/status").read()
            return int(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1]) * 1024

        torch.set_num_threads(1)
        with torch.device("meta"):
            model = nn.Sequential(*(nn.Linear(2048, 2048, bias=False) for _ in range(16)))
        with torch.no_grad():
            nn.Linear(2048, 2048, bias=False)(torch.ones(1, 2048))
            before = peak()
            enable_layerwise_offload(model, store=sys.argv[1], budget=64 << 20)
            for _ in range(2):
                model(torch.ones(1, 2048))
        print(peak() - before)
        """,
        str(path),
    )
    assert 0 < int(result) < (64 << 20) + (16 << 20)
