"""Leaves work on a side stream of the device running when it pauses.

outcome: no gain
sandbox: none
needs: cuda
"""

import os

import torch

from tests.cheat_kit import SGD


class Cheat(SGD):
    def after(self, step):
        if step == 10:
            events = [torch.cuda.Event(enable_timing=True) for _ in range(2)]
            with torch.cuda.stream(torch.cuda.Stream()):
                events[0].record()
                torch.cuda._sleep(2_000_000_000)
                events[1].record()
            self.events = events

    def on_eval(self, evaluation):
        super().on_eval(evaluation)
        if self.made == 10:
            os.write(1, f"LASTED {self.events[0].elapsed_time(self.events[1]) / 1000}\n".encode())
