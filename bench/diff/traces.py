"""Writes a pair of traces as a diffusion transformer of 30 blocks leaves them: with sketches, small differences between.

Deterministic. The second trace is the first with every number a rounding away.
"""

import base64
import json
import pathlib

import numpy as np

BLOCKS, CALLS = 30, 2
LEAVES = ("norm1", "attn1.to_q", "attn1.to_k", "attn1.to_v", "attn1.norm_q", "attn1.norm_k", "attn1.to_out.0", "attn1")
LEAVES += ("norm2", "attn2.to_q", "attn2.to_k", "attn2.to_v", "attn2.to_out.0", "attn2", "ffn.net.0.proj", "ffn", "")
TENSORS = ("in[0]", "out")
ROUNDING = 3e-7  # of each value
ROUNDING_OF_MEANS = 1e-9  # of what many values add up to
BUCKETS = 64
PATTERNS = 512  # sketches are drawn from so many


def modules() -> list[str]:
    names = ["patch_embedding", "condition_embedder.time_embedder"]
    for block in range(BLOCKS):
        names += [f"blocks.{block}.{leaf}".rstrip(".") for leaf in LEAVES]
    return [*names, "norm_out", "proj_out", ""]


def sketch_texts(rng: np.random.Generator, values: np.ndarray) -> list[str]:
    noisy = values * (1 + ROUNDING * rng.standard_normal(values.shape)).astype(np.float32)
    return [f"1:{BUCKETS}:{base64.b64encode(row.tobytes()).decode()}" for row in noisy.astype("<f4")]


def number(value: float) -> str:
    return json.dumps(float(value))


class Side:
    """One of the two files."""

    def __init__(self, path: pathlib.Path, rng: np.random.Generator, sketches: np.ndarray, run: str) -> None:
        self.path, self.rng, self.run = path, rng, run
        self.sketches = sketch_texts(rng, sketches)

    def line(self, module: str, tensor: str, step: int, call: int, seq: int, values: np.ndarray) -> str:
        a = [number(value) for value in values * (1 + ROUNDING_OF_MEANS * self.rng.standard_normal(values.shape))]
        return (
            f'{{"module":"{module}","tensor":"{tensor}","step":{step},"abs_mean":{a[0]},"sum":{a[1]},"min":{a[2]},'
            f'"max":{a[3]},"mean":{a[4]},"std":{a[5]},"shape":[1,32760,1536],"dtype":"torch.bfloat16","rms":{a[6]},'
            f'"call":{call},"seq":{seq},"run":"{self.run}","sketch":"{self.sketches[seq % PATTERNS]}"}}\n'
        )


def write_pair(folder: pathlib.Path, size: int) -> tuple[pathlib.Path, pathlib.Path, int]:
    """Two traces of about `size` bytes each, and the number of records in each."""
    rng = np.random.default_rng(7)
    sketches = rng.standard_normal((PATTERNS, BUCKETS)).astype(np.float32) * 100
    sides = [
        Side(folder / f"{name}.jsonl", np.random.default_rng(seed), sketches, run)
        for name, seed, run in (("reference", 1, "9f3c01aa"), ("port", 2, "0badcafe"))
    ]
    names = modules()
    written, seq, step = 0, 0, 0
    with sides[0].path.open("w") as reference, sides[1].path.open("w") as port:
        while written < size:
            for call in range(CALLS):
                for module in names:
                    for tensor in TENSORS:
                        values = (0.5 + rng.random(7)) * (0.5, 900.0, -4.0, 4.0, 0.01, 1.0, 1.0)
                        for side, file in zip(sides, (reference, port), strict=True):
                            written_now = file.write(side.line(module, tensor, step, call, seq, values))
                        written += written_now
                        seq += 1
            step += 1
    return sides[0].path, sides[1].path, seq
