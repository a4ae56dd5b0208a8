"""What the cheats of tests/cheats have in common. The test puts this text where a cheat imports it: a submission is one file."""

import ctypes
import gc
import os
import signal
import time

import torch

from harness.submission import Submission
from harness.trial.messages import Paused

libc = ctypes.CDLL(None, use_errno=True)


class SGD(Submission):
    """Trains as the honest twin does, and counts."""

    made = told = 0

    def setup(self):
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=self.hp.learning_rate, momentum=0.9)

    def step(self, batch):
        super().step(batch)
        self.made += 1
        self.after(self.made)

    def after(self, step):
        """Is called after each step."""

    def on_eval(self, evaluation):
        self.told += 1

    def resumed(self):
        """Whether this trial was begun before; without a sandbox, where its folder can be seen."""
        return os.path.exists(f"{self.hp.trial}/attempts.jsonl")


def find(kind):
    """Returns the one object of a class of the harness, by the name of the class."""
    gc.unfreeze()
    return next(thing for thing in gc.get_objects() if type(thing).__name__ == kind)


def hand_in(*descriptors, **changes):
    """Tells the referee of a pause that the runner knows nothing of, and waits for what comes of it."""
    paused = Paused(**{"purpose": "evaluation", "step": 10, "examples": 160, **changes})
    find("Channel").send(paused, descriptors)
    signal.pause()


def burn(seconds):
    """Would train: takes so much of a processor, and says how much it was."""
    start = time.thread_time()
    while (burnt := time.thread_time() - start) < seconds:
        pass
    os.write(1, f"BURNT {burnt}\n".encode())


def burn_forever():
    while True:
        burn(0.02)


def fork(work, *arguments):
    """Returns the process id of a child that does the work and ends."""
    if (pid := os.fork()) == 0:
        work(*arguments)
        os._exit(0)
    return pid


def fork_and_wait(work, *arguments):
    """As `fork`; returns when the child has called the function that it is given first, or has ended."""
    end, childs_end = os.pipe()
    fork(work, lambda: os.write(childs_end, b"1"), *arguments)
    os.close(childs_end)
    os.read(end, 1)


def burn_beside(start):
    """Has `start(work)` begin something that works for ever; returns when it has worked a little."""
    end, its_end = os.pipe()

    def work():
        burn(0.04)
        os.write(its_end, b"1")
        burn_forever()

    start(work)
    os.read(end, 1)


def burn_in_children(start):
    """Has `start(work)` begin short-lived children, one after the other, and waits for each without asking the system for its time."""
    for _ in range(8):
        end, childs_end = os.pipe()
        os.set_inheritable(childs_end, True)
        start(lambda: burn(0.05))
        os.close(childs_end)
        assert not os.read(end, 1)
        os.close(end)


def attempt(what, function):
    """Says whether it could be done."""
    try:
        function()
    except Exception as error:
        print("BLOCKED", what, error, flush=True)
    else:
        print("STOLE", what, flush=True)
