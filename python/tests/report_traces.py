"""Traces for tests of the report: a small transformer over steps and guidance passes, with what can be wrong with it."""

import base64
import json
import random
import struct

RUN = "0badcafe"


def sketch(values):
    return "1:64:" + base64.b64encode(struct.pack("<64f", *values)).decode()


def leaves(*modules):
    for module in modules:
        yield module, "in[0]"
        yield module, "out"


def events(blocks):
    yield "", "in[0]"
    for block in (f"blocks.{index}" for index in range(blocks)):
        yield block, "in[0]"
        yield from leaves(f"{block}.norm1")
        yield f"{block}.attn1", "in[0]"
        yield from leaves(f"{block}.attn1.to_q", f"{block}.attn1.to_out.0")
        yield f"{block}.attn1", "out"
        yield from leaves(f"{block}.ffn.net.0")
        yield block, "out"
    yield "proj_out", "out"
    yield "", "out"


def trace(*, blocks=3, steps=2, calls=2, noise=0.0, wrong_from=None, rename=lambda module: module):
    """From the event `wrong_from` (module, tensor) on, at every step, values are in another order."""
    jitter = random.Random(1)
    records = []
    for step in range(steps):
        for call in range(calls):
            is_wrong = False
            for module, tensor in events(blocks):
                is_wrong = is_wrong or (module, tensor) == wrong_from
                values = random.Random(f"{module} {tensor} {step} {call}")
                numbers = [values.gauss(0, 1) * (1 + noise * jitter.gauss(0, 1)) for _ in range(64)]
                if is_wrong:
                    numbers.reverse()
                records.append(
                    {
                        "module": rename(module),
                        "tensor": tensor,
                        "step": step,
                        "abs_mean": sum(map(abs, numbers)) / 64,
                        "max": max(numbers),
                        "shape": [4, 16],
                        "dtype": "torch.float32",
                        "call": call,
                        "seq": len(records),
                        "run": RUN,
                        "sketch": sketch(numbers),
                    }
                )
    return records


def write(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def write_many(path, count, wrong=()):
    """`count` records of 1000 modules, those whose number is in `wrong` 1 % off; statistics only."""
    with open(path, "w") as file:
        for seq in range(count):
            step, place = divmod(seq, 1000)
            value = (1 + place) * (1.01 if seq in wrong else 1.0)
            file.write(
                f'{{"module":"blocks.{place // 20}.layer{place % 20}","tensor":"out","step":{step},"abs_mean":{value},'
                f'"sum":-{value},"dtype":"torch.float32","call":0,"seq":{seq},"run":"{RUN}"}}\n'
            )
    return path
