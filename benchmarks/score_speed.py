"""CPU seconds of scoring, imports included: the raw AlgoPerf v0.5 logs, and a signed ledger of 18,000 trials made up here.

    python -m benchmarks.score_speed [LOGS] [--trials 18000]

LOGS is the folder with the submissions' folders of the whole logs, all columns and digits (56 MB): `previous_leaderboards/algoperf_v05` of
https://github.com/mlcommons/submissions_algorithms at commit 12c8e4ea has them, and of each trial only `eval_measurements.csv` is read.
Without LOGS the reduced logs of tests/data/algoperf_v05 are taken, a sixth of the bytes in as many files. Every measurement is a fresh
process; the best of three is printed, since other processes only ever add time.
"""

import argparse
import json
import resource
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from harness.ledger.plan import Plan, PlannedSubmission, write_plan
from harness.ledger.signature import contents_of, sign, write_signature
from harness.project.rulesets import Ruleset
from tests.score.builders import WORKLOAD, record

ROOT = Path(__file__).resolve().parents[1]
REDUCED = ROOT / "tests" / "data" / "algoperf_v05"
READ = {
    "algoperf": "from harness.score import *; from pathlib import Path; r = read_algoperf(Path({0!r}), Path({1!r}))",
    "ledger": "from harness.score import *; from pathlib import Path; r = read_ledgers([Path({0!r})])",
}
SCORE = "; b = score_board(r, ScoreOptions(rules={2!r}))"
WRITE = "; from harness.report import write_board; write_board(b, Path({3!r}))"


def cpu_seconds(code: str) -> float:
    """User and system seconds of one fresh interpreter."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def make_ledger(root: Path, trials: int) -> None:
    """Writes records of 12 workloads x 3 studies x 5 trials for as many submissions as that takes; three in ten trials miss.

    With a plan, and signed.
    """
    names = [f"entry_{number:03}" for number in range(-(-trials // 180))]
    points = tuple({"learning_rate": 0.001 + i / 1e5, "weight_decay": 0.1 * i, "warmup": 0.05} for i in range(15))
    plan = Plan(
        seed=1,
        ruleset=Ruleset("external", 3, 5, 1.0, "search"),
        evaluation_period=0.025,
        sandbox="bwrap",
        studies=3,
        workloads=tuple(replace(WORKLOAD, name=f"w{number:02}") for number in range(12)),
        submissions=tuple(PlannedSubmission(name=name, path="", source_hash=f"hash of {name}", points=points) for name in names),
    )
    write_plan(root, plan)
    records: dict[str, str] = {}
    for i, key in enumerate(plan.trials()):
        time_s = 100.0 + 10 * key.trial + (i * 104729) % 97 if (i * 7919) % 10 >= 3 else None
        content = record(*key, time_s, campaign=plan.campaign, ruleset="external", seed=i, hp={"learning_rate": 0.001})
        text = json.dumps(content, indent=1).encode()
        folder = key.folder(root)
        folder.mkdir(parents=True)
        (folder / "record.json").write_bytes(text)
        records[key.place] = sha256(text).hexdigest()
    write_signature(root, sign(contents_of(root, records), Ed25519PrivateKey.generate()))


def report(name: str, source: str, arguments: tuple[str, ...]) -> None:
    for what, code in (("read", READ[source]), ("read, score", READ[source] + SCORE), ("read, score, write", READ[source] + SCORE + WRITE)):
        best = min(cpu_seconds(code.format(*arguments)) for _ in range(3))
        print(f"{name:32s} {what:20s} {best:6.2f} s of CPU", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("logs", nargs="?", type=Path)
    parser.add_argument("--trials", type=int, default=18_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        logs = options.logs
        if logs is None:
            with tarfile.open(REDUCED / "external_tuning.tar.xz") as archive:
                archive.extractall(folder, filter="data")
            logs = Path(folder, "external_tuning")
        out = f"{folder}/board"
        print(f"{'nothing but the interpreter':32s} {'':20s} {min(cpu_seconds('pass') for _ in range(3)):6.2f} s of CPU")
        print(f"{'import harness.score':32s} {'':20s} {min(cpu_seconds('import harness.score') for _ in range(3)):6.2f} s of CPU")
        name = f"AlgoPerf v0.5, {'whole' if options.logs else 'reduced'} logs"
        report(name, "algoperf", (str(logs), str(REDUCED / "workload_targets_v05.json"), "algoperf", out))
        make_ledger(Path(folder, "ledger"), options.trials)
        report(f"ledger of {options.trials:,} trials", "ledger", (f"{folder}/ledger", "", "finishline", out))


if __name__ == "__main__":
    main()
