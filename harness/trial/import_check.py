"""Whether a submission can be imported at all, found out in a process of its own before anything is started."""

import subprocess
import sys
from pathlib import Path

from harness.errors import UserError


def check_importable(folder: Path) -> None:
    """Imports `folder/submission.py` in another process.

    Raises:
        UserError: it raises, or does not define exactly one Submission.
    """
    from harness.trial.runner_process import environment

    command = [sys.executable, "-m", "harness.trial.import_check", str(folder)]
    outcome = subprocess.run(command, env=environment(threads=1), capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if outcome.returncode:
        lines = outcome.stderr.strip().splitlines() or [f"{folder / 'submission.py'} ended the process that imported it"]
        raise UserError(lines[-1])


def main() -> int:
    """Imports the submission in the folder that is the one argument."""
    from harness.plugins import load_submission

    try:
        load_submission(Path(sys.argv[1]))
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
