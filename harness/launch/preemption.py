"""A job's signals: SIGUSR2 says that the end is near, SIGTERM that it is there. Both end the trial as Ctrl-C does."""

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType

from harness.trial.callback import TrialCallback


class PreemptionHandler(TrialCallback):
    """A watcher that ends the trial, by KeyboardInterrupt in the main thread, when a signal has come; held as a context.

    After SIGUSR2 it asks for a checkpoint and ends the trial when that is on disk, or `patience_s()` seconds later; after SIGTERM it is at
    once. SIGUSR2 is kept from the processes that are started meanwhile: where Slurm has no cgroups it sends it to all of them.
    """

    def __init__(self, patience_s: Callable[[], float]) -> None:
        self._patience_s = patience_s
        self._ends = threading.Event()
        self._main = threading.main_thread()
        self.came = False

    def __enter__(self) -> "PreemptionHandler":
        self._mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})
        self._handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR2)}
        signal.signal(signal.SIGTERM, self._terminate)
        signal.signal(signal.SIGUSR2, lambda *_: self._wake())  # it may reach a thread that was there before
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._ends.set()
        self._wake()
        self._thread.join()
        while signal.sigtimedwait({signal.SIGUSR2}, 0) is not None:
            pass  # one that came late must not be delivered below, where nobody expects it
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)

    def wants_checkpoint(self) -> bool:
        """Whether a signal has come."""
        return self.came

    def on_checkpoint(self) -> None:
        """Ends the trial if a signal has come."""
        if self.came and not self._ends.is_set():
            self._ends.set()
            raise KeyboardInterrupt

    def _wake(self) -> None:
        if self._thread.is_alive() and self._thread.ident is not None:
            signal.pthread_kill(self._thread.ident, signal.SIGUSR2)

    def _listen(self) -> None:
        signal.sigwait({signal.SIGUSR2})
        self.came = True
        if not self._ends.wait(self._patience_s()):
            self._ends.set()
            assert self._main.ident is not None
            signal.pthread_kill(self._main.ident, signal.SIGINT)

    def _terminate(self, number: int, frame: FrameType | None) -> None:
        if not self._ends.is_set():
            self.came = True
            self._ends.set()
            raise KeyboardInterrupt
