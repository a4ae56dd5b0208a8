"""Is the board with racing that without it? Runs a campaign twice, `racing=off` and `racing=steps`, and compares them on the steps clock.

.venv/bin/python -m benchmarks.racing OUT [option=value of finishline launch ...]      goes on where it was interrupted
"""

import sys
from pathlib import Path

from harness.cli import PROJECT, main
from harness.commands.replay import PROMISED
from harness.ledger.record import Record, read_record
from harness.report.compare import differences, rows
from harness.score.board import ScoreOptions
from harness.score.ledger import read_ledgers
from harness.score.scoring import score_board

CAMPAIGN = ["submissions=[nadamw,adamw_linear_zero,sgd_nesterov]", "workloads=[lm/cpu,vit/cpu,resnet/cpu,click/cpu]", "launcher.workers=2"]


def records(ledger: Path) -> list[Record]:
    """All records of a ledger."""
    found = (read_record(path.parent) for path in sorted(ledger.rglob("record.json")))
    return [record for record in found if record is not None]


def compare(out: Path) -> list[str]:
    """Prints what racing saved and returns the promised columns that differ."""
    whole, raced = (rows(score_board(read_ledgers([out / racing]), ScoreOptions(clock="steps"))) for racing in ("off", "steps"))
    before, after = (sum(record.steps for record in records(out / racing)) for racing in ("off", "steps"))
    print(f"{before} steps without racing, {after} with: {1 - after / before:.1%} saved")
    stopped = [record for record in records(out / "steps") if record.verdict == "stopped"]
    print(
        f"{len(records(out / 'off'))} trials, {len(stopped)} of them stopped ({sum(r.last is None for r in stopped)} before they started)"
    )
    for row in whole["leaderboard.csv"]:
        print(f"  {row['rank']} {row['submission']} {row['score']}")
    return [f"{name}: {column}" for name in whole for column in differences(whole[name], raced[name]) if column in PROMISED.get(name, ())]


if __name__ == "__main__":
    place = Path(sys.argv[1]).absolute()
    for kind in ("off", "steps"):
        if main(["launch", *CAMPAIGN, *sys.argv[2:], f"racing={kind}", f"out={place / kind}"], PROJECT):
            sys.exit(1)
    wrong = compare(place)
    print("\n".join(wrong) or "the boards are identical")
    sys.exit(bool(wrong))
