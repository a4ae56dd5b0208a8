"""What a submission can bring along: wherever its bits lie, all count, and what does not count is not in the copy that runs."""

import base64
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import UserError
from harness.project.rulesets import Ruleset
from harness.trial.referee import run_trial
from harness.trial.source import copy_folder, hash_folder, weigh_folder
from tests.conftest import Silent, World

RULES = Ruleset("mine", 1, 1, 1.0, "default")
BITS = random.Random(1).randbytes(18 << 10)
"""More than the limit, and xz makes nothing smaller of it."""
LETTERS = base64.b32encode(BITS).decode().rstrip("=")
NAMES = [LETTERS[start : start + 200] for start in range(0, len(LETTERS), 200)]


def append(name: str, text: str) -> Callable[[Path], None]:
    def add(folder: Path) -> None:
        with (folder / name).open("a") as file:
            file.write(text)

    return add


def names_of_empty_files(folder: Path) -> None:
    for name in NAMES:
        (folder / name).touch()


def names_of_folders(folder: Path) -> None:
    for place in ("/".join(NAMES[start : start + 10]) for start in range(0, len(NAMES), 10)):
        (folder / place).mkdir(parents=True)
        (folder / place / "x").touch()


def many_small_files(folder: Path) -> None:
    for number, name in enumerate(NAMES):
        (folder / f"{number}.txt").write_text(name)


CARRIERS: dict[str, Callable[[Path], None]] = {
    "one identifier": append("submission.py", f"\n{LETTERS} = 0\n"),
    "many identifiers": append("submission.py", "\n" + "".join(f"{name} = 0\n" for name in NAMES)),
    "a string": append("submission.py", f"\nX = '{LETTERS}'\n"),
    "a number": append("submission.py", f"\nX = 0x{BITS.hex()}\n"),
    "comments": append("submission.py", "\n" + "".join(f"# {name}\n" for name in NAMES)),
    "white space": append("submission.py", "\n" + "".join(f"{byte:08b}".replace("0", " ").replace("1", "\t") for byte in BITS)),
    "a second module": append("helper.py", LETTERS),
    "the search space": append("space.yaml", f"# {LETTERS}\n"),
    "the README": append("README.md", LETTERS),
    "requirements": append("requirements.txt", f"# {LETTERS}\n"),
    "a file of bytes": lambda folder: (folder / "weights.bin").write_bytes(BITS) and None,
    "names of empty files": names_of_empty_files,
    "names of folders": names_of_folders,
    "many small files": many_small_files,
    "names that are no text": lambda folder: (
        [Path(os.fsdecode(os.fsencode(folder) + b"/\xff" + n.encode())).touch() for n in NAMES] and None
    ),
}


@pytest.mark.parametrize("carrier", CARRIERS)
def test_whatever_carries_it_counts(world: World, carrier: str) -> None:
    folder = world.submission()
    before = hash_folder(folder)
    _, size = weigh_folder(folder, RULES)
    assert size < 1000
    CARRIERS[carrier](folder)
    assert hash_folder(folder) != before
    with pytest.raises(UserError, match=r"takes (more than )?\d+ bytes as tar \| xz -9, and ruleset mine allows 16384"):
        weigh_folder(folder, RULES)
    assert weigh_folder(folder, Ruleset("mine", 1, 1, 1.0, "default", source_bytes=1 << 20)) == (
        hash_folder(folder),
        pytest.approx(18432, rel=0.4),
    )


def test_what_does_not_count_is_not_copied(world: World, tmp_path: Path) -> None:
    folder = world.submission()
    (folder / "notes").mkdir()
    (folder / "notes" / "a.txt").write_text("a")
    before = weigh_folder(folder, RULES)
    for place in ("e" * 200, "notes/empty", ".git", "__pycache__"):
        (folder / place).mkdir()
    for place in (".hidden", ".git/config", "__pycache__/x.pyc"):
        (folder / place).write_bytes(BITS)
    os.link(folder / "notes" / "a.txt", folder / ".again")
    for number, path in enumerate(sorted(folder.rglob("*"))):
        path.chmod(0o711 if path.is_dir() else 0o640 | number % 8)
        os.utime(path, ns=(number, number * 12345))
    assert weigh_folder(folder, RULES) == before
    copies = [tmp_path / "copy 1", tmp_path / "copy 2"]
    copy_folder(folder, copies[0])
    copy_folder(copies[0], copies[1])
    assert hash_folder(copies[0]) == before[0]
    there = {copy: {path.relative_to(copy): path.stat() for path in copy.rglob("*")} for copy in copies}
    assert sorted(map(str, there[copies[0]])) == ["notes", "notes/a.txt", "space.yaml", "submission.py"]
    modes = [{path: (stat.st_mode, stat.st_nlink) for path, stat in stats.items()} for stats in there.values()]
    assert modes[0] == modes[1]  # the second copy was never near the original
    assert not {stat.st_mtime_ns % 12345 for stats in there.values() for stat in stats.values()} <= {0}


def test_a_large_submission_is_read_no_further_than_it_may_go(world: World) -> None:
    folder = world.submission()
    (folder / "data.bin").write_bytes(random.Random(2).randbytes(8 << 20))
    with pytest.raises(UserError, match="takes more than"):
        weigh_folder(folder, RULES)


@pytest.mark.parametrize("kind", ["link", "folder link", "pipe"])
def test_a_submission_is_plain_files(world: World, kind: str) -> None:
    folder, spec = world.submission(), world.spec()
    if kind == "pipe":
        os.mkfifo(folder / "x")
    else:
        (folder / "x").symlink_to("/etc/passwd" if kind == "link" else "/etc")
    for read in (hash_folder, lambda path: weigh_folder(path, RULES), lambda path: copy_folder(path, world.root / "copy")):
        with pytest.raises(UserError, match="x is a link or a special file: a submission holds plain files only"):
            read(folder)
    with pytest.raises(UserError, match="is a link or a special file"):
        run_trial(spec, world.root / "trial", world.cache, Silent())


def test_a_submission_that_changed_since_it_was_planned_does_not_run(world: World) -> None:
    spec = world.spec()
    (Path(spec.submission_path) / "README.md").write_text("more")
    with pytest.raises(UserError, match="changed while the trial was being set up"):
        run_trial(spec, world.root / "trial", world.cache, Silent())
