"""The Wan 2.1 transformer as FastVideo cuts it into modules and names them, with the weights of diffusers' model."""

import math

import torch
from torch import nn
from torch.nn import functional
from wan_original import LayerNorm, RMSNorm, rotate, rotations, sinusoids

# Modules with parameters: this model's names = diffusers'.
BLOCK = {
    "self_attn_residual_norm.norm": "norm2",
    "attn2.to_out": "attn2.to_out.0",
    "ffn.fc_in": "ffn.net.0.proj",
    "ffn.fc_out": "ffn.net.2",
    "to_out": "attn1.to_out.0",
} | {name: f"attn1.{name}" for name in ("to_q", "to_k", "to_v", "norm_q", "norm_k")}
MODEL = {
    "patch_embedding.proj": "patch_embedding",
    "condition_embedder.text_embedder.fc_in": "condition_embedder.text_embedder.linear_1",
    "condition_embedder.text_embedder.fc_out": "condition_embedder.text_embedder.linear_2",
    "condition_embedder.time_embedder.mlp.fc_in": "condition_embedder.time_embedder.linear_1",
    "condition_embedder.time_embedder.mlp.fc_out": "condition_embedder.time_embedder.linear_2",
    "condition_embedder.time_modulation.linear": "condition_embedder.time_proj",
}


class ReplicatedLinear(nn.Linear):
    """Returns its output and, not added, a bias that it does not have."""

    def forward(self, x):
        return super().forward(x), None


class PatchEmbed(nn.Module):
    def __init__(self, channels: int, size: int, patch: tuple[int, ...]):
        super().__init__()
        self.proj = nn.Conv3d(channels, size, patch, stride=patch)
        self.norm = nn.Identity()

    def forward(self, x):
        return self.norm(self.proj(x))


class MLP(nn.Module):
    def __init__(self, size: int, hidden: int, out: int, act: nn.Module):
        super().__init__()
        self.fc_in = ReplicatedLinear(size, hidden)
        self.act = act
        self.fc_out = ReplicatedLinear(hidden, out)

    def forward(self, x):
        return self.fc_out(self.act(self.fc_in(x)[0]))[0]


class TimestepEmbedder(nn.Module):
    def __init__(self, frequencies: int, size: int):
        super().__init__()
        self.frequencies = frequencies
        self.mlp = MLP(frequencies, size, size, nn.SiLU())

    def forward(self, t):
        return self.mlp(sinusoids(self.frequencies, t).to(self.mlp.fc_in.weight.dtype))


class ModulateProjection(nn.Module):
    def __init__(self, size: int, factor: int):
        super().__init__()
        self.linear = ReplicatedLinear(size, factor * size)
        self.act = nn.SiLU()

    def forward(self, x):
        return self.linear(self.act(x))[0]


class ConditionEmbedder(nn.Module):
    def __init__(self, config: dict, size: int):
        super().__init__()
        self.time_embedder = TimestepEmbedder(config["freq_dim"], size)
        self.time_modulation = ModulateProjection(size, 6)
        self.text_embedder = MLP(config["text_dim"], size, size, nn.GELU(approximate="tanh"))

    def forward(self, timestep, encoder_hidden_states):
        temb = self.time_embedder(timestep)
        return temb, self.time_modulation(temb), self.text_embedder(encoder_hidden_states), None


class ScaleResidual(nn.Module):
    def forward(self, residual, x, gate):
        return residual + x * gate


class ScaleResidualLayerNormScaleShift(nn.Module):
    def __init__(self, size: int, eps: float, elementwise_affine: bool):
        super().__init__()
        self.norm = LayerNorm(size, eps, elementwise_affine=elementwise_affine)

    def forward(self, residual, x, gate, shift, scale):
        residual = residual + x * gate
        return self.norm(residual) * (1 + scale) + shift, residual


class LayerNormScaleShift(nn.Module):
    def __init__(self, size: int, eps: float):
        super().__init__()
        self.norm = LayerNorm(size, eps, elementwise_affine=False)

    def forward(self, x, shift, scale):
        return (self.norm(x).float() * (1 + scale) + shift).type_as(x)


class AttentionCore(nn.Module):
    """Attention proper: heads in, heads out."""

    def forward(self, query, key, value, freqs=None):
        if freqs is not None:
            query, key = rotate(query, freqs), rotate(key, freqs)
        query, key, value = (part.transpose(1, 2) for part in (query, key, value))
        return functional.scaled_dot_product_attention(query, key, value).transpose(1, 2), None


class CrossAttention(nn.Module):
    def __init__(self, size: int, heads: int, eps: float):
        super().__init__()
        self.heads = heads
        self.to_q, self.to_k, self.to_v, self.to_out = (ReplicatedLinear(size, size) for _ in range(4))
        self.norm_q, self.norm_k = RMSNorm(size, eps), RMSNorm(size, eps)
        self.attn = AttentionCore()

    def forward(self, x, context):
        query = self.norm_q(self.to_q(x)[0]).unflatten(-1, (self.heads, -1))
        key = self.norm_k(self.to_k(context)[0]).unflatten(-1, (self.heads, -1))
        value = self.to_v(context)[0].unflatten(-1, (self.heads, -1))
        return self.to_out(self.attn(query, key, value)[0].flatten(2))[0]


