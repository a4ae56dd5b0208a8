"""The cache: whole or absent, made once by however many processes, healed when damaged."""

import json
import multiprocessing
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from harness.data import SaltMissing, data_folder, is_whole, prepare, read_columns, write_columns
from harness.errors import UserError
from harness.salt import commitment, keep_salt, kept_salt, read_salt, split_seed
from tests.conftest import World


class Made:
    """Counts how often its data were made; the held-out one is its seed."""

    draws_held_out = True

    def __init__(self, config: Any, log: Path) -> None:
        self.config, self.log = config, log

    def make_data(self, folder: Path, salt: bytes | None) -> None:
        with self.log.open("a") as file:
            file.write("made\n")
        write_columns(folder / "train", {"x": np.arange(6, dtype=np.float32).reshape(3, 2)})
        write_columns(folder / "valid", {"x": np.array([split_seed(12, "valid", salt)])})


@pytest.fixture
def made(world: World) -> Made:
    return Made(world.spec().workload, world.root / "made.log")


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64, np.float32])
@pytest.mark.parametrize("shape", [(5,), (5, 3), (5, 2, 3)])
def test_columns_come_back_as_they_were(tmp_path: Path, dtype: type, shape: tuple[int, ...]) -> None:
    column = np.arange(np.prod(shape)).astype(dtype).reshape(shape)
    write_columns(tmp_path / "c", {"column": column, "other": np.zeros(5, dtype=np.uint8)})
    back = read_columns(tmp_path / "c")["column"]
    assert torch.equal(back, torch.from_numpy(column))
    assert back.dtype == torch.from_numpy(column).dtype


def test_made_once(made: Made, tmp_path: Path) -> None:
    folder = prepare(made, tmp_path / "cache")
    assert prepare(made, tmp_path / "cache") == folder
    assert made.log.read_text() == "made\n"
    assert read_columns(folder / "train")["x"].tolist() == [[0, 1], [2, 3], [4, 5]]


@pytest.mark.parametrize("damage", ["flip", "truncate", "no manifest", "junk manifest"])
def test_a_damaged_cache_is_made_again(made: Made, tmp_path: Path, damage: str) -> None:
    folder = prepare(made, tmp_path / "cache")
    (file,) = (folder / "train").glob("*.arrow")
    content = bytearray(file.read_bytes())
    if damage == "flip":
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
    elif damage == "truncate":
        file.write_bytes(content[:-7])
    elif damage == "no manifest":
        (folder / "manifest.json").unlink()
    else:
        (folder / "manifest.json").write_text("{")
    assert not is_whole(folder)
    assert is_whole(prepare(made, tmp_path / "cache"))
    assert made.log.read_text() == "made\n" * 2
    assert [p for p in (tmp_path / "cache").iterdir() if p.name.startswith(".")] == []


def test_the_remains_of_a_dead_builder_do_no_harm(made: Made, tmp_path: Path) -> None:
    folder = data_folder(made.config, tmp_path / "cache")
    folder.mkdir(parents=True)
    (folder / "train").mkdir()
    (tmp_path / "cache" / f".{folder.name}.dead").mkdir()
    assert is_whole(prepare(made, tmp_path / "cache"))


def test_two_builders_at_once(made: Made, tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        folders = pool.starmap(prepare, [(made, tmp_path / "cache")] * 2)
    assert folders[0] == folders[1]
    assert is_whole(folders[0])
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_a_cache_that_cannot_be_written(made: Made, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="FINISHLINE_CACHE"):
        prepare(made, tmp_path / "file" / "cache")


def test_other_settings_have_another_folder(world: World, tmp_path: Path) -> None:
    folders = {data_folder(world.spec(data=data).workload, tmp_path) for data in ({}, {"size": 1}, {"size": 2})}
    assert len(folders) == 3


def test_the_manifest_names_every_file(made: Made, tmp_path: Path) -> None:
    folder = prepare(made, tmp_path / "cache")
    named = set(json.loads((folder / "manifest.json").read_text()))
    there = {os.path.relpath(os.path.join(d, f), folder) for d, _, files in os.walk(folder) for f in files}
    assert there - named == {"manifest.json"}


SALT = bytes(range(32))


def test_a_salt_moves_the_held_out_splits_alone(made: Made, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    public = prepare(made, cache)
    committed = keep_salt(SALT, cache)
    assert committed == commitment(SALT)
    salted = prepare(made, cache, committed)
    assert prepare(made, cache, committed) == salted != public == prepare(made, cache)
    assert made.log.read_text() == "made\n" * 2
    assert read_columns(public / "valid")["x"].tolist() == [12]
    assert read_columns(salted / "valid")["x"].tolist() == [split_seed(12, "valid", SALT)]
    for name in ("data-00000-of-00001.arrow", "shapes.json"):
        assert (public / "train" / name).read_bytes() == (salted / "train" / name).read_bytes()


def test_seeds_under_a_salt_differ_by_salt_and_split() -> None:
    seeds = [split_seed(12, split, salt) for split in ("valid", "test") for salt in (SALT, SALT[::-1])]
    assert len({12, *seeds}) == 5
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert split_seed(11, "train", SALT) == 11
    assert [split_seed(seed, split, None) for seed, split in ((11, "train"), (12, "valid"), (13, "test"))] == [11, 12, 13]


def test_a_workload_whose_held_out_data_are_real_knows_no_salt(made: Made, tmp_path: Path) -> None:
    made.draws_held_out = False
    assert prepare(made, tmp_path / "cache", commitment(SALT)) == prepare(made, tmp_path / "cache")
    assert made.log.read_text() == "made\n"


def test_where_neither_data_nor_salt_are_it_says_so(made: Made, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    words = rf"toy/cpu are drawn under a salt .*{commitment(SALT)}.*neither is in {cache}: give salt=FILE"
    with pytest.raises(SaltMissing, match=words) as told:
        prepare(made, cache, commitment(SALT))
    assert "\n" not in str(told.value)
    folder = prepare(made, cache, keep_salt(SALT, cache))
    (cache / f"salt-{commitment(SALT)}").unlink()
    assert prepare(made, cache, commitment(SALT)) == folder  # who has the data needs no salt


def test_a_salt_is_kept_for_its_owner_alone(tmp_path: Path) -> None:
    committed = keep_salt(SALT, tmp_path)
    (kept,) = tmp_path.iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept_salt(committed, tmp_path) == SALT
    kept.write_bytes(SALT[:-1])
    assert kept_salt(committed, tmp_path) is None
    assert kept_salt(commitment(b"another"), tmp_path) is None


@pytest.mark.parametrize(("content", "words"), [(b"x" * 15, "holds 15 bytes"), (b"", "holds 0 bytes"), (None, "is no file")])
def test_a_salt_that_is_none(tmp_path: Path, content: bytes | None, words: str) -> None:
    if content is not None:
        (tmp_path / "salt").write_bytes(content)
    with pytest.raises(UserError, match=f"{words}, and a salt is a file of at least 16 random bytes"):
        read_salt(tmp_path / "salt")


def test_a_salt_of_sixteen_bytes_will_do(tmp_path: Path) -> None:
    (tmp_path / "salt").write_bytes(SALT[:16])
    assert read_salt(tmp_path / "salt") == SALT[:16]
