#!/usr/bin/env python3
"""How far does rounding alone take two runs of one model apart? Writes BUILD/rounding/*.jsonl, prints a table.

run.py BUILD

diffusers' Wan transformer with other kernels, traced, against itself: the numbers behind the factors in docs/diff.md
(origins, biases, noise), computed from the traces without fvtrace.
"""

import base64
import collections
import json
import math
import os
import pathlib
import re
import sys

import numpy as np
import torch
import torch.nn.functional as F

ROOT = pathlib.Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "examples/wan"))

import reference  # noqa: E402

SMALL = {"num_attention_heads": 4, "attention_head_dim": 32, "in_channels": 8, "out_channels": 8, "text_dim": 96}
SMALL |= {"freq_dim": 64, "ffn_dim": 512, "rope_max_seq_len": 64}
SETUPS = {name: (blocks, steps) for name, blocks, steps in (("shallow", 4, 4), ("deep", 20, 10))}
EPSILON = {"torch.float32": 2.0**-23, "torch.bfloat16": 2.0**-7}
LEAST_BIAS = 4 * 2.0**-23

LINEAR, ATTENTION, LAYER_NORM = F.linear, F.scaled_dot_product_attention, F.layer_norm


def split_linear(parts):
    """A product as a kernel with split-K adds it up, rounding between."""

    def linear(x, weight, bias=None):
        size = math.ceil(x.shape[-1] / parts)
        pieces = [LINEAR(x[..., i : i + size], weight[:, i : i + size]) for i in range(0, x.shape[-1], size)]
        return sum(pieces) if bias is None else sum(pieces) + bias

    return linear


def explicit_attention(query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, **_):
    scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
    return torch.softmax(scores if attn_mask is None else scores + attn_mask, -1) @ value


def layer_norm_in_double(x, shape, weight=None, bias=None, eps=1e-5):
    parameters = [None if parameter is None else parameter.double() for parameter in (weight, bias)]
    return LAYER_NORM(x.double(), shape, *parameters, eps).to(x.dtype)


VARIANTS = {
    "plain": {},
    "split-3": {"linear": split_linear(3)},
    "attention": {"scaled_dot_product_attention": explicit_attention},
    "attention-split-2": {"linear": split_linear(2), "scaled_dot_product_attention": explicit_attention},
    "norm-split-5": {"linear": split_linear(5), "layer_norm": layer_norm_in_double},
}


def trace(folder, dtype, variant, path):
    path.unlink(missing_ok=True)
    os.environ["FASTVIDEO_TRACE_OUTPUT"] = str(path)
    usual = {"linear": LINEAR, "scaled_dot_product_attention": ATTENTION, "layer_norm": LAYER_NORM}
    for name, function in (usual | VARIANTS[variant]).items():
        setattr(F, name, function)
    inputs, output = folder / "inputs.safetensors", path.with_suffix(".safetensors")
    reference.run(folder, inputs, output, reference.DTYPES[dtype])


def records(path):
    found = [json.loads(line) for line in path.open()]
    for record in found:
        record["values"] = np.frombuffer(base64.b64decode(record["sketch"].split(":")[2]), "<f4").astype(float)
        record["call_key"] = record["module"], record["step"], record["call"]
    return sorted(found, key=lambda record: record["seq"])


def error(a, b):
    size = np.linalg.norm(a["values"])
    return np.linalg.norm(a["values"] - b["values"]) / size if size else 0.0


