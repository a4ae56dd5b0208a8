"""Ledgers on disk: what is read, what is refused, and in which words."""

import json
from typing import get_args

import numpy as np
import pytest

from harness.errors import UserError
from harness.ledger import SCHEMA
from harness.report import board_table
from harness.report.markdown import markdown
from harness.score import ScoreOptions, read_ledgers, score_board
from harness.score.results import Clock
from harness.score.times import tabulate
from tests.score.builders import new_folder, record, write_ledger, write_trial, write_unfinished


@pytest.fixture
def ledger(tmp_path):
    return write_ledger(
        tmp_path / "campaign",
        {
            "a": {"lm/cpu": [10.0, 11.0, 12.0], "vit/cpu": [20.0, None, None]},
            "b": {"lm/cpu": [20.0, 22.0, 24.0], "vit/cpu": [20.0, 21.0, 22.0]},
        },
    )


def test_a_board_from_a_ledger(ledger):
    board = score_board(read_ledgers([ledger]))
    # a is best on lm and misses vit (one of three); b is twice as slow on lm and alone on vit
    assert [(entry.rank, entry.submission, entry.reached) for entry in board.entries] == [(1, "b", 2), (2, "a", 1)]
    assert [entry.score for entry in board.entries] == pytest.approx([(2 / 3 + 1) / 2, 0.5])
    assert board.ruleset == "self"
    (missed,) = [cell for cell in board.cells if cell.why]
    assert missed.why == "missed in 2 of 3 studies; best loss 2.5, target <= 1.85; 2 missed (the budget ran out)"


def test_the_folder_above_or_below_a_campaign_will_do(ledger):
    whole = read_ledgers([ledger.parent])
    assert whole == read_ledgers([ledger])
    assert read_ledgers([ledger / "a", ledger / "b"]) == whole
    assert read_ledgers([ledger / "a" / "lm-cpu" / "study_1" / "trial_1"]).trials == whole.trials[:1]


def test_two_ledgers_make_one_board(ledger, tmp_path):
    other = write_ledger(tmp_path / "other", {"c": {"lm/cpu": [5.0]}})
    assert read_ledgers([ledger, other]).submissions == ("a", "b", "c")


def test_a_trial_in_two_ledgers_is_refused(ledger, tmp_path):
    write_trial(tmp_path / "other", "a", "lm/cpu", 2, 1, 3.0)
    with pytest.raises(UserError, match=r"other/.*: study 2, trial 1 of a on lm/cpu is also in .*campaign"):
        read_ledgers([ledger, tmp_path / "other"])


def test_an_unfinished_trial_is_no_result_and_is_told(ledger):
    write_unfinished(ledger, "a", "lm/cpu", 4, 1)
    write_unfinished(ledger, "a", "resnet/cpu", 1, 1)
    results = read_ledgers([ledger])
    assert "2 trials are unfinished and count as missed: a on lm/cpu, a on resnet/cpu" in results.notes
    assert "resnet/cpu is left out: no trial on it has finished" in results.notes
    board = score_board(results)
    entry = next(entry for entry in board.entries if entry.submission == "a")
    assert "1 trials without a record" in entry.marks
    (cell,) = [cell for cell in board.cells if (cell.submission, cell.workload) == ("a", "lm/cpu")]
    assert cell.study_times == (10, 11, 12, np.inf)
    assert cell.median == 11.5


@pytest.mark.parametrize("verdict", ["missed", "diverged", "crashed", "out_of_memory", "timed_out", "stopped", "rejected"])
def test_every_other_verdict_is_a_miss(tmp_path, verdict):
    write_trial(tmp_path, "a", "lm/cpu", 1, 1, None, verdict=verdict, reason="it was so")
    board = score_board(read_ledgers([tmp_path]))
    assert board.entries[0].score == 0
    assert f"1 {verdict} (it was so)" in board.cells[0].why


def test_fewer_studies_than_the_ruleset_are_marked(tmp_path):
    write_ledger(tmp_path, {"a": {"lm/cpu": [10.0, 11.0]}})
    assert score_board(read_ledgers([tmp_path])).entries[0].marks == ("2 of 3 studies",)


def test_trials_without_a_sandbox_are_kept_off_boards_or_the_board_is_marked_across_its_head(tmp_path):
    write_ledger(tmp_path, {"a": {"lm/cpu": [10.0, 11.0, 12.0]}})
    write_ledger(tmp_path, {"b": {"lm/cpu": [10.0, 11.0, 12.0]}}, sandbox="none")
    results = read_ledgers([tmp_path])
    with pytest.raises(UserError, match=r"3 of 6 trials ran with sandbox=none, .*allow_unsandboxed=true") as refusal:
        score_board(results)
    assert "\n" not in str(refusal.value)
    board = score_board(results, ScoreOptions(allow_unsandboxed=True))
    assert {entry.submission: entry.marks for entry in board.entries} == {"a": ("board with unsandboxed trials",), "b": ("no sandbox",)}
    assert markdown(board).startswith("# NO SANDBOX in 3 trials, nothing is promised of these times: Leaderboard")
    assert board_table(board).renderables[1].title.plain.startswith("NO SANDBOX in 3 trials")


