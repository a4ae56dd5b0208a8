"""Writes tests/data/algoperf_v05 from the whole AlgoPerf v0.5 logs: the columns that the scorer reads, with fewer digits.

    python -m benchmarks.reduce_algoperf ARCHIVE TARGETS

ARCHIVE is a tar file of the folder `external_tuning` with the whole logs (benchmarks/score_speed.py says where they are), TARGETS the
benchmark's workload_targets JSON.
The row at which a trial first meets its target keeps all its digits, since times to target are compared with those of the reference to
1e-9. Other times keep 0.1 s and other metrics five digits, unless that would move them to the other side of the target.
"""

import argparse
import io
import tarfile
from collections.abc import Iterable
from pathlib import Path

from harness.score.algoperf import read_targets
from harness.score.measurements import FinishLine

OUT = Path(__file__).resolve().parents[1] / "tests" / "data" / "algoperf_v05" / "external_tuning.tar.xz"


def reduce(text: str, line: FinishLine) -> str:
    """Returns a log with the columns `score`, `global_step` and the metric; columns that it lacks stay absent."""
    header, *rows = (row.split(",") for row in text.splitlines())
    metric = line.column.decode()
    kept = [name for name in ("score", "global_step", metric) if name in header]
    hit = False
    reduced = [kept]
    for row in rows:
        cells = dict(zip(header, row, strict=True))
        short = {"score": f"{float(cells['score']):.1f}", "global_step": cells["global_step"]}
        if metric in kept:
            met, short_met = (meets(value, line) for value in (cells[metric], f"{float(cells[metric] or 'nan'):.5g}"))
            short[metric] = f"{float(cells[metric]):.5g}" if cells[metric] and met == short_met else cells[metric]
            if met and not hit:
                hit, short = True, cells
        reduced.append([short[name] for name in kept])
    return "".join(",".join(row) + "\n" for row in reduced)


def meets(value: str, line: FinishLine) -> bool:
    """Whether a cell is at or beyond the target."""
    number = float(value or "nan")
    return number <= line.target if line.minimize else number >= line.target


def logs(archive: Path, lines: dict[str, FinishLine]) -> Iterable[tuple[str, bytes]]:
    """Yields the name and the reduced content of every log, by name. What belongs to no workload keeps its name and is empty."""
    with tarfile.open(archive) as whole:
        for member in sorted((member for member in whole if member.isfile()), key=lambda member: member.name):
            workload = member.name.split("/")[3].removesuffix("_jax").removesuffix("_pytorch")
            content = whole.extractfile(member)
            assert content is not None
            text = content.read().decode()
            yield member.name, reduce(text, lines[workload]).encode() if text and workload in lines else b""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", type=Path)
    parser.add_argument("targets", type=Path)
    options = parser.parse_args()
    workloads = read_targets(options.targets).workloads
    lines = {w.name: FinishLine(f"validation/{w.metric}".encode(), w.target, w.direction == "minimize") for w in workloads}
    OUT.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(OUT, "w:xz", format=tarfile.USTAR_FORMAT, preset=9) as reduced:
        for name, content in logs(options.archive, lines):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)  # and no time: the archive is the same whenever it is made
            reduced.addfile(entry, io.BytesIO(content))
    print(f"{OUT}: {OUT.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
