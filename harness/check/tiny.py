"""A workload of about three hundred parameters with one of every role, learnt in a second: what `check` tries a submission on.

Shapes: B batch, L = 3 tokens, 6 x 6 pixels.
"""

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness.workload import Batch, Direction, Evaluation, Role, Workload, WorkloadConfig

SAMPLES, WORDS, CLASSES, WIDTH = 256, 11, 5, 8

CONFIG = WorkloadConfig(
    name="tiny",
    tier="check",
    version=1,
    task="a class from three tokens and an image",
    metric="error_rate",
    direction=Direction.MINIMIZE,
    target=0.05,
    test_target=0.05,
    budget_s=60.0,
    reference_batch=16,
    step_hint=100,
    loss_kind="cross_entropy",
    threads=1,
)


class Net(nn.Module):
    """Embedding and convolution, two hidden matrices, norms, biases, a scalar gain, dropout, a head."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(WORDS, WIDTH)
        self.conv = nn.Conv2d(1, WIDTH, 3, bias=False)
        self.conv_norm = nn.BatchNorm2d(WIDTH)
        self.wide = nn.Linear(WIDTH, 2 * WIDTH)
        self.square = nn.Linear(2 * WIDTH, 2 * WIDTH, bias=False)
        self.norm = nn.LayerNorm(2 * WIDTH)
        self.gain = nn.Parameter(torch.ones(()))
        self.dropout = nn.Dropout(0.1)
        self.head = nn.Linear(2 * WIDTH, CLASSES, bias=False)

    def features(self, tokens_BL: Tensor, images_BHW: Tensor) -> Tensor:
        """Returns what the head is given, shape (B, 16)."""
        seen = F.gelu(self.conv_norm(self.conv(images_BHW[:, None]))).mean(dim=(2, 3))
        hidden = F.gelu(self.wide(self.embedding(tokens_BL).mean(dim=1) + seen))
        out: Tensor = self.dropout(self.norm(self.square(hidden)) * self.gain)
        return out

    def forward(self, tokens_BL: Tensor, images_BHW: Tensor) -> Tensor:
        """Returns logits of shape (B, 5)."""
        logits: Tensor = self.head(self.features(tokens_BL, images_BHW))
        return logits


class Tiny(Workload):
    """The class is a linear function of token and image."""

    def make_data(self, folder: Path, salt: bytes | None = None) -> None:
        """Makes none: the data are made in memory."""

    def load(self, folder: Path, split: str) -> Any:
        """Returns (tokens, images, classes)."""
        generator = torch.Generator().manual_seed(5)
        tokens = torch.randint(WORDS, (SAMPLES, 3), generator=generator)
        images = torch.randn(SAMPLES, 6, 6, generator=generator)
        scores = F.one_hot(tokens, WORDS).float().mean(1) @ torch.randn(WORDS, CLASSES, generator=generator)
        scores += images.flatten(1) @ torch.randn(36, CLASSES, generator=generator) / 12
        return _Data(tokens, images, scores.argmax(dim=1))

    def batch(self, data: Any, ids_B: Tensor, generator: torch.Generator | None) -> Batch:
        """Gathers samples; they are not augmented."""
        return Batch(ids_B, (data.tokens[ids_B], data.images[ids_B]), data.classes[ids_B])

    def build_model(self) -> nn.Module:
        """Returns the small net."""
        return Net()

    def roles(self, model: nn.Module) -> dict[str, Role]:
        """Returns one of every role."""
        return {
            "gain": "scalar",
            "embedding.weight": "embedding",
            "conv.weight": "conv",
            "conv_norm.weight": "norm",
            "conv_norm.bias": "bias",
            "wide.weight": "hidden",
            "wide.bias": "bias",
            "square.weight": "hidden",
            "norm.weight": "norm",
            "norm.bias": "bias",
            "head.weight": "head",
        }

    def losses(self, model: nn.Module, batch: Batch) -> Tensor:
        """Returns cross entropies, shape (B,)."""
        return F.cross_entropy(model(*batch.inputs), batch.targets, reduction="none")

    def evaluate(self, model: nn.Module, data: Any) -> Evaluation:
        """Returns error rate and mean loss."""
        logits = model(data.tokens, data.images)
        wrong = (logits.argmax(dim=1) != data.classes).float().mean().item()
        return Evaluation(wrong, F.cross_entropy(logits, data.classes).item())


class _Data:
    def __init__(self, tokens: Tensor, images: Tensor, classes: Tensor) -> None:
        self.tokens, self.images, self.classes = tokens, images, classes

    def __len__(self) -> int:
        return len(self.classes)
