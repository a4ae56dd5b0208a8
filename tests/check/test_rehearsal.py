"""What a trial run on the tiny model finds: one broken promise each. Run in this process; test_check.py runs the real, sandboxed one."""

import json
import textwrap
from contextlib import suppress
from pathlib import Path

import pytest

from harness.check.lint import lint
from harness.check.rehearsal import CheckAborted, Report, rehearse
from harness.check.tiny import CONFIG, Tiny
from harness.cli import PROJECT
from harness.project.project import Project
from harness.project.space import read_space
from tests.conftest import our_submissions

BASE = """
import itertools
from contextlib import contextmanager
import torch
from torch import nn
from harness.schedules import warmup_then_linear
from harness.submission import Submission

CALLS = itertools.count()

class Base(Submission):
    def setup(self):
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=self.hp.learning_rate, momentum=0.9)
        self.schedule = warmup_then_linear(self.optimizer, 0.05, self.horizon)

class Mine(Base):
"""
SPACE = "learning_rate: {scale: log, min: 1e-4, max: 0.1, default: 0.02}\n"


def findings(folder: Path, methods: str, space: str = SPACE) -> list[tuple[str, str]]:
    """Level and words of all findings about a submission with these methods."""
    (folder / "submission.py").write_text(BASE + textwrap.indent(textwrap.dedent(methods), "    "))
    (folder / "space.yaml").write_text(space)
    return run(folder, folder / "report.jsonl")


def run(folder: Path, report: Path) -> list[tuple[str, str]]:
    """Tries a folder in this process."""
    with suppress(CheckAborted):
        rehearse(folder, read_space(folder).point({}), Report(report))
    lines = [json.loads(line) for line in report.read_text().splitlines()]
    return [(line["finding"]["level"], line["finding"]["what"]) for line in lines if "finding" in line]


