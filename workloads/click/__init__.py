"""The click model workload."""
