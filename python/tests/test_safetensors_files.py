"""Files of the safetensors package read by ours, and ours by it."""

import pathlib
import subprocess

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from programs import REPOSITORY, program
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

DTYPES = [
    torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2, torch.complex64,
    torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool,
]  # fmt: skip

shapes = st.lists(st.integers(0, 4), max_size=4)
names = st.text(st.characters(exclude_categories=["Cs"]), max_size=8).filter(lambda name: name != "__metadata__")


def tensor_of(dtype: torch.dtype, shape: list[int]) -> torch.Tensor:
    bits = torch.randint(0, 2 if dtype == torch.bool else 256, (*shape, dtype.itemsize), dtype=torch.uint8)
    return bits.view(dtype).reshape(shape) if bits.numel() else torch.empty(shape, dtype=dtype)


tensors = st.dictionaries(names, st.builds(tensor_of, st.sampled_from(DTYPES), shapes), max_size=6)


def copy(source: pathlib.Path, target: pathlib.Path) -> subprocess.CompletedProcess:
    return subprocess.run([program("safetensors_copy"), source, target], capture_output=True, text=True)


def bits_of(tensor: torch.Tensor) -> bytes:
    return bytes(tensor.contiguous().reshape(-1).view(torch.uint8).numpy()) if tensor.numel() else b""


def data_of(path: pathlib.Path) -> bytes:
    file = path.read_bytes()
    return file[8 + int.from_bytes(file[:8], "little") :]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tensors=tensors, metadata=st.none() | st.dictionaries(st.just("format"), names, min_size=1))
def test_a_file_read_and_written_again_holds_the_same(tmp_path, tensors, metadata):
    theirs, ours = tmp_path / "theirs.safetensors", tmp_path / "ours.safetensors"
    save_file(tensors, theirs, metadata)
    result = copy(theirs, ours)
    assert result.returncode == 0, result.stderr

    loaded = load_file(ours)
    assert loaded.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert (loaded[name].dtype, loaded[name].shape) == (tensor.dtype, tensor.shape)
        assert bits_of(loaded[name]) == bits_of(tensor)
    with safe_open(ours, "pt") as file:
        assert (file.metadata() or {}) == (metadata or {})
    assert data_of(ours) == data_of(theirs)  # in the same order


ATTACKS = sorted((REPOSITORY / "tests/attacks/safetensors").glob("*.safetensors"))


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda path: path.stem)
def test_what_the_package_refuses_we_refuse(tmp_path, attack):
    try:
        with safe_open(attack, "pt"):
            pytest.skip("the package takes this file; ours is stricter about names that occur twice and leading spaces")
    except SafetensorError:
        pass
    assert copy(attack, tmp_path / "copy.safetensors").returncode == 1
