"""finishline: a race between training algorithms.

  finishline run workload=lm/cpu submission=nadamw [hp.NAME=VALUE] [seed=1] [salt=FILE] [out=DIR]
      one trial; exit code 0 when the target is reached, 3 when not
  finishline launch submissions=[A,B] workloads=[lm/cpu,vit/cpu] out=DIR [ruleset=self|external|quick] [studies=1] [seed=1]
                    [launcher=local|debug|slurm] [racing=time|steps|cpu_time|off] [retries=1] [hardware=NAME] [log=csv|wandb]
                    [withdraw=[A]] [fork=true] [confirm=true] [dry_run=true] [key=PRIVATE_KEY] [salt=FILE]
      a campaign; started again it does only what is missing; all options are explained in configs/launch.yaml
  finishline status DIR [--json]
      where a campaign stands: each cell, hours spent and to come
  finishline cancel DIR [submission=A] [workload=lm/cpu]
      takes a campaign's jobs out of Slurm's queue; `launch` submits them again
  finishline check SUBMISSION [ruleset=self] [hp.NAME=VALUE]
      what is wrong with a submission (name or folder), in seconds and without a GPU; exit code 1 when it breaks a rule
  finishline verify DIR [DIR...] [key=PUBLIC_KEY] [salt=FILE]
      whether ledgers can be what they say: weights evaluated again, hashes, signature, clocks, seeds, and whether
      a planned trial is missing; exit code 1 when anything is off
  finishline sign DIR key=PRIVATE_KEY [incomplete=true] [again=true]
      signs a campaign with an OpenSSH ed25519 key, if its hashes and its plan hold; `launch key=` does so at its end
  finishline score DIR [DIR...] [out=DIR] [clock=time|steps|cpu_time] [reference=A] [bootstrap=1000] [seed=0] [allow_mixed=true]
                   [allow_unsandboxed=true]
  finishline score --algoperf LOGS targets=FILE [rules=algoperf|finishline] [out=DIR]
      the leaderboard of some ledgers, or of AlgoPerf logs
  finishline replay LOGS targets=FILE [studies=K]
      what racing would have saved on AlgoPerf logs, and whether the board stays the same; exit code 1 when not
  finishline targets workload=lm/cpu out=DIR [trials=20] [seeds=5] [seed=1] [submissions=[A,B]]
      what target and budget a workload should have: tunes standard algorithms, repeats the best, writes configs/targets/
  finishline calibrate [name=NAME] [workloads=[A,B]]
      what the reference takes on this machine: writes configs/hardware/NAME.yaml, from which budgets in seconds follow
  finishline list
      workloads with metric, target and budget; submissions with hyperparameters
  finishline --help, finishline --version

Options are written name=value, after the verb. Wrong input gets one line and exit code 2. Data are kept in $FINISHLINE_CACHE.
"""

import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

from harness import __version__
from harness.errors import UserError, suggest

PROJECT = Path(__file__).resolve().parents[1]
VERBS = ("run", "launch", "status", "cancel", "check", "verify", "sign", "score", "replay", "targets", "calibrate", "list")


def main(arguments: Sequence[str] | None = None, root: Path = PROJECT) -> int:
    """Runs the command line and returns the exit code; `root` is the project with configs/, workloads/ and submissions/."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if not words or words[0] in ("--help", "-h", "help") or "--help" in words:
            print(__doc__)
            return 0 if words else 2
        if words[0] in ("--version", "-V"):
            print(f"finishline {__version__}")
            return 0
        if words[0] not in VERBS:
            raise UserError(f"no command '{words[0]}'{suggest(words[0], VERBS)}")
        verb: Callable[[Sequence[str], Path], int] = import_module(f"harness.commands.{words[0]}").main
        return verb(words[1:], root)
    except UserError as error:
        print(f"finishline: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("finishline: interrupted; the same command goes on from the last checkpoint", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
