"""Which trials ran beside others: read from the records of a ledger."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from harness.errors import UserError
from harness.report.markdown import markdown
from harness.report.tables import csv_files
from harness.score import read_ledgers, score_board
from tests.score.builders import write_trial


def segment(at: str, time_s: float = 100.0, host: str = "here") -> dict[str, Any]:
    return {"host": host, "device": "d", "started_at": f"2026-01-01T00:{at}+00:00", "first_evaluation": 0, "time_s": time_s}


def trial(root: Path, name: str, *segments: dict[str, Any], wall_s: float = 105.0, **fields: Any) -> None:
    """A trial on its machine for `wall_s` less 5 s of start-up."""
    write_trial(root, name, "lm/cpu", 1, 1, 100.0, segments=list(segments), wall_s=wall_s, startup_s=5.0, **fields)


def overlaps(root: Path) -> dict[str, float]:
    return {trial.submission: trial.overlap_s for trial in read_ledgers([root]).trials}


def test_seconds_beside_others_count_once(tmp_path):
    trial(tmp_path, "a", segment("00:00"))
    trial(tmp_path, "b", segment("01:00"))  # 40 s beside a
    trial(tmp_path, "c", segment("01:20"))  # 20 s of these beside both, 60 s more beside b
    trial(tmp_path, "d", segment("05:00"))
    trial(tmp_path, "e", segment("00:00", host="elsewhere"))
    assert overlaps(tmp_path) == {"a": 40, "b": 100, "c": 80, "d": 0, "e": 0}


def test_several_segments_share_the_trials_seconds(tmp_path):
    trial(tmp_path, "a", segment("00:00", 25.0), segment("10:00", 75.0))
    trial(tmp_path, "b", segment("00:10", 20.0), wall_s=25.0)  # 15 s beside the 25 s of the first
    trial(tmp_path, "c", segment("11:00", 20.0), wall_s=25.0)  # 15 s beside the 75 s of the second
    assert overlaps(tmp_path) == {"a": 30, "b": 15, "c": 15}


def test_the_row_the_study_and_the_notes_say_so(tmp_path):
    trial(tmp_path, "a", segment("00:00"))
    trial(tmp_path, "b", segment("00:20"))
    trial(tmp_path, "c", segment("10:00"))
    board = score_board(read_ledgers([tmp_path]))
    marks = {entry.submission: entry.marks for entry in board.entries}
    assert "1 trials beside others (80% of the time)" in marks["a"]
    assert not any("beside" in mark for mark in marks["c"])
    rows = csv.DictReader(io.StringIO(csv_files(board)["studies.csv"]))
    assert {row["submission"]: row["overlap_s"] for row in rows} == {"a": "80.0", "b": "80.0", "c": "0.0"}
    assert "2 of 3 trials ran beside others of this board on the same machine (53% of the time)" in markdown(board)


def test_nothing_noted_is_unknown(tmp_path):
    trial(tmp_path, "a")
    board = score_board(read_ledgers([tmp_path]))
    assert csv_files(board)["studies.csv"].splitlines()[1].endswith(",reached,")


def test_a_start_that_is_no_time_is_refused(tmp_path):
    trial(tmp_path, "a", segment("00:00") | {"started_at": "yesterday"})
    with pytest.raises(UserError, match="record of study 1, trial 1 of a on lm/cpu: started_at 'yesterday' is not a date and time"):
        read_ledgers([tmp_path])
