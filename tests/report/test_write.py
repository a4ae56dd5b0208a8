"""The files of a board: their schema, their words, and what happens when they cannot be written."""

import csv
import io
import itertools
import math
import re
import xml.etree.ElementTree
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from harness.errors import UserError
from harness.report import board_table, write_board
from harness.report.columns import FILES
from harness.report.markdown import markdown
from harness.report.plot import draw
from harness.report.tables import csv_files
from harness.score import Board, ScoreOptions, read_algoperf, read_ledgers, score_board
from tests.score.builders import INF, curve, made, write_ledger, write_log, write_targets

ALL_FILES = {*FILES, "leaderboard.md", "profiles.png", "profiles.svg"}
DOCS = Path(__file__).parents[2] / "docs" / "scoring.md"


def board(**options) -> Board:
    """Three submissions; c misses vit twice of three times, so it is a miss, and was never run on the variant."""
    studies = {
        "a": {"lm": [10, 11, 12], "vit": [30, 31, 33], "vit2": [30, 31, 33]},
        "nadamw": {"lm": [20, 21, 24], "vit": [30.5, 31.5, 32], "vit2": [40, 41, 43]},
        "c": {"lm": [30, 33, 30], "vit": [10, INF, INF]},
    }
    times = {name: {w: [[float(t)] for t in row] for w, row in rows.items()} for name, rows in studies.items()}
    return score_board(made(times, {"vit2": "vit"}), ScoreOptions(**{"bootstrap": 200, **options}))


def rows(files: dict[str, str], name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(files[name])))


def test_every_file_is_written_whole(tmp_path):
    write_board(board(), tmp_path / "deep" / "out")
    assert {path.name for path in (tmp_path / "deep" / "out").iterdir()} == ALL_FILES
    png = (tmp_path / "deep" / "out" / "profiles.png").read_bytes()
    assert png.startswith(b"\x89PNG")
    assert png.endswith(b"IEND\xaeB`\x82")
    svg = xml.etree.ElementTree.parse(tmp_path / "deep" / "out" / "profiles.svg")
    words = " ".join("".join(node.itertext()) for node in svg.iter() if node.tag.endswith("text"))
    assert "1. a" in words
    assert "share of workloads within τ" in words


def test_the_same_board_gives_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        write_board(board(), tmp_path / name)
    for name in ALL_FILES:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


@pytest.mark.parametrize("name", FILES)
def test_columns_are_as_documented(name):
    header = csv_files(board())[name].splitlines()[0].split(",")
    assert header == [column.name for column in FILES[name].columns]
    section = DOCS.read_text().split(f"### {name}\n")[1].split("\n#")[0]
    documented = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*) \|$", section, re.MULTILINE)
    assert documented == [(column.name, column.unit, column.meaning) for column in FILES[name].columns]


@pytest.mark.parametrize("name", FILES)
def test_numbers_are_numbers(name):
    """Every column with a unit holds numbers, empty cells or (where it says so) several numbers."""
    several = {"rank_probabilities", "verdicts"}
    for row in rows(csv_files(board()), name):
        for column in FILES[name].columns:
            if column.unit and column.name not in several and row[column.name]:
                float(row[column.name])


def test_leaderboard_by_hand():
    first, second, third = rows(csv_files(board()), "leaderboard.csv")
    assert [row["submission"] for row in (first, second, third)] == ["a", "nadamw", "c"]
    assert float(first["score"]) == pytest.approx(1)
    assert float(second["score"]) == pytest.approx(((4 - 21 / 11) / 3 + (4 - 31.5 / 31) / 3) / 2)
    assert float(third["score"]) == pytest.approx((4 - 30 / 11) / 3 / 2)
    assert [row["workloads_reached"] for row in (first, second, third)] == ["2", "2", "1"]
    assert first["speedup_reference"] == "nadamw"
    assert float(first["geomean_speedup"]) == pytest.approx(math.sqrt(21 / 11 * 31.5 / 31))
    assert float(third["geomean_speedup"]) == pytest.approx(21 / 30)
    assert (third["speedup_workloads"], third["marks"]) == ("1", "1 workloads not run")
    assert float(first["score_low"]) <= 1 <= float(first["score_high"])
    probabilities = [[float(p) for p in row["rank_probabilities"].split()] for row in (first, second, third)]
    np.testing.assert_allclose(np.sum(probabilities, axis=0), 1, atol=2e-4)
    assert [float(row["p_first"]) for row in (first, second, third)] == pytest.approx([row[0] for row in probabilities], abs=1e-4)


