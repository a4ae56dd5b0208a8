"""Hands in a state that runs a command in whoever unpickles it, and crashes.

outcome: crashed: Weights only load failed
sandbox: none
checkpoints: always
first: crashed
"""

import os

from tests.cheat_kit import SGD


class Payload:
    """Unpickles to what the command returns."""

    def __reduce__(self):
        return print, ("STOLE",)


class Cheat(SGD):
    def after(self, step):
        if step == 15 and not self.resumed():
            os._exit(1)

    def state_dict(self):
        return {"payload": Payload()}
