"""The Wan example in less memory than its weights: what a process of its own needed at most."""

import dataclasses
import pathlib
import re
import subprocess
import sys

import pytest
import torch
from programs import program
from safetensors.torch import load_file
from test_wan_port import reference

MIB = 1 << 20
BUDGET, ALLOWED = 40 * MIB, 32 * MIB
BLOCKS, BLOCK = 12, 16 * MIB  # that many, of at least as much each
# Small, between two processes: what they measured is not that of the one that started them.
PEAK = """
import resource, subprocess, sys
status = subprocess.run(sys.argv[1:]).returncode
print("peak", 1024 * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(status)
"""


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[int, pathlib.Path]:
    """Models of one block and of many."""
    tiny = reference.SETUPS["tiny"]
    folders = {}
    for layers in (1, BLOCKS):
        config = tiny.model | {"num_attention_heads": 8, "attention_head_dim": 64, "ffn_dim": 2048}
        setup = dataclasses.replace(tiny, model=config | {"num_layers": layers}, latents=(1, 8, 8), steps=1)
        folders[layers] = tmp_path_factory.mktemp("wan_offload")
        reference.make(folders[layers], setup)
    return folders


def peak_of(folder: pathlib.Path, *options: str) -> tuple[int, torch.Tensor]:
    output = folder / "latents.safetensors"
    arguments = ["--model", folder, "--inputs", folder / "inputs.safetensors", "--output", output, "--threads", "1"]
    command = [sys.executable, "-c", PEAK, program("wan"), *arguments, *options]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return int(re.search(r"^peak (\d+)$", result.stdout, re.MULTILINE)[1]), load_file(output)["latents"]


def test_from_its_construction_on_the_weights_take_no_more_than_the_budget(folders):
    store = folders[BLOCKS] / "diffusion_pytorch_model.safetensors"
    options = ["--offload-budget", str(BUDGET), "--offload-store", str(store)]
    one_block, _ = peak_of(folders[1])
    offloaded, latents = peak_of(folders[BLOCKS], *options)
    resident, expected = peak_of(folders[BLOCKS])
    assert torch.equal(latents, expected)
    assert offloaded - one_block < BUDGET + ALLOWED
    assert resident - one_block > (BLOCKS - 1) * BLOCK  # or nothing was measured
