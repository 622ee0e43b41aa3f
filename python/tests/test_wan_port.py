"""The C++ port of the Wan transformer against its reference, diffusers' WanTransformer3DModel, module by module."""

import dataclasses
import importlib.util
import json
import os
import pathlib
import subprocess
import sys

import pytest
import torch
from programs import REPOSITORY, program
from safetensors.torch import load_file


def import_reference():
    spec = importlib.util.spec_from_file_location("wan_reference", REPOSITORY / "examples/wan/reference.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


reference = import_reference()

SETUPS = {
    "tiny": reference.SETUPS["tiny"],
    "without norm2": dataclasses.replace(
        reference.SETUPS["tiny"], model=reference.TINY | {"cross_attn_norm": False}, latents=(1, 4, 6)
    ),
    "uneven patches and an odd freq_dim": dataclasses.replace(
        reference.SETUPS["tiny"], model=reference.TINY | {"patch_size": [2, 1, 4], "freq_dim": 33}, latents=(4, 3, 8)
    ),
}


def flat(label: str, value):
    if isinstance(value, torch.Tensor):
        yield label, value
    elif isinstance(value, dict):
        for key, element in value.items():
            yield from flat(f"{label}.{key}", element)
    elif isinstance(value, (tuple, list)):
        for i, element in enumerate(value):
            yield from flat(f"{label}[{i}]", element)


@torch.no_grad()
def outputs_of_reference(folder: pathlib.Path, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    model = reference.load(folder, dtype)
    inputs = load_file(folder / "inputs.safetensors")
    outputs = {}
    for name, module in model.named_modules():
        module.register_forward_hook(
            lambda module, args, output, name=name: outputs.update(
                (f"{name}:{label}", tensor.clone()) for label, tensor in flat("out", output)
            )
        )
    model(inputs["latents"].to(dtype), inputs["timesteps"][:1], inputs["prompt_embeds"].to(dtype))
    return outputs


def outputs_of_port(folder: pathlib.Path, dtype: str) -> dict[str, torch.Tensor]:
    path = folder / f"port_{dtype}.safetensors"
    subprocess.run([program("wan_capture_outputs"), folder, folder / "inputs.safetensors", dtype, path], check=True)
    return load_file(path)


def relative_l2(expected: torch.Tensor, actual: torch.Tensor) -> float:
    expected, actual = expected.double(), actual.double()
    return ((actual - expected).norm() / expected.norm()).item()


@pytest.fixture(scope="module", params=SETUPS.items(), ids=lambda item: item[0])
def model_folder(request, tmp_path_factory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("wan")
    reference.make(folder, request.param[1])
    return folder


# In bfloat16, torch::nn::Linear rounds once more than torch.nn.Linear: for inputs of three dimensions it adds the bias in
# an operation of its own.
@pytest.mark.parametrize("dtype, bound", [("fp32", 1e-5), ("bf16", 1e-2)])
def test_every_module_agrees_with_the_reference(model_folder, dtype, bound):
    expected = outputs_of_reference(model_folder, reference.DTYPES[dtype])
    actual = outputs_of_port(model_folder, dtype)
    assert sorted(actual) == sorted(expected)
    assert len(expected) > 40
    for name, tensor in expected.items():
        assert actual[name].dtype == tensor.dtype, name
        assert actual[name].shape == tensor.shape, name
        assert torch.isfinite(tensor).all(), name
        assert relative_l2(tensor, actual[name]) <= bound, name


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("wan_tiny")
    reference.make(folder, reference.SETUPS["tiny"])
    return folder


def wan(folder: pathlib.Path, *options: str) -> subprocess.CompletedProcess:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("FASTVIDEO_TRACE")}
    arguments = ["--model", folder, "--inputs", folder / "inputs.safetensors", "--output", folder / "port.safetensors"]
    return subprocess.run([program("wan"), *arguments, *options], env=environment, capture_output=True, text=True)


def denoised_by_port(folder: pathlib.Path, *options: str) -> torch.Tensor:
    result = wan(folder, *options)
    assert result.returncode == 0, result.stderr
    return load_file(folder / "port.safetensors")["latents"]


def denoised_by_reference(folder: pathlib.Path, dtype: str) -> torch.Tensor:
    reference.run(folder, folder / "inputs.safetensors", folder / "reference.safetensors", reference.DTYPES[dtype])
    return load_file(folder / "reference.safetensors")["latents"]


@pytest.mark.parametrize("dtype, bound", [("fp32", 1e-5), ("bf16", 2e-2)])
def test_denoised_latents_agree(tiny, dtype, bound):
    assert relative_l2(denoised_by_reference(tiny, dtype), denoised_by_port(tiny, "--dtype", dtype)) <= bound


def test_a_planted_bug_changes_the_result(tiny):
    clean = denoised_by_port(tiny)
    assert relative_l2(clean, denoised_by_port(tiny, "--bug", "rope-half")) > 1e-3


@pytest.mark.parametrize(
    "options, message",
    [
        (["--bug", "no-such-bug"], "rope-half"),
        (["--dtype", "fp8"], "fp8"),
        (["--inputs", "/nowhere/inputs.safetensors"], "/nowhere/inputs.safetensors: No such file"),
        (["--output", "/nowhere/output.safetensors"], "/nowhere/output.safetensors: cannot be written"),
    ],
)
def test_what_cannot_run_says_why_and_exits_with_2(tiny, options, message):
    # The last one given counts: CLI options are single.
    arguments = {"--model": tiny, "--inputs": tiny / "inputs.safetensors", "--output": tiny / "port.safetensors"}
    arguments.update(zip(options[::2], options[1::2]))
    flat_arguments = [str(part) for pair in arguments.items() for part in pair]
    result = subprocess.run([program("wan"), *flat_arguments], capture_output=True, text=True)
    assert result.returncode == 2
    assert message in result.stderr


@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
def test_offloaded_to_host_memory_the_bits_are_the_same(tiny, dtype):
    resident = denoised_by_port(tiny, "--dtype", dtype)
    offloaded = denoised_by_port(tiny, "--dtype", dtype, "--offload-budget", "0", "--offload-store", "host")
    assert torch.equal(resident, offloaded)


@pytest.mark.parametrize("budget", ["0", "1GiB"])
def test_streamed_from_its_own_checkpoint_the_bits_are_the_same(tiny, budget):
    resident = denoised_by_port(tiny)
    timeline = tiny / "timeline.json"
    options = ["--offload-budget", budget, "--offload-prefetch", "0", "--offload-report", str(timeline)]
    result = wan(tiny, *options)
    assert result.returncode == 0, result.stderr
    assert torch.equal(resident, load_file(tiny / "port.safetensors")["latents"])
    assert "GB moved" in result.stdout
    events = [event for event in json.loads(timeline.read_text())["traceEvents"] if event["ph"] == "X"]
    steps, guidance, blocks = 2, 2, 2
    assert sum(event["name"].startswith("use") for event in events) == steps * guidance * blocks
    assert sum(event["name"].startswith("load") for event in events) >= blocks


def test_an_offload_budget_that_is_too_small_is_an_error(tiny):
    result = wan(tiny, "--offload-budget", "10")
    assert result.returncode == 2
    assert "too small" in result.stderr
