#!/usr/bin/env python3
"""What does it cost a Wan transformer to have every module traced, eight statistics and the sketch, lines written?

run.py BUILD [TOKENS…]      512 and 1024 tokens, unless said

A stack of two of diffusers' WanTransformerBlock, bfloat16, 1536 wide, one thread. Each round runs the stack untraced,
with our trace and with FastVideo's hooks, one after the other in changing order; a round gives two ratios traced /
untraced. Reported is the upper 95 % bound of the median ratio (bootstrap over rounds); all of it is in
BUILD/traced_model.json.
"""

import itertools
import json
import os
import pathlib
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import torch
from baselines import FASTVIDEO_STATS, FastVideoHook
from diffusers.models.transformers.transformer_wan import WanRotaryPosEmbed, WanTransformerBlock

from fvhooks.activation_trace import attach_activation_trace, detach_activation_trace
from fvhooks.hooks import ModuleHookManager

WIDTH, HEADS, FEED_FORWARD, TEXT_TOKENS, BLOCKS = 1536, 12, 8960, 512, 2
FRAME = (32, 32)  # of latents: 256 tokens
SECONDS = 70  # for a number of tokens
GOAL = 1.02


class Stack(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = torch.nn.ModuleList(
            WanTransformerBlock(WIDTH, FEED_FORWARD, HEADS, cross_attn_norm=True) for _ in range(BLOCKS)
        )

    def forward(self, hidden, text, modulation, rotary):
        for block in self.blocks:
            hidden = block(hidden, text, modulation, rotary)
        return hidden


def inputs(tokens):
    generator = torch.Generator().manual_seed(1)

    def normal(*shape):
        return torch.randn(shape, generator=generator).to(torch.bfloat16)

    latents = torch.empty(1, 16, tokens * 4 // (FRAME[0] * FRAME[1]), *FRAME)
    rotary = WanRotaryPosEmbed(WIDTH // HEADS, (1, 2, 2), 1024)(latents)
    return normal(1, tokens, WIDTH), normal(1, TEXT_TOKENS, WIDTH), normal(1, 6, WIDTH).float(), rotary


class Untraced:
    def __enter__(self):
        pass

    def __exit__(self, *_):
        pass


class Ours:
    def __init__(self, model, directory):
        self.model = model
        os.environ["FASTVIDEO_TRACE_ACTIVATIONS"] = "1"
        os.environ["FASTVIDEO_TRACE_STATS"] = ",".join(FASTVIDEO_STATS)
        os.environ["FASTVIDEO_TRACE_OUTPUT"] = str(directory / "ours.jsonl")

    def __enter__(self):
        self.trace = attach_activation_trace(self.model)

    def __exit__(self, *_):
        detach_activation_trace(self.trace)


class FastVideos:
    def __init__(self, model, directory):
        self.model, self.path = model, directory / "fastvideo.jsonl"

    def __enter__(self):
        self.file = open(self.path, "a", buffering=1)
        for name, module in self.model.named_modules():
            if name:
                hook = FastVideoHook(name, self.file)
                ModuleHookManager.get_from_or_default(module).append_forward_hook(hook)

    def __exit__(self, *_):
        for name, module in self.model.named_modules():
            if name:
                manager = ModuleHookManager.get_from(module)
                manager.remove_forward_hook(FastVideoHook.name())
                ModuleHookManager.remove_from_manager(module)
        self.file.close()


def timed(model, arguments, way):
    with way:
        model(*arguments)  # hooks and memory settle
        start = time.perf_counter()
        model(*arguments)
        return time.perf_counter() - start


def rounds(model, arguments, ways):
    """Seconds of a forward, a row a round, a column a way."""
    orders = itertools.cycle(itertools.permutations(range(len(ways))))
    end = time.monotonic() + SECONDS
    times = []
    while time.monotonic() < end or len(times) < 3:
        row = [0.0] * len(ways)
        for way in next(orders):
            row[way] = timed(model, arguments, ways[way])
        times.append(row)
    return np.array(times)


def bounds(ratios):
    """Median, and the 5 % and 95 % bounds of it."""
    generator = np.random.default_rng(1)
    medians = np.median(generator.choice(ratios, (4000, len(ratios))), axis=1)
    return [float(bound) for bound in (np.median(ratios), np.quantile(medians, 0.05), np.quantile(medians, 0.95))]


def measured(model, tokens):
    arguments = inputs(tokens)
    with tempfile.TemporaryDirectory() as directory, torch.no_grad():
        folder = pathlib.Path(directory)
        ways = [Untraced(), Ours(model, folder), FastVideos(model, folder)]
        model(*arguments)
        times = rounds(model, arguments, ways)
        # Two forwards a round, and as many lines of both.
        lines = [len((folder / name).read_text().splitlines()) for name in ("ours.jsonl", "fastvideo.jsonl")]
    assert lines[0] == lines[1] and lines[0] % (2 * len(times)) == 0, lines
    return {
        "tokens": tokens,
        "rounds": len(times),
        "records": lines[0] // (2 * len(times)),
        "forward": float(np.median(times[:, 0])),
        "ours": bounds(times[:, 1] / times[:, 0]),
        "fastvideo": bounds(times[:, 2] / times[:, 0]),
    }


def row(found):
    """The ratio is what may be added over what is added at most."""
    upper = found["ours"][2]
    return {
        "question": f"Wan blocks, {found['tokens']} tokens, all modules traced: forward on/off, upper 95 % bound",
        "ours": upper,
        "baseline": found["fastvideo"][2],
        "unit": "on/off",
        "ratio": (GOAL - 1) / max(upper - 1, 1e-6),
        "goal": 1,
    }


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    build, sizes = pathlib.Path(sys.argv[1]), [int(size) for size in sys.argv[2:]] or [512, 1024]
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = Stack().to(torch.bfloat16).eval()
    path = build / "traced_model.json"
    table = json.loads(path.read_text()) if path.exists() else {}
    for tokens in sizes:
        found = measured(model, tokens)
        table[str(tokens)] = found
        path.write_text(json.dumps(table, indent=1) + "\n")
        print(json.dumps(row(found)), flush=True)


if __name__ == "__main__":
    main()