def test_cpu_time_needs_a_clock_that_saw_every_process(tmp_path):
    write_ledger(tmp_path, {"a": {"lm/cpu": [10.0]}}, cpu_clock="cgroup")
    assert score_board(read_ledgers([tmp_path]), ScoreOptions(clock="cpu_time")).cells[0].median == 20
    write_trial(tmp_path, "a", "lm/cpu", 2, 1, 10.0, cpu_clock="partial")
    with pytest.raises(UserError, match="clock=cpu_time: the CPU seconds of 1 trials leave processes out, the first is a on lm/cpu"):
        score_board(read_ledgers([tmp_path]), ScoreOptions(clock="cpu_time"))
    assert score_board(read_ledgers([tmp_path]))


def test_an_open_network_is_marked(tmp_path):
    write_ledger(tmp_path, {"a": {"lm/cpu": [10.0, 11.0, 12.0]}}, sandbox="bwrap+network", ranks=8)
    assert score_board(read_ledgers([tmp_path])).entries[0].marks == ("network open",)


def test_a_variant_is_declared_in_the_record(tmp_path):
    write_trial(tmp_path, "a", "lm/cpu", 1, 1, 10.0)
    write_trial(tmp_path, "a", "lm/wide", 1, 1, None, variant_of="lm/cpu")
    board = score_board(read_ledgers([tmp_path]))
    assert board.entries[0].score == 0
    assert "does not count: its variant lm/wide was not reached" in [cell.why for cell in board.cells]


def test_a_variant_without_its_base_counts_for_nothing(tmp_path):
    write_trial(tmp_path, "a", "lm/wide", 1, 1, 10.0, variant_of="lm/cpu")
    write_trial(tmp_path, "a", "vit/cpu", 1, 1, 10.0)
    results = read_ledgers([tmp_path])
    assert results.notes == ("lm/wide counts for nothing: its base workload lm/cpu is not on this board",)
    assert score_board(results).entries[0].score == 1


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"hardware": "H100"}, "hardware: AMD EPYC x2, cpu (1 trials) | H100 (1 trials)"),
        ({"versions": {"finishline": "0.2.0"}}, "versions: finishline 0.1.0, torch 2.13.0 (1 trials) | finishline 0.2.0 (1 trials)"),
        ({"ruleset": "external"}, "ruleset: external (1 trials) | self (1 trials)"),
        ({"evaluate_every": 640}, "evaluation period of lm/cpu: 320 examples (1 trials) | 640 examples (1 trials)"),
        ({"ranks": 2}, "ranks of lm/cpu: 1 (1 trials) | 2 (1 trials)"),
        ({"budget_s": 90.0}, "budget of lm/cpu: 180 s (1 trials) | 90 s (1 trials)"),
        ({"target": 1.9}, "finish line of lm/cpu: loss minimize 1.85, version 1 (1 trials) | loss minimize 1.9, version 1 (1 trials)"),
        (
            {"workload_version": 2},
            "finish line of lm/cpu: loss minimize 1.85, version 1 (1 trials) | loss minimize 1.85, version 2 (1 trials)",
        ),
        ({"salt": "abc"}, "salt of the held-out data: abc (1 trials) | none (1 trials)"),
        ({"name": "a", "source_hash": "other"}, "source of a: hash of a (1 trials) | other (1 trials)"),
    ],
)
def test_a_mixed_board_is_refused_with_what_differs_or_marked(tmp_path, fields, told):
    fields = dict(fields)
    write_trial(tmp_path, "a", "lm/cpu", 1, 1, 10.0)
    write_trial(tmp_path, fields.pop("name", "b"), "lm/cpu", 2, 1, 20.0, **fields)
    results = read_ledgers([tmp_path])
    assert results.differences == (told,)
    with pytest.raises(UserError, match="do not belong on one board") as refusal:
        score_board(results)
    assert told in str(refusal.value)
    assert "allow_mixed=true" in str(refusal.value)
    board = score_board(results, ScoreOptions(allow_mixed=True))
    assert board.differences == (told,)
    assert all("mixed board" in entry.marks for entry in board.entries)


def test_ledgers_score_under_the_reference_rule_too(tmp_path):
    write_trial(tmp_path, "a", "lm/cpu", 1, 1, 10.0, reached_row={"evaluation": 9})
    write_trial(tmp_path, "a", "lm/cpu", 1, 2, 15.0, reached_row={"evaluation": 2})
    results = read_ledgers([tmp_path])
    assert score_board(results, ScoreOptions(rules="algoperf")).cells[0].median == 15
    assert score_board(results).cells[0].median == 10


DAMAGE = [
    ("{", "not JSON"),
    ("[]", "not a JSON object"),
    ("\x00\xff", "not JSON"),
    ('{"schema": 1}', f"ledger schema 1, but this finishline reads {SCHEMA}"),
    (f'{{"schema": {SCHEMA}}}', "missing required field"),
    ("[" * 100_000, "not JSON"),
]


