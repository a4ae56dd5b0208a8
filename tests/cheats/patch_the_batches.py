"""Replaces what the workload makes of the data.

outcome: rejected: the workload's batch was replaced
sandbox: none
"""

from tests.cheat_kit import SGD, find


class Cheat(SGD):
    def setup(self):
        super().setup()
        workload = find("Runner").workload
        workload.batch = workload.batch
