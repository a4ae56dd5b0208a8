"""The data cache: every workload's splits, made once, as Hugging Face `datasets` Arrow folders.

    <cache>/<name>-<tier>-v<version>-<hash of its data settings>[-salt-<commitment, shortened>]/
        train/ valid/ test/ [shared/]     one Arrow data set each, the columns fixed-size
        manifest.json                     sha256 of every file; written last

A folder without a good manifest is never read: it is built aside and renamed, and the loser of two builders throws its copy away.
"""

import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from harness.base.files import file_sha256, sync_folder, write_atomically
from harness.errors import UserError
from harness.salt import kept_salt
from harness.workload import Workload, WorkloadConfig

CACHE_VARIABLE = "FINISHLINE_CACHE"


def cache_root() -> Path:
    """Returns `$FINISHLINE_CACHE`, or `finishline` below the user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get(CACHE_VARIABLE) or Path(base) / "finishline").absolute()


class SaltMissing(UserError):
    """Held-out data are not here, and cannot be drawn without their salt."""


def data_folder(config: WorkloadConfig, cache: Path, salt: str | None = None) -> Path:
    """Returns where the data of this workload lie, made or not; `salt` is the commitment to what its held-out splits are drawn under."""
    settings = json.dumps(dict(config.data), sort_keys=True)
    name = f"{config.name}-{config.tier}-v{config.version}-{hashlib.sha256(settings.encode()).hexdigest()[:8]}"
    return cache / (name if salt is None else f"{name}-salt-{salt[:16]}")


def prepare(workload: Workload, cache: Path, salt: str | None = None) -> Path:
    """Returns the folder with the workload's data, making it first where it is missing or damaged.

    `salt` is the commitment to a salt, which is asked for only where the held-out splits are to be drawn.

    Safe when several processes start at once, and after one of them died: each builds aside, the first rename wins.

    Raises:
        UserError: the cache cannot be written.
        SaltMissing: neither data nor salt are in the cache.
    """
    salt = salt if workload.draws_held_out else None
    folder = data_folder(workload.config, cache, salt)
    if is_whole(folder):
        return folder
    secret = kept_salt(salt, cache) if salt else None
    if salt and secret is None:
        words = f"the held-out data of {workload.config.id} are drawn under a salt (its commitment: {salt}), and neither is in {cache}"
        raise SaltMissing(f"{words}: give salt=FILE, or share the cache (FINISHLINE_CACHE) with who has it")
    try:
        cache.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=cache, prefix=f".{folder.name}."))
    except OSError as error:
        raise UserError(f"the data cache {cache} cannot be written ({error.strerror}): set {CACHE_VARIABLE} to a folder that can") from None
    try:
        workload.make_data(temporary, secret)
        manifest = {str(path.relative_to(temporary)): file_sha256(path) for path in sorted(temporary.rglob("*")) if path.is_file()}
        write_atomically(temporary / "manifest.json", json.dumps(manifest, indent=1))
        temporary.chmod(0o755)
        _replace_folder(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def is_whole(folder: Path) -> bool:
    """Whether the folder is complete and no file of it has changed since it was made."""
    try:
        manifest: dict[str, str] = json.loads((folder / "manifest.json").read_text())
        return all(file_sha256(folder / name) == digest for name, digest in manifest.items())
    except (OSError, ValueError):
        return False


def write_columns(folder: Path, columns: dict[str, np.ndarray]) -> None:
    """Writes arrays with one row per sample as an Arrow data set; rows of more than one dimension become fixed-size lists.

    Args:
        folder: where to; `read_columns` reads it back.
        columns: name -> array of shape (N, ...), all with the same N.
    """
    import pyarrow as pa
    from datasets import Dataset, Features, List, Value
    from datasets.table import InMemoryTable
    from datasets.utils.logging import disable_progress_bar

    disable_progress_bar()
    arrays, features, shapes = {}, {}, {}
    for name, column in columns.items():
        flat = np.ascontiguousarray(column)
        width = int(np.prod(flat.shape[1:])) if flat.ndim > 1 else 0
        values = pa.array(flat.reshape(-1))
        arrays[name] = pa.FixedSizeListArray.from_arrays(values, width) if width else values
        features[name] = List(Value(str(flat.dtype)), length=width) if width else Value(str(flat.dtype))
        shapes[name] = list(flat.shape[1:])
    Dataset(InMemoryTable(pa.table(arrays)).cast(Features(features).arrow_schema)).save_to_disk(str(folder), num_shards=1)
    write_atomically(folder / "shapes.json", json.dumps(shapes))


def read_columns(folder: Path) -> dict[str, Tensor]:
    """Returns the columns that `write_columns` wrote, as tensors of shape (N, ...) in memory."""
    from datasets import load_from_disk

    table = load_from_disk(str(folder)).data.table
    shapes: dict[str, list[int]] = json.loads((folder / "shapes.json").read_text())
    columns = {}
    for name, shape in shapes.items():
        chunks = table.column(name).chunks
        flat = [np.asarray(chunk.flatten() if shape else chunk) for chunk in chunks]
        columns[name] = torch.from_numpy(np.concatenate(flat)).reshape(-1, *shape)
    return columns


def _replace_folder(new: Path, folder: Path) -> None:
    """Renames `new` to `folder`; a whole `folder` that came first stays, a damaged one goes."""
    if folder.exists() and not is_whole(folder):
        damaged = new.with_name(f"{new.name}.damaged")
        os.rename(folder, damaged)
        shutil.rmtree(damaged, ignore_errors=True)
    try:
        os.rename(new, folder)
    except OSError:
        if not is_whole(folder):
            raise
    sync_folder(folder.parent)
