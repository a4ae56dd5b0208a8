"""What the image workloads share: images in memory, shifts as augmentation, label-smoothed cross-entropy, the error as metric."""

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness.data import read_columns
from harness.workload import Batch, Evaluation, Workload
from workloads.chunks import over_chunks

LABEL_SMOOTHING = 0.1
MAX_SHIFT = 2  # pixels, on both axes and in both directions
MID_GREY, GREY_SCALE = 128, 64  # the model sees (pixel - 128) / 64
EVALUATION_CHUNK = 100  # images in one forward pass: the fastest on two cores, where more no longer fit the cache


@dataclass(frozen=True)
class DataConfig:
    """Side of the square images in pixels and number of samples of each split."""

    pixels: int
    train: int
    valid: int
    test: int

    @property
    def sizes(self) -> dict[str, int]:
        """Number of samples by split."""
        return {"train": self.train, "valid": self.valid, "test": self.test}


@dataclass(frozen=True)
class ImageSplit:
    """The images (uint8) and labels of a split, in memory."""

    images_NHWC: Tensor
    labels_N: Tensor

    def __len__(self) -> int:
        return len(self.labels_N)


class ImageClassification(Workload):
    """Classifies square RGB images; a subclass adds the data and the model."""

    runner_modules = ("image_classification", "chunks")
    draws_held_out = True

    def load(self, folder: Path, split: str) -> ImageSplit:
        """Returns a split as `make_data` wrote it."""
        columns = read_columns(folder / split)
        return ImageSplit(images_NHWC=columns["image"], labels_N=columns["label"])

    def batch(self, data: ImageSplit, ids_B: Tensor, generator: torch.Generator | None) -> Batch:
        """Gathers images, shifts each by its own -2 to 2 pixels on both axes when training, and normalises.

        What a shift uncovers is mid-grey, hence zero for the model.

        Returns:
            A batch with one input (B, C, H, W), float32, in channels_last memory order, and the labels as targets.
        """
        images_BHWC = data.images_NHWC[ids_B]
        if generator is not None:
            images_BHWC = _shift(images_BHWC, generator)
        inputs_BCHW = ((images_BHWC.float() - MID_GREY) / GREY_SCALE).permute(0, 3, 1, 2)
        return Batch(ids_B, (inputs_BCHW,), data.labels_N[ids_B])

    def losses(self, model: nn.Module, batch: Batch) -> Tensor:
        """Returns the label-smoothed cross-entropy of each image in nats, shape (B,)."""
        return F.cross_entropy(model(*batch.inputs), batch.targets, label_smoothing=LABEL_SMOOTHING, reduction="none")

    def evaluate(self, model: nn.Module, data: ImageSplit) -> Evaluation:
        """Returns the share of images classified wrongly and the mean loss, which is the training loss: with label smoothing."""
        device = next(model.parameters()).device

        def wrong_and_loss(ids_B: Tensor) -> Tensor:
            batch = self.batch(data, ids_B, generator=None).to(device)
            logits = model(*batch.inputs)
            losses_B = F.cross_entropy(logits, batch.targets, label_smoothing=LABEL_SMOOTHING, reduction="none")
            return torch.stack([(logits.argmax(dim=1) != batch.targets).float(), losses_B], dim=1)

        means = over_chunks(wrong_and_loss, torch.arange(len(data)), EVALUATION_CHUNK, device).double().mean(dim=0)
        return Evaluation(metric=means[0].item(), loss=means[1].item())


def _shift(images_BHWC: Tensor, generator: torch.Generator) -> Tensor:
    """Cuts each image out of its padded self at a random place."""
    count, height, width, _ = images_BHWC.shape
    padded = F.pad(images_BHWC, (0, 0, MAX_SHIFT, MAX_SHIFT, MAX_SHIFT, MAX_SHIFT), value=MID_GREY)
    windows_BYXHWC = padded.unfold(1, height, 1).unfold(2, width, 1).movedim(3, -1)
    y_B, x_B = torch.randint(2 * MAX_SHIFT + 1, (2, count), generator=generator)
    return windows_BYXHWC[torch.arange(count), y_B, x_B]
