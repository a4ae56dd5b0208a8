"""What the static part finds, line by line; and what it must leave alone."""

from pathlib import Path

import pytest

from harness.check.finding import Finding
from harness.check.lint import lint

HEAD = "import torch\nfrom harness.submission import Submission\n"
METHOD = "\nclass Mine(Submission):\n    def setup(self):\n        {}\n"
SPACE = "learning_rate: {scale: log, min: 1e-4, max: 1, default: 0.02}\n"


def findings(folder: Path, code: str) -> list[Finding]:
    """The lint's findings in submission.py of a folder that is fine apart from this code."""
    (folder / "submission.py").write_text(code)
    (folder / "space.yaml").write_text(SPACE)
    (folder / "README.md").write_text("# mine\n")
    return [finding for finding in lint(folder) if finding.file == "submission.py"]


IN_SETUP = {
    "self.optimizer = open('w.pt')": ("error", "uses open"),
    "torch.load('w.pt')": ("error", "uses torch.load"),
    "getattr(torch, 'load')('w.pt')": ("error", "uses torch.load"),
    "getattr(torch, 'lo' + 'ad')('w.pt')": ("warning", "name made at run time"),
    "t = torch; t.load('w.pt')": ("error", "uses torch.load"),
    "exec('x')": ("error", "uses exec"),
    "__import__('os')": ("error", "uses __import__"),
    "torch.hub.load('a', 'b')": ("error", "uses torch.hub"),
    "torch.set_num_threads(8)": ("error", "uses torch.set_num_threads"),
    "torch.manual_seed(1)": ("warning", "uses torch.manual_seed"),
    "torch.seed()": ("error", "uses torch.seed"),
    "self.losses.__closure__": ("error", "uses __closure__"),
    "self.setup.__func__.__globals__": ("error", "uses __globals__"),
    "self._clock()": ("error", "uses ._clock"),
    "globals()['x']": ("warning", "uses globals"),
    "torch.nn.functional.gelu = abs": ("error", "replaces torch.nn.functional.gelu"),
    "torch.optim.AdamW.step = abs": ("error", "replaces torch.optim.AdamW.step"),
    "Submission.step = abs": ("error", "replaces harness.submission.Submission.step"),
    "setattr(torch, 'equal', abs)": ("error", "replaces torch.equal"),
    "setattr(self.model, 'x' + 'y', abs)": ("error", "setattr on self.model"),
    "torch.backends.cudnn.benchmark = True": ("warning", "sets torch.backends.cudnn.benchmark"),
    "self.model = torch.compile(self.model)": ("error", "replaces self.model"),
    "self.model.forward = abs": ("error", "replaces self.model.forward"),
    "m = self.model; m.head = None": ("error", "replaces self.model.head"),
    "self.model.register_forward_hook(abs)": ("warning", "calls register_forward_hook"),
    "self.model.add_module('a', None)": ("error", "calls add_module"),
    "self.model.register_buffer('a', None)": ("error", "calls register_buffer"),
    "[setattr(m, 'p', 0.0) for m in self.model.modules()]": ("error", "sets .p"),
    "for m in self.model.modules(): m.p = 0.0": ("error", "sets .p"),
    "self.model.__dict__['x'] = 1": ("error", "writes into __dict__"),
    "vars(torch)['equal'] = abs": ("error", "writes into vars"),
    "self.model.eval()": ("warning", "calls self.model.eval"),
    "torch.nn.init.zeros_(self.model.head.weight)": ("warning", "uses torch.nn.init"),
    "n = len(list(self.model.parameters())); self.x = n == 37": ("error", "compares parameters with a constant"),
    "self.losses = abs": ("warning", "replaces self.losses"),
    "self.x = self.workload.metric == 'error_rate'": ("error", "compares workload.metric"),
    "self.x = self.workload.loss_kind == 'cross_entropy'": ("warning", "compares workload.loss_kind"),
    "self.x = self.workload.step_hint > 1000": ("warning", "compares workload.step_hint"),
    "h = self.workload.step_hint; self.x = h == 800": ("error", "compares workload.step_hint"),
    "self.x = {'nats': 1}[self.workload.metric]": ("error", "looks up by workload.metric"),
    "self.x = {'nats': 1}.get(self.workload.metric)": ("error", "looks up by workload.metric"),
    "[p for p in self.model.parameters() if p.shape == (50257, 768)]": ("error", "compares shape"),
    "[p for p in self.model.parameters() if p.numel() > 10000]": ("warning", "compares numel"),
    "self.x = sum(p.numel() for p in self.model.parameters()) == 124000000": ("error", "with a constant"),
    "[n for n, p in self.model.named_parameters() if 'head' in n]": ("warning", "asks for a parameter's name"),
    "[name for name in self.roles if name.startswith('blocks')]": ("warning", "asks for a parameter's name"),
    "match self.workload.metric:\n            case 'a': pass": ("error", "chooses by workload.metric"),
    "self.x = self.hp.learning_rat": ("error", "reads self.hp.learning_rat, which space.yaml does not have"),
}
IMPORTS = {
    "import harness.trial.clock": ("error", "imports harness.trial.clock"),
    "from harness import data": ("error", "imports harness.data"),
    "from harness.campaign.plan import Plan": ("error", "imports harness.campaign.plan"),
    "from workloads.lm import data": ("error", "imports workloads.lm"),
    "import subprocess": ("error", "imports subprocess"),
    "from concurrent.futures import ThreadPoolExecutor": ("error", "imports concurrent.futures"),
    "from torch import multiprocessing": ("error", "imports torch.multiprocessing"),
    "import os": ("error", "imports os"),
    "from os import environ as e": ("error", "imports os.environ"),
    "import gc, inspect": ("error", "imports gc"),
    "import pickle as p": ("error", "imports pickle"),
    "from pathlib import Path": ("error", "imports pathlib"),
    "from .. import nadamw": ("error", "imports from outside its folder"),
    "import time": ("warning", "imports time"),
    "import base64": ("warning", "imports base64"),
    "import heavyball": ("error", "imports heavyball, which is not declared"),
    "import hashlib": ("warning", "imports hashlib"),
    "import timm": ("error", "imports timm"),
    "import sys\nF = sys._getframe": ("error", "uses sys._getframe"),
    "import sys as s\nM = s.modules": ("error", "uses sys.modules"),
    "from random import SystemRandom\nR = SystemRandom": ("error", "uses random.SystemRandom"),
    "import time\ndef f(): time.sleep(1)": ("error", "uses time.sleep"),
    "import time\ndef f(g): g.manual_seed(int(time.time()))": ("error", "manual_seed() seeded with time.time"),
    "import numpy as np\ndef f(): return np.random.default_rng()": ("error", "default_rng() without a seed"),
    "import numpy as np\ndef f(): return np.load('x.npy')": ("error", "uses numpy.load"),
    "print('hello')": ("error", "does something at module level"),
    "WEIGHTS = torch.zeros(3)": ("error", "computes something at module level"),
    "for i in range(3): pass": ("error", "a for statement at module level"),
    "def f(x=torch.zeros(3)): return x": ("error", "a default value of f is computed"),
    "if True:\n    torch.rand(3)": ("error", "does something at module level"),
    "class A:\n    x = torch.zeros(3)": ("error", "in the body of class A"),
    "def now(f): return f\n@now\ndef g(): pass": ("error", "a decorator of its own on g"),
    "class A:\n    def __init_subclass__(cls): pass": ("warning", "defines __init_subclass__"),
}
PER_STEP = {
    "def step(self, batch):\n        print(self.losses(batch).mean().item())": ("warning", "print() in step"),
    "def select(self, stream):\n        return self.pick(stream)\n    def pick(self, s):\n        s.x.item()": (
        "warning",
        ".item() in pick",
    ),
    "def step(self, batch):\n        torch.cuda.synchronize()": ("warning", "torch.cuda.synchronize() in step"),
}


