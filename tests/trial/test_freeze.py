"""What is frozen does not run, and what ran is counted: by the kernel's control group, and by signals where there is none."""

import contextlib
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import psutil
import pytest

from harness.trial.cgroup import ControlGroup, StillRunning, delegated
from harness.trial.processes import Tree, adopt_orphans

SPIN = "print('here', flush=True)\nwhile True: pass"
FAMILY = """
import os, threading
def spin():
    while True: pass
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            threading.Thread(target=spin, daemon=True).start()
            spin()
        os._exit(0)
print("here", flush=True)
spin()
"""
CHILDREN = """
import os, signal, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
used = 0.0
for _ in range(10):
    read, write = os.pipe()
    if os.fork() == 0:
        while time.process_time() < 0.03: pass
        os.write(write, str(time.process_time()).encode()); os._exit(0)
    used += float(os.read(read, 100))
print(used, flush=True)
signal.pause()
"""

Start = Callable[[str], tuple[Tree, str]]


@pytest.fixture(params=["control group", "signals"])
def start(request: pytest.FixtureRequest) -> Iterator[Start]:
    """Returns a function that runs a program and returns its tree and the first line that it prints."""
    adopt_orphans()
    parent = delegated() if request.param == "control group" else None
    if request.param == "control group" and parent is None:
        pytest.fail("there is no control group here: these tests need root, or a user session of systemd")
    with contextlib.ExitStack() as stack:

        def begin(code: str) -> tuple[Tree, str]:
            group = ControlGroup(parent) if parent is not None else None
            join = group.join if group is not None else None
            process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, preexec_fn=join)
            tree = Tree(process.pid, group)
            for close in ([group.close] if group is not None else []) + [process.stdout.close, tree.reap, process.wait, tree.kill]:
                stack.callback(close)
            return tree, process.stdout.readline()

        yield begin


def ran_ns(tree: Tree) -> int:
    """The nanoseconds that all threads of the tree have been on a processor."""
    total = 0
    for process in tree.members():
        for thread in process.threads():
            with open(f"/proc/{process.pid}/task/{thread.id}/schedstat") as file:
                total += int(file.read().split()[0])
    return total


def wait_for(condition: Callable[[], bool]) -> None:
    while not condition():
        pass


@pytest.mark.parametrize("code", [SPIN, FAMILY], ids=["one", "family"])
def test_what_is_frozen_stands_until_it_is_thawed(start: Start, code: str) -> None:
    tree, _ = start(code)
    for _ in range(3):
        tree.freeze()
        before, cpu_s = ran_ns(tree), tree.cpu_s()
        for _ in range(20):  # one look alone takes longer than a running thread needs to be seen
            assert ran_ns(tree) == before
        assert tree.cpu_s() == cpu_s
        tree.thaw()
        wait_for(lambda earlier=before: ran_ns(tree) > earlier)


def test_nothing_is_left_after_a_kill_not_even_what_is_frozen(start: Start) -> None:
    tree, _ = start(FAMILY)
    tree.freeze()
    members = tree.members()
    assert len(members) >= 4
    tree.kill()
    assert [p for p in members if p.is_running() and p.status() != psutil.STATUS_ZOMBIE] == []


def test_a_process_that_was_woken_is_seen(start: Start, request: pytest.FixtureRequest) -> None:
    """Only without a control group can a signal wake it at all; then thawing says that it ran."""
    tree, _ = start(SPIN)
    tree.freeze()
    before = ran_ns(tree)
    (spinner,) = tree.members()
    spinner.send_signal(signal.SIGCONT)
    if "signals" in request.node.name:
        wait_for(lambda: ran_ns(tree) > before)
        with pytest.raises(StillRunning, match="ran on while the clock stood"):
            tree.thaw()
    else:
        assert ran_ns(tree) == before
        tree.thaw()


def test_children_that_nobody_waits_for_are_counted(start: Start, request: pytest.FixtureRequest) -> None:
    """By signals alone they are lost, which is why the sandbox refuses handlers for SIGCHLD (test_sandbox.py)."""
    tree, used = start(CHILDREN)
    counted = "control group" in request.node.name
    assert (tree.cpu_s() >= 0.9 * float(used)) == counted
