#!/usr/bin/env python3
"""What FastVideo's three statistics say of the bug rope-half, beside the relative L2 error.

Computes the query of the first self-attention with the reference, rotates it rightly and wrongly, and compares; takes the
tensors around it from the two traces.
"""

import argparse
import base64
import json
import pathlib

import torch
from reference import load
from safetensors.torch import load_file

STATISTICS = ("abs_mean", "sum", "max")
ATTENTION = "blocks.0.attn1"


class Stop(Exception):
    pass


@torch.no_grad()
def query_and_rotary_embedding(folder: pathlib.Path, inputs: dict[str, torch.Tensor]):
    model = load(folder, torch.float32)
    taken = {}

    def take(name, stop=False):
        def hook(module, args, output):
            taken[name] = output
            if stop:
                raise Stop

        return hook

    model.rope.register_forward_hook(take("rope"))
    model.blocks[0].attn1.norm_q.register_forward_hook(take("query", stop=True))
    try:
        model(inputs["latents"], inputs["timesteps"][:1], inputs["prompt_embeds"])
    except Stop:
        pass
    return taken["query"].unflatten(2, (model.config.num_attention_heads, -1)), taken["rope"]


def rotated(x1: torch.Tensor, x2: torch.Tensor, rotary_emb) -> tuple[torch.Tensor, torch.Tensor]:
    cos, sin = (freqs[..., ::2] for freqs in rotary_emb)
    return x1 * cos - x2 * sin, x1 * sin + x2 * cos


def pairs_rotated(x: torch.Tensor, rotary_emb) -> torch.Tensor:
    return torch.stack(rotated(*x.unflatten(-1, (-1, 2)).unbind(-1), rotary_emb), dim=-1).flatten(-2)


def halves_rotated(x: torch.Tensor, rotary_emb) -> torch.Tensor:
    return torch.cat(rotated(*x.chunk(2, dim=-1), rotary_emb), dim=-1)


def statistics(x: torch.Tensor) -> dict[str, float]:
    return {"abs_mean": x.abs().mean().item(), "sum": x.sum().item(), "max": x.max().item()}


def first_record(trace: pathlib.Path, module: str, tensor: str) -> dict:
    with trace.open() as lines:
        for line in lines:
            record = json.loads(line)
            if (record["module"], record["tensor"]) == (module, tensor):
                return record
    raise SystemExit(f"{trace} has no record of {module} {tensor}")


def sketch(record: dict) -> torch.Tensor:
    return torch.frombuffer(bytearray(base64.b64decode(record["sketch"].split(":")[2])), dtype=torch.float32).double()


def print_row(name: str, reference: dict, port: dict, relative_l2: float) -> None:
    changes = [abs(port[s] - reference[s]) / abs(reference[s]) for s in STATISTICS]
    print(f"  {name:40}" + "".join(f"{value:12.1e}" for value in (*changes, relative_l2)))


def print_row_of_traces(module: str, reference: pathlib.Path, port: pathlib.Path) -> None:
    a, b = first_record(reference, module, "out"), first_record(port, module, "out")
    error = ((sketch(a) - sketch(b)).norm() / sketch(a).norm()).item()
    print_row(f"{module} out", a, b, error)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for option in ("model", "inputs", "reference", "port"):
        parser.add_argument(f"--{option}", type=pathlib.Path, required=True)
    arguments = parser.parse_args()

    query, rotary_emb = query_and_rotary_embedding(arguments.model, load_file(arguments.inputs))
    right, wrong = pairs_rotated(query, rotary_emb), halves_rotated(query, rotary_emb)

    print(f"  {'relative change by the bug':40}" + "".join(f"{name:>12}" for name in (*STATISTICS, "relative L2")))
    print_row_of_traces(f"{ATTENTION}.to_q", arguments.reference, arguments.port)
    print_row(
        "query, rotated (no module's output)",
        statistics(right),
        statistics(wrong),
        ((right - wrong).norm() / right.norm()).item(),
    )
    print_row_of_traces(ATTENTION, arguments.reference, arguments.port)


if __name__ == "__main__":
    main()
