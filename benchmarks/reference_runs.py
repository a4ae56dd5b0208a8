"""Prints the table of docs/reference_runs.md from a ledger: steps and seconds to the target, study by study, and their spread.

.venv/bin/finishline launch submissions=[nadamw,adamw_linear_zero] workloads=[lm/cpu,vit/cpu,resnet/cpu,click/cpu] out=results/reference
.venv/bin/python -m benchmarks.reference_runs results/reference
"""

import json
import statistics
import sys
from pathlib import Path
from typing import Any


def spread(values: list[float]) -> str:
    """The standard deviation as a share of the mean."""
    return f"{statistics.stdev(values) / statistics.mean(values):.1%}" if len(values) > 1 else "-"


def main(ledger: Path) -> None:
    """Prints one line per cell."""
    cells: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for path in sorted(ledger.rglob("record.json")):
        record = json.loads(path.read_text())
        cells.setdefault((record["workload"], record["submission"]), []).append(record)
    print("| workload | submission | reached | steps | spread | seconds | spread | test metric | off the clock |")
    print("|---|---|---:|---|---:|---|---:|---|---:|")
    for (workload, submission), records in sorted(cells.items()):
        hits = [record["reached"] for record in records if record["reached"]]
        steps, seconds = [hit["step"] for hit in hits], [hit["time_s"] for hit in hits]
        tests = ", ".join(f"{hit['test_metric']:.4g}" for hit in hits)
        off = 1 - sum(r["time_s"] for r in records) / sum(r["wall_s"] for r in records)
        cell = [workload, submission, f"{len(hits)} of {len(records)}", ", ".join(map(str, steps)), spread(steps)]
        cell += [", ".join(f"{s:.1f}" for s in seconds), spread(seconds), tests, f"{off:.0%}"]
        print(f"| {' | '.join(cell)} |")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
