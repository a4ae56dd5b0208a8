"""One trial: a referee with the clock, and a runner with the submission."""
