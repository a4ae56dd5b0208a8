"""The language model workload."""
