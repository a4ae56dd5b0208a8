"""Many trials: the plan, and the ledger that says what is done."""
