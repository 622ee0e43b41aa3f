"""Pipelines of diffusers and a model of transformers, traced with no edit: as if each model had been attached by hand."""

import itertools
import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import pytest
import tiny_pipelines
import torch

from fvhooks import attach_activation_trace, detach_activation_trace

# Per pipeline: its models, and those which denoise.
PIPELINES = {
    tiny_pipelines.wan: ({"text_encoder", "transformer", "vae"}, "transformer", 2),
    tiny_pipelines.stable_diffusion: ({"text_encoder", "unet", "vae"}, "unet", 1),  # guidance in one batch
    tiny_pipelines.pixart: ({"text_encoder", "transformer", "vae"}, "transformer", 1),
}


def content(record):
    return record["root"], record["module"], record["tensor"], record["abs_mean"], record["sum"]


def first_difference(records, expected):
    """pytest would take gigabytes to show how two long lists differ."""
    pairs = itertools.zip_longest(map(content, records), map(content, expected))
    return next((pair for pair in pairs if pair[0] != pair[1]), None)


def explicit_records(trace, pipeline, roots, generate):
    managers = [attach_activation_trace(getattr(pipeline, root), root=root) for root in sorted(roots)]
    output = generate()
    for manager in managers:
        detach_activation_trace(manager)
    return trace.records(), output


@pytest.mark.parametrize("make", PIPELINES, ids=lambda make: make.__name__)
def test_a_pipeline(make, trace, program_tracer, tmp_path):
    roots, denoiser, passes = PIPELINES[make]
    pipeline, sizes = make()
    trace.set(SKETCH="0")

    def generate():
        return tiny_pipelines.generate(pipeline, sizes)

    expected, expected_output = explicit_records(trace, pipeline, roots, generate)
    trace.path = tmp_path / "automatic.jsonl"
    trace.set(OUTPUT=str(trace.path))
    program_tracer()
    output = generate()
    records = trace.records()
    assert (output == expected_output).all()
    assert first_difference(records, expected) is None
    assert {record["root"] for record in records} == roots
    steps = {(r["step"], r["call"]) for r in records if r["root"] == denoiser}
    assert {step for step, _ in steps} == {0, 1}
    outermost = [r for r in records if r["root"] == denoiser and r["module"].count(".") == 0]
    assert max(r["call"] for r in outermost) == passes - 1
    assert {r["step"] for r in records if r["root"] != denoiser} == {None}


def test_a_language_model_that_generates(trace, program_tracer):
    trace.set(LAYERS=r"^transformer\.ln_f$", STEP_FROM="model")
    program_tracer()
    model = tiny_pipelines.gpt2()
    model.generate(torch.tensor([[3, 4]]), max_new_tokens=3, do_sample=False, pad_token_id=0)
    assert [(r["root"], r["module"], r["step"]) for r in trace.records()] == [
        ("model", "transformer.ln_f", step) for step in range(3)
    ]
