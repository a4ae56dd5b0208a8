"""Every verdict of docs/ledger.md can be reached, with a reason that says why; no process is left behind."""

import json
import math
import os

import pytest

from harness.ledger.record import read_record
from harness.ledger.rows import read_rows
from harness.trial.processes import Tree
from harness.trial.session import Timeouts
from tests.conftest import World
from tests.trial.referee_time import RefereeTime, UsesUpTheBudget, printed


def test_reached(world: World) -> None:
    outcome = world.run(target=0.05)
    record = outcome.record
    assert record.verdict == "reached"
    assert record.reached is not None
    assert record.reached.valid_metric <= 0.05 < record.reached.valid_metric * 1e6
    assert record.reached.test_metric is not None
    assert all(row.test_metric is None for row in read_rows(outcome.folder / "evals.csv")[:-1])
    assert (outcome.folder / "target.safetensors").exists()
    assert not (outcome.folder / "checkpoint").exists()
    assert read_record(outcome.folder) == record


def test_missed_when_the_budget_is_used_up(world: World, referee_time: RefereeTime) -> None:
    outcome = world.run(evaluate_every=16 * 10**6, callback=UsesUpTheBudget(referee_time, lambda step: step > 0))
    record = outcome.record
    assert record.verdict == "missed"
    assert "budget of 60 s" in record.reason
    assert "best squared_error" in record.reason
    assert record.last.time_s <= 60 <= record.time_s
    assert record.steps > record.last.step == 0


def test_missed_when_the_submission_is_done(world: World) -> None:
    outcome = world.run("""
        def done(self):
            return self.horizon <= getattr(self, "made", 0)

        def step(self, batch):
            super().step(batch)
            self.made = getattr(self, "made", 0) + 1
    """)
    assert outcome.record.verdict == "missed"
    assert "done after 100 steps" in outcome.record.reason
    assert outcome.record.last.step == 100


def test_a_result_handed_in_after_the_budget_is_not_evaluated(
    world: World, referee_time: RefereeTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The budget passes while the runner is stopped for its second evaluation."""
    freeze, stops = Tree.freeze, []

    def freeze_late(tree: Tree) -> None:
        freeze(tree)
        stops.append(tree)
        if len(stops) == 2:
            referee_time.use_up_the_budget()

    monkeypatch.setattr(Tree, "freeze", freeze_late)
    outcome = world.run()
    assert outcome.record.verdict == "missed"
    assert len(stops) == 2
    assert outcome.record.last.evaluation == 0


def test_timed_out_when_a_step_never_returns(world: World, referee_time: RefereeTime) -> None:
    outcome = world.run(
        """
        def step(self, batch):
            print("hangs", flush=True)
            while True:
                pass
        """,
        timeouts=Timeouts(answer_s=0.1),
        callback=UsesUpTheBudget(referee_time, printed("hangs", world.root)),
    )
    assert outcome.record.verdict == "timed_out"
    assert "did not answer" in outcome.record.reason


def test_diverged_after_two_evaluations(world: World) -> None:
    outcome = world.run("""
        def step(self, batch):
            super().step(batch)
            self.model.linear.weight.data.fill_(float("nan"))
    """)
    assert outcome.record.verdict == "diverged"
    assert outcome.record.last.evaluation == 2
    assert math.isnan(read_record(outcome.folder).last.valid_metric)
    assert json.loads((outcome.folder / "record.json").read_text())["last"]["valid_metric"] is None


@pytest.mark.parametrize(
    ("method", "body"),
    [
        ("setup(self)", "raise ValueError('boom')"),
        ("select(self, stream)", "raise ValueError('boom')"),
        ("step(self, batch)", "raise ValueError('boom')"),
        ("eval_weights(self)", "raise ValueError('boom')"),
        ("on_eval(self, evaluation)", "raise ValueError('boom')"),
        ("done(self)", "raise ValueError('boom')"),
        ("state_dict(self)", "raise ValueError('boom')"),
        ("batch_size(self, workload)", "raise ValueError('boom')"),
    ],
)
def test_crashed_names_the_exception_and_its_place(world: World, method: str, body: str) -> None:
    outcome = world.run(f"def {method}:\n    {body}\n", checkpoint_period_s=0.0)
    assert outcome.record.verdict == "crashed"
    assert "ValueError: boom at submission.py:" in outcome.record.reason


@pytest.mark.parametrize(
    ("body", "words"), [("os.kill(os.getpid(), 11)", "signal 11"), ("os._exit(7)", "exit code 7"), ("raise SystemExit(0)", "SystemExit")]
)
def test_crashed_when_the_process_ends(world: World, body: str, words: str) -> None:
    outcome = world.run(f"def step(self, batch):\n    import os\n    {body}\n")
    assert outcome.record.verdict == "crashed"
    assert words in outcome.record.reason


def test_out_of_memory(world: World) -> None:
    outcome = world.run("def step(self, batch):\n    self.huge = torch.empty(1 << 50)\n")
    assert outcome.record.verdict == "out_of_memory", outcome.record.reason


@pytest.mark.parametrize(
    "body",
    [
        "self.model.linear.weight.data = torch.zeros(1, 9)",
        "self.model.register_buffer('more', torch.zeros(3))",
        "self.model.linear.bias.data = self.model.linear.bias.data.double()",
    ],
)
def test_rejected_when_the_model_is_another(world: World, body: str) -> None:
    outcome = world.run(f"def step(self, batch):\n    {body}\n")
    assert outcome.record.verdict == "rejected"
    assert "linear" in outcome.record.reason or "more" in outcome.record.reason


def test_a_state_that_cannot_be_saved_is_named(world: World) -> None:
    outcome = world.run("def setup(self):\n    super().setup()\n    self.socket = __import__('socket').socket()\n", checkpoint_period_s=0.0)
    assert outcome.record.verdict == "crashed"
    assert "self.socket is a socket" in outcome.record.reason


def test_an_exception_in_the_evaluation_is_not_the_submissions(world: World) -> None:
    outcome = world.run(data={"evaluation_raises": True})
    assert outcome.record.verdict == "stopped"
    assert "the evaluation itself failed, not the submission: RuntimeError: no evaluation today" in outcome.record.reason


def test_leftover_processes_die_with_the_trial(world: World) -> None:
    outcome = world.run(
        """
        def setup(self):
            import os, subprocess, sys
            super().setup()
            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
            print("child", child.pid)
        """,
        target=0.5,
    )
    assert outcome.record.verdict == "reached"
    pid = int((outcome.folder / "log.txt").read_text().split()[1])
    assert not os.path.exists(f"/proc/{pid}")
