"""The Wan 2.1 transformer as its authors cut it into modules and name them, with the weights of diffusers' model."""

import math

import torch
from torch import nn
from torch.nn import functional

# The names of parameters: this model's = diffusers'.
BLOCK = {
    "modulation": "scale_shift_table",
    "norm3": "norm2",
    "ffn.0": "ffn.net.0.proj",
    "ffn.2": "ffn.net.2",
} | {
    f"{ours}.{part}": f"{theirs}.{their_part}"
    for ours, theirs in (("self_attn", "attn1"), ("cross_attn", "attn2"))
    for part, their_part in (
        ("q", "to_q"),
        ("k", "to_k"),
        ("v", "to_v"),
        ("o", "to_out.0"),
        ("norm_q", "norm_q"),
        ("norm_k", "norm_k"),
    )
}
MODEL = {
    "patch_embedding": "patch_embedding",
    "text_embedding.0": "condition_embedder.text_embedder.linear_1",
    "text_embedding.2": "condition_embedder.text_embedder.linear_2",
    "time_embedding.0": "condition_embedder.time_embedder.linear_1",
    "time_embedding.2": "condition_embedder.time_embedder.linear_2",
    "time_projection.1": "condition_embedder.time_proj",
    "head.head": "proj_out",
    "head.modulation": "scale_shift_table",
}


def sinusoids(size: int, position: torch.Tensor) -> torch.Tensor:
    half = size // 2
    angles = torch.outer(position.double(), 10000 ** (-torch.arange(half, dtype=torch.float64) / half))
    return torch.cat([angles.cos(), angles.sin()], dim=1)