def test_times_by_hand():
    found = {(row["submission"], row["workload"]): row for row in rows(csv_files(board()), "times.csv")}
    assert list(found) == [(s, w) for s in ("a", "nadamw", "c") for w in ("lm", "vit", "vit2")]
    assert (found["a", "lm"]["median_time"], found["a", "lm"]["median_steps"]) == ("11.0", "110.0")
    missed = found["c", "vit"]
    assert (missed["median_time"], missed["ratio_to_best"]) == ("inf", "inf")
    assert (missed["studies"], missed["studies_reached"], missed["verdicts"]) == ("3", "1", "missed=2 reached=1")
    assert missed["why"].startswith("missed in 2 of 3 studies; best loss 1.5, target <= 1")
    assert (found["c", "vit2"]["why"], found["c", "vit2"]["median_time"]) == ("not run", "")
    assert found["a", "vit2"]["variant_of"] == "vit"


def test_studies_are_one_row_each():
    found = rows(csv_files(board()), "studies.csv")
    assert len(found) == 3 * 3 + 3 * 3 + 2 * 3
    assert [(row["study"], row["time_s"], row["steps"]) for row in found[:3]] == [
        ("1", "10.0", "100.0"),
        ("2", "11.0", "110.0"),
        ("3", "12.0", "120.0"),
    ]
    of_c = [row for row in found if (row["submission"], row["workload"]) == ("c", "vit")]
    assert [(row["time_s"], row["cpu_time_s"], row["reached"], row["verdict"]) for row in of_c] == [
        ("10.0", "20.0", "yes", "reached"),
        ("inf", "inf", "no", "missed"),
        ("inf", "inf", "no", "missed"),
    ]
    assert {row["overlap_s"] for row in found} == {""}


def test_each_entry_has_its_score_on_every_clock(tmp_path):
    times = {"a": {"lm/cpu": [10.0, 11.0, 12.0]}, "b": {"lm/cpu": [20.0, 22.0, 24.0]}}
    results = read_ledgers([write_ledger(tmp_path, times)])  # the steps of all trials are the same, CPU seconds are twice the seconds
    on_time, on_steps = (rows(csv_files(score_board(results, ScoreOptions(clock=clock))), "leaderboard.csv") for clock in ("time", "steps"))
    for found in (on_time, on_steps):
        scores = {row["submission"]: [float(row[f"score_{clock}"]) for clock in ("time", "steps", "cpu_time")] for row in found}
        assert scores == {"a": [1, 1, 1], "b": [pytest.approx(2 / 3), 1, pytest.approx(2 / 3)]}
    assert [row["score"] for row in on_time] == [row["score_time"] for row in on_time]
    assert [row["score"] for row in on_steps] == [row["score_steps"] for row in on_steps]
    assert {row["score_cpu_time"] for row in rows(csv_files(board()), "leaderboard.csv")} == {""}  # not recorded in full


def test_profiles_are_steps_within_their_bands():
    found = rows(csv_files(board()), "profiles.csv")
    for name in ("a", "nadamw", "c"):
        own = np.array([[float(row[c]) for c in ("tau", "rho", "rho_low", "rho_high")] for row in found if row["submission"] == name])
        assert own[0, 0] == 1
        assert own[-1, 0] == 4
        assert (np.diff(own, axis=0) >= 0).all()
        assert own[:, 1:].min() >= 0
        assert own[:, 1:].max() <= 1
    # the score is the integral of what the file says
    own = np.array([[float(row["tau"]), float(row["rho"])] for row in found if row["submission"] == "nadamw"])
    area = (np.diff(own[:, 0]) * own[:-1, 1]).sum() / 3
    assert area == pytest.approx(float(rows(csv_files(board()), "leaderboard.csv")[1]["score"]))


def test_pairs_and_sensitivity_are_complete():
    files = csv_files(board())
    assert [(row["submission_a"], row["submission_b"]) for row in rows(files, "pairwise.csv")] == [
        ("a", "nadamw"),
        ("a", "c"),
        ("nadamw", "c"),
    ]
    assert rows(files, "pairwise.csv")[0]["verdict"] in ("a faster than nadamw", "not distinguishable")
    assert len(rows(files, "sensitivity.csv")) == 2 * 3 + 3 * 2


def test_a_board_with_one_study_leaves_what_it_cannot_know_empty():
    single = score_board(made({"a": {"lm": [[10.0]]}, "b": {"lm": [[20.0]]}}))
    row = rows(csv_files(single), "leaderboard.csv")[0]
    assert (row["score_low"], row["p_first"], row["rank_probabilities"]) == ("", "", "")
    assert rows(csv_files(single), "pairwise.csv")[0]["verdict"] == "not distinguishable"
    assert "nan" not in markdown(single)


