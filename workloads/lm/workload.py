"""lm: predict the next byte of speeches."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness.data import read_columns, write_columns
from harness.errors import UserError
from harness.workload import Batch, Evaluation, Role, Workload, WorkloadConfig
from workloads.chunks import over_chunks
from workloads.lm.model import Decoder, ModelConfig

EVAL_BATCH = 16
"""Windows in one forward pass of an evaluation: the fastest on two cores, where more no longer fit the cache."""


@dataclass(frozen=True)
class DataConfig:
    """`length`: bytes of a sequence; `eval_windows`: sequences of an evaluation, evenly spaced over the split."""

    length: int
    eval_windows: int


@dataclass(frozen=True)
class TextData:
    """One split as a single text; a sample is the window that starts at the byte of its id."""

    text_N: Tensor
    """uint8, shape (N,)."""
    length: int

    def __len__(self) -> int:
        return len(self.text_N) - self.length


class LanguageModel(Workload):
    """A byte-level decoder; metric and loss are the cross-entropy in nats per byte."""

    held_out_distributions = ("sotu",)
    runner_modules = ("chunks",)

    def __init__(self, config: WorkloadConfig) -> None:
        super().__init__(config)
        try:
            self.model_config, self.data_config = ModelConfig(**config.model), DataConfig(**config.data)
        except TypeError as error:
            raise UserError(f"the settings of {config.id} do not fit: {error}") from None

    def make_data(self, folder: Path, salt: bytes | None = None) -> None:
        """Writes the text of the three splits, one byte a row."""
        from workloads.lm.data import read_splits

        for split, text in read_splits().items():
            write_columns(folder / split, {"text": np.frombuffer(text, dtype=np.uint8)})

    def load(self, folder: Path, split: str) -> TextData:
        """Returns the text of one split."""
        return TextData(read_columns(folder / split)["text"], self.data_config.length)

    def batch(self, data: TextData, ids_B: Tensor, generator: torch.Generator | None) -> Batch:
        """Returns the windows at `ids_B`: inputs tokens_BL, targets the bytes that follow them, labels_BL (int64); no augmentation."""
        windows = data.text_N[ids_B[:, None] + torch.arange(data.length + 1)].long()
        return Batch(ids_B, (windows[:, :-1].contiguous(),), windows[:, 1:].contiguous())

    def build_model(self) -> Decoder:
        """Returns a freshly initialised decoder."""
        return Decoder(self.model_config, self.data_config.length)

    def roles(self, model: nn.Module) -> dict[str, Role]:
        """Returns `embedding` and `head` for the byte tables, `norm` for gains and `hidden` for all other matrices."""
        outer: dict[str, Role] = {"embedding.weight": "embedding", "head.weight": "head"}
        return {name: outer.get(name, "norm" if p.ndim == 1 else "hidden") for name, p in model.named_parameters()}

    def losses(self, model: nn.Module, batch: Batch) -> Tensor:
        """Returns the mean cross-entropy over each sequence in nats per byte, shape (B,)."""
        logits_BLV = model(*batch.inputs)
        nats_BL = F.cross_entropy(logits_BLV.flatten(0, 1), batch.targets.flatten(), reduction="none").view_as(batch.targets)
        return nats_BL.mean(dim=1)

    def evaluate(self, model: nn.Module, data: TextData) -> Evaluation:
        """Returns nats per byte over `eval_windows` windows from the first of the split to its last."""
        device = next(model.parameters()).device
        windows = self.data_config.eval_windows
        ids = torch.arange(windows) * (len(data) - 1) // (windows - 1)
        nats = over_chunks(lambda part: self.losses(model, self.batch(data, part, None).to(device)), ids, EVAL_BATCH, device)
        mean = nats.double().mean().item()
        return Evaluation(metric=mean, loss=mean)


WORKLOAD = LanguageModel
