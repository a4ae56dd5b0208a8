"""What lies on disk and how it is read: plain files, described in docs/ledger.md. Imports no torch."""

SCHEMA = 2
"""Of every file of a ledger; one of another schema is refused, never guessed at."""
