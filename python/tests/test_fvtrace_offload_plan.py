"""`fvtrace offload-plan`: what a layerwise offload would do, told before."""

import json
import subprocess

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from programs import program
from safetensors.torch import save_file


def plan(*arguments):
    return subprocess.run(
        [program("fvtrace"), "offload-plan", *map(str, arguments)], capture_output=True, text=True, timeout=60
    )


def planned(*arguments) -> dict:
    result = plan(*arguments, "--json")
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """Twelve blocks of 1 MiB, and a head outside them."""
    path = tmp_path_factory.mktemp("offload_plan") / "model.safetensors"
    tensors = {f"blocks.{i}.linear.weight": torch.full((512, 512), float(i)) for i in range(12)}
    save_file(tensors | {"head.weight": torch.ones(256)}, path)
    return path


def test_finds_blocks_by_number_and_counts_what_is_outside(checkpoint):
    forecast = planned(checkpoint, "--budget", 0)
    assert [block["name"] for block in forecast["blocks"]] == [f"blocks.{i}" for i in range(12)]
    assert forecast["bytes_outside"] == 1024
    assert not any(block["resident"] for block in forecast["blocks"])


def test_a_pattern_says_what_the_blocks_are(checkpoint):
    forecast = planned(checkpoint, "--budget", 0, "--blocks", "blocks.1*")
    assert [block["name"] for block in forecast["blocks"]] == ["blocks.1", "blocks.10", "blocks.11"]
    assert forecast["bytes_outside"] == 1024 + 9 * 2**20


@given(budget=st.integers(3 * 2**20, 20 * 2**20), depth=st.integers(0, 2))
@settings(max_examples=20, deadline=None)
def test_stays_within_the_budget_and_adds_up(checkpoint, budget, depth):
    result = plan(checkpoint, "--budget", budget, "--prefetch-depth", depth, "--bandwidth", 2, "--json")
    if result.returncode == 2:
        assert "too small" in result.stderr
        return
    forecast = json.loads(result.stdout)
    assert forecast["least_budget"] <= forecast["total_bytes"] <= budget
    kept = sum(block["bytes"] for block in forecast["blocks"] if block["resident"])
    moved = sum(block["bytes"] for block in forecast["blocks"] if not block["resident"])
    assert (forecast["resident_bytes"], forecast["bytes_moved"]) == (kept, moved)
    assert forecast["total_bytes"] == kept + forecast["slots"] * forecast["slot_bytes"]
    assert forecast["transfer_seconds"] == pytest.approx(moved / 2e9)


def test_the_least_budget_is_the_least(checkpoint):
    least = planned(checkpoint, "--budget", 0)["least_budget"]
    assert plan(checkpoint, "--budget", least).returncode == 0
    refused = plan(checkpoint, "--budget", least - 1)
    assert refused.returncode == 2 and str(least) in refused.stderr


def test_a_step_takes_the_slower_of_computation_and_transfer(checkpoint):
    slow = planned(checkpoint, "--budget", 0, "--bandwidth", 0.001, "--compute", 0.5)
    assert slow["step_seconds"] == pytest.approx(slow["transfer_seconds"])
    assert slow["bytes_moved"] / 1e6 == pytest.approx(slow["step_seconds"])
    fast = planned(checkpoint, "--budget", 0, "--bandwidth", 1000, "--compute", 0.5)
    assert fast["step_seconds"] == 0.5
    assert planned(checkpoint, "--budget", 0)["step_seconds"] is None


def test_measures_the_disk(checkpoint):
    forecast = planned(checkpoint, "--budget", 0, "--measure")
    assert forecast["bytes_a_second"] > 0
    assert forecast["transfer_seconds"] == pytest.approx(forecast["bytes_moved"] / forecast["bytes_a_second"])
    assert "measured by" in plan(checkpoint, "--budget", 0, "--measure").stdout


@pytest.mark.parametrize("size, expected", [("8M", 8 * 10**6), ("8MiB", 8 * 2**20), ("8mb", 8 * 10**6), ("1G", 10**9)])
def test_sizes_have_units(checkpoint, size, expected):
    assert planned(checkpoint, "--budget", size)["budget"] == expected


@pytest.mark.parametrize(
    "options, message",
    [
        ([], "--budget"),
        (["--budget", "4X"], "unit"),
        (["--budget", "-4"], "range"),
        (["--budget", "100"], "too small"),
        (["--budget", "4G", "--bandwidth", "nan"], "nan"),
        (["--budget", "4G", "--bandwidth", "0"], "above 0"),
        (["--budget", "4G", "--compute", "-1"], "from 0"),
        (["--budget", "4G", "--bandwidth", "1", "--measure"], "excludes"),
        (["--budget", "4G", "--prefetch-depth", "-1"], "--prefetch-depth"),
        (["--budget", "4G", "--blocks", "layers.*"], 'nothing matches "layers.*"'),
    ],
)
def test_what_cannot_be_planned_has_status_2_and_says_why(checkpoint, options, message):
    result = plan(checkpoint, *options)
    assert result.returncode == 2
    assert message in result.stderr
    assert result.stdout == ""


def test_a_checkpoint_that_is_not_there_or_has_no_blocks_is_an_error(tmp_path):
    assert "nowhere.safetensors" in plan(tmp_path / "nowhere.safetensors", "--budget", "1G").stderr
    save_file({"weight": torch.ones(2)}, tmp_path / "plain.safetensors")
    result = plan(tmp_path / "plain.safetensors", "--budget", "1G")
    assert result.returncode == 2 and "no blocks" in result.stderr
