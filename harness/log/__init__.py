"""Where the rows of a trial go beside its ledger; the ledger is the truth."""
