"""Finds the trials below some folders, and the ledgers that they are of."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import UserError
from harness.ledger.paths import CAMPAIGN, LEVELS

STUDY, TRIAL = re.compile(r"study_\d+"), re.compile(r"trial_\d+")
DEEPEST = 5  # folders between a path that is given and a study: room for one level above the campaign, and a spare one


@dataclass
class Part:
    """A ledger, or that of it which was asked for.

    `trials` are the folders of trials there, by their path in the ledger. `within` are the folders that were asked for ("", or none: all of
    the ledger).
    """

    ledger: str
    trials: dict[str, None] = field(default_factory=dict)
    within: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The folder's name."""
        return os.path.basename(self.ledger)

    def asks_for(self, trial: str) -> bool:
        """Whether a trial, by its path in the ledger, lies in what was asked for."""
        return not self.within or any(folder in ("", trial) or trial.startswith(f"{folder}/") for folder in self.within)


def find_parts(paths: Iterable[Path]) -> list[Part]:
    """Returns the ledgers of which trials lie at or below the given folders, each once, by path.

    A path may also be a folder above ledgers, or below one. Nothing is looked for inside of a trial.

    Raises:
        UserError: a folder cannot be read, or holds no trial and no campaign.yaml.
    """
    parts: dict[str, Part] = {}
    for path in paths:
        root = os.path.realpath(path)
        trials: list[str] = []
        ledgers: list[str] = []
        _walk(root, DEEPEST, trials, ledgers)
        if not trials and not ledgers:
            raise UserError(f"{path}: no trial in it (study_*/trial_*/); give the folder of a campaign")
        above = next((str(folder) for folder in Path(root).parents[:LEVELS] if (folder / CAMPAIGN).exists()), None)
        for ledger in [*ledgers, *([above] if above else [])]:
            part = parts.setdefault(ledger, Part(ledger))
            part.within.append("" if ledger != above else os.path.relpath(root, ledger))
        for trial in trials:
            ledger = trial.rsplit("/", LEVELS)[0]  # pathlib would take a second for 18,000 trials
            parts.setdefault(ledger, Part(ledger)).trials[trial[len(ledger) + 1 :]] = None
    return [parts[ledger] for ledger in sorted(parts)]


def _walk(folder: str, depth: int, trials: list[str], ledgers: list[str]) -> None:
    """Collects all `study_*/trial_*` and all folders with a campaign.yaml at or below `folder`, sorted."""
    if TRIAL.fullmatch(os.path.basename(folder)):
        trials.append(folder)
        return
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if entry.name == CAMPAIGN or (not entry.name.startswith(".") and entry.is_dir()))
    except OSError as error:
        raise UserError(f"{folder}: cannot be read as a ledger ({error.strerror})") from None
    in_study = STUDY.fullmatch(os.path.basename(folder)) is not None
    for name in names:
        if name == CAMPAIGN:
            ledgers.append(folder)
        elif in_study and TRIAL.fullmatch(name):
            trials.append(f"{folder}/{name}")
        elif not in_study and depth > 0:
            _walk(f"{folder}/{name}", depth - 1, trials, ledgers)
