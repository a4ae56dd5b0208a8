"""Running a small submission whole, and interrupted after some steps: what both leave behind must be the same, bit by bit."""

import io
import textwrap
from pathlib import Path
from typing import Any

import torch

from harness.check.rehearsal import Session, begin
from harness.project.plugins import load_submission
from harness.state import compare, process_settings_kept
from harness.trial.checkpoint import random_state, set_random_state
from harness.trial.read_back import changed_weights, everything, restore_submission, submission_state
from harness.workload import Evaluation

HEAD = """
import collections, copy, functools, itertools, math, random, types, weakref
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from contextlib import contextmanager
from dataclasses import dataclass, field
import numpy as np
import torch
from torch import nn
from harness.schedules import warmup_then_cosine, warmup_then_linear
from harness.submission import Submission

"""
SGD = """
class SGD(Submission):
    count = 0

    def setup(self):
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=self.hp.learning_rate, momentum=0.9)

    def step(self, batch):
        super().step(batch)
        self.count += 1

"""
STEPS, EVERY = 20, 6
HP = {"learning_rate": 0.02}


def written(folder: Path, code: str) -> Path:
    """Writes a submission; what does not define its class are methods of one derived from SGD, behind what precedes `# methods`."""
    if "class Mine" not in code:
        head, _, methods = code.rpartition("# methods\n")
        code = f"{head}{SGD}class Mine(SGD):\n{textwrap.indent(methods, '    ')}\n"
    elif "(SGD)" in code:
        code = SGD + code
    folder.mkdir(exist_ok=True, parents=True)
    (folder / "submission.py").write_text(HEAD + code)
    return folder


def advance(session: Session, until: int) -> None:
    """Trains on, with an evaluation every so many steps."""
    while session.steps < until:
        session.advance(1)
        if session.steps % EVERY == 0:
            before = random_state()
            with session.submission.eval_weights():
                loss = session.loss()
            set_random_state(before)
            session.submission.on_eval(Evaluation(loss, loss))


def started(folder: Path) -> Session:
    torch.manual_seed(0)
    return begin(load_submission(folder), HP)


def checkpoint(session: Session) -> dict[str, Any]:
    """Returns a checkpoint as it is read from a file."""
    parts = {"weights": session.model.state_dict(), "stream": session.stream.state_dict(), "random": random_state()}
    file = io.BytesIO()
    torch.save({**submission_state(session.submission), **parts}, file)
    file.seek(0)
    read: dict[str, Any] = torch.load(file, weights_only=True)
    return read


def restarted(folder: Path, state: dict[str, Any], steps: int) -> Session:
    """Returns what goes on from a checkpoint."""
    fresh = started(folder)
    fresh.model.load_state_dict(state["weights"])
    restore_submission(fresh.submission, state)
    fresh.stream.load_state_dict(state["stream"])
    fresh.steps = steps
    set_random_state(state["random"])
    return fresh


def differs(folder: Path, interrupted_at: tuple[int, ...]) -> list[str]:
    """Returns what the runner would refuse, else the parameters that end up different when training was interrupted after some steps."""
    with process_settings_kept():
        whole = started(folder)
        advance(whole, STEPS)
    with process_settings_kept():
        cut = started(folder)
        states = []
        for step in interrupted_at:
            advance(cut, step)
            states.append((step, checkpoint(cut), everything(cut.submission)))
    for step, state, was in states:
        with process_settings_kept():
            fresh = restarted(folder, state, step)
            if lost := compare(was, everything(fresh.submission)):
                return lost
            advance(fresh, STEPS)
        if lost := changed_weights(whole.weights(), fresh.weights()):
            return [f"{name} after {step} steps" for name in lost]
    return []
