"""What a runner is shown of the machine: through `bwrap` a world without ledger, held-out data, network or other processes.

Inside, the runner finds the system's programs and libraries, Python, the harness and its workload's code (without the modules that make
data), all read-only; its submission, training data, scratch and checkpoint under neutral names. Only scratch, /tmp and /dev/shm can be
written, the last two up to a size.
"""

import functools
import glob
import hashlib
import marshal
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import UserError

PROJECT = Path(__file__).resolve().parents[2]
INSIDE = Path("/finishline")
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/etc", "/sys")
DEVICES = ("/dev/nvidia*", "/dev/dri", "/dev/kfd")
NETWORK_DEVICES = ("/dev/infiniband",)
OPEN = "bwrap+network"
"""The mode of a trial on several nodes, as its record says it."""
TMP_BYTES = 4 << 30
PACKAGES = ("lib/python3*/site-packages", "lib/python3*/dist-packages", "lib/python3/dist-packages")


@dataclass(frozen=True)
class View:
    """The folders that a trial's runner works with. `veiled` are Python files outside of them that contain held-out text."""

    source: Path
    data: Path
    scratch: Path
    checkpoint: Path | None
    workload: Path
    veiled: Sequence[Path] = ()


@dataclass(frozen=True)
class Sandbox:
    """How to start a runner: the command to put before its own, and the folders as it sees them."""

    mode: str
    command: tuple[str, ...]
    view: View


def choose(wanted: str) -> str:
    """Returns `bwrap` or `none` for a wanted mode, `auto` being bwrap where it works.

    Raises:
        UserError: bwrap is wanted and does not work here.
    """
    if wanted == "none" or (wanted == "auto" and not works()):
        return "none"
    if not works():
        raise UserError("sandbox=bwrap does not work here: install bubblewrap (apt-get install bubblewrap) and allow user namespaces")
    return "bwrap"


@functools.cache
def works() -> bool:
    """Whether bwrap is installed and may do here what it is for."""
    if shutil.which("bwrap") is None:
        return False
    command = ["bwrap", *_namespaces(), "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "true"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def build(mode: str, view: View, cache: Path, alone: bool = True) -> Sandbox:
    """Returns the sandbox of a mode that `choose` gave; `cache` is where veiled modules are kept.

    A runner that is not `alone`, but has ranks on other nodes, is left the network; the mode then says so.

    Raises:
        UserError: data or ledger lie in a folder that every runner is shown.
    """
    if mode == "none":
        return Sandbox(mode, (), view)
    inside = View(
        source=INSIDE / "submission",
        data=INSIDE / "data",
        scratch=INSIDE / "scratch",
        checkpoint=INSIDE / "checkpoint" if view.checkpoint else None,
        workload=view.workload,
    )
    words = ["bwrap", *_namespaces(alone), "--proc", "/proc", "--dev", "/dev"]
    for place in ("/tmp", "/dev/shm"):  # first: the project may lie below /tmp
        words += ["--size", str(TMP_BYTES), "--tmpfs", place]
    shown = [Path(path) for path in dict.fromkeys((*SYSTEM, sys.base_prefix, sys.prefix, *_libraries()))]
    _must_be_hidden(view.data, shown)
    for path in shown:
        words += ["--ro-bind-try", str(path), str(path)]
    for path in dict.fromkeys(_foreign_packages(shown)):
        words += ["--tmpfs", str(path), "--remount-ro", str(path)]
    for device in (path for pattern in (*DEVICES, *(() if alone else NETWORK_DEVICES)) for path in glob.glob(pattern)):
        words += ["--dev-bind", device, device]
    for module in _code(view.workload):
        words += ["--ro-bind", str(module), str(module)]
    for module in _generators(view.workload):
        if any(module.is_relative_to(path) for path in shown):
            words += ["--ro-bind", "/dev/null", str(module)]
    words += ["--ro-bind", str(view.source), str(inside.source)]
    for part in ("train", "shared"):
        words += ["--ro-bind-try", str(view.data / part), str(inside.data / part)]
    for hidden, stand_in in _veil(view.veiled, cache):
        words += ["--ro-bind", str(stand_in), str(hidden)]
    if view.checkpoint and inside.checkpoint:
        words += ["--ro-bind", str(view.checkpoint), str(inside.checkpoint)]
    words += ["--size", str(TMP_BYTES), "--tmpfs", str(inside.scratch)]
    words += ["--remount-ro", "/dev", "--remount-ro", "/", "--"]
    return Sandbox(
        mode if alone else OPEN,
        tuple(words),
        View(inside.source, inside.data, inside.scratch, view.checkpoint and inside.checkpoint, view.workload),
    )


def _namespaces(alone: bool = True) -> list[str]:
    no_network = ("--unshare-net", "--unshare-uts", "--hostname", "runner") if alone else ()
    always = ("--unshare-pid", "--unshare-ipc", "--unshare-cgroup-try", "--die-with-parent", "--new-session", "--cap-drop", "ALL")
    return [*always, *no_network]


def _libraries() -> list[str]:
    return [path for path in os.environ.get("LD_LIBRARY_PATH", "").split(":") if path.startswith("/")]


def _must_be_hidden(path: Path, shown: Iterable[Path]) -> None:
    for folder in shown:
        if path.resolve().is_relative_to(folder.resolve()):
            raise UserError(f"{path} lies below {folder}, which submissions can read: choose another out=, or another FINISHLINE_CACHE")


def _foreign_packages(shown: Iterable[Path]) -> Iterable[Path]:
    """The folders of Python packages that this Python does not use: other copies of a veiled text could lie there."""
    own = [Path(path).resolve() for path in sys.path if path]
    for prefix in (*shown, Path("/usr/local")):
        for folder in (path for pattern in PACKAGES for path in prefix.glob(pattern)):
            if folder.is_dir() and not any(path == folder.resolve() or path.is_relative_to(folder.resolve()) for path in own):
                yield folder.resolve()


def _code(workload: Path) -> Iterable[Path]:
    """The harness, and of the workloads' code what a runner needs: modules that make data stay outside."""
    yield PROJECT / "harness"
    for folder in (PROJECT / "workloads", workload):
        yield from (path for path in sorted(folder.glob("*.py")) if not path.stem.endswith("data"))


def _generators(workload: Path) -> Iterable[Path]:
    """The modules that make data, and their byte code: hidden also where the whole project is shown, as an installed package is."""
    for folder in (PROJECT / "workloads", workload):
        yield from (*folder.glob("*data.py"), *folder.glob("__pycache__/*data.*.pyc"))


def _veil(paths: Sequence[Path], cache: Path) -> Iterable[tuple[Path, Path]]:
    """Yields (file, stand-in): the same module as byte code without docstrings, so that it can be imported and not be read as text.

    The byte code that Python itself keeps beside the file is hidden.
    """
    if not paths:
        return
    names = "\n".join([sys.version, *(f"{path} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in paths)])
    folder = cache / f"veil-{hashlib.sha256(names.encode()).hexdigest()[:16]}"
    if not folder.is_dir():
        aside = Path(tempfile.mkdtemp(dir=cache, prefix=".veil."))
        for number, path in enumerate(paths):
            code = marshal.dumps(compile(path.read_bytes(), "veiled", "exec", optimize=2))
            (aside / f"{number}.py").write_text(f"import marshal\nexec(marshal.loads({code!r}))\n")
        try:
            aside.rename(folder)
        except OSError:
            shutil.rmtree(aside)
    for number, path in enumerate(paths):
        yield path, folder / f"{number}.py"
        for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
            yield compiled, Path("/dev/null")
