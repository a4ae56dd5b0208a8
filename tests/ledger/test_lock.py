"""A trial has one owner at a time; dead ones are taken over from."""

import json
import multiprocessing
import os
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import pytest

from harness.ledger.lock import STALE_S, LockHeld, LockInfo, TrialLock, read_lock


def test_the_second_leaves(tmp_path: Path) -> None:
    with TrialLock(tmp_path) as first:
        with pytest.raises(LockHeld, match=f"is being run by process {os.getpid()}"), TrialLock(tmp_path):
            pass
        first.heartbeat()
    assert list(tmp_path.iterdir()) == []
    with TrialLock(tmp_path):
        pass


def test_a_dead_process_is_taken_over_from(tmp_path: Path) -> None:
    take = f"TrialLock(Path({str(tmp_path)!r})).__enter__()"
    code = f"import os; from pathlib import Path; from harness.ledger.lock import TrialLock; {take}; os._exit(0)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
    assert read_lock(tmp_path / "lock.json") is not None
    with TrialLock(tmp_path) as owner:
        owner.heartbeat()


def test_a_reused_process_number_is_not_the_owner(tmp_path: Path) -> None:
    with TrialLock(tmp_path):
        holder = json.loads((tmp_path / "lock.json").read_text())
    (tmp_path / "lock.json").write_text(json.dumps({**holder, "started": holder["started"] - 1000}))
    with TrialLock(tmp_path):
        pass


@pytest.mark.parametrize(("age_s", "taken"), [(0.0, True), (STALE_S / 2, True), (STALE_S + 5, False)])
def test_another_host_is_judged_by_its_beats(tmp_path: Path, age_s: float, taken: bool) -> None:
    file = tmp_path / "lock.json"
    file.write_text(json.dumps(asdict(LockInfo("elsewhere", 1, 0.0, "x"))))
    os.utime(file, (time.time() - age_s, time.time() - age_s))
    if taken:
        with pytest.raises(LockHeld, match="process 1 on elsewhere"), TrialLock(tmp_path):
            pass
    else:
        with TrialLock(tmp_path) as owner:
            owner.heartbeat()


def test_who_lost_it_finds_out(tmp_path: Path) -> None:
    with TrialLock(tmp_path) as owner:
        (tmp_path / "lock.json").write_text(json.dumps(asdict(LockInfo("elsewhere", 1, 0.0, "x"))))
        with pytest.raises(LockHeld, match="taken over by process 1 on elsewhere"):
            owner.heartbeat()
    assert read_lock(tmp_path / "lock.json").host == "elsewhere"


@pytest.mark.parametrize("junk", ["", "{", "[]", '{"host": 1}'])
def test_a_torn_file_is_nobodys(tmp_path: Path, junk: str) -> None:
    (tmp_path / "lock.json").write_text(junk)
    with TrialLock(tmp_path):
        pass


def contend(folder: Path, barrier: object, results: object) -> None:
    for _ in range(30):
        barrier.wait()
        try:
            with TrialLock(folder) as owner:
                inside = folder / "inside"
                descriptor = os.open(inside, os.O_CREAT | os.O_EXCL)
                os.close(descriptor)
                owner.heartbeat()
                inside.unlink()
                results.put("ran")
        except LockHeld:
            results.put("left")
        except FileExistsError:
            results.put("both")


def test_many_at_once(tmp_path: Path) -> None:
    """Four processes take the same trial at once, thirty times: never two inside."""
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(4), context.Queue()
    processes = [context.Process(target=contend, args=(tmp_path, barrier, results)) for _ in range(4)]
    for process in processes:
        process.start()
    seen = [results.get(timeout=60) for _ in range(120)]
    for process in processes:
        process.join()
    assert "both" not in seen
    assert seen.count("ran") >= 30
