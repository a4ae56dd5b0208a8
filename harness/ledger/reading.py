"""JSON files of a ledger, read into checked types and written whole.

A file that is not there is None to its reader. One that cannot be read, is damaged or is of another schema is a `UserError` that names it
and the reason, in the same words whoever asks.
"""

from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from harness.base.files import write_atomically
from harness.errors import UserError
from harness.ledger import SCHEMA

T = TypeVar("T")


def read_bytes(path: Path | str) -> bytes | None:
    """Returns the content of a file, or None where there is none.

    Raises:
        UserError: it is there and cannot be read.
    """
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror})") from None


def decode_values(content: bytes, path: Path | str) -> dict[str, Any]:
    """Returns the fields of a JSON object, without its schema.

    Raises:
        UserError: it is something else, or of another schema; the message names `path`.
    """
    try:
        values = msgspec.json.decode(content)
    except (msgspec.DecodeError, RecursionError) as error:
        raise damaged(path, f"not JSON: {error}") from None
    if not isinstance(values, dict):
        raise damaged(path, "not a JSON object")
    if (schema := values.pop("schema", None)) != SCHEMA:
        raise UserError(f"{path}: ledger schema {schema}, but this finishline reads {SCHEMA}: use the version that wrote it")
    return values


def decode(content: bytes, kind: type[T], path: Path | str) -> T:
    """Returns what a JSON file of a ledger holds: the schema and the fields of the dataclass `kind`, each of its type.

    Raises:
        UserError: it is something else; the message names `path` and the field.
    """
    return convert(decode_values(content, path), kind, path)


def convert(values: Mapping[str, Any], kind: type[T], path: Path | str) -> T:
    """Returns a dataclass made from plain values that were read from `path`; raises UserError as `decode` does."""
    if unknown := values.keys() - _names(kind):  # type: ignore[arg-type]
        raise damaged(path, f"unknown field {min(unknown)}")
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        raise damaged(path, str(error)) from None


@cache
def _names(kind: Any) -> frozenset[str]:
    return frozenset(field.name for field in fields(kind))


def damaged(path: Path | str, why: str) -> UserError:
    """Returns the error for a file that is not what was once written."""
    return UserError(f"{path} is damaged ({' '.join(why.split())}): restore it, or remove its folder")


def read_json(path: Path | str, kind: type[T]) -> T | None:
    """Returns the content of a JSON file as `decode` does, or None where there is no file."""
    content = read_bytes(path)
    return None if content is None else decode(content, kind, path)


def encode(value: Any) -> bytes:
    """Returns the JSON of a dataclass with the schema in front, on one line. Numbers that are not finite become null."""
    return msgspec.json.encode({"schema": SCHEMA, **{field.name: getattr(value, field.name) for field in fields(value)}})


def write_json(path: Path, value: Any) -> None:
    """Writes a dataclass to a JSON file, whole or not at all."""
    write_atomically(path, msgspec.json.format(encode(value), indent=1) + b"\n")
