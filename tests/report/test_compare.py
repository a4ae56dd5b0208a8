"""Where two boards differ."""

from math import inf, nextafter

from harness.report.compare import differences, rows
from harness.score import ScoreOptions, score_board
from tests.score.builders import INF, made

PLAIN = ScoreOptions(bootstrap=0)


def test_a_board_is_like_itself_and_not_like_another() -> None:
    times = {"a": {"w": [[1.0], [2.0], [3.0]]}, "b": {"w": [[2.0], [2.0], [3.0]]}}
    one = rows(score_board(made(times), PLAIN))
    assert set(one) == {"leaderboard.csv", "times.csv", "studies.csv", "profiles.csv", "pairwise.csv", "sensitivity.csv"}
    assert not any(differences(one[file], one[file]) for file in one)
    other = rows(score_board(made({**times, "b": {"w": [[2.0], [2.0], [INF]]}}), PLAIN))
    assert set(differences(one["times.csv"], other["times.csv"])) >= {"studies_reached", "why"}
    assert set(differences(one["studies.csv"], other["studies.csv"])) == {"time_s", "steps", "cpu_time_s", "reached", "verdict"}
    assert not {"median_time", "ratio_to_best"} & set(differences(one["times.csv"], other["times.csv"]))
    assert not differences(one["profiles.csv"], other["profiles.csv"])


def test_gaps_in_numbers_and_in_words() -> None:
    assert differences([{"x": "1.0", "y": "inf", "z": ""}], [{"x": "1.0000000000000002", "y": "inf", "z": ""}]) == {}
    assert differences([{"x": "1.0"}], [{"x": "1.5"}]) == {"x": 0.5}
    assert differences([{"x": "inf"}], [{"x": "1.5"}]) == {"x": inf}
    assert differences([{"x": ""}], [{"x": "1.5"}]) == {"x": inf}
    assert differences([{"x": "nan"}], [{"x": "1.5"}]) == {"x": inf}
    assert differences([{"x": "a"}], [{"x": "b"}]) == {"x": inf}
    assert differences([{"x": "1"}], []) == differences([], [{"x": "1"}]) == {"x": inf}
    assert differences([], []) == {}
    assert differences([{"x": "1"}], [{"x": repr(nextafter(1, 2))}], tolerance=0) == {"x": nextafter(1, 2) - 1}
