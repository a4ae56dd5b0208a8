"""A neural user browsing model (UBM, Dupret and Piwowarski 2008): P(click | earlier clicks) = attraction x examination.

Shapes: B sessions, K ranks, D features.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

EMBEDDING_SD = 0.01
EXAMINATION_START = 1.0


@dataclass(frozen=True)
class ModelConfig:
    """`embedding`: width of the vector of each id; `hidden`: widths of the attraction MLP's hidden layers."""

    embedding: int
    hidden: Sequence[int]


class UserBrowsingModel(nn.Module):
    """Attraction is an MLP of a document's features and its id's vector; examination a table over rank and last clicked rank.

    The id table starts as N(0, 0.01²), examination logits at 1, the MLP as torch's default (uniform ± 1 / sqrt(fan in)).
    """

    def __init__(self, config: ModelConfig, ids: int, features: int, ranks: int) -> None:
        super().__init__()
        self.ranks = ranks
        self.embedding = nn.Embedding(ids, config.embedding)
        nn.init.normal_(self.embedding.weight, std=EMBEDDING_SD)
        widths = (features + config.embedding, *config.hidden)
        self.hidden = nn.ModuleList(nn.Linear(fan_in, fan_out) for fan_in, fan_out in pairwise(widths))
        self.head = nn.Linear(widths[-1], 1)
        # One cell per rank and last clicked rank, kept flat: these are numbers of their own, no matrix.
        self.examination = nn.Parameter(torch.full((ranks * (ranks + 1),), EXAMINATION_START))

    def forward(self, ids_BK: Tensor, features_BKD: Tensor, last_BK: Tensor) -> Tensor:
        """Returns the logits of attraction and of examination, shape (B, K, 2).

        Args:
            ids_BK: int32, the documents shown.
            features_BKD: float32.
            last_BK: int64, the last clicked rank above each rank, 0 if none.
        """
        x = torch.cat((features_BKD, self.embedding(ids_BK)), dim=-1)
        for layer in self.hidden:
            x = F.relu(layer(x))
        attraction_BK = self.head(x).squeeze(-1)
        cell_BK = torch.arange(self.ranks, device=last_BK.device) * (self.ranks + 1) + last_BK
        examination_BK = self.examination.index_select(0, cell_BK.flatten()).view_as(cell_BK)  # its gradient repeats bitwise on any threads
        return torch.stack((attraction_BK, examination_BK), dim=-1)


def log_likelihoods(logits_BK2: Tensor) -> tuple[Tensor, Tensor]:
    """Returns log P(click) and log P(no click) given the earlier clicks, shape (B, K) each; finite for all finite logits.

    With logits a, e: log σ(a)σ(e) = -softplus(-a) - softplus(-e), and 1 - σ(a)σ(e) = (e^-a + e^-e + e^(-a-e)) σ(a)σ(e).
    """
    a_BK, e_BK = logits_BK2.unbind(dim=-1)
    click_BK = -F.softplus(-a_BK) - F.softplus(-e_BK)
    return click_BK, torch.logsumexp(torch.stack((-a_BK, -e_BK, -a_BK - e_BK)), dim=0) + click_BK
