"""What several local workers say, on one screen: a live line for each in a terminal, plain lines elsewhere."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import IO, Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

from harness.callbacks.display import PLAIN_EVERY_S, REDRAW_EVERY_S, Display, outcome

DRAIN_S = 5.0
"""How long the last words of an ended worker are waited for; a process that it left behind may hold its output open."""


class Relayed(Display):
    """A worker's display: prints lines of JSON for the panel of the process that started it."""

    def _begin(self) -> None:
        self._say(status=f"{self._name()}  started")

    def _tell(self, trial: str, verdict: str, reason: str) -> None:
        self._say(ended=[trial, verdict, reason])

    def _show(self, every_s: float) -> None:
        if time.monotonic() - self._shown_s >= REDRAW_EVERY_S:
            self._shown_s = time.monotonic()
            self._say(status=f"{self._name()}{self._state()}")

    def _say(self, **what: object) -> None:
        print(json.dumps(what), flush=True)


class Panel:
    """Shows what workers print, as a context around their lives.

    Args:
        console: where to.
        total: how many trials there are, for "3/12".
        done: how many of them have ended before.
    """

    def __init__(self, console: Console, total: int, done: int) -> None:
        self._console, self._total, self._done = console, total, done
        self._status: dict[int, str] = {}
        self._shown_s: dict[int, float] = {}
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._live = Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None

    def __enter__(self) -> "Panel":
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        deadline = time.monotonic() + DRAIN_S
        for thread in self._threads:
            thread.join(max(deadline - time.monotonic(), 0.0))
        if self._live is not None:
            self._live.stop()

    def watch(self, number: int, process: "subprocess.Popen[str]") -> None:
        """Shows what a worker prints from now on; the number says which line is its own."""
        assert process.stdout is not None
        assert process.stderr is not None
        for stream, show in ((process.stdout, self._said), (process.stderr, self._complained)):
            thread = threading.Thread(target=_read, args=(stream, show, number), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _said(self, number: int, line: str) -> None:
        with self._lock:
            self._show(number, line, _parsed(line))

    def _show(self, number: int, line: str, what: dict[str, Any]) -> None:
        if "ended" in what:
            self._done += 1
            self._status.pop(number, None)
            trial, verdict, reason = what["ended"]
            self._console.print(outcome(f"[{self._done}/{self._total}] {trial}", verdict, reason), soft_wrap=True)
        elif "status" in what:
            self._status[number] = what["status"]
            if self._live is None and time.monotonic() - self._shown_s.get(number, 0.0) >= PLAIN_EVERY_S:
                self._shown_s[number] = time.monotonic()
                self._console.print(what["status"], soft_wrap=True)
        else:
            self._console.print(line, soft_wrap=True)
        if self._live is not None:
            lines = [self._status[number] for number in sorted(self._status)]
            self._live.update(Text("\n".join(lines), no_wrap=True, overflow="ellipsis"), refresh=True)

    def _complained(self, number: int, line: str) -> None:
        print(line, file=sys.stderr, flush=True)


def _read(stream: IO[str], show: Callable[[int, str], None], number: int) -> None:
    with stream:  # closed too where the screen is gone: a worker must get an error then, and not wait for a reader with its clock running
        for line in stream:
            show(number, line.rstrip("\n"))


def _parsed(line: str) -> dict[str, Any]:
    try:
        what = json.loads(line)
    except ValueError:
        return {}
    return what if isinstance(what, dict) else {}
