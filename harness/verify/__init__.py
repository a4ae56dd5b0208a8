"""finishline verify: whether a ledger can be what it says. Each module looks at one thing and yields what is off, in plain words."""
