"""The lines a board carries about its data and its rule."""

from dataclasses import replace

from harness.score import score_board
from tests.score.builders import INF, made


def test_a_leader_that_does_not_count_and_still_cuts_is_named():
    # a is first on lm and misses its variant; by then it has cut c, which is within 4 x of b
    times = {"a": {"lm": 1.0, "lm2": INF}, "b": {"lm": 3.0, "lm2": 5.0}, "c": {"lm": 9.0, "lm2": 5.0}}
    results = made({name: {w: [[t]] for w, t in row.items()} for name, row in times.items()}, {"lm2": "lm"})
    board = score_board(results)
    assert "lm: a does not count there in the end, yet its time cuts c at 4 x" in board.notes
    assert {entry.submission: entry.score for entry in board.entries} == {"a": 0, "b": 1, "c": 0}
    whys = {cell.submission: cell.why for cell in board.cells if cell.workload == "lm"}
    assert whys["a"] == "does not count: its variant lm2 was not reached"
    assert whys["c"] == "does not count: more than 4 x the best"


def test_no_line_where_nobody_is_harmed():
    times = {"a": {"lm": 1.0, "lm2": INF}, "b": {"lm": 3.0, "lm2": 5.0}}
    results = made({name: {w: [[t]] for w, t in row.items()} for name, row in times.items()}, {"lm2": "lm"})
    assert not any("cuts" in note for note in score_board(results).notes)


def test_a_coarser_evaluation_grid_is_named():
    results = made({name: {"lm": [[10.0], [11.0]]} for name in "abc"}, source="algoperf")
    trials = tuple(replace(trial, evaluations=100 if trial.submission != "a" else 10) for trial in results.trials)
    notes = score_board(replace(results, trials=trials)).notes
    assert "a on lm was evaluated every 10 s, the others every 1 s: a coarser grid, later hits" in notes
