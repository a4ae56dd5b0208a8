"""A small vision transformer: pre-norm blocks without a class token.

Letters: B images, L patches, D width, A attention heads, E width of a head.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class ModelConfig:
    """Number of classes, side of a patch in pixels, width, number of blocks, attention heads, width inside the MLP."""

    classes: int
    patch: int
    width: int
    depth: int
    heads: int
    mlp_width: int


class Attention(nn.Module):
    """Multi-head self-attention with RMSNorm on queries and keys.

    References:
        Dehghani et al.: Scaling vision transformers to 22 billion parameters. ICML 2023 (section 2, QK normalisation).
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.query_norm = nn.RMSNorm(width // heads)
        self.key_norm = nn.RMSNorm(width // heads)
        self.out = nn.Linear(width, width)

    def forward(self, x_BLD: Tensor) -> Tensor:
        """Returns the mixed tokens, shape (B, L, D)."""
        q_BALE, k_BALE, v_BALE = self.qkv(x_BLD).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed_BALE = F.scaled_dot_product_attention(self.query_norm(q_BALE), self.key_norm(k_BALE), v_BALE)
        return self.out(mixed_BALE.transpose(1, 2).flatten(-2))


class Block(nn.Module):
    """Attention, then an MLP with GELU, each on the normalised tokens and added to them."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.attention_norm = nn.RMSNorm(config.width)
        self.attention = Attention(config.width, config.heads)
        self.mlp_norm = nn.RMSNorm(config.width)
        self.mlp = nn.Sequential(nn.Linear(config.width, config.mlp_width), nn.GELU(), nn.Linear(config.mlp_width, config.width))

    def forward(self, x_BLD: Tensor) -> Tensor:
        """Returns the tokens after the block, shape (B, L, D)."""
        x_BLD = x_BLD + self.attention(self.attention_norm(x_BLD))
        return x_BLD + self.mlp(self.mlp_norm(x_BLD))


class VisionTransformer(nn.Module):
    """Linear patch embedding, fixed positions, blocks, mean over the patches, linear head that starts at zero.

    References:
        Beyer, Zhai, Kolesnikov: Better plain ViT baselines for ImageNet-1k. 2022 (positions, mean pooling).
    """

    positions_LD: Tensor

    def __init__(self, config: ModelConfig, pixels: int) -> None:
        super().__init__()
        self.patch = config.patch
        self.patch_embedding = nn.Linear(3 * config.patch**2, config.width)
        self.register_buffer("positions_LD", sincos_positions(pixels // config.patch, config.width), persistent=False)
        self.blocks = nn.Sequential(*(Block(config) for _ in range(config.depth)))
        self.norm = nn.RMSNorm(config.width)
        self.head = nn.Linear(config.width, config.classes)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=module.in_features**-0.5)
                nn.init.zeros_(module.bias)
        nn.init.zeros_(self.head.weight)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """Returns logits of shape (B, classes)."""
        patches_BLD = F.pixel_unshuffle(images_BCHW, self.patch).flatten(2).transpose(1, 2)
        tokens_BLD = self.patch_embedding(patches_BLD) + self.positions_LD
        return self.head(self.norm(self.blocks(tokens_BLD)).mean(dim=1))


def sincos_positions(side: int, width: int) -> Tensor:
    """Returns fixed codes of the places in a square grid, row by row, shape (side², width).

    A quarter of the width each for sine and cosine of the column and of the row, at frequencies from 1 down to 1/10,000.
    """
    frequencies = 10_000 ** -torch.linspace(0, 1, width // 4)
    angles = torch.arange(side)[:, None] * frequencies
    code = torch.cat([angles.sin(), angles.cos()], dim=1)
    return torch.cat([code.repeat(side, 1), code.repeat_interleave(side, dim=0)], dim=1)