BROKEN = {
    "raises": ("def setup(self):\n    raise RuntimeError('not today')", "error", "RuntimeError: not today in setup, during setup"),
    "batch size": ("def batch_size(self, workload):\n    return 1.5", "error", "whole number of at least 1, not 1.5"),
    "nothing moves": ("def step(self, batch):\n    pass", "error", "no parameter moved in 10 steps"),
    "no examples": (
        "def select(self, stream):\n    return stream._workload.batch(stream._data, torch.arange(16), None)",
        "error",
        "took no examples from the stream",
    ),
    "blows up late": (
        """
        def step(self, batch):
            super().step(batch)
            self.made = getattr(self, "made", 0) + 1
            if self.made == 50:
                self.model.get_parameter("gain").data.fill_(float("nan"))
        """,
        "error",
        "the weights are not finite after",
    ),
    "no schedule": (
        "def setup(self):\n    super().setup()\n    self.schedule = None",
        "warning",
        "the learning rate is the same after 0, 10 and",
    ),
    "a role is forgotten": (
        """
        def setup(self):
            parameters = [p for name, p in self.model.named_parameters() if self.roles[name] != "scalar"]
            self.optimizer = torch.optim.SGD(parameters, lr=0.1)
        """,
        "warning",
        "never moved in 10 steps: gain (scalar)",
    ),
    "diverges": (
        "def setup(self):\n    self.optimizer = torch.optim.SGD(self.model.parameters(), lr=1e30)",
        "error",
        "not finite after 10 steps",
    ),
    "climbs": (
        "def setup(self):\n    self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1, maximize=True)",
        "warning",
        "the loss did not fall",
    ),
    "swaps without putting back": (
        """
        @contextmanager
        def eval_weights(self):
            with torch.no_grad():
                for p in self.model.parameters():
                    p.mul_(3)
                yield
                for p in self.model.parameters():
                    p.div_(3)
        """,
        "error",
        "eval_weights() does not restore the weights",
    ),
    "counts evaluations": (
        """
        seen = 0

        @contextmanager
        def eval_weights(self):
            self.seen = self.seen + 1
            yield
        """,
        "error",
        "eval_weights() changes the training state: self.seen",
    ),
    "draws while evaluating": (
        "@contextmanager\ndef eval_weights(self):\n    torch.rand(1, generator=self.generator)\n    yield",
        "error",
        "changes the training state: self.generator",
    ),
    "a state that is an object": (
        "def setup(self):\n    super().setup()\n    self.helper = object()",
        "error",
        "the state cannot be saved: self.helper is a object",
    ),
    "a state that cannot be read back": (
        "def state_dict(self):\n    return {'half': lambda: 1, **super().state_dict()}",
        "error",
        "the state cannot be saved: self.half (function)",
    ),
    "a state that is not taken back": (
        "momentum = 1\n\ndef step(self, batch):\n    self.momentum = self.momentum + 1\n    super().step(batch)\n\n"
        "def state_dict(self):\n    return {'optimizer': self.optimizer.state_dict()}\n\n"
        "def load_state_dict(self, state):\n    self.optimizer.load_state_dict(state['optimizer'])",
        "error",
        "a trial that goes on after 11 steps is not the same: self.momentum",
    ),
    "a state in a global": (
        "def step(self, batch):\n    self.optimizer.param_groups[0]['lr'] = 0.1 / (1 + next(CALLS))\n    super().step(batch)",
        "error",
        "resumed from its saved state it goes on differently",
    ),
    "done at once": ("def done(self):\n    return True", "warning", "done() is true after 0 steps of a horizon of 100"),
    "fails late": (
        "count = 0\n\ndef step(self, batch):\n    self.count += 1\n    assert self.count < 30, 'thirty'\n    super().step(batch)",
        "error",
        "AssertionError: thirty in step, during the steps up to half of the horizon",
    ),
    "needs all gradients": (
        "def step(self, batch):\n    self.losses(batch).mean().backward()\n    [p.grad.mul_(2) for p in self.model.parameters()]\n"
        "    self.optimizer.step()",
        "warning",
        "during steps with missing gradients",
    ),
    "divides by a norm": (
        "def step(self, batch):\n    self.optimizer.zero_grad()\n    self.losses(batch).mean().backward()\n"
        "    for p in self.model.parameters():\n        if p.grad is not None:\n            p.grad.div_(p.grad.norm())\n"
        "    self.optimizer.step()",
        "warning",
        "zero gradients give weights that are not finite",
    ),
    "replaces a module": (
        "def setup(self):\n    super().setup()\n    self.model.dropout = nn.Identity()",
        "error",
        "(found after setup)",
    ),
    "own initial weights": (
        "def setup(self):\n    super().setup()\n    self.model.head.weight.data.zero_()",
        "warning",
        "setup() changes weights: head.weight",
    ),
    "no dropout": (
        "def step(self, batch):\n    self.model.eval()\n    super().step(batch)",
        "error",
        "(found after the first 10 steps)",
    ),
    "on_eval fails": ("def on_eval(self, evaluation):\n    return evaluation.accuracy", "error", "during on_eval"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_promise_is_found(tmp_path: Path, case: str) -> None:
    methods, level, words = BROKEN[case]
    found = findings(tmp_path, methods)
    assert any(of == level and words in what for of, what in found), found


SOUND = {
    "plain": "pass",
    "schedule and clipping": """
        clip_norm = 1.0

        def setup(self):
            super().setup()
            self.schedule = warmup_then_linear(self.optimizer, 0.05, self.horizon)
    """,
    "average": """
        def setup(self):
            super().setup()
            self.average = [p.detach().clone() for p in self.model.parameters()]

        def step(self, batch):
            super().step(batch)
            torch._foreach_lerp_(self.average, [p.detach() for p in self.model.parameters()], 0.1)

        @contextmanager
        def eval_weights(self):
            with torch.no_grad():
                kept = [p.clone() for p in self.model.parameters()]
                for p, average in zip(self.model.parameters(), self.average):
                    p.copy_(average)
                yield
                for p, value in zip(self.model.parameters(), kept):
                    p.copy_(value)
    """,
    "noise, larger batches": """
        def batch_size(self, workload):
            return 4 * workload.reference_batch

        def step(self, batch):
            super().step(batch)
            for p in self.model.parameters():
                p.data.add_(1e-4 * torch.randn(p.shape, generator=self.generator) + 1e-4 * torch.rand(p.shape))
    """,
}


@pytest.mark.parametrize("case", SOUND)
def test_a_sound_submission_is_left_alone(tmp_path: Path, case: str) -> None:
    assert findings(tmp_path, SOUND[case]) == []


@pytest.mark.parametrize("name", our_submissions())
def test_shipped_submissions_break_no_rule(tmp_path: Path, name: str) -> None:
    folder = Project(PROJECT).submission_folder(name)
    assert [f for f in lint(folder) if f.level == "error"] == []
    assert [what for level, what in run(folder, tmp_path / "report.jsonl") if level == "error"] == []


@pytest.mark.parametrize(
    "space",
    ["learning_rate: {scale: log, min: 1e-4, max: 1e30, default: 0.02}\n", "[{learning_rate: 0.02}, {learning_rate: 1e30}]\n"],
)
def test_a_corner_that_blows_up_is_named(tmp_path: Path, space: str) -> None:
    ((level, what),) = findings(tmp_path, "pass", space)
    assert level == "warning"
    assert "weights that are not finite: learning_rate=1e+30 (1 of 2 do)" in what


def test_the_tiny_model_has_a_parameter_of_every_role() -> None:
    model = Tiny(CONFIG).build_model()
    roles = Tiny(CONFIG).roles(model)
    assert roles.keys() == dict(model.named_parameters()).keys()
    assert set(roles.values()) == {"hidden", "embedding", "head", "norm", "bias", "conv", "scalar"}
