"""A small decoder: pre-norm blocks of causal attention (RoPE, QK-norm) and a SwiGLU MLP, untied head, no biases.

Shapes: B batch, L length, D width, H heads, E = D / H, F MLP width, V = 256 bytes.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

BYTES = 256
INIT_SD = 0.02
ROPE_BASE = 10_000.0


@dataclass(frozen=True)
class ModelConfig:
    """The sizes of the decoder."""

    width: int
    depth: int
    heads: int
    mlp_width: int


class Attention(nn.Module):
    """Causal multi-head attention with rotary positions (Su et al. 2021) and RMS-normed queries and keys (Dehghani et al. 2023)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.query = nn.Linear(config.width, config.width, bias=False)
        self.key = nn.Linear(config.width, config.width, bias=False)
        self.value = nn.Linear(config.width, config.width, bias=False)
        self.out = nn.Linear(config.width, config.width, bias=False)
        self.query_norm = nn.RMSNorm(config.width // config.heads)
        self.key_norm = nn.RMSNorm(config.width // config.heads)

    def forward(self, x_BLD: Tensor, cos_LE: Tensor, sin_LE: Tensor) -> Tensor:
        """Returns the attended values, shape (B, L, D)."""
        query_BLHE, key_BLHE, value_BLHE = (
            project(x_BLD).unflatten(-1, (self.heads, -1)) for project in (self.query, self.key, self.value)
        )
        query_BHLE = rotate(self.query_norm(query_BLHE).transpose(1, 2), cos_LE, sin_LE)
        key_BHLE = rotate(self.key_norm(key_BLHE).transpose(1, 2), cos_LE, sin_LE)
        mixed_BHLE = F.scaled_dot_product_attention(query_BHLE, key_BHLE, value_BLHE.transpose(1, 2), is_causal=True)
        out: Tensor = self.out(mixed_BHLE.transpose(1, 2).flatten(2))
        return out


class SwiGLU(nn.Module):
    """The gated MLP down(silu(gate x) * up x) (Shazeer 2020)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.gate = nn.Linear(config.width, config.mlp_width, bias=False)
        self.up = nn.Linear(config.width, config.mlp_width, bias=False)
        self.down = nn.Linear(config.mlp_width, config.width, bias=False)

    def forward(self, x_BLD: Tensor) -> Tensor:
        """Returns the transformed features, shape (B, L, D)."""
        out: Tensor = self.down(F.silu(self.gate(x_BLD)) * self.up(x_BLD))
        return out


class Block(nn.Module):
    """Attention and MLP, each with its norm before it and added to the residual stream."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.attention_norm = nn.RMSNorm(config.width)
        self.attention = Attention(config)
        self.mlp_norm = nn.RMSNorm(config.width)
        self.mlp = SwiGLU(config)

    def forward(self, x_BLD: Tensor, cos_LE: Tensor, sin_LE: Tensor) -> Tensor:
        """Returns the residual stream after this block, shape (B, L, D)."""
        x_BLD = x_BLD + self.attention(self.attention_norm(x_BLD), cos_LE, sin_LE)
        out: Tensor = x_BLD + self.mlp(self.mlp_norm(x_BLD))
        return out


class Decoder(nn.Module):
    """Bytes to next-byte logits.

    Matrices start as N(0, 0.02²), those that write into the residual stream as N(0, 0.02² / (2 depth)) (Radford et al. 2019); gains at 1.
    """

    def __init__(self, config: ModelConfig, length: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(BYTES, config.width)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.depth))
        self.norm = nn.RMSNorm(config.width)
        self.head = nn.Linear(config.width, BYTES, bias=False)
        cos_LE, sin_LE = rotary_tables(length, config.width // config.heads)
        self.register_buffer("cos_LE", cos_LE, persistent=False)
        self.register_buffer("sin_LE", sin_LE, persistent=False)
        for name, parameter in self.named_parameters():
            if parameter.ndim == 2:
                writes_residual = name.endswith(("out.weight", "down.weight"))
                nn.init.normal_(parameter, std=INIT_SD / (2 * config.depth) ** 0.5 if writes_residual else INIT_SD)

    def forward(self, tokens_BL: Tensor) -> Tensor:
        """Returns the logits of the byte after each position, shape (B, L, V)."""
        length = tokens_BL.shape[1]
        cos_LE, sin_LE = self.get_buffer("cos_LE")[:length], self.get_buffer("sin_LE")[:length]
        x_BLD = self.embedding(tokens_BL)
        for block in self.blocks:
            x_BLD = block(x_BLD, cos_LE, sin_LE)
        logits_BLV: Tensor = self.head(self.norm(x_BLD))
        return logits_BLV


def rotary_tables(length: int, head_width: int) -> tuple[Tensor, Tensor]:
    """Returns cosine and sine of the rotation angles, shape (L, E) each; the two halves of E are the two axes of each plane."""
    frequencies = ROPE_BASE ** -torch.arange(0, 1, 2 / head_width)
    angles_LE = torch.outer(torch.arange(length), frequencies).repeat(1, 2)
    return angles_LE.cos(), angles_LE.sin()


def rotate(x_BHLE: Tensor, cos_LE: Tensor, sin_LE: Tensor) -> Tensor:
    """Returns the features turned by the angle of their position, shape (B, H, L, E)."""
    first, second = x_BHLE.chunk(2, dim=-1)
    return x_BHLE * cos_LE + torch.cat((-second, first), dim=-1) * sin_LE