@pytest.mark.parametrize(("line", "expected"), IN_SETUP.items())
def test_found_in_a_method(tmp_path: Path, line: str, expected: tuple[str, str]) -> None:
    found = findings(tmp_path, HEAD + METHOD.format(line))
    assert [f for f in found if f.level == expected[0] and expected[1] in f.what and f.line == 6], found


@pytest.mark.parametrize(("line", "expected"), IMPORTS.items())
def test_found_at_module_level(tmp_path: Path, line: str, expected: tuple[str, str]) -> None:
    found = findings(tmp_path, HEAD + line + METHOD.format("pass"))
    assert [f for f in found if f.level == expected[0] and expected[1] in f.what and f.line >= 3], found


@pytest.mark.parametrize(("method", "expected"), PER_STEP.items())
def test_found_where_every_step_waits(tmp_path: Path, method: str, expected: tuple[str, str]) -> None:
    found = findings(tmp_path, f"{HEAD}{METHOD.format('self.x = self.hp.learning_rate')}\n    {method}\n")
    assert expected in [(f.level, f.what) for f in found], found


HONEST = '''"""Muon for matrices, AdamW for the rest, EMA at evaluation."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F

from harness.schedules import warmup_then_linear
from harness.submission import Submission
from harness.workload import Batch

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
TINY = 2 * math.pi * 10**-8
DTYPE: torch.dtype = torch.bfloat16


@dataclass
class Slot:
    norms: list = field(default_factory=list)
    p: float = 0.5


class Muon(torch.optim.Optimizer):
    def __init__(self, params, lr=1e-3, eps=1e-7):
        super().__init__(params, {"lr": lr})
        self.eps = eps

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None and p.ndim == 2 and p.shape[0] > 1:
                    p.add_(p.grad / (p.grad.norm() + self.eps), alpha=-group["lr"])


class Mine(Submission):
    clip_norm = 1.0

    def setup(self):
        groups = {"hidden": [], "other": []}
        for name, p in self.model.named_parameters():
            groups["hidden" if self.roles[name] in ("hidden", "conv") else "other"].append(p)
        self.optimizer = Muon(groups["hidden"] + groups["other"], lr=self.hp.learning_rate)
        self.schedule = warmup_then_linear(self.optimizer, 0.05, self.horizon)
        self.average = [p.detach().clone() for p in self.model.parameters()]
        self.best = math.inf

    def batch_size(self, workload):
        return 2 * workload.reference_batch

    def step(self, batch: Batch):
        super().step(batch)
        noise = torch.rand(3, generator=self.generator)
        torch._foreach_lerp_(self.average, list(self.model.parameters()), 0.1)
        F.relu(noise, inplace=True)

    @contextmanager
    def eval_weights(self) -> Iterator[None]:
        with torch.no_grad():
            kept = [p.clone() for p in self.model.parameters()]
            for p, average in zip(self.model.parameters(), self.average, strict=True):
                p.copy_(average)
            yield
            for p, value in zip(self.model.parameters(), kept, strict=True):
                p.data = value

    def on_eval(self, evaluation):
        better = min if self.workload.direction == "minimize" else max
        self.best = better(self.best, evaluation.metric)
        if self.best <= self.workload.target:
            print(evaluation.loss)
'''


