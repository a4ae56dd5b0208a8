"""The part that runs the submission: started in a sandboxed process of its own, and listened to."""

import contextlib
import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.check.finding import Finding
from harness.trial.runner_process import environment
from harness.trial.sandbox import NOTHING, Mounts, build, choose
from harness.trial.source import copy_folder

REPORT = "report.jsonl"
LIMIT_S = 300.0


def trial_run(folder: Path, hp: Mapping[str, float | int | str | bool], limit_s: float = LIMIT_S) -> list[Finding]:
    """Runs the submission on a tiny model (harness/check/rehearsal.py), on one core and no GPU, and returns what was found."""
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        copy = scratch / folder.name
        copy_folder(folder, copy)
        box = build(choose("auto"), Mounts(source=copy, data=NOTHING, workload=NOTHING))
        with box, (scratch / REPORT).open("wb") as report, (scratch / "log.txt").open("wb") as log:
            arguments = [str(box.mounts.source), str(report.fileno()), json.dumps(dict(hp))]
            process = subprocess.Popen(
                [*box.command, "-m", "harness.check.rehearsal", *arguments],
                env=environment(1, box.variables) | {"CUDA_VISIBLE_DEVICES": ""},
                pass_fds=[*box.pass_fds, report.fileno()],
                cwd=scratch,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            code = process.wait(limit_s)
            late = ""
        except subprocess.TimeoutExpired:
            code, late = 1, f"did not end within {limit_s:g} s"
        finally:
            _kill(process)
        lines = _read(scratch / REPORT)
        said = (scratch / "log.txt").read_text(errors="replace").strip().splitlines()
    found = [_as_seen_outside(Finding(**line["finding"]), box.mounts) for line in lines if "finding" in line]
    if not any("finished" in line for line in lines):
        stages = [line["stage"] for line in lines if "stage" in line] or ["the start"]
        what = late or f"ended the process that ran it (exit code {code}{f', last words: {said[-1]}' if said else ''})"
        advice = "a step takes milliseconds here: look for a loop or a wait" if late else "a submission raises, it never ends the process"
        found.append(Finding("error", "submission.py", 0, f"{what}, during {stages[-1]}", advice))
    return found


def _as_seen_outside(finding: Finding, inside: Mounts) -> Finding:
    """Returns a finding without the sandbox's own paths."""
    return replace(finding, what=finding.what.replace(f"{inside.source}/", ""), advice=finding.advice.replace(f"{inside.source}/", ""))


def _read(report: Path) -> list[dict[str, Any]]:
    """The lines of a report; a last one that was cut short is left out."""
    lines = []
    for line in report.read_text().splitlines() if report.exists() else []:
        try:
            lines.append(json.loads(line))
        except ValueError:
            break
    return lines


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
