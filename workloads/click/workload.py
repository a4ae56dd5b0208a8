"""click: predict the clicks on ranked results, from a log whose true probabilities are known."""

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness.data import read_columns, write_columns
from harness.errors import UserError
from harness.workload import Batch, Evaluation, Role, Workload, WorkloadConfig
from workloads.click.model import ModelConfig, UserBrowsingModel, log_likelihoods

EVAL_BATCH = 2048
"""Sessions in one forward pass of an evaluation: all 20,000 at once take three times as long."""


@dataclass(frozen=True)
class DataConfig:
    """The sizes of the simulated search engine; `documents` are the candidates of a query, `ranks` of which are shown."""

    queries: int
    documents: int
    features: int
    ranks: int
    train_sessions: int
    held_out_sessions: int


@dataclass(frozen=True)
class ClickData:
    """One split; a sample is a session."""

    ids_SK: Tensor
    """int32: the query-document pairs shown."""
    clicks_SK: Tensor
    """uint8."""
    features: Tensor
    """float32, shape (ids, D)."""
    p_SK: Tensor | None
    """float32: the true click probabilities given the earlier clicks; None in the training data."""

    def __len__(self) -> int:
        return len(self.ids_SK)


class ClickModel(Workload):
    """A neural user browsing model; its metric is the share of the possible gain over the click-through rate by rank."""

    draws_held_out = True

    def __init__(self, config: WorkloadConfig) -> None:
        super().__init__(config)
        try:
            self.model_config, self.data_config = ModelConfig(**config.model), DataConfig(**config.data)
        except TypeError as error:
            raise UserError(f"the settings of {config.id} do not fit: {error}") from None

    def make_data(self, folder: Path, salt: bytes | None = None) -> None:
        """Simulates the sessions; the features are shared, the true probabilities stay with the held-out splits."""
        from workloads.click.data import make_split, make_world

        sizes = self.data_config
        world = make_world(queries=sizes.queries, documents=sizes.documents, features=sizes.features, ranks=sizes.ranks)
        write_columns(folder / "shared", {"features": world.features})
        train = make_split(world, "train", sizes.train_sessions)
        write_columns(folder / "train", {"ids": train["ids"], "clicks": train["clicks"]})
        for split in ("valid", "test"):
            write_columns(folder / split, make_split(world, split, sizes.held_out_sessions, salt))

    def load(self, folder: Path, split: str) -> ClickData:
        """Returns one split and the features of all ids."""
        columns = read_columns(folder / split)
        features = read_columns(folder / "shared")["features"]
        return ClickData(columns["ids"], columns["clicks"], features, columns.get("p"))

    def batch(self, data: ClickData, ids_B: Tensor, generator: torch.Generator | None) -> Batch:
        """Returns sessions: inputs ids_BK, features_BKD and last_BK (see the model), targets clicks_BK (float32); no augmentation."""
        shown_BK, clicks_BK = data.ids_SK[ids_B], data.clicks_SK[ids_B]
        features_BKD = F.embedding(shown_BK, data.features)
        return Batch(ids_B, (shown_BK, features_BKD, last_clicks(clicks_BK)), clicks_BK.float())

    def build_model(self) -> UserBrowsingModel:
        """Returns a freshly initialised model."""
        data = self.data_config
        return UserBrowsingModel(self.model_config, data.queries * data.documents, data.features, data.ranks)

    def roles(self, model: nn.Module) -> dict[str, Role]:
        """Returns `embedding` for the id table, `hidden`, `head` and `bias` for the MLP, `scalar` for the examination logits.

        The examination logits are numbers of their own: neither a matrix nor rows of a table.
        """
        outer: dict[str, Role] = {"embedding.weight": "embedding", "head.weight": "head", "examination": "scalar"}
        return {name: outer.get(name, "bias" if p.ndim == 1 else "hidden") for name, p in model.named_parameters()}

    def losses(self, model: nn.Module, batch: Batch) -> Tensor:
        """Returns the mean negative log-likelihood of each session's clicks given the earlier ones in nats per rank, shape (B,)."""
        return cross_entropy(*log_likelihoods(model(*batch.inputs)), batch.targets).mean(dim=1)

    def evaluate(self, model: nn.Module, data: ClickData) -> Evaluation:
        """Returns the normalised gain against the true probabilities, and the loss on the sampled clicks."""
        assert data.p_SK is not None, "the training split has no true probabilities"
        device = next(model.parameters()).device
        batches = [self.batch(data, part, None).to(device) for part in torch.arange(len(data)).split(EVAL_BATCH)]
        parts = [log_likelihoods(model(*batch.inputs)) for batch in batches]
        click_SK, skip_SK = (torch.cat(part).double().cpu() for part in zip(*parts, strict=True))
        loss = cross_entropy(click_SK, skip_SK, data.clicks_SK.double()).mean().item()
        return Evaluation(metric=normalised_gain(click_SK, skip_SK, data.p_SK.double()), loss=loss)


def last_clicks(clicks_BK: Tensor) -> Tensor:
    """Returns the last clicked rank (from 1) above each rank, 0 if none; int64, shape (B, K)."""
    ranks_K = torch.arange(1, clicks_BK.shape[1] + 1)
    above_BK = F.pad((clicks_BK * ranks_K)[:, :-1], (1, 0))
    return above_BK.cummax(dim=1).values


def cross_entropy(click_BK: Tensor, skip_BK: Tensor, p_BK: Tensor) -> Tensor:
    """Returns -[p log q + (1 - p) log(1 - q)] for log q = `click_BK` and log(1 - q) = `skip_BK`, in nats, shape (B, K)."""
    return -(p_BK * click_BK + (1 - p_BK) * skip_BK)


def normalised_gain(click_SK: Tensor, skip_SK: Tensor, p_SK: Tensor) -> float:
    """Returns (CE_rank - CE) / (CE_rank - H): 0 for the click-through rate by rank, 1 for the true probabilities.

    CE is the cross-entropy of the prediction with the true p, H the entropy of p, and CE_rank the cross-entropy of the
    mean of p by rank, the best prediction that knows nothing but the rank.
    """
    rate_K = p_SK.mean(dim=0)
    by_rank = cross_entropy(rate_K.log(), torch.log1p(-rate_K), p_SK).mean()
    entropy = cross_entropy(p_SK.log(), torch.log1p(-p_SK), p_SK).mean()
    gain = (by_rank - cross_entropy(click_SK, skip_SK, p_SK).mean()) / (by_rank - entropy)
    return gain.item()


WORKLOAD = ClickModel
