"""finishline check: what is wrong with a submission, in plain words, before any GPU is used. What it reads it does not import."""
