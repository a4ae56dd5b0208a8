"""The chain of a trial's rows: each row of evals.csv carries a hash over itself and the hash before it, the first one that of spec.json."""

from hashlib import sha256
from pathlib import Path


def genesis(spec: Path) -> str:
    """Returns where a chain begins: the sha256 of spec.json, byte for byte."""
    return sha256(spec.read_bytes()).hexdigest()


def link(before: str, text: str) -> str:
    """Returns the chain after a row, given the one before it and the row's text (all cells but the last)."""
    return sha256(f"{before}{text}".encode()).hexdigest()
