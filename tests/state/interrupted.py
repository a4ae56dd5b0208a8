"""Running a small submission whole, and interrupted after some steps: what both leave behind must be the same, bit by bit."""

import io
from pathlib import Path
from typing import Any

import torch

from harness.check.rehearsal import Bout, begin
from harness.plugins import load_submission
from harness.trial.checkpoint import random_state, set_random_state
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
STEPS, EVERY = 30, 7
HP = {"learning_rate": 0.02}


def written(folder: Path, code: str) -> Path:
    """Writes a submission; what does not define its class are methods of one derived from SGD."""
    if "(Submission)" not in code:
        body = "\n".join("    " + line for line in code.splitlines())
        marker = "#methods\n"
        head, _, methods = code.rpartition(marker)
        body = "\n".join("    " + line for line in methods.splitlines())
        code = f"{head}{SGD}class Mine(SGD):\n{body}\n"
    folder.mkdir(exist_ok=True)
    (folder / "submission.py").write_text(HEAD + code)
    return folder


def advance(bout: Bout, until: int) -> None:
    """Trains on, with an evaluation every so many steps."""
    while bout.steps < until:
        bout.advance(1)
        if bout.steps % EVERY == 0:
            before = random_state()
            with bout.submission.eval_weights():
                loss = bout.loss()
            set_random_state(before)
            bout.submission.on_eval(Evaluation(loss, loss))


def started(folder: Path) -> Bout:
    torch.manual_seed(0)
    return begin(load_submission(folder), HP)


def through_a_file(state: dict[str, Any]) -> dict[str, Any]:
    """Returns a state as it is read from a checkpoint."""
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    read: dict[str, Any] = torch.load(file, weights_only=True)
    return read


def restarted(folder: Path, bout: Bout) -> Bout:
    """Returns what goes on from a checkpoint of this one."""
    parts = {"state": bout.submission.state_dict(), "model": bout.model.state_dict(), "stream": bout.stream.state_dict()}
    read = through_a_file({**parts, "random": random_state()})
    fresh = started(folder)
    fresh.model.load_state_dict(read["model"])
    fresh.submission.load_state_dict(read["state"])
    fresh.stream.load_state_dict(read["stream"])
    fresh.steps = bout.steps
    set_random_state(read["random"])
    return fresh


def differs(folder: Path, interrupted_at: int) -> list[str]:
    """Returns the parameters that end up different when training was interrupted after so many steps."""
    whole = started(folder)
    advance(whole, STEPS)
    cut = started(folder)
    advance(cut, interrupted_at)
    fresh = restarted(folder, cut)
    advance(fresh, STEPS)
    ours, theirs = whole.weights(), fresh.weights()
    return [name for name in ours if not torch.equal(ours[name], theirs[name])]
