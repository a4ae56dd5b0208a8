"""Which trials can no longer change the board, and therefore need not run (docs/racing.md)."""