def rotations(grid: tuple[int, int, int], head_size: int) -> torch.Tensor:
    """exp(i·angle) of each token and pair of channels, as many channels for time as for height and width, or more."""
    spatial = 2 * (head_size // 6)
    sizes = (head_size - 2 * spatial, spatial, spatial)
    parts = []
    for axis, size in enumerate(sizes):
        frequencies = 10000 ** (-torch.arange(0, size, 2, dtype=torch.float64) / size)
        angles = torch.outer(torch.arange(grid[axis], dtype=torch.float64), frequencies)
        shape = [1, 1, 1, size // 2]
        shape[axis] = grid[axis]
        parts.append(angles.view(shape).expand(*grid, size // 2))
    angles = torch.cat(parts, dim=-1).reshape(-1, 1, head_size // 2)
    return torch.polar(torch.ones_like(angles), angles)


def rotate(x: torch.Tensor, freqs: torch.Tensor) -> torch.Tensor:
    pairs = torch.view_as_complex(x.double().unflatten(-1, (-1, 2)))
    return torch.view_as_real(pairs * freqs).flatten(-2).to(x.dtype)


class RMSNorm(nn.Module):
    def __init__(self, size: int, eps: float):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(size))

    def forward(self, x):
        values = x.float()
        return (values * torch.rsqrt(values.pow(2).mean(-1, keepdim=True) + self.eps)).type_as(x) * self.weight


class LayerNorm(nn.LayerNorm):
    def forward(self, x):
        weight, bias = (None, None) if self.weight is None else (self.weight.float(), self.bias.float())
        return functional.layer_norm(x.float(), self.normalized_shape, weight, bias, self.eps).type_as(x)


class Attention(nn.Module):
    def __init__(self, size: int, heads: int, eps: float):
        super().__init__()
        self.heads = heads
        self.q, self.k, self.v, self.o = (nn.Linear(size, size) for _ in range(4))
        self.norm_q, self.norm_k = RMSNorm(size, eps), RMSNorm(size, eps)

    def attend(self, x, context, turn):
        q = turn(self.norm_q(self.q(x)).unflatten(-1, (self.heads, -1)))
        k = turn(self.norm_k(self.k(context)).unflatten(-1, (self.heads, -1)))
        v = self.v(context).unflatten(-1, (self.heads, -1))
        q, k, v = (part.transpose(1, 2) for part in (q, k, v))
        return self.o(functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class SelfAttention(Attention):
    def forward(self, x, seq_lens, freqs):
        return self.attend(x, x, lambda part: rotate(part, freqs))


class CrossAttention(Attention):
    def forward(self, x, context):
        return self.attend(x, context, lambda part: part)


class AttentionBlock(nn.Module):
    def __init__(self, config: dict):
        super().__init__()
        heads, eps = config["num_attention_heads"], config["eps"]
        size = heads * config["attention_head_dim"]
        self.norm1 = LayerNorm(size, eps, elementwise_affine=False)
        self.self_attn = SelfAttention(size, heads, eps)
        self.norm3 = LayerNorm(size, eps)
        self.cross_attn = CrossAttention(size, heads, eps)
        self.norm2 = LayerNorm(size, eps, elementwise_affine=False)
        hidden = config["ffn_dim"]
        self.ffn = nn.Sequential(nn.Linear(size, hidden), nn.GELU(approximate="tanh"), nn.Linear(hidden, size))
        self.modulation = nn.Parameter(torch.zeros(1, 6, size))

    def forward(self, x, e, seq_lens, freqs, context):
        e = (self.modulation.float() + e.float()).chunk(6, dim=1)
        y = self.self_attn((self.norm1(x).float() * (1 + e[1]) + e[0]).type_as(x), seq_lens, freqs)
        x = (x.float() + y.float() * e[2]).type_as(x)
        x = x + self.cross_attn(self.norm3(x), context)
        y = self.ffn((self.norm2(x).float() * (1 + e[4]) + e[3]).type_as(x))
        return (x.float() + y.float() * e[5]).type_as(x)


class Head(nn.Module):
    def __init__(self, size: int, channels: int, eps: float):
        super().__init__()
        self.norm = LayerNorm(size, eps, elementwise_affine=False)
        self.head = nn.Linear(size, channels)
        self.modulation = nn.Parameter(torch.zeros(1, 2, size))

    def forward(self, x, e):
        shift, scale = (self.modulation.float() + e.float().unsqueeze(1)).chunk(2, dim=1)
        return self.head((self.norm(x).float() * (1 + scale) + shift).type_as(x))


class WanModel(nn.Module):
    def __init__(self, config: dict):
        super().__init__()
        self.config = config
        size = config["num_attention_heads"] * config["attention_head_dim"]
        patch = tuple(config["patch_size"])
        self.patch_embedding = nn.Conv3d(config["in_channels"], size, patch, stride=patch)
        self.text_embedding = nn.Sequential(
            nn.Linear(config["text_dim"], size), nn.GELU(approximate="tanh"), nn.Linear(size, size)
        )
        self.time_embedding = nn.Sequential(nn.Linear(config["freq_dim"], size), nn.SiLU(), nn.Linear(size, size))
        self.time_projection = nn.Sequential(nn.SiLU(), nn.Linear(size, 6 * size))
        self.blocks = nn.ModuleList(AttentionBlock(config) for _ in range(config["num_layers"]))
        self.head = Head(size, config["out_channels"] * math.prod(patch), config["eps"])

    def forward(self, x: list[torch.Tensor], t: torch.Tensor, context: list[torch.Tensor]) -> list[torch.Tensor]:
        x = torch.stack([self.patch_embedding(video.unsqueeze(0)).squeeze(0) for video in x])
        grid = tuple(x.shape[2:])
        x = x.flatten(2).transpose(1, 2)
        seq_lens = torch.tensor([tokens.shape[0] for tokens in x])
        freqs = rotations(grid, self.config["attention_head_dim"])
        e = self.time_embedding(sinusoids(self.config["freq_dim"], t).to(self.time_embedding[0].weight.dtype))
        e0 = self.time_projection(e).unflatten(1, (6, -1))
        context = self.text_embedding(torch.stack(context))
        for block in self.blocks:
            x = block(x, e0, seq_lens, freqs, context)
        x = self.head(x, e)
        return [self.unpatchify(tokens, grid) for tokens in x]

    def unpatchify(self, tokens: torch.Tensor, grid: tuple[int, int, int]) -> torch.Tensor:
        patch = self.config["patch_size"]
        x = tokens.view(*grid, *patch, self.config["out_channels"]).permute(6, 0, 3, 1, 4, 2, 5)
        return x.flatten(5, 6).flatten(3, 4).flatten(1, 2)


def from_diffusers(reference: nn.Module) -> WanModel:
    model = WanModel(dict(reference.config))
    theirs = reference.state_dict()

    def their_name(name: str) -> str:
        for prefix, names in (("blocks.", BLOCK), ("", MODEL)):
            if not name.startswith(prefix):
                continue
            block = ".".join(name.split(".")[:2]) + "." if prefix else ""
            rest = name.removeprefix(block)
            if rest in names:
                return block + names[rest]
            module, _, parameter = rest.rpartition(".")
            return f"{block}{names[module]}.{parameter}"
        raise KeyError(name)

    model.load_state_dict({name: theirs[their_name(name)] for name in model.state_dict()})
    return model.eval()
