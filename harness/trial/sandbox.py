"""What a runner is shown of the machine, and what it may do there: with bwrap a world of its own, closed towards everything else.

Inside, the runner finds Python, the packages that finishline and the submission declare, the shared libraries and the compiler; the
harness, its workload's code (without the modules that make data), its training data and its submission; all of it read-only and none of
it at a path that tells which trial this is. It can write to scratch (which is /tmp, too) and /dev/shm, both in memory and up to a size.
What it may do is what harness/trial/seccomp.py lets through, as a user who owns nothing, without any capability (harness/trial/confine.py).
"""

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType

import psutil

from harness.errors import UserError
from harness.trial import seccomp
from harness.trial.mounts import MountPlan
from harness.trial.packages import must_be_installed, packages
from harness.trial.system import PYTHON, SYSTEM_PATH, show_system
from harness.workload import Workload

PROJECT = Path(__file__).resolve().parents[2]
INSIDE = Path("/finishline")
SCRATCH = INSIDE / "scratch"
"""The folder that a runner in a sandbox can write to. It is in memory, and nobody else sees it."""
CODE, PACKAGES = INSIDE / "code", INSIDE / "packages"
OPEN = "bwrap+network"
"""The mode of a trial on several nodes, as its record says it."""
TMPFS_SHARE = 0.25
"""Scratch and /dev/shm may each take this share of the memory that is free when a trial starts."""
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "CUDA_HOME", "TMPDIR")
PASSED_ON_INTO = ("LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES")
NOTHING = Path("/nothing")
"""The data, or the workload, of a program that has none."""
FIRST_UID = 1_900_000_000
"""A root referee runs its trial as the user of this number plus its own process id: numbers that systemd leaves to nobody."""
NOBODY = 65534
UID_OF_A_USERS_TRIAL = 1000
"""Inside alone: outside it is the user's own."""


@dataclass(frozen=True)
class Mounts:
    """What a runner works with.

    `source` and `workload` are the folders with the code of submission and workload, `data` that of the data cache. `modules` are what the
    workload's code needs of `workloads/` itself, `hidden` the installed distributions that hold held-out data of any workload.
    """

    source: Path
    data: Path
    workload: Path
    modules: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()

    @staticmethod
    def of(workload: Workload, folder: Path, source: Path, data: Path) -> "Mounts":
        """Returns the mounts of a trial of a workload whose code is in `folder`."""
        hidden = tuple(getattr(workload, "held_out_distributions", ()))
        return Mounts(source=source, data=data, workload=folder, modules=workload.runner_modules, hidden=hidden)


@dataclass(frozen=True)
class Sandbox:
    """How to start a Python in it, once: `command` before Python's arguments, with `variables` and `pass_fds`; the mounts as it sees them.

    A context: leaving it closes the descriptors, which whoever was started has by then.
    """

    mode: str
    command: tuple[str, ...]
    mounts: Mounts
    variables: Mapping[str, str]
    pass_fds: tuple[int, ...] = ()

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for descriptor in self.pass_fds:
            os.close(descriptor)


def choose(wanted: str) -> str:
    """Returns `bwrap` or `none` for a wanted mode, `auto` being bwrap where it works.

    Raises:
        UserError: bwrap is wanted and does not work here.
    """
    if wanted == "none" or (wanted == "auto" and not works()):
        return "none"
    if not works():
        advice = "install bubblewrap 0.8 or later (apt-get install bubblewrap) and allow user namespaces"
        raise UserError(f"sandbox=bwrap does not work here ({_trouble()}): {advice}")
    return "bwrap"


def works() -> bool:
    """Whether a program can be run in a sandbox here."""
    return not _trouble()


@functools.cache
def _trouble() -> str:
    """Returns why no program can be run in a sandbox here, "" if one can."""
    if shutil.which("bwrap") is None:
        return "there is no bwrap"
    try:
        with build("bwrap", Mounts(source=NOTHING, data=NOTHING, workload=NOTHING)) as box:
            command = [*box.command, "-S", "-c", ""]
            done = subprocess.run(
                command, env=dict(box.variables), pass_fds=box.pass_fds, capture_output=True, text=True, errors="replace", check=False
            )
    except UserError as error:
        return str(error)
    said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
    return said[-1] if done.returncode else ""


