"""Whether a submission can be imported at all, found out in a sandboxed process of its own before anything is started."""

import subprocess
import sys
import tempfile
from pathlib import Path

from harness.errors import UserError
from harness.trial.packages import must_be_installed
from harness.trial.runner_process import environment
from harness.trial.sandbox import NOTHING, Mounts, build, choose
from harness.trial.source import copy_folder


def check_importable(folder: Path, sandbox: str) -> None:
    """Imports `folder/submission.py` in another process, in the sandbox mode that trials will use.

    Raises:
        UserError: it raises, or does not define exactly one Submission; what it declares is not installed; or the sandbox does not work.
    """
    must_be_installed(folder)
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / folder.name
        copy_folder(folder, copy)
        with build(choose(sandbox), Mounts(source=copy, data=NOTHING, workload=NOTHING)) as box:
            outcome = subprocess.run(
                [*box.command, "-m", "harness.trial.import_check", str(box.mounts.source)],
                env=environment(1, box.variables),
                pass_fds=box.pass_fds,
                cwd=scratch,
                capture_output=True,
                text=True,
                stdin=subprocess.DEVNULL,
                check=False,
            )
    if outcome.returncode:
        lines = outcome.stderr.strip().splitlines() or ["submission.py ended the process that imported it"]
        raise UserError(lines[-1].replace(str(box.mounts.source), str(folder)))


def main() -> int:
    """Imports the submission in the folder that is the one argument."""
    from harness.project.plugins import load_submission

    try:
        load_submission(Path(sys.argv[1]), copied=True)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
