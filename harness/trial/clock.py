"""The referee's clock: the seconds that count, and where all the others went.

Reads `time.monotonic()`, which no change of the system's time touches.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

OffClock = Literal["startup", "checkpoint", "evaluation"]


@dataclass(frozen=True)
class Reading:
    """All that the clock has added up so far, in seconds.

    `time_s` is what counts. `startup_s`, `checkpoint_s` and `evaluation_s` are the wall time while it stood, by what for. `cpu_time_s` and
    `frozen_cpu_s` are CPU seconds of the runner's process tree while the clock ran and while it stood (start-up left out). `wall_s` is
    measured on its own: the other wall times must add up to it.
    """

    time_s: float = 0.0
    cpu_time_s: float = 0.0
    startup_s: float = 0.0
    checkpoint_s: float = 0.0
    evaluation_s: float = 0.0
    frozen_cpu_s: float = 0.0
    wall_s: float = 0.0


class Clock:
    """Goes on from a reading; at any moment exactly one kind of second passes, at first those of the start-up.

    Args:
        cpu_s: returns the CPU seconds that the runner's process tree has used; asked only after the clock has stopped or before it starts.
    """

    def __init__(self, cpu_s: Callable[[], float]) -> None:
        self._cpu_s = cpu_s
        self._cpu_mark_s = 0.0
        self._since = self._started = time.monotonic()
        self._kind = "startup"
        self._seconds = dict.fromkeys(("time", "startup", "checkpoint", "evaluation"), 0.0)
        self._cpu = {"on": 0.0, "frozen": 0.0}
        self._earlier_wall_s = 0.0

    def go_on_from(self, reading: Reading) -> None:
        """Takes over the reading at which the trial goes on; the start-up that is going on is added to it."""
        for kind in self._seconds:
            self._seconds[kind] += getattr(reading, f"{kind}_s")
        self._cpu = {"on": reading.cpu_time_s, "frozen": reading.frozen_cpu_s}
        self._earlier_wall_s = reading.wall_s

    @property
    def time_s(self) -> float:
        """Seconds on the clock up to this moment."""
        return self._seconds["time"] + (time.monotonic() - self._since if self._kind == "time" else 0.0)

    def run(self) -> None:
        """Starts the clock."""
        self._count_cpu(self._kind)
        self._switch("time")

    def stop(self, purpose: OffClock) -> None:
        """Stops the clock, or ends another kind of second; those that follow are for `purpose`."""
        ended = self._kind
        self._switch(purpose)
        self._count_cpu(ended)  # defence: processor time is counted

    def read(self) -> Reading:
        """Returns the reading of this moment."""
        self._switch(self._kind)
        s = self._seconds
        return Reading(
            time_s=s["time"],
            cpu_time_s=self._cpu["on"],
            startup_s=s["startup"],
            checkpoint_s=s["checkpoint"],
            evaluation_s=s["evaluation"],
            frozen_cpu_s=self._cpu["frozen"],
            wall_s=self._earlier_wall_s + time.monotonic() - self._started,
        )

    def _switch(self, kind: str) -> None:
        now = time.monotonic()
        self._seconds[self._kind] += now - self._since
        self._kind, self._since = kind, now

    def _count_cpu(self, ended: str) -> None:
        """Adds the CPU seconds since the last look to those of the kind of second that has just ended."""
        used_s = self._cpu_s()
        if ended != "startup":
            self._cpu["on" if ended == "time" else "frozen"] += used_s - self._cpu_mark_s
        self._cpu_mark_s = used_s