class TransformerBlock(nn.Module):
    def __init__(self, config: dict):
        super().__init__()
        self.heads, eps = config["num_attention_heads"], config["eps"]
        size = self.heads * config["attention_head_dim"]
        self.norm1 = LayerNorm(size, eps, elementwise_affine=False)
        self.to_q, self.to_k, self.to_v, self.to_out = (ReplicatedLinear(size, size) for _ in range(4))
        self.norm_q, self.norm_k = RMSNorm(size, eps), RMSNorm(size, eps)
        self.attn1 = AttentionCore()
        self.self_attn_residual_norm = ScaleResidualLayerNormScaleShift(size, eps, elementwise_affine=True)
        self.attn2 = CrossAttention(size, self.heads, eps)
        self.cross_attn_residual_norm = ScaleResidualLayerNormScaleShift(size, eps, elementwise_affine=False)
        self.ffn = MLP(size, config["ffn_dim"], size, nn.GELU(approximate="tanh"))
        self.mlp_residual = ScaleResidual()
        self.scale_shift_table = nn.Parameter(torch.zeros(1, 6, size))

    def forward(self, hidden_states, encoder_hidden_states, temb, freqs):
        dtype = hidden_states.dtype
        modulation = (self.scale_shift_table.float() + temb.float()).chunk(6, dim=1)
        shift_msa, scale_msa, gate_msa, shift, scale, gate = modulation
        x = (self.norm1(hidden_states).float() * (1 + scale_msa) + shift_msa).to(dtype)
        query, key, value = self.norm_q(self.to_q(x)[0]), self.norm_k(self.to_k(x)[0]), self.to_v(x)[0]
        query, key, value = (part.unflatten(-1, (self.heads, -1)) for part in (query, key, value))
        attention = self.to_out(self.attn1(query, key, value, freqs)[0].flatten(2))[0]
        none = torch.zeros(1)
        x, hidden_states = self.self_attn_residual_norm(hidden_states, attention, gate_msa, none, none)
        x, hidden_states = x.to(dtype), hidden_states.to(dtype)
        attention = self.attn2(x, encoder_hidden_states)
        x, hidden_states = self.cross_attn_residual_norm(hidden_states, attention, 1, shift, scale)
        x, hidden_states = x.to(dtype), hidden_states.to(dtype)
        return self.mlp_residual(hidden_states, self.ffn(x), gate).to(dtype)


class WanTransformer(nn.Module):
    def __init__(self, config: dict):
        super().__init__()
        self.config = config
        size = config["num_attention_heads"] * config["attention_head_dim"]
        patch = tuple(config["patch_size"])
        self.patch_embedding = PatchEmbed(config["in_channels"], size, patch)
        self.condition_embedder = ConditionEmbedder(config, size)
        self.blocks = nn.ModuleList(TransformerBlock(config) for _ in range(config["num_layers"]))
        self.norm_out = LayerNormScaleShift(size, config["eps"])
        self.proj_out = nn.Linear(size, config["out_channels"] * math.prod(patch))
        self.scale_shift_table = nn.Parameter(torch.zeros(1, 2, size))

    def forward(self, hidden_states, encoder_hidden_states, timestep):
        x = self.patch_embedding(hidden_states)
        grid = tuple(x.shape[2:])
        x = x.flatten(2).transpose(1, 2)
        freqs = rotations(grid, self.config["attention_head_dim"])
        temb, modulation, text, _ = self.condition_embedder(timestep, encoder_hidden_states)
        modulation = modulation.unflatten(1, (6, -1))
        for block in self.blocks:
            x = block(x, text, modulation, freqs)
        shift, scale = (self.scale_shift_table.float() + temb.float().unsqueeze(1)).chunk(2, dim=1)
        x = self.proj_out(self.norm_out(x, shift, scale))
        patch = self.config["patch_size"]
        x = x.view(-1, *grid, *patch, self.config["out_channels"]).permute(0, 7, 1, 4, 2, 5, 3, 6)
        return x.flatten(6, 7).flatten(4, 5).flatten(2, 3)


def from_diffusers(reference: nn.Module) -> WanTransformer:
    model = WanTransformer(dict(reference.config))
    theirs = reference.state_dict()

    def their_name(name: str) -> str:
        block = ".".join(name.split(".")[:2]) + "." if name.startswith("blocks.") else ""
        module, _, parameter = name.removeprefix(block).rpartition(".")
        module = (BLOCK if block else MODEL).get(module, module)
        return block + f"{module}.{parameter}".lstrip(".")

    model.load_state_dict({name: theirs[their_name(name)] for name in model.state_dict()})
    return model.eval()
