"""Makes the text of lm/cpu: the Python source of the sympy 1.14.0 wheel, which is a dependency of torch and so on every machine."""

import hashlib
from importlib.metadata import PackageNotFoundError, PackagePath, distribution
from pathlib import Path

from harness.errors import UserError
from harness.workload import SPLITS

SYMPY = "1.14.0"
SHA256 = {
    "train": "2ab1d661895b4868489d253415b09a7ca9bad89392682a5cae36165b9bbdddd6",
    "valid": "f36fc55d7cc3fb4618b295cb82cb7b772e9045a30349cb68dae6e279e6f21ebc",
    "test": "75d26097721e1137f93632d5f7f47c0bb81751e508132bbd25934709e2296d61",
}
FILE_BYTES = range(200, 200_001)


def read_splits() -> dict[str, bytes]:
    """Returns the text of each split: sympy's files without its tests, in the order of their paths, joined by one newline.

    Raises:
        UserError: sympy is missing, of another version, or its files were changed.
    """
    splits: dict[str, list[bytes]] = {split: [] for split in SPLITS}
    for path, text in sorted(_source_files().items()):
        if len(text) in FILE_BYTES:
            splits[split_of(path)].append(text)
    texts = {split: b"\n".join(files) for split, files in splits.items()}
    for split, text in texts.items():
        if hashlib.sha256(text).hexdigest() != SHA256[split]:
            raise UserError(f"the files of sympy {SYMPY} are not those of its wheel ({split} differs): reinstall sympy=={SYMPY}")
    return texts


def split_of(path: str) -> str:
    """Returns the split of a file by the hash of its path: 1 in 20 is for validation, 1 in 20 for the test."""
    share = int(hashlib.sha256(path.encode()).hexdigest()[:8], 16) % 20
    return {0: "valid", 1: "test"}.get(share, "train")


def held_out_files() -> list[Path]:
    """Returns where the files of the validation and test text lie on this machine, those included that are too short or long for it."""
    return [Path(str(file.locate())) for path, file in sorted(_package_files().items()) if split_of(path) != "train"]


def _source_files() -> dict[str, bytes]:
    """Returns path -> text of the package's `.py` files outside of its test folders; paths are relative to the package."""
    return {path: file.read_binary() for path, file in _package_files().items()}


def _package_files() -> dict[str, PackagePath]:
    try:
        sympy = distribution("sympy")
    except PackageNotFoundError:
        raise UserError(f"the text of lm/cpu is the source of sympy {SYMPY}, which is not installed: install sympy=={SYMPY}") from None
    if sympy.version != SYMPY:
        raise UserError(f"the text of lm/cpu is the source of sympy {SYMPY}, but {sympy.version} is installed: install sympy=={SYMPY}")
    paths = [path for path in sympy.files or () if path.parts[0] == "sympy" and path.suffix == ".py" and "tests" not in path.parts[:-1]]
    return {"/".join(path.parts[1:]): path for path in paths}