def test_an_honest_submission_is_left_alone(tmp_path: Path) -> None:
    found = findings(tmp_path, HONEST)
    assert [f.what for f in found if "lines of code" not in f.what] == []
    assert [f.level for f in found] == ["warning"]


def test_files(tmp_path: Path) -> None:
    findings(tmp_path, HONEST)
    (tmp_path / "space.yaml").write_text(SPACE + "beta: {scale: linear, min: 0, max: 1, default: 0.5}\n")
    (tmp_path / "README.md").unlink()
    (tmp_path / "weights.bin").write_bytes(b"\0")
    (tmp_path / "helper.py").write_text("def broken(:\n")
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "x.pyc").write_bytes(b"0")
    found = {finding.file: finding for finding in lint(tmp_path)}
    assert "is missing" in found["README.md"].what
    assert "is no text" in found["weights.bin"].what
    assert "beta is never read" in found["space.yaml"].what
    assert (found["helper.py"].level, found["helper.py"].line) in (("error", 1), ("warning", 0))
    assert "__pycache__/x.pyc" not in found
    assert [f for f in lint(tmp_path) if f.file == "helper.py" and "is not Python" in f.what]


def test_a_bad_space_is_an_error(tmp_path: Path) -> None:
    findings(tmp_path, HONEST)
    (tmp_path / "space.yaml").write_text("learning_rate: {scale: log, min: 2, max: 1, default: 1}\n")
    assert any(f.level == "error" and "min 2 is above max 1" in f.what for f in lint(tmp_path))


@pytest.mark.parametrize(
    ("method", "hook"), [("evalWeights", "eval_weights"), ("setUp", "setup"), ("on_evaluation", None), ("batchsize", "batch_size")]
)
def test_a_misspelt_hook(tmp_path: Path, method: str, hook: str | None) -> None:
    found = [f for f in findings(tmp_path, HONEST + f"\n    def {method}(self):\n        pass\n") if "never calls" in f.what]
    assert [f.advice for f in found] == ([f"did you mean {hook}()?"] if hook else [])


def test_an_empty_readme_and_a_byte_order_mark(tmp_path: Path) -> None:
    findings(tmp_path, HONEST)
    (tmp_path / "README.md").write_text(" \n")
    (tmp_path / "submission.py").write_text(HONEST, encoding="utf-8-sig")
    assert [(f.level, f.file, f.what) for f in lint(tmp_path) if f.level == "error"] == [("error", "README.md", "is empty")]


def test_a_finding_is_one_line() -> None:
    assert str(Finding("warning", "submission.py", 12, "does this", "mind it")) == "warning  submission.py:12: does this -- mind it"