def test_the_page_tells_it_all(tmp_path):
    times = {"a": [10.0, 11.0, 12.0], "b": [None, None, 13.0]}
    ledger = write_ledger(tmp_path, {name: {"lm/cpu": own, "vit/cpu": own} for name, own in times.items()}, reason="pipes | too")
    page = markdown(score_board(read_ledgers([ledger])))
    assert page.startswith("# Leaderboard (ruleset self, rules finishline, clock time)")
    for words in ("| 1 | a | 1.0000 |", "missed in 2 of 3 studies", "| a faster than b |", "What if something is left out"):
        assert words in page
    assert "under both rules" not in page
    assert "Ranked by the score alone, on clock=time: the referee's seconds until the target, since" in page
    for table in re.findall(r"(?:^\|.*\n)+", page, re.MULTILINE):
        assert len({line.count("|") for line in table.splitlines()}) == 1


def test_the_page_names_what_it_comes_from(tmp_path):
    segment = {"host": "h", "device": "d", "first_evaluation": 0, "time_s": 5.0}
    for name, at in (("a", "2026-01-01T23:00:00+00:00"), ("b", "2026-01-02T01:30:00+00:00")):
        segments = [{**segment, "started_at": at}]
        write_ledger(tmp_path / "race", {name: {"lm/cpu": [10.0, 11.0, 12.0]}}, segments=segments, campaign="25e4c776")
    page = markdown(score_board(read_ledgers([tmp_path / "race"])))
    for line in (
        "campaign and its hash: race (25e4c776)",
        "trials started from 2026-01-01 23:00 to 2026-01-02 01:30 UTC",
        "hardware: AMD EPYC x2, cpu",
        "versions: finishline 0.1.0, torch 2.13.0",
        "sandbox: bwrap",
        "signature: not signed",
    ):
        assert f"* {line}\n" in page


def test_a_speed_up_says_on_how_many_workloads_it_rests():
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(board_table(board()))
    for text in (markdown(board()), console.export_text()):
        assert "0.70 on 1 of 2" in re.sub(r" \[.*?\]", "", text)


def test_long_names_fit_their_panels_and_the_grey_lines_are_explained():
    names = [f"{i}_{'a_rather_long_name_' * (i // 3)}W" for i in range(11)]
    figure = draw(score_board(made({name: {"lm": [[1.0 + i]]} for i, name in enumerate(names)})))
    texts = figure.axes[0].texts
    titles = [text for text in texts if text.get_fontweight() == "bold"]
    assert len(titles) == len(names)
    assert titles[0].get_text() == "1. 0_W"
    assert "…" in titles[-1].get_text()
    for row in range(0, len(titles), 4):
        boxes = [title.get_window_extent() for title in titles[row : row + 4]]
        assert all(left.x1 < right.x0 for left, right in itertools.pairwise(boxes))
    assert any("grey lines: the other entries" in text.get_text() for text in texts)


def test_the_page_of_foreign_logs_says_what_moves(tmp_path):
    # a's trial 1 is first by evaluations, trial 2 by seconds; b is in between
    for study in range(3):
        write_log(tmp_path / "logs", "a", study, "one_jax", 1, curve((40 + study, 0.1)))
        write_log(tmp_path / "logs", "a", study, "one_jax", 2, curve((1, 0.9), (10 + study, 0.1)))
        write_log(tmp_path / "logs", "b", study, "one_jax", 1, curve((1, 0.9), (20 + study, 0.1)))
    results = read_algoperf(tmp_path / "logs", write_targets(tmp_path / "targets.json", ["one"]))
    page = markdown(score_board(results, ScoreOptions(rules="algoperf")))
    assert "Ranks that move: a (2 to 1), b (1 to 2)." in page
    # a: from a ratio of 41 / 21, so (4 - 41 / 21) / 3 = 0.6825 but for the grid, to 1
    assert re.search(r"rank 2 to 1; \+0\.3182 from its own times \(one 41 to 11\)", page)
    assert "since the times of others change" in page


def test_the_terminal_shows_the_board():
    console = Console(width=140, record=True, file=io.StringIO())
    console.print(board_table(board()))
    text = console.export_text()
    for words in ("nadamw", "1.0000", "speed-up over nadamw", "c on vit: missed in 2 of 3 studies", "1 workloads not run"):
        assert words in text


def test_markup_in_names_does_no_harm():
    console = Console(width=140, record=True, file=io.StringIO())
    console.print(board_table(score_board(made({"[bold]x[/red]": {"lm": [[1.0]]}}))))
    assert "[bold]x[/red]" in console.export_text()


def test_an_out_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/nowhere")):
        with pytest.raises(UserError, match=re.escape(f"out={out}: cannot be written")) as refusal:
            write_board(board(), out)
        assert "\n" not in str(refusal.value)
