"""Targets: how far the best of some standard algorithms gets on a workload, and so where its finish line belongs."""
