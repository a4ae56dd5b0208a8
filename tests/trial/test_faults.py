"""What breaks around a trial gives a verdict with a reason, or is got over; nothing is lost and nothing half-written is read."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from harness.data import prepare
from harness.errors import UserError
from harness.ledger.record import read_record
from harness.ledger.rows import read_rows
from harness.ledger.spec import TrialSpec
from harness.trial import referee
from harness.trial.referee import run_trial
from harness.trial.session import Timeouts
from harness.workload import Workload
from tests.conftest import Outcome, Silent, World
from tests.trial.referee_time import RefereeTime, UsesUpTheBudget, printed

QUICK = Timeouts(answer_s=0.1)
"""For those that never answer."""

HANGS = {
    "in Python": "while True:\n        pass",
    "in C": "__import__('time').sleep(1e6)",
    "in C with the interpreter's lock held": "__import__('ctypes').PyDLL(None).sleep(1000000)",
    "deaf to signals": """signal = __import__('signal')
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while True:
        pass""",
    "stopped by itself": "os = __import__('os'); os.kill(os.getpid(), __import__('signal').SIGSTOP); __import__('time').sleep(1e6)",
    "in an uninterruptible wait": """ctypes = __import__('ctypes')
    libc, stack = ctypes.CDLL(None), ctypes.create_string_buffer(65536)
    top = ctypes.c_void_p(ctypes.addressof(stack) + 65536 - 64)
    CLONE_VM, CLONE_VFORK = 0x100, 0x4000
    libc.clone(ctypes.cast(libc.pause, ctypes.c_void_p), top, CLONE_VM | CLONE_VFORK | 17, None)""",
}


@pytest.mark.parametrize(
    ("where", "sandbox"), [*((where, "none") for where in HANGS), ("stopped by itself", "bwrap"), ("in an uninterruptible wait", "bwrap")]
)
def test_a_runner_that_hangs_is_timed_out_and_killed(world: World, referee_time: RefereeTime, where: str, sandbox: str) -> None:
    code = f"def step(self, batch):\n    print('hangs', flush=True)\n    {HANGS[where]}\n"
    callback = UsesUpTheBudget(referee_time, printed("hangs", world.root))
    outcome = world.run(code, timeouts=QUICK, callback=callback, sandbox=sandbox)
    assert outcome.record.verdict == "timed_out", outcome.record.reason
    assert "did not answer within 0.1 s" in outcome.record.reason


HOOKS = ["state_dict(self)", "load_state_dict(self, state)", "eval_weights(self)", "done(self)", "on_eval(self, evaluation)"]


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hang_in_a_hook(world: World, referee_time: RefereeTime, hook: str) -> None:
    code = f"def {hook}:\n    print('hangs', flush=True)\n    __import__('time').sleep(1e6)\n"
    callback = UsesUpTheBudget(referee_time, printed("hangs", world.root))
    outcome = world.run(code, timeouts=QUICK, callback=callback, checkpoint_period_s=0.0)
    assert outcome.record.verdict == "timed_out"
    assert "did not answer" in outcome.record.reason


def test_a_clock_step_of_the_system_time_changes_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    true_time = time.time
    jumps = iter(range(10**6))
    monkeypatch.setattr(time, "time", lambda: true_time() + 3600 * next(jumps))
    record = world.run(target=0.05).record
    assert record.verdict == "reached"
    assert record.time_s <= record.wall_s < 3600


@pytest.fixture
def small_disk(world: World) -> Iterator[Path]:
    """A file system of 300 kB, where the first checkpoints fit but the log that grows beside them does not."""
    if os.geteuid():
        pytest.skip("needs root to mount a small disk")
    folder = world.root / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


FILLS = """
def step(self, batch):
    super().step(batch)
    self.made = getattr(self, "made", 0) + 1
    if self.made == 25:
        print("x" * 10**6, flush=True)