def build(mode: str, mounts: Mounts, alone: bool = True) -> Sandbox:
    """Returns the sandbox of a mode that `choose` gave.

    A runner that is not `alone`, but has ranks on other nodes, is left the network; the mode then says so.

    Raises:
        UserError: data or submission lie in a folder that every runner is shown, cannot be read by others, or requirements.txt is wrong.
    """
    if mode == "none":
        must_be_installed(mounts.source)
        variables = {name: os.environ[name] for name in PASSED_ON if name in os.environ} | {"PYTHONPATH": str(PROJECT)}
        return Sandbox(mode, (sys.executable,), mounts, variables)
    plan = MountPlan()
    try:
        uid, filter_fd = _restrict(plan, alone)
        _show(plan, mounts, uid, alone)
        arguments = plan.memory("\0".join(plan.words).encode())
    except BaseException:
        plan.close()
        raise
    confine = (str(PYTHON), "-I", "-S", str(CODE / "harness/trial/confine.py"), str(uid), str(filter_fd))
    variables = {name: os.environ[name] for name in PASSED_ON_INTO if name in os.environ}
    variables |= {"PATH": SYSTEM_PATH, "HOME": str(SCRATCH), "LC_ALL": "C.UTF-8"}
    variables |= {"PYTHONPATH": f"{CODE}:{PACKAGES}", "PYTHONNOUSERSITE": "1"}
    inside = replace(mounts, source=INSIDE / "submission", data=INSIDE / "data", workload=CODE / "workloads" / mounts.workload.name)
    return Sandbox(
        mode=mode if alone else OPEN,
        command=(shutil.which("bwrap") or "bwrap", "--args", str(arguments), "--", *confine),
        mounts=inside,
        variables=variables,
        pass_fds=tuple(plan.descriptors),
    )


def _restrict(plan: MountPlan, alone: bool) -> tuple[int, int]:
    """Gives the view its namespaces; returns the user that the runner becomes, and the filter that it loads to do so, or -1.

    A root referee's runner keeps until then what it takes to become that user. Another's is in a user namespace from the start, and so is
    the process of bwrap's own that it shares its user with: there the filter is bwrap's to load, for both.
    """
    plan.words += ["--unshare-pid", "--unshare-ipc", "--unshare-cgroup-try", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    if alone:
        plan.words += ["--unshare-net", "--unshare-uts", "--hostname", "runner"]
    program = plan.memory(seccomp.program())
    if os.geteuid() == 0:
        plan.words += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID", "--cap-add", "CAP_SETPCAP"]
        own = FIRST_UID + os.getpid()
        return (own if _exists(own) else NOBODY), program
    uid = UID_OF_A_USERS_TRIAL
    plan.words += ["--unshare-user", "--uid", str(uid), "--gid", str(uid), "--disable-userns", "--seccomp", str(program)]
    return uid, -1


def _exists(uid: int) -> bool:
    """Whether there is a user, and a group, of this number in the user namespace of this process."""
    lines = [line.split() for name in ("uid_map", "gid_map") for line in Path(f"/proc/self/{name}").read_text().splitlines()]
    return sum(int(first) <= uid < int(first) + int(count) for first, _, count in lines) == 2


def _show(plan: MountPlan, mounts: Mounts, uid: int, alone: bool) -> None:
    size_bytes = int(TMPFS_SHARE * psutil.virtual_memory().available)
    plan.words += ["--proc", "/proc", "--ro-bind", "/proc/sys", "/proc/sys", "--dev", "/dev"]
    plan.scratch(Path("/dev/shm"), size_bytes)
    plan.scratch(SCRATCH, size_bytes)
    plan.link(str(SCRATCH.relative_to("/")), Path("/tmp"))  # before what follows: the project may lie below /tmp
    show_system(plan, uid, alone)
    for package, path in packages(mounts.source, mounts.hidden).items():
        (plan.bind if path.is_dir() else plan.copy)(path, PACKAGES / package)
    plan.must_not_show((mounts.data, mounts.source))
    for path, place in _code(mounts):
        plan.copy(path, place)
    for part in ("train", "shared"):
        if (mounts.data / part).is_dir():
            plan.bind(mounts.data / part, INSIDE / "data" / part)
    plan.words += ["--chdir", str(SCRATCH), "--remount-ro", "/dev", "--remount-ro", "/"]


def _code(mounts: Mounts) -> Iterator[tuple[Path, Path]]:
    """Yields (file, place) of the harness, the submission, and what the workload declares; modules that make data stay outside."""
    for path in (PROJECT / "harness").rglob("*.py"):
        yield path, CODE / path.relative_to(PROJECT)
    for path in (PROJECT / "workloads" / f"{name}.py" for name in ("__init__", *mounts.modules)):
        yield path, CODE / path.relative_to(PROJECT)
    for path in (mounts.workload / f"{name}.py" for name in ("__init__", "workload", "model")):
        if path.is_file():
            yield path, CODE / "workloads" / mounts.workload.name / path.name
    for path in mounts.source.rglob("*"):
        if path.is_file():
            yield path, INSIDE / "submission" / path.relative_to(mounts.source)
