"""One CSV of foreign logs: where the target is reached, and a clear line for every way a file can be broken."""

import numpy as np
import pytest

from harness.errors import UserError
from harness.score.measurements import FinishLine, parse_measurements
from tests.score.builders import HEADER, curve

DOWN = FinishLine(b"validation/loss", 0.5, True)
UP = FinishLine(b"validation/accuracy", 0.5, False)


def text(*rows: str, header: str = HEADER) -> bytes:
    return ("\n".join([header, *rows]) + "\n").encode()


@pytest.mark.parametrize("line", [DOWN, UP])
def test_the_first_row_at_the_target(line):
    found = parse_measurements(text(*curve((1, 0.9), (2, 0.5), (3, 0.4), (4, 0.9))), line, "x")
    assert (found.reached.evaluation, found.reached.time_s, found.reached.steps) == (1, 2, 20)
    assert found.best_metric == pytest.approx(0.4 if line is DOWN else 0.6)
    assert (found.rows, found.time_s) == (4, 4)


def test_nan_and_empty_cells_are_never_at_the_target():
    rows = ["1,10,1,nan,,0.1", "2,20,2,,nan,0.1", "3,30,3,0.45,0.55,0.1"]
    for line in (DOWN, UP):
        assert parse_measurements(text(*rows), line, "x").reached.time_s == 3
    missed = parse_measurements(text(*rows[:2]), DOWN, "x")
    assert missed.reached is None
    assert np.isnan(missed.best_metric)


def test_an_infinite_loss_is_no_hit():
    assert parse_measurements(text("1,10,1,inf,0,0"), DOWN, "x").reached is None


def test_a_row_without_a_time_is_no_hit():
    assert parse_measurements(text("1,10,,0.1,0.9,0", "2,20,2,0.2,0.8,0"), DOWN, "x").reached.time_s == 2


def test_columns_may_come_in_any_order_and_lines_end_in_any_way():
    data = b"validation/loss,score,more,global_step\r\n0.9,1,a,5\r\n0.1,2,b,6"
    reached = parse_measurements(data, DOWN, "x").reached
    assert (reached.time_s, reached.steps) == (2, 6)


def test_empty_lines_are_skipped():
    reached = parse_measurements(("\n" + HEADER + "\n\n" + "\n\n".join(curve((1, 0.9), (2, 0.1))) + "\n\n").encode(), DOWN, "x").reached
    assert (reached.evaluation, reached.time_s) == (1, 2)


@pytest.mark.parametrize(("drop", "lacks"), [("validation/loss", ("validation/loss",)), ("score", ("score",))])
def test_a_column_that_is_missing_means_no_hit(drop, lacks):
    names = HEADER.split(",")
    rows = [",".join(cell for name, cell in zip(names, row.split(","), strict=True) if name != drop) for row in curve((1, 0.1))]
    found = parse_measurements(text(*rows, header=",".join(name for name in names if name != drop)), DOWN, "x")
    assert found.reached is None
    assert found.lacks == lacks


def test_no_steps_is_no_obstacle():
    reached = parse_measurements(b"score,validation/loss\n1,0.1\n", DOWN, "x").reached
    assert reached.time_s == 1
    assert np.isnan(reached.steps)


def test_no_file_no_header_no_row():
    assert not parse_measurements(b"", DOWN, "x").logged
    assert not parse_measurements(b"\n\n", DOWN, "x").logged
    header_alone = parse_measurements(text(), DOWN, "x")
    assert header_alone.logged
    assert header_alone.rows == 0


ROWS = curve((1, 0.9), (2, 0.5))
BROKEN = {
    "cut off": (text(*ROWS)[:-12], "x:3: 4 fields where the header has 6"),
    "cut off in the header": (b"accumulated_submission_ti", "x:1: no column global_step or score"),
    "binary": (b"\x89PNG\r\n\x1a\n\0\0", "x: not a text file"),
    "zeros": (text(*ROWS) + b"\0" * 100, "x: not a text file"),
    "not a number": (text("1,10,1,low,0,0"), "x:2: validation/loss is 'low', not a number"),
    "negative": (text("1,10,-1,0.9,0,0"), r"x:2: score is negative \(-1\)"),
    "back in time": (text(*curve((1, 0.9), (3, 0.8), (2, 0.5))), "x:4: score falls from 3 to 2"),
    "back in steps": (text("1,10,1,0.9,0,0", "2,5,2,0.8,0,0"), "x:3: global_step falls from 10 to 5"),
    "back in time around a gap": (text("1,10,5,0.9,0,0", "2,20,,0.8,0,0", "3,30,4,0.8,0,0"), "x:4: score falls from 5 to 4"),
    "a long line": (text(*ROWS, "7" * 10_000_000), "x:4: a line of 10,000,000 characters"),
    "a long header": (b"a" * 10_000_000, "x:1: a line of 10,000,000 characters"),
    "a column twice": (b"score,score\n1,2\n", "x:1: a column is named twice"),
    "another table": (b"name,value\na,1\n", "x:1: no column global_step or score"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_is_one_clear_line(kind):
    data, told = BROKEN[kind]
    with pytest.raises(UserError, match=told) as refusal:
        parse_measurements(data, DOWN, "x")
    assert len(str(refusal.value).splitlines()) == 1
    assert len(str(refusal.value)) < 200