"""


def test_a_full_disk_loses_nothing(world: World, small_disk: Path) -> None:
    """The trial ends with a reason or one clear line; with room again it goes on to what an undisturbed trial reaches."""
    filler = small_disk / "filler"

    class FillsAfter(Silent):
        def on_evaluation(self, row: object) -> None:
            super().on_evaluation(row)
            if row.evaluation == 2 and not filler.exists():
                with filler.open("wb") as file:
                    try:
                        while True:
                            file.write(bytes(4096))
                            file.flush()
                    except OSError:
                        pass

    spec = world.spec(target=0.02, checkpoint_period_s=0.0)
    folder = spec.folder(small_disk)
    told = ended(spec, folder, world, FillsAfter())
    assert "No space left" in told
    assert "\n" not in told
    filler.unlink()
    record = run_trial(spec, folder, world.cache, Silent())
    whole = world.run(target=0.02)
    assert record.verdict == "reached"
    assert timeless(Outcome(record, folder)) == timeless(whole)


def ended(spec: TrialSpec, folder: Path, world: World, callback: Silent) -> str:
    """Returns why a trial ended: its record's reason, or the line that the user is told."""
    try:
        record = run_trial(spec, folder, world.cache, callback)
    except UserError as error:
        return str(error)
    assert record.verdict == "crashed"
    return record.reason


def timeless(outcome: Outcome) -> list[tuple[float, ...]]:
    rows = read_rows(outcome.folder / "evals.csv")
    return [(r.evaluation, r.step, r.examples, r.valid_metric, r.valid_loss) for r in rows]


def test_an_out_that_turns_read_only_gets_one_line(world: World, small_disk: Path) -> None:
    class TurnsReadOnly(Silent):
        def on_evaluation(self, row: object) -> None:
            if row.evaluation == 2:
                subprocess.run(["mount", "--bind", "-o", "ro", str(small_disk), str(small_disk)], check=True)

    spec = world.spec(target=0.02)
    with pytest.raises(UserError, match="Read-only file system"):
        run_trial(spec, spec.folder(small_disk), world.cache, TurnsReadOnly())
    subprocess.run(["umount", "--lazy", str(small_disk)], check=True)
    assert run_trial(spec, spec.folder(small_disk), world.cache, Silent()).verdict == "reached"


def test_a_read_only_out_is_refused_before_anything_starts(world: World, small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    spec = world.spec()
    with pytest.raises(UserError, match="cannot be written"):
        run_trial(spec, spec.folder(small_disk), world.cache, Silent())


def test_data_that_vanish_are_named(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = world.spec(target=0.05)
    folder = spec.folder(world.root / "ledger")
    lost = []

    def loses(workload: Workload, cache: Path, salt: str | None) -> Path:
        data = shutil.copytree(prepare(workload, cache, salt), world.root / "copy", dirs_exist_ok=True)
        lost.append(data / "valid" / "columns.npz")
        lost[0].unlink()
        return data

    monkeypatch.setattr(referee, "prepare", loses)
    with pytest.raises(UserError) as refusal:
        run_trial(spec, folder, world.cache, Silent())
    assert f"cannot go on, since something is not there ({lost[0]}): put it back" in str(refusal.value)
    monkeypatch.setattr(referee, "prepare", prepare)
    assert run_trial(spec, folder, world.cache, Silent()).verdict == "reached"


def test_a_record_is_whole_or_absent(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The referee dies while it writes the record: there is none, and the next start makes it."""
    spec = world.spec(target=0.05)
    folder = spec.folder(world.root / "ledger")
    replace = os.replace

    def dies(source: str, target: Path) -> None:
        if str(target).endswith("record.json"):
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(os, "replace", dies)
    with pytest.raises(KeyboardInterrupt):
        run_trial(spec, folder, world.cache, Silent())
    monkeypatch.setattr(os, "replace", replace)
    assert read_record(folder) is None
    assert run_trial(spec, folder, world.cache, Silent()).verdict == "reached"


@pytest.mark.parametrize("memory", ["self.huge = torch.empty(1 << 50)", "self.huge = [bytearray(1 << 28) for _ in range(10**6)]"])
def test_memory_that_runs_out(world: World, memory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(referee, "MEMORY_SHARE", 2**30 / psutil.virtual_memory().total)
    outcome = world.run(f"def step(self, batch):\n    {memory}\n")
    assert outcome.record.verdict == "out_of_memory", outcome.record.reason