def leaps(run, errors):
    """Of each record but the root's inputs: error / max(largest error of what it was made from, own rounding)."""
    frames, epsilon = [], 0
    for record, its_error in zip(run, errors, strict=True):
        is_input, key = record["tensor"].startswith("in"), record["call_key"]
        epsilon = max(epsilon, EPSILON.get(record["dtype"], 0))
        own = epsilon / 2 + 8 * min(epsilon, 2.0**-23)
        while frames and frames[-1]["returned"] and frames[-1]["key"] != key:
            frames.pop()
        open_frames = [frame for frame in frames if not frame["returned"]]
        origin = [frame for frame in open_frames if is_input == (frame["key"] != key)]
        if origin:
            yield its_error / max(origin[-1]["error"], own)
        if is_input and key not in (frame["key"] for frame in frames):
            frames.append({"key": key, "error": 0, "returned": False})
        for frame in frames:
            frame["error"] = max(frame["error"], its_error)
            frame["returned"] |= not is_input and frame["key"] == key


def largest_biases(run, other, errors):
    """Of a record, and of the mean over at least four of one tensor, in units of error / sqrt(channels)."""
    tensors = collections.defaultdict(dict)
    single = 0.0
    for a, b, its_error in zip(run, other, errors, strict=True):
        if its_error == 0:
            continue
        unit = its_error * a["abs_mean"] / math.sqrt(a["shape"][-1])
        for stat in ("abs_mean", "mean"):
            bias = (b[stat] - a[stat]) / unit
            if abs(b[stat] - a[stat]) > LEAST_BIAS * a["abs_mean"]:
                single = max(single, abs(bias))
            tensors[a["module"], a["tensor"], stat][its_error, b["abs_mean"]] = bias
    means = [abs(np.mean(list(tensor.values()))) for tensor in tensors.values() if len(tensor) >= 4]
    return single, max(means, default=0.0)


def over_floor(run, errors, noise):
    """Largest error over the floor of one noise trace: its own error or the mean of its kind."""
    kinds = collections.defaultdict(list)
    kind_of = [(re.sub(r"\d+", "#", record["module"]), record["tensor"]) for record in run]
    for kind, floor in zip(kind_of, noise, strict=True):
        kinds[kind].append(floor)
    floors = [max(floor, np.mean(kinds[kind])) for kind, floor in zip(kind_of, noise, strict=True)]
    return max(its_error / floor for its_error, floor in zip(errors, floors, strict=True) if floor)


def main():
    build = pathlib.Path(sys.argv[1]) / "rounding"
    os.environ |= {f"FASTVIDEO_TRACE_{name}": "1" for name in ("ACTIVATIONS", "INPUTS", "ROOT")}
    os.environ["FASTVIDEO_TRACE_STATS"] = "abs_mean,mean,shape,dtype"
    print("| | leap (3) | u of a record (9) | mean u (6.5) | over the floor of split-3 (5) | of attention |")
    print("| --- | --- | --- | --- | --- | --- |")
    for dtype in reference.DTYPES:
        leap, single, mean, floors = 0.0, 0.0, 0.0, {"split-3": 0.0, "attention": 0.0}
        for name, (blocks, steps) in SETUPS.items():
            folder = build / name
            model = reference.WAN_1_3B | SMALL | {"num_layers": blocks}
            reference.make(folder, reference.Setup(model, latents=(3, 8, 12), text_tokens=16, steps=steps))
            paths = {variant: folder / f"{variant}.{dtype}.jsonl" for variant in VARIANTS}
            for variant, path in paths.items():
                trace(folder, dtype, variant, path)
            runs = {variant: records(path) for variant, path in paths.items()}
            plain = runs.pop("plain")
            errors = {variant: list(map(error, plain, run)) for variant, run in runs.items()}
            for variant, run in runs.items():
                biases = largest_biases(plain, run, errors[variant])
                leap = max(leap, *leaps(plain, errors[variant]))
                single, mean = max(single, biases[0]), max(mean, biases[1])
                for noise in floors.keys() - {variant}:
                    floors[noise] = max(floors[noise], over_floor(plain, errors[variant], errors[noise]))
        numbers = (leap, single, mean, floors["split-3"], floors["attention"])
        print(f"| {dtype} | " + " | ".join(f"{number:.1f}" for number in numbers) + " |", flush=True)


if __name__ == "__main__":
    main()
