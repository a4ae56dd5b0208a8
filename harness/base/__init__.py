"""What everything else stands on: files that are whole or absent, and seeds."""
