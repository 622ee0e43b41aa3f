"""The Wan 1.3B transformer with random float32 weights: on disk once, then loaded in the ways that are compared."""

import json
import math
import os
import pathlib
import sys
from collections.abc import Iterable

os.environ.setdefault("HF_HUB_OFFLINE", "1")
sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "examples" / "wan"))

import reference
import torch
from diffusers.models.transformers.transformer_wan import WanRotaryPosEmbed

CONFIG = reference.WAN_1_3B


def empty_model(layers: int = CONFIG["num_layers"]) -> torch.nn.Module:
    """Parameters on the meta device; what is computed rather than learnt is there."""
    model = reference.empty_model(CONFIG | {"num_layers": layers}).eval()
    model.rope = WanRotaryPosEmbed(CONFIG["attention_head_dim"], CONFIG["patch_size"], CONFIG["rope_max_seq_len"])
    return model


def checkpoint(folder: pathlib.Path) -> pathlib.Path:
    """Written at the first call, and kept."""
    path = folder / reference.WEIGHTS_FILE
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        reference.make_weights(folder, reference.SETUPS["full"], reference.SEED)
    return path


def places(path: pathlib.Path) -> dict[str, tuple[int, list[int]]]:
    """Where in the file each tensor begins, and its shape."""
    with path.open("rb") as file:
        header_bytes = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(header_bytes))
    header.pop("__metadata__", None)
    return {name: (8 + header_bytes + entry["data_offsets"][0], entry["shape"]) for name, entry in header.items()}


def mapped(path: pathlib.Path) -> dict[str, torch.Tensor]:
    """Views of a private mapping of the file: a page is read when it is touched."""
    file_bytes = torch.from_file(str(path), shared=False, size=path.stat().st_size, dtype=torch.uint8)
    return {
        name: file_bytes[begin : begin + 4 * math.prod(shape)].view(torch.float32).view(shape)
        for name, (begin, shape) in places(path).items()
    }


def in_memory(path: pathlib.Path, names: Iterable[str]) -> dict[str, torch.Tensor]:
    """Read, since what is mapped would count twice as memory."""
    found, begins = {}, places(path)
    with path.open("rb", buffering=0) as file:
        for name in names:
            begin, shape = begins[name]
            found[name] = torch.empty(shape)
            file.seek(begin)
            file.readinto(found[name].view(-1).numpy())
    return found


def with_weights(model: torch.nn.Module, tensors: dict[str, torch.Tensor]) -> torch.nn.Module:
    model.load_state_dict({name: tensors[name] for name in model.state_dict()}, assign=True)
    return model


def inputs(latents: list[int], text_tokens: int, device: torch.device) -> dict[str, torch.Tensor]:
    """Frames, height and width of the latents; a token is 1 x 2 x 2 of them."""
    generator = torch.Generator().manual_seed(1)
    hidden = torch.randn((1, CONFIG["in_channels"], *latents), generator=generator)
    text = torch.randn((1, text_tokens, CONFIG["text_dim"]), generator=generator)
    return {
        "hidden_states": hidden.to(device),
        "timestep": torch.tensor([500.0], device=device),
        "encoder_hidden_states": text.to(device),
    }
