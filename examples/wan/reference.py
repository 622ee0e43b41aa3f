#!/usr/bin/env python3
"""The reference of the Wan example: diffusers' WanTransformer3DModel.

    reference.py make --out DIR [--config NAME] [--seed N]    random weights, config.json and inputs.safetensors
    reference.py run --model DIR --inputs FILE --output FILE [--dtype fp32|bf16] [--threads N] [--math-attention]

`run` denoises as examples/wan/denoise.cc does, and is traced as FASTVIDEO_TRACE_* say.
"""

import argparse
import json
import math
import os
import pathlib
import time
from dataclasses import dataclass, field, replace

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch

WEIGHTS_FILE = "diffusion_pytorch_model.safetensors"
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
SEED = 20250224


@dataclass(frozen=True)
class Setup:
    """A model and what it is run on."""

    model: dict
    latents: tuple[int, int, int]  # frames, height, width
    text_tokens: int
    steps: int
    guidance_scale: float = 5.0
    flow_shift: float = 1.0
    context_len: int | None = None  # of the text's tokens; the rest is padding, zero and masked
    ffn_gain: float = 1.0  # activations of the second block's feed-forward are larger by this


WAN_1_3B = {
    "patch_size": [1, 2, 2],
    "num_attention_heads": 12,
    "attention_head_dim": 128,
    "in_channels": 16,
    "out_channels": 16,
    "text_dim": 4096,
    "freq_dim": 256,
    "ffn_dim": 8960,
    "num_layers": 30,
    "cross_attn_norm": True,
    "qk_norm": "rms_norm_across_heads",
    "eps": 1e-6,
    "image_dim": None,
    "added_kv_proj_dim": None,
    "rope_max_seq_len": 1024,
    "pos_embed_seq_len": None,
}
TINY = WAN_1_3B | {
    "num_attention_heads": 2,
    "attention_head_dim": 24,
    "in_channels": 4,
    "out_channels": 4,
    "text_dim": 40,
    "freq_dim": 32,
    "ffn_dim": 80,
    "num_layers": 2,
    "rope_max_seq_len": 64,
}
ZOO = TINY | {"num_attention_heads": 4, "attention_head_dim": 28, "text_dim": 64, "ffn_dim": 256, "num_layers": 3}
ZOO_SETUP = Setup(ZOO, latents=(3, 8, 12), text_tokens=16, steps=3, flow_shift=5.0, context_len=11, ffn_gain=2e4)
SETUPS = {
    "tiny": Setup(TINY, latents=(3, 8, 12), text_tokens=7, steps=2),
    "demo": Setup(WAN_1_3B | {"num_layers": 2}, latents=(3, 16, 16), text_tokens=64, steps=3),
    "full": Setup(WAN_1_3B, latents=(3, 16, 16), text_tokens=64, steps=2),
    "zoo": ZOO_SETUP,
    "zoo-other": replace(
        ZOO_SETUP,
        model=ZOO | {"num_attention_heads": 3, "attention_head_dim": 40, "freq_dim": 64, "num_layers": 4},
        latents=(2, 12, 8),
        text_tokens=24,
        context_len=14,
        steps=4,
        guidance_scale=3.0,
    ),
}


def random_parameter(name: str, shape: torch.Size, generator: torch.Generator) -> torch.Tensor:
    """Of a size that keeps activations near 1, and nowhere the 0 or 1 of a fresh model, which would hide errors."""
    values = torch.randn(shape, generator=generator)
    if name.endswith("scale_shift_table"):
        return values / 2
    if name.endswith(".bias"):
        return values / 10
    if len(shape) == 1:  # the weight of a norm
        return 1 + values / 4
    return values / math.sqrt(math.prod(shape[1:]))


def empty_model(config: dict):
    """The reference without memory for its parameters."""
    from diffusers import WanTransformer3DModel

    with torch.device("meta"):
        return WanTransformer3DModel(**{key: tuple(v) if isinstance(v, list) else v for key, v in config.items()})


@dataclass
class SafetensorsWriter:
    """Writes tensors one at a time, so that a model larger than memory can be made."""

    path: pathlib.Path
    shapes: dict[str, torch.Size]  # in the order in which they will be written, all float32
    done: int = field(default=0, init=False)

    def __enter__(self):
        header, offset = {"__metadata__": {"format": "pt"}}, 0
        for name, shape in self.shapes.items():
            end = offset + 4 * math.prod(shape)
            header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [offset, end]}
            offset = end
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        self.unfinished = self.path.with_suffix(".unfinished")
        self.file = self.unfinished.open("wb")
        self.file.write(len(text).to_bytes(8, "little") + text)
        return self

    def write(self, tensor: torch.Tensor) -> None:
        self.file.write(tensor.contiguous().numpy().data)

    def __exit__(self, kind, value, traceback):
        self.file.close()
        if kind is None:
            self.unfinished.rename(self.path)
        else:
            self.unfinished.unlink()


def make_weights(folder: pathlib.Path, setup: Setup, seed: int) -> None:
    shapes = {name: parameter.shape for name, parameter in empty_model(setup.model).named_parameters()}
    gains = {"blocks.1.ffn.net.0.proj.weight": setup.ffn_gain, "blocks.1.ffn.net.2.weight": 1 / setup.ffn_gain}
    total = sum(math.prod(shape) for shape in shapes.values())
    generator = torch.Generator().manual_seed(seed)
    written, next_report = 0, time.monotonic() + 2
    with SafetensorsWriter(folder / WEIGHTS_FILE, shapes) as file:
        for name, shape in shapes.items():
            file.write(random_parameter(name, shape, generator) * gains.get(name, 1))
            written += math.prod(shape)
            if time.monotonic() > next_report:
                print(f"  {100 * written // total} % of {total / 1e6:.0f} million parameters", flush=True)
                next_report = time.monotonic() + 2


