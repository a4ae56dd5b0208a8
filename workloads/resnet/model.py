"""A small residual network for images (ResNet-8): a stem and three stages of one basic block each."""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class ModelConfig:
    """Number of classes, and channels of the three stages; the stem has as many as the first stage."""

    classes: int
    widths: tuple[int, int, int]


class Block(nn.Module):
    """Two 3×3 convolutions and a shortcut, which is a 1×1 convolution where the shape changes.

    The scale of the last BatchNorm starts at zero, so that the block starts as its shortcut.

    References:
        He et al.: Deep residual learning for image recognition. CVPR 2016 (section 4.2, option B).
        Goyal et al.: Accurate, large minibatch SGD. 2017 (section 5.1, zero scale).
    """

    def __init__(self, width_in: int, width_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width_in, width_out, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(width_out)
        self.conv2 = nn.Conv2d(width_out, width_out, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(width_out)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or width_in != width_out:
            self.shortcut = nn.Sequential(nn.Conv2d(width_in, width_out, 1, stride, bias=False), nn.BatchNorm2d(width_out))
        nn.init.zeros_(self.norm2.weight)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Returns features of shape (B, width_out, H / stride, W / stride)."""
        branch = F.relu(self.norm1(self.conv1(x_BCHW)))
        return F.relu(self.norm2(self.conv2(branch)) + self.shortcut(x_BCHW))


class ResNet(nn.Module):
    """3×3 stem of stride 2, one block per stage (stride 2 from the second on), mean over the pixels, linear head."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        first, second, third = config.widths
        self.stem = nn.Sequential(nn.Conv2d(3, first, 3, 2, padding=1, bias=False), nn.BatchNorm2d(first), nn.ReLU())
        self.stages = nn.Sequential(Block(first, first, 1), Block(first, second, 2), Block(second, third, 2))
        self.head = nn.Linear(third, config.classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """Returns logits of shape (B, classes)."""
        return self.head(self.stages(self.stem(images_BCHW)).mean(dim=(2, 3)))
