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
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from harness.ledger.campaign import write_campaign

from harness.ledger.signature import contents_of, sign, write_signature

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
    submissions = -(-trials // 180)
    points = [{"learning_rate": 0.001 + i / 1e5, "weight_decay": 0.1 * i, "warmup": 0.05} for i in range(15)]
    finish = {"tier": "cpu", "version": 1, "metric": "loss", "direction": "minimize", "target": 1.85, "variant_of": None}
    plan = {"campaign": "x", "ruleset": {"name": "external", "trials": 5}, "studies": 3}
    plan |= {"workloads": [{"name": f"w{w:02}", **finish} for w in range(12)]}
    plan |= {"submissions": [{"name": f"entry_{s:03}", "source_hash": f"{s:064}", "points": points} for s in range(submissions)]}
    root.mkdir(parents=True)
    write_campaign(root, plan)
    records: dict[str, str] = {}
    for i in range(submissions * 180):
        trial, study, w, s = i % 5 + 1, i // 5 % 3 + 1, i // 15 % 12, i // 180
        reached = (i * 7919) % 10 >= 3
        time = 100.0 + s + 10 * trial + (i * 104729) % 97
        row = {"evaluation": 20, "step": 2000 + s, "examples": 32000, "time_s": time, "cpu_time_s": 2 * time, "valid_metric": 1.8}
        row |= {"valid_loss": 1.8, "test_metric": 1.9, "startup_s": 1.0, "checkpoint_s": 1.0, "evaluation_s": 4.0, "frozen_cpu_s": 0.1}
        row |= {"wall_s": time, "host_memory_bytes": 10**9, "device_memory_bytes": 0}
        record = {"schema": 2, "campaign": "x", "submission": f"entry_{s:03}", "source_hash": f"{s:064}", "workload": f"w{w:02}/cpu"}
        record |= {"workload_version": 1, "metric": "loss", "direction": "minimize", "target": 1.85, "ruleset": "external"}
        record |= {"budget_s": 180.0, "evaluate_every": 320, "study": study, "trial": trial, "seed": i, "hp": {"learning_rate": 0.001}}
        record |= {"verdict": "reached" if reached else "missed", "reason": "", "reached": row if reached else None, "last": row}
        record |= {"best_metric": 1.84, "time_s": time, "cpu_time_s": 2 * time, "steps": 2000, "wall_s": time, "startup_s": 1.0}
        record |= {"evaluation_s": 4.0, "checkpoint_s": 1.0, "frozen_cpu_s": 0.1, "host_memory_bytes": 10**9, "device_memory_bytes": 0}
        record |= {"segments": [{"host": "a", "started_at": "2026-01-01T00:00:00Z", "first_evaluation": 0, "time_s": time}]}
        record |= {"sandbox": "bwrap", "hardware": "cpu", "versions": {"finishline": "0.1.0", "torch": "2.13.0"}, "weights_sha256": None}
        record |= {"variant_of": None, "salt": None, "cpu_clock": "cgroup", "spec_sha256": "0" * 64, "chain": "0" * 64}
        place = f"entry_{s:03}/w{w:02}-cpu/study_{study}/trial_{trial}"
        folder = root / place
        folder.mkdir(parents=True)
        text = json.dumps(record, indent=1)
        (folder / "record.json").write_text(text)
        records[place] = sha256(text.encode()).hexdigest()
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
