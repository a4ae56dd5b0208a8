"""What is on disk, and the one reader and writer of each kind of file; described in docs/ledger.md. Imports no torch."""

SCHEMA = 3
"""Of every file of a ledger; one of another schema is refused, never guessed at."""
