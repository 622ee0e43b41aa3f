"""The Wan port in other layouts than its reference's, seen through views: nothing is missing, nothing is excused."""

import json
import os
import pathlib
import subprocess
from unittest import mock

import pytest
import torch
from programs import REPOSITORY, program
from safetensors.torch import load_file
from test_wan_port import reference

VIEWS = REPOSITORY / "examples/wan/views"
LAYOUTS = {
    "fused-qkv": (["fused-qkv"], "missing"),
    "batched-guidance": (["batched-guidance"], "missing"),
    "fused-and-batched": (["fused-qkv", "batched-guidance"], "missing"),
    "heads-first": (["heads-first"], "shape"),
}


def tracing(trace: pathlib.Path, view: str | None) -> dict[str, str]:
    trace.unlink(missing_ok=True)
    environment = {
        "FASTVIDEO_TRACE_ACTIVATIONS": "1",
        "FASTVIDEO_TRACE_INPUTS": "1",
        "FASTVIDEO_TRACE_ROOT": "1",
        "FASTVIDEO_TRACE_STATS": "abs_mean,sum,shape,dtype",
        "FASTVIDEO_TRACE_OUTPUT": str(trace),
    }
    return environment if view is None else environment | {"FASTVIDEO_TRACE_VIEW": str(VIEWS / f"{view}.view")}


class Traces:
    """A model in a folder, its reference's traces and its port's."""

    def __init__(self, folder: pathlib.Path, dtype: str):
        self.folder = folder
        self.dtype = dtype

    @torch.no_grad()
    def of_reference(self, name: str, view: str | None = None, change=lambda model: None) -> pathlib.Path:
        from fvhooks.activation_trace import attach_activation_trace, detach_activation_trace

        trace = self.folder / f"{name}.jsonl"
        model = reference.load(self.folder, reference.DTYPES[self.dtype])
        change(model)
        with mock.patch.dict(os.environ, tracing(trace, view)):
            manager = attach_activation_trace(model)
            reference.denoise(model, load_file(self.folder / "inputs.safetensors"), reference.DTYPES[self.dtype])
            detach_activation_trace(manager)
        return trace

    def of_port(self, view: str | None, layouts: list[str], *options: str, name: str = "port") -> pathlib.Path:
        trace = self.folder / f"{name}.jsonl"
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("FASTVIDEO_TRACE")}
        files = ["--model", self.folder, "--inputs", self.folder / "inputs.safetensors"]
        files += ["--output", self.folder / "port.safetensors", "--dtype", self.dtype]
        chosen = [part for layout in layouts for part in ("--layout", layout)]
        command = [program("wan"), *files, *chosen, *options]
        result = subprocess.run(command, env=inherited | tracing(trace, view), capture_output=True, text=True)
        assert result.returncode == 0, result.stderr
        assert "warning" not in result.stderr
        return trace


def verdict(expected: pathlib.Path, actual: pathlib.Path | str) -> dict:
    command = [program("fvtrace"), "diff", "--json", expected, actual]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode in (0, 1), result.stderr
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def traces(tmp_path_factory) -> Traces:
    folder = tmp_path_factory.mktemp("wan_views")
    reference.make(folder, reference.SETUPS["tiny"])
    return Traces(folder, "fp32")


@pytest.fixture(scope="module")
def expected(traces) -> pathlib.Path:
    return traces.of_reference("reference")


def assert_all_records_agree(expected: pathlib.Path, actual: pathlib.Path) -> None:
    found = verdict(expected, actual)
    counted = {status: number for status, number in found["counts"].items() if number}
    assert found["passed"], counted
    assert set(counted) <= {"equal", "within", "reordered"}
    assert sum(counted.values()) == len(expected.read_text().splitlines())


@pytest.mark.parametrize("view", LAYOUTS)
def test_a_port_in_another_layout_passes_with_its_view_and_not_without(traces, expected, view):
    layouts, trouble = LAYOUTS[view]
    without = verdict(expected, traces.of_port(None, layouts))
    assert not without["passed"]
    assert without["counts"][trouble] > 0
    assert_all_records_agree(expected, traces.of_port(view, layouts))


def test_in_bfloat16_as_well(traces):
    coarse = Traces(traces.folder, "bf16")
    layouts, _ = LAYOUTS["fused-and-batched"]
    assert_all_records_agree(coarse.of_reference("coarse"), coarse.of_port("fused-and-batched", layouts))


@pytest.mark.parametrize(
    "view, bug, module",
    [
        ("fused-qkv", "bias-dropped", "blocks.0.attn1.to_q"),
        ("fused-qkv", "qkv-per-head", "blocks.0.attn1.to_q"),
        ("fused-and-batched", "kv-swapped", "blocks.0.attn1"),
        ("batched-guidance", "gate-missing", "blocks.0"),
        ("heads-first", "head-swapped", "blocks.0.attn1"),
    ],
)
def test_a_bug_in_another_layout_is_found_where_it_is(traces, expected, view, bug, module):
    layouts, _ = LAYOUTS[view]
    found = verdict(expected, traces.of_port(view, layouts, "--bug", bug))
    assert found["counts"]["missing"] == found["counts"]["extra"] == 0
    assert found["introducer"]["module"] == module


def test_a_fused_model_in_python_passes_with_the_same_view(traces, expected):
    fused = traces.of_reference("fused", "fused-qkv", change=fuse_projections)
    assert_all_records_agree(expected, fused)


def fuse_projections(model) -> None:
    for block in model.blocks:
        block.attn1.fuse_projections()
        block.attn2.fuse_projections()


def test_shards_of_ranks_pass_against_a_whole_reference_that_is_viewed_as_they_are(traces, expected):
    ranks = [traces.of_port(None, [f"rank-{rank}-of-2"], name=f"port-{rank}") for rank in range(2)]
    assert verdict(expected, ranks[0])["counts"]["shape"] > 0
    two_ranks = verdict(traces.of_reference("two-ranks", "two-ranks"), traces.folder / "port-<rank>.jsonl")
    assert two_ranks["passed"], two_ranks["counts"]
    assert {comparison["rank"] for comparison in two_ranks["comparisons"]} == {0, 1}
    shard = traces.of_reference("first-shard", "first-shard")
    assert verdict(shard, ranks[0])["passed"]
    assert not verdict(shard, ranks[1])["passed"]