@pytest.mark.parametrize(("text", "told"), DAMAGE)
def test_a_damaged_record_is_one_clear_line(tmp_path, text, told):
    folder = new_folder(tmp_path, "a", "lm/cpu", 1, 1)
    (folder / "record.json").write_text(text, encoding="latin-1")
    with pytest.raises(UserError) as refusal:
        read_ledgers([tmp_path])
    assert str(folder / "record.json") in str(refusal.value)
    assert told in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"verdict": "won"}, "Invalid enum value 'won'"),
        ({"verdict": "missed"}, "the verdict is missed and there is a row that reached the target"),
        ({"reached": None}, "the verdict is reached and there is no row that reached the target"),
        ({"reached_row": {"time_s": -1.0}}, r"at `\$.reached.time_s`"),
        ({"reached_row": {"time_s": 0.0}}, "the target was reached at 0 s"),
        ({"target": "low"}, r"Expected `float`, got `str` - at `\$.target`"),
        ({"versions": None}, r"Expected `object`, got `null` - at `\$.versions`"),
        ({"surprise": 1}, "unknown field surprise"),
    ],
)
def test_a_record_that_contradicts_itself_is_refused(tmp_path, fields, told):
    write_trial(tmp_path, "a", "lm/cpu", 1, 1, 10.0, **fields)
    with pytest.raises(UserError, match=told):
        read_ledgers([tmp_path])


def test_nothing_to_score(tmp_path):
    with pytest.raises(UserError, match="no trial in it"):
        read_ledgers([tmp_path])
    with pytest.raises(UserError, match="cannot be read as a ledger"):
        read_ledgers([tmp_path / "nowhere"])
    write_unfinished(tmp_path, "a", "lm/cpu", 1, 1)
    with pytest.raises(UserError, match="1 trials, none finished"):
        read_ledgers([tmp_path])


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (ScoreOptions(clock="tim"), "clock=tim: .*did you mean 'time'"),  # type: ignore[arg-type]
        (ScoreOptions(rules="ours"), "rules=ours: it is one of finishline, algoperf"),  # type: ignore[arg-type]
        (ScoreOptions(reference="aa"), "reference=aa: no such submission"),
        (ScoreOptions(bootstrap=-1), "bootstrap=-1"),
        (ScoreOptions(bootstrap="many"), "bootstrap=many"),  # type: ignore[arg-type]
        (ScoreOptions(allow_mixed="no"), "allow_mixed=no"),  # type: ignore[arg-type]
        (ScoreOptions(allow_unsandboxed=1), "allow_unsandboxed=1"),  # type: ignore[arg-type]
    ],
)
def test_wrong_options(ledger, options, told):
    with pytest.raises(UserError, match=told):
        score_board(read_ledgers([ledger]), options)


def test_trials_on_a_machine_off_its_calibration_are_marked_and_named(tmp_path):
    segment = {"host": "h", "device": "d", "started_at": "2026-01-01T00:00:00+00:00", "first_evaluation": 0, "time_s": 5.0, "probe": 90.0}
    offs = {1: [None], 2: [0.05, -0.05], 3: [0.01, -0.12]}
    for study, found in offs.items():
        segments = [{**segment, "speed_deviation": off} for off in found]
        write_trial(tmp_path, "a", "lm/cpu", study, 1, 10.0, segments=segments)
    write_trial(tmp_path, "b", "lm/cpu", 1, 1, 10.0, segments=[{name: value for name, value in segment.items() if name != "probe"}])
    board = score_board(read_ledgers([tmp_path]))
    assert [("1 trials off speed" in entry.marks) for entry in board.entries if entry.submission == "a"] == [True]
    assert not any("off speed" in mark for entry in board.entries if entry.submission == "b" for mark in entry.marks)
    (note,) = [note for note in board.notes if "off the speed" in note]
    assert note.endswith("calibrated with: a on lm/cpu, study 3, trial 1 (-12%)")
    assert note.startswith("1 trials ran on a machine that was more than 5% off")
    assert f"* {note}" in markdown(board)


def test_a_stopped_study_is_known_up_to_where_it_was_stopped(tmp_path):
    stopped = record("a", "lm/cpu", 1, 1, None, verdict="stopped", cpu_clock="cgroup") | {"time_s": 30.0, "cpu_time_s": 50.0, "steps": 200}
    (new_folder(tmp_path, "a", "lm/cpu", 1, 1) / "record.json").write_text(json.dumps(stopped))
    write_trial(tmp_path, "a", "lm/cpu", 1, 2, None)  # its study may still take 30 s
    write_trial(tmp_path, "a", "lm/cpu", 2, 1, None)
    write_trial(tmp_path, "a", "lm/cpu", 3, 1, 10.0)
    write_unfinished(tmp_path, "a", "lm/cpu", 4, 1)
    results = read_ledgers([tmp_path])
    bounds = {clock: tabulate(results, clock, "finishline").study_bounds_SWK[0, 0].tolist() for clock in get_args(Clock)}
    assert bounds == {"time": [30, np.inf, 10, 0], "steps": [200, np.inf, 300, 0], "cpu_time": [50, np.inf, 20, 0]}
    assert any(note.startswith("1 studies were stopped by racing: scores and ranks on the clock") for note in results.notes)
