"""finishline score: the leaderboard of some ledgers, or of AlgoPerf logs. Imports no torch."""

import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from rich.console import Console

from harness.errors import UserError, suggest
from harness.report import board_table, write_board
from harness.score import ScoreOptions, read_algoperf, read_ledgers, score_board

PLAIN_WIDTH = 140


def main(arguments: Sequence[str], root: Path) -> int:
    """Scores, writes the board's files and prints it."""
    algoperf = "--algoperf" in arguments
    paths = [Path(text) for text in arguments if "=" not in text and text != "--algoperf"]
    own: dict[str, str] = {}
    scoring: list[str] = []
    for text in arguments:
        key, equals, value = text.partition("=")
        if not equals:
            continue
        if key in ("out", "targets"):
            own[key] = value
        elif key in (known := [f.name for f in fields(ScoreOptions)]):
            scoring.append(text)
        else:
            raise UserError(f"score: no option '{key}'{suggest(key, ['out', 'targets', *known])}")
    if not paths:
        raise UserError("score: give the folder of at least one ledger")
    if algoperf:
        if len(paths) != 1 or "targets" not in own:
            raise UserError("score --algoperf: give one folder with logs, and targets=FILE")
        results = read_algoperf(paths[0], Path(own["targets"]))
    else:
        results = read_ledgers(paths)
    board = score_board(results, _score_options(scoring))
    out = Path(own.get("out", paths[0] / "board")).absolute()
    write_board(board, out)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else PLAIN_WIDTH)
    console.print(board_table(board))
    console.print(f"board: {out}", soft_wrap=True)
    return 0


def _score_options(arguments: list[str]) -> ScoreOptions:
    try:
        merged: Any = OmegaConf.merge(OmegaConf.create(ScoreOptions().__dict__), OmegaConf.from_dotlist(arguments))
        return ScoreOptions(**OmegaConf.to_container(merged))  # type: ignore[arg-type]
    except (OmegaConfBaseException, ValueError) as error:
        raise UserError(f"score: {' '.join(str(error).split())}") from None
