"""finishline replay on logs that the test writes: what is saved, and that a board that changes is told."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness.cli import PROJECT, main
from harness.racing.replay import RecordedTrial
from harness.score import read_algoperf
from harness.score.cut import clock_readings, first_rows
from tests.score.builders import write_log, write_targets


def log(root: Path, submission: str, study: int, trial: int, hit: float | None, end: float = 3600.0, workload: str = "easy") -> None:
    """A trial with an evaluation every 360 seconds, at the target from `hit` on."""
    times = [360.0 * i for i in range(1, 11) if 360.0 * i <= end]
    rows = [f"{t},{int(t)},{t},{0.4 if hit is not None and t >= hit else 0.9},0,0" for t in times]
    write_log(root, submission, study, f"{workload}_jax", trial, rows)


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    root = tmp_path / "logs"
    for study in (1, 2, 3):
        log(root, "fast", study, 1, 360.0, end=360.0)
        log(root, "fast", study, 2, None)
        log(root, "slow", study, 1, 2880.0, end=2880.0)
        log(root, "slow", study, 2, None)
    write_targets(tmp_path / "targets.json", ["easy"])
    return root


def table(text: str) -> dict[str, list[str]]:
    """The table's rows by their first column."""
    rows = [[cell.strip() for cell in re.split("[│┃|]", line)[1:-1]] for line in text.splitlines()]
    return {row[0]: row[1:] for row in rows if len(row) > 3 and row[0]}


def test_what_each_order_saves(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(logs), f"targets={logs.parent / 'targets.json'}"]) == 0
    text = capsys.readouterr().out
    # three studies of 0.1 + 1.0 hours, and three of 0.8 + 1.0
    assert "12 trials, 8.7 hours in full" in text
    rows = table(text)
    # fast's second trials stop at 0.1, all of slow's at 0.5, the first evaluation past 4 x 0.1
    assert rows["all in parallel"][:3] == ["3.6", "58.6%", "31.0%"]  # 6 x 0.1 + 6 x 0.5; of it 3 x 0.9 by the faster trial
    # in order slow's first study is run to 0.8 twice, since one study of fast proves no median; nobody's third study starts
    assert rows["in order"][0] == "3.0"  # 4 x 0.1 + 2 x 0.8 + 2 x 0.5
    assert rows["better order"][0] == "3.0"
    assert rows["four waves"][0] == "2.4"  # 4 x 0.1 + 4 x 0.5
    assert [rows[name][5] for name in ("all in parallel", "in order", "four waves")] == ["0", "4", "4"]
    assert [row[6] for name, row in rows.items() if name in ("in order", "all in parallel", "better order", "four waves")] == [
        "identical"
    ] * 4
    assert "BROKEN" not in text


def test_rule_1_alone_keeps_intervals_and_study_times(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log(logs, "slow", 4, 1, None)
    assert main(["replay", str(logs), f"targets={logs.parent / 'targets.json'}"]) == 0
    text = capsys.readouterr().out
    rows = table(text)
    assert [rows[name][5:7] for name in ("in order, rule 1", "in parallel, rule 1", "better order, rule 1")] == [["0", "identical"]] * 3
    assert rows["in parallel, rule 1"][0] == "6.4"  # 6 x 0.1 + 6 x 0.8, and 1.0 for the study that missed
    assert re.search(r"all in parallel: differs in what is not promised: .*studies.csv: time_s", text)
    assert not re.search(r"in parallel, rule 1: differs.*(studies.csv|score_low)", text)


def test_fewer_studies(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(logs), f"targets={logs.parent / 'targets.json'}", "studies=1"]) == 0
    assert "4 trials, 2.9 hours in full" in capsys.readouterr().out


def test_a_board_that_changes_is_told_and_fails(logs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.racing.race.is_cut", lambda time, best: time > 1.5 * best)
    for study in (1, 2, 3):
        log(logs, "middle", study, 1, 1080.0, end=1080.0)
    assert main(["replay", str(logs), f"targets={logs.parent / 'targets.json'}"]) == 1
    text = capsys.readouterr().out
    assert "differs" in text
    assert re.search(r"BROKEN: .*leaderboard.csv: .*score", text)
    assert re.search(r"BROKEN: .*times.csv: ratio_to_best", text)


def test_no_torch_is_imported(logs: Path) -> None:
    code = f"from harness.cli import main; main(['replay', {str(logs)!r}, 'targets={logs.parent / 'targets.json'}']); import sys; "
    done = subprocess.run([sys.executable, "-c", f"{code}sys.exit('torch' in sys.modules)"], cwd=PROJECT, capture_output=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "give one folder with AlgoPerf logs, and targets=FILE"),
        (["LOGS"], "targets= is missing: write targets=FILE"),
        (["LOGS", "LOGS", "TARGETS"], "give one folder with AlgoPerf logs, and targets=FILE"),
        (["LOGS", "TARGETS", "target=x"], "no option 'target'; did you mean 'targets'?"),
        (["LOGS", "TARGETS", "studies=0"], "studies is a whole number from 1 to 1000, not 0"),
        (["LOGS", "TARGETS", "studies=some"], "studies is a whole number from 1 to 1000, not 'some'"),
        (["LOGS", "targets=nowhere.json"], "targets=nowhere.json: cannot be read"),
        (["nowhere", "TARGETS"], "nowhere cannot be read"),
    ],
)
def test_bad_input_is_one_line(logs: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str) -> None:
    named = {"LOGS": str(logs), "TARGETS": f"targets={logs.parent / 'targets.json'}"}
    assert main(["replay", *(named.get(word, word) for word in arguments)]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_logs_without_an_evaluation_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "logs" / "a" / "study_1" / "easy_jax" / "trial_1").mkdir(parents=True)
    write_targets(tmp_path / "targets.json", ["easy"])
    assert main(["replay", str(tmp_path / "logs"), f"targets={tmp_path / 'targets.json'}"]) == 2
    assert "there is nothing to play" in capsys.readouterr().err


def test_a_log_cut_short_is_read_as_it_was_then(logs: Path) -> None:
    cut = read_algoperf(logs, logs.parent / "targets.json", lambda key, data: first_rows(data, 3) if key[0] == "slow" else data)
    assert {t.reached is not None for t in cut.trials if t.submission == "slow"} == {False}
    assert {t.time_s for t in cut.trials if t.submission == "slow"} == {1080.0}
    assert sum(t.reached is not None for t in cut.trials) == 3
    nothing = read_algoperf(logs, logs.parent / "targets.json", lambda key, data: first_rows(data, 0))
    assert all(t.logged and t.evaluations == 0 for t in nothing.trials)


def test_readings_of_odd_logs() -> None:
    assert clock_readings(b"") == []
    assert clock_readings(b"global_step,score\r\n1,\r\n\r\n2,5.5\r\n3,nan\r\n4,7") == [0.0, 5.5, 5.5, 7.0]
    assert clock_readings(b"score,validation/loss\n") == []
    assert clock_readings(b"global_step,validation/loss\n1,2\n") == [0.0]
    assert first_rows(b"score\r\n1\r\n\r\n2\r\n3", 2) == b"score\n1\n2\n"
    assert RecordedTrial([], None).time == 0.0
    assert RecordedTrial([1.0, 2.0, 3.0], 1).time == 2.0
