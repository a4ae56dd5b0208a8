"""How to score. Imports no numpy."""

from dataclasses import dataclass
from typing import Annotated

from harness.score.results import Clock, Rules
from harness.values.kinds import MAX_SEED, Kind, OneOf, Whole, YesNo


@dataclass(frozen=True)
class ScoreOptions:
    """How to score. `allow_mixed` marks a mixed board instead of refusing it, `allow_unsandboxed` one with trials without a sandbox."""

    clock: Annotated[Clock, OneOf(("time", "steps", "cpu_time")), "what is compared"] = "time"
    rules: Annotated[Rules, OneOf(("finishline", "algoperf")), "whose rules, see docs/scoring.md"] = "finishline"
    reference: Annotated[str | None, Kind(), "what speed-ups are against; default: nadamw, else baseline, else the winner"] = None
    bootstrap: Annotated[int, Whole(0, 100_000), "replicates; 0: no intervals"] = 1000
    seed: Annotated[int, Whole(0, MAX_SEED), "of the replicates' random stream"] = 0
    allow_mixed: Annotated[bool, YesNo(), "true: mark a board of unlike results instead of refusing it"] = False
    allow_unsandboxed: Annotated[bool, YesNo(), "true: the same for trials without a sandbox"] = False
