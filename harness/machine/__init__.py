"""What a machine is, how fast it is, and what the reference takes on it."""