def make_inputs(path: pathlib.Path, setup: Setup, seed: int) -> None:
    from safetensors.torch import save_file

    generator = torch.Generator().manual_seed(seed + 1)
    text_shape = (1, setup.text_tokens, setup.model["text_dim"])
    sigmas = torch.linspace(1, 0, setup.steps + 1)
    sigmas = setup.flow_shift * sigmas / (1 + (setup.flow_shift - 1) * sigmas)
    inputs = {
        "latents": torch.randn((1, setup.model["in_channels"], *setup.latents), generator=generator),
        "prompt_embeds": torch.randn(text_shape, generator=generator),
        "negative_prompt_embeds": torch.randn(text_shape, generator=generator),
        "timesteps": 1000 * sigmas[:-1],
        "sigmas": sigmas,
        "guidance_scale": torch.tensor(setup.guidance_scale),
    }
    if setup.context_len is not None:
        inputs["context_len"] = torch.tensor(float(setup.context_len))
        for prompt in ("prompt_embeds", "negative_prompt_embeds"):
            inputs[prompt][:, setup.context_len :] = 0
    save_file(inputs, path)


def make(folder: pathlib.Path, setup: Setup, seed: int = SEED) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    config = {"_class_name": "WanTransformer3DModel"} | setup.model
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    make_inputs(folder / "inputs.safetensors", setup, seed)
    make_weights(folder, setup, seed)


def load(folder: pathlib.Path, dtype: torch.dtype):
    """In bfloat16 diffusers keeps the time embedder, the scale and shift tables and norm1 to norm3 in float32."""
    from diffusers import WanTransformer3DModel

    return WanTransformer3DModel.from_pretrained(folder, torch_dtype=dtype).eval()


def mask_text(model, context_len: int) -> None:
    """Cross-attention to the first tokens of the text alone."""
    from diffusers.models.transformers.transformer_wan import WanAttnProcessor

    class ContextLenAttnProcessor(WanAttnProcessor):
        def __call__(self, attn, hidden_states, encoder_hidden_states, attention_mask=None, rotary_emb=None):
            mask = (torch.arange(encoder_hidden_states.shape[1]) < context_len)[None]
            return super().__call__(attn, hidden_states, encoder_hidden_states, mask, rotary_emb)

    for block in model.blocks:
        block.attn2.set_processor(ContextLenAttnProcessor())


def denoise(model, inputs: dict[str, torch.Tensor], dtype: torch.dtype, finished=lambda step: None) -> torch.Tensor:
    """Classifier-free guidance, flow matching, Euler steps."""
    from fvhooks.activation_trace import trace_step

    latents = inputs["latents"]
    prompt_embeds = inputs["prompt_embeds"].to(dtype)
    negative_prompt_embeds = inputs["negative_prompt_embeds"].to(dtype)
    guidance_scale = inputs["guidance_scale"].item()

    for step, timestep in enumerate(inputs["timesteps"]):
        with trace_step(step):
            timestep = timestep.expand(latents.shape[0])
            model_input = latents.to(dtype)

            cond = model(model_input, timestep, prompt_embeds).sample
            uncond = model(model_input, timestep, negative_prompt_embeds).sample
            noise = uncond + guidance_scale * (cond - uncond)

            sigma_change = inputs["sigmas"][step + 1].item() - inputs["sigmas"][step].item()
            latents = latents + sigma_change * noise.float()
            finished(step)
    return latents


@torch.no_grad()
def run(folder: pathlib.Path, inputs_path: pathlib.Path, output: pathlib.Path, dtype: torch.dtype) -> None:
    from safetensors.torch import load_file, save_file

    from fvhooks.activation_trace import attach_activation_trace, detach_activation_trace

    began = time.monotonic()
    inputs = load_file(inputs_path)
    model = load(folder, dtype)
    if "context_len" in inputs:
        mask_text(model, int(inputs["context_len"]))
    print(f"loaded {len(model.blocks)} blocks from {folder} in {time.monotonic() - began:.1f} s", flush=True)

    began, steps = time.monotonic(), len(inputs["timesteps"])
    manager = attach_activation_trace(model)
    latents = denoise(
        model,
        inputs,
        dtype,
        lambda step: print(f"step {step + 1} of {steps}, {time.monotonic() - began:.1f} s", flush=True),
    )
    detach_activation_trace(manager)
    save_file({"latents": latents}, output)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    making = commands.add_parser("make")
    making.add_argument("--out", type=pathlib.Path, required=True)
    making.add_argument("--config", choices=SETUPS, default="demo")
    making.add_argument("--seed", type=int, default=SEED)
    running = commands.add_parser("run")
    running.add_argument("--model", type=pathlib.Path, required=True)
    running.add_argument("--inputs", type=pathlib.Path, required=True)
    running.add_argument("--output", type=pathlib.Path, required=True)
    running.add_argument("--dtype", choices=DTYPES, default="fp32")
    running.add_argument("--threads", type=int)
    running.add_argument("--math-attention", action="store_true", help="torch's attention without its fused kernels")
    arguments = parser.parse_args()

    if arguments.command == "make":
        make(arguments.out, SETUPS[arguments.config], arguments.seed)
        return
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    if arguments.math_attention:
        torch.backends.cuda.enable_flash_sdp(False)
        torch.backends.cuda.enable_mem_efficient_sdp(False)
    run(arguments.model, arguments.inputs, arguments.output, DTYPES[arguments.dtype])


if __name__ == "__main__":
    main()
