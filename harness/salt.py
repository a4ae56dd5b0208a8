"""The secret that held-out data are drawn under, and the commitment to it, which is public from the start. Imports no torch.

Who knows a commitment can tell whether a salt is the one that was meant, and learns nothing of it before, as long as the salt is random.
"""

import hashlib
from pathlib import Path

from harness.base.files import write_atomically
from harness.errors import UserError

MIN_BYTES = 16


def read_salt(path: Path) -> bytes:
    """Returns the salt in a file; raises UserError when it cannot be read or is short enough to be guessed."""
    try:
        salt = path.read_bytes() if path.is_file() else None
    except OSError as error:
        raise UserError(f"salt={path} cannot be read ({error.strerror})") from None
    if salt is None or len(salt) < MIN_BYTES:
        what = "is no file" if salt is None else f"holds {len(salt)} bytes"
        raise UserError(f"salt={path} {what}, and a salt is a file of at least {MIN_BYTES} random bytes: head -c 32 /dev/urandom > {path}")
    return salt


def commitment(salt: bytes) -> str:
    """Returns what is published of a salt: 64 hexadecimal digits."""
    return hashlib.sha256(b"finishline: commitment to a salt\0" + salt).hexdigest()


def split_seed(public: int, split: str, salt: bytes | None) -> int:
    """Returns the seed of a split: of training data, and without a salt of all, the public one, else 63 bits that only the salt tells."""
    if salt is None or split == "train":
        return public
    return int.from_bytes(hashlib.sha256(b"finishline: held-out data\0" + split.encode() + b"\0" + salt).digest()[:8], "big") >> 1


def keep_salt(salt: bytes, cache: Path) -> str:
    """Keeps a salt where every process that shares the data cache finds it, readable by its owner alone; returns the commitment."""
    path = _path(commitment(salt), cache)
    try:
        cache.mkdir(parents=True, exist_ok=True)
        write_atomically(path, salt, mode=0o600)
    except OSError as error:
        raise UserError(
            f"the salt cannot be kept as {path} ({error.strerror}): set FINISHLINE_CACHE to a folder that can be written"
        ) from None
    return commitment(salt)


def kept_salt(committed: str, cache: Path) -> bytes | None:
    """Returns the salt of a commitment, None where it is not kept here."""
    try:
        salt = _path(committed, cache).read_bytes()
    except OSError:
        return None
    return salt if commitment(salt) == committed else None


def _path(committed: str, cache: Path) -> Path:
    return cache / f"salt-{committed}"
