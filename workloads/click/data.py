"""Makes the click log of click/cpu: a simulated search engine whose true click probabilities are known.

Shapes: S sessions, Q queries, C candidate documents of a query, K ranks shown, D features; an id is query * C + candidate.
Random numbers are numpy's PCG64 streams: seed 7 for the world that the splits share; 11 for the training
sessions; 12 and 13 for those of valid and test, or what a salt says.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.salt import split_seed

WORLD_SEED = 7
SPLIT_SEEDS = {"train": 11, "valid": 12, "test": 13}
CHUNK = 100_000
"""Sessions made at once; the random numbers follow from it, so a change of it is a change of the data."""


@dataclass(frozen=True)
class World:
    """What is fixed before the first session."""

    features: np.ndarray
    """What the model sees of each id: float32, shape (Q * C, D)."""
    attraction_QC: np.ndarray
    """The probability of a click on an examined document."""
    ranker_QC: np.ndarray
    """The logging ranker's score before its Gumbel noise."""
    examination_KK: np.ndarray
    """The probability that rank k (row k - 1) is examined if rank l (column, 0: none) was clicked last; shape (K, K)."""
    query_cdf_Q: np.ndarray
    """Cumulative popularity: the query of popularity rank r is asked in proportion to 1 / r."""


def make_world(*, queries: int, documents: int, features: int, ranks: int) -> World:
    """Returns the documents, their attraction, the logging ranker and the users' patience.

    Args:
        queries: Q.
        documents: C, the candidates of a query.
        features: D.
        ranks: K, how many of the candidates are shown.
    """
    rng = np.random.Generator(np.random.PCG64(WORLD_SEED))
    shape = (queries, documents)
    features_ID = rng.standard_normal((queries * documents, features), dtype=np.float32)
    inner = rng.normal(0, 1.5 / 4, (features, 32)).astype(np.float32)
    teacher = np.tanh(features_ID @ inner) @ rng.normal(0, 1, 32)
    relevance_QC = 1.2 * ((teacher - teacher.mean()) / teacher.std()).reshape(shape)
    hidden_QC = rng.normal(0, 1.2, shape)
    popularity = 1 / np.arange(1, queries + 1)
    return World(
        features=features_ID,
        attraction_QC=sigmoid(-1.5 + relevance_QC + hidden_QC).astype(np.float32),
        ranker_QC=(0.6 * (relevance_QC - 1.5) + 0.3 * hidden_QC).astype(np.float32),
        examination_KK=examination(ranks).astype(np.float32),
        query_cdf_Q=np.cumsum(popularity / popularity.sum()),
    )


def examination(ranks: int) -> np.ndarray:
    """Returns γ of the user browsing model (Dupret and Piwowarski 2008), shape (K, K): rank k in row k - 1, last click l in column l."""
    rank = np.arange(1, ranks + 1)[:, None]
    last = np.arange(ranks)
    return sigmoid(2.0 - 1.3 * np.log(rank) - 0.6 * np.log(np.maximum(rank - last, 1)) + 1.0 * (last > 0))


def make_split(world: World, split: str, sessions: int, salt: bytes | None = None) -> dict[str, np.ndarray]:
    """Returns the sessions of a split; those of a held-out one are drawn under the salt.

    Returns:
        ids: what was shown, int32, shape (S, K); clicks: uint8, shape (S, K);
        p: the true probability of each click given the earlier clicks, float32, shape (S, K).
    """
    rng = np.random.Generator(np.random.PCG64(split_seed(SPLIT_SEEDS[split], split, salt)))
    chunks = [_sessions(world, min(CHUNK, sessions - start), rng) for start in range(0, sessions, CHUNK)]
    return {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}


def _sessions(world: World, count: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    ranks, candidates = len(world.examination_KK), world.ranker_QC.shape[1]
    query_S = np.minimum(np.searchsorted(world.query_cdf_Q, rng.random(count)), len(world.query_cdf_Q) - 1)
    gumbel_SC = rng.gumbel(size=(count, candidates)).astype(np.float32)
    shown_SK = np.argsort(-(world.ranker_QC[query_S] + np.float32(0.7) * gumbel_SC), axis=1)[:, :ranks]
    attraction_SK = world.attraction_QC[query_S[:, None], shown_SK]
    uniform_SK = rng.random((count, ranks), dtype=np.float32)
    p_SK = np.empty((count, ranks), dtype=np.float32)
    clicks_SK = np.empty((count, ranks), dtype=np.uint8)
    last_S = np.zeros(count, dtype=np.intp)
    for k in range(ranks):
        p_SK[:, k] = world.examination_KK[k, last_S] * attraction_SK[:, k]
        clicked_S = uniform_SK[:, k] < p_SK[:, k]
        clicks_SK[:, k] = clicked_S
        last_S[clicked_S] = k + 1
    return {"ids": (query_S[:, None] * candidates + shown_SK).astype(np.int32), "clicks": clicks_SK, "p": p_SK}


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Returns 1 / (1 + e^-x)."""
    return 1 / (1 + np.exp(-x))
