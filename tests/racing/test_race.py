"""Racing in a real campaign: trials are stopped, the board is the one without racing, and what was stopped in vain goes on."""

import csv
import json
from pathlib import Path

import pytest

from harness.cli import main
from tests.conftest import World, last_of_each
from tests.test_cli import project

__all__ = ["project"]
LAUNCH = ["launch", "workloads=[toy/cpu]", "studies=1"]
SLOWED = """
def setup(self):
    super().setup()
    self.seen = 0

def step(self, batch):
    self.seen += 1
    if self.seen % {} == 0:
        super().step(batch)
"""


@pytest.fixture
def racers(project: World) -> World:
    """A fast one, one that is less than 4 x slower, and one that is more."""
    for name, divisor in (("a_fast", 1), ("b_slower", 2), ("c_slow", 6)):
        project.submission(SLOWED.format(divisor), name)
    return project


def verdicts(ledger: Path) -> dict[str, str]:
    records = map(json.loads, (path.read_text() for path in ledger.rglob("record.json")))
    return {record["submission"]: record["verdict"] for record in records}


def board(root: Path, ledger: str) -> list[tuple[str, ...]]:
    assert main(["score", ledger, "clock=steps", "allow_unsandboxed=true", f"out={ledger}/board"], root) == 0
    rows = csv.DictReader((root / ledger / "board" / "leaderboard.csv").open())
    return [(row["rank"], row["submission"], row["score"], row["workloads_counted"]) for row in rows]


def launch(racers: World, *more: str) -> int:
    return main(last_of_each(*LAUNCH, *more), racers.root)


def test_the_board_is_the_same_with_racing_and_without(racers: World) -> None:
    for racing in ("steps", "off"):
        assert launch(racers, "submissions=[a_fast,b_slower,c_slow]", f"racing={racing}", f"out={racing}") == 0
    assert verdicts(racers.root / "off") == {"a_fast": "reached", "b_slower": "reached", "c_slow": "reached"}
    assert verdicts(racers.root / "steps") == {"a_fast": "reached", "b_slower": "reached", "c_slow": "stopped"}
    assert board(racers.root, "steps") == board(racers.root, "off")
    notes = [(racers.root / racing / "board" / "leaderboard.md").read_text() for racing in ("steps", "off")]
    assert ["1 studies were stopped by racing" in note for note in notes] == [True, False]


def test_what_was_stopped_goes_on_when_the_reason_falls_away(racers: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert launch(racers, "submissions=[a_fast,c_slow]", "racing=steps", "out=mine", "checkpoint_period_s=0") == 0
    assert verdicts(racers.root / "mine")["c_slow"] == "stopped"
    (folder,) = (racers.root / "mine" / "c_slow").rglob("trial_1")
    stopped = json.loads((folder / "record.json").read_text())
    assert main(["launch", "out=mine"], racers.root) == 0
    assert "2 trials, 0 to run" in capsys.readouterr().out
    assert main(["launch", "withdraw=[a_fast]", "out=mine"], racers.root) == 0
    assert "1 trials, 1 to run" in capsys.readouterr().out
    went_on = json.loads((folder / "record.json").read_text())
    assert went_on["verdict"] == "reached"
    assert went_on["segments"][1]["first_evaluation"] == stopped["last"]["evaluation"]
    assert len((folder / "attempts.jsonl").read_text().splitlines()) == 1


def test_switched_off_everything_goes_on(racers: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert launch(racers, "submissions=[a_fast,c_slow]", "racing=steps", "out=mine") == 0
    capsys.readouterr()
    assert main(["launch", "racing=off", "out=mine"], racers.root) == 0
    assert "2 trials, 1 to run" in capsys.readouterr().out
    assert verdicts(racers.root / "mine")["c_slow"] == "reached"


def test_a_trial_that_cannot_change_anything_does_not_start(racers: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Two of three studies are misses: the third cannot make the median finite."""
    never = "def setup(self):\n    super().setup()\n    self.optimizer.param_groups[0]['lr'] = 1e-9\n\ndef done(self):\n    return True\n"
    racers.submission(never, "d_never")
    assert launch(racers, "submissions=[d_never]", "studies=3", "racing=steps", "out=mine") == 0
    records = [json.loads(path.read_text()) for path in sorted((racers.root / "mine").rglob("record.json"))]
    assert [record["verdict"] for record in records] == ["missed", "missed", "stopped"]
    assert records[2]["reason"] == "not started: the median over the 3 studies is settled, whatever it does"
    capsys.readouterr()
    assert main(["verify", "mine"], racers.root) == 0, capsys.readouterr().out


def test_an_unknown_clock_is_refused(racers: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert launch(racers, "submissions=[a_fast]", "racing=stepps", "out=mine") == 2
    assert "did you mean 'steps'" in capsys.readouterr().err
