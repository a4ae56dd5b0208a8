"""A runner under the clock: all that the referee waits for, and what it looks at meanwhile.

The clock stops when the whole tree stands, and starts before any of it runs: there is no moment at which the clock stands and the runner
does not. The one exception is the start-up, when no code of the submission has been loaded.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from harness.ledger.lock import TrialLock
from harness.ledger.record import Verdict
from harness.ledger.spec import TrialSpec
from harness.trial.callback import TrialCallback
from harness.trial.cgroup import StillRunning
from harness.trial.clock import Clock
from harness.trial.coordinator import NodeCoordinator
from harness.trial.gpu_watch import GpuWatch
from harness.trial.messages import Checkpoint, Failed, FromReferee, Paused, ProtocolError, RankState, Ready, Resume, Stop, printable
from harness.trial.runner_process import RunnerProcess
from harness.workload import Evaluation

TICK_S = 0.5
"""How often the display is brought up to date and a checkpoint may fall due, in seconds."""
WATCH_PERIOD_S = 2.0
"""How often the referee looks at memory and other nodes, in seconds."""


@dataclass(frozen=True)
class Timeouts:
    """How long the referee waits for a runner, in seconds: for its start, and for its end when it was told to stop."""

    startup_s: float = 900.0
    answer_s: float = 10.0


class TrialEnded(Exception):
    """The trial is over."""

    def __init__(self, verdict: Verdict, reason: str) -> None:
        super().__init__(reason)
        self.verdict: Verdict = verdict
        self.reason = reason


class BudgetUsedUp(Exception):
    """The budget is used up; `answered` says whether the runner ended when it was told to."""

    def __init__(self, answered: bool) -> None:
        super().__init__()
        self.answered = answered


class Session:
    """One runner process from its start to its end.

    Args:
        spec: the trial.
        runner: the process, which has its task.
        clock: the trial's clock, which stands.
        timeouts: for the runner.
        lock: the trial's lock, whose heartbeat goes on.
        watcher: is told the progress, and may ask for a checkpoint.
        nodes: further nodes of the trial.
        memory_bytes: what the runner's processes may take together.
        gpus: looks whether a GPU works on; None where there are none.
    """

    def __init__(
        self,
        *,
        spec: TrialSpec,
        runner: RunnerProcess,
        clock: Clock,
        timeouts: Timeouts,
        lock: TrialLock,
        callback: TrialCallback,
        nodes: NodeCoordinator,
        memory_bytes: int,
        gpus: GpuWatch | None,
    ) -> None:
        self.runner, self.clock = runner, clock
        self.host_memory_bytes = 0
        self._spec, self._timeouts, self._lock, self._callback, self._nodes = spec, timeouts, lock, callback, nodes
        self._memory_bytes, self._gpus = memory_bytes, gpus
        self._watched_s = 0.0
        self._rank_states: dict[int, int] = {}
        self._checkpoint_asked = False
        self._checkpoint_due_s = 0.0

    def wait_ready(self) -> Ready:
        """Waits off the clock until the runner has built everything."""
        deadline = time.monotonic() + self._timeouts.startup_s
        while (left_s := deadline - time.monotonic()) > 0:
            message = self._receive(min(left_s, TICK_S))
            if isinstance(message, Ready):
                return message
            if message is not None:
                self._refuse(message, Ready)
            self._watch()
        raise TrialEnded("timed_out", f"the runner was not ready within {self._timeouts.startup_s:g} s")

    def wait_paused(self) -> Paused:
        """Waits with the clock running until training pauses; on return the tree is frozen and the clock stands.

        Raises:
            BudgetUsedUp: the clock has come to the budget, before this or while the tree was being frozen.
        """
        budget_s = self._spec.budget_s
        while (left_s := budget_s - self.clock.time_s) > 0:
            message = self._receive(min(left_s, TICK_S))
            if isinstance(message, Paused):
                self._freeze()  # defence: the tree is frozen
                if self.clock.time_s > budget_s:  # defence: nothing counts after the budget
                    break
                return message
            if isinstance(message, RankState):
                self._take_rank_state(message.rank)
            elif message is not None:  # defence: only what belongs may come
                self._refuse(message, Paused)
            else:
                self._watch()
                self._callback.on_progress(self.runner.steps(), self.clock.time_s)
                self._ask_for_checkpoint()
        self.clock.stop("evaluation")
        self._thaw()
        self.send(Stop())
        raise BudgetUsedUp(self.runner.channel.wait_for_end(self._timeouts.answer_s))

    def resume(self, evaluation: Evaluation | None = None) -> None:
        """Starts the clock, then lets the runner go on."""
        self._ask_for_checkpoint()
        self.clock.run()
        self._thaw()
        self.send(Resume(time_s=self.clock.time_s, evaluation=evaluation))

    def take_descriptors(self, count: int) -> list[int]:
        """Returns the descriptors that came with the pause; the caller closes them."""
        try:
            return self.runner.channel.take_descriptors(count)
        except ProtocolError as error:
            raise TrialEnded("rejected", f"the runner broke the protocol: {error}") from None

    def take_checkpoint(self) -> dict[int, int]:
        """Returns the states of this node's further ranks by rank, as descriptors that the caller closes.

        Raises:
            TrialEnded: no checkpoint was asked for.
        """
        if not self._checkpoint_asked:  # defence: a checkpoint must have been asked for
            raise TrialEnded("rejected", "a checkpoint was handed in that nobody had asked for")
        self._checkpoint_asked = False
        self._checkpoint_due_s = self.clock.time_s + self._spec.checkpoint_period_s
        states, self._rank_states = self._rank_states, {}
        return states

    def begin_at(self, time_s: float) -> None:
        """Counts the time to the first checkpoint from here."""
        self._checkpoint_due_s = time_s + self._spec.checkpoint_period_s

    def _ask_for_checkpoint(self) -> None:
        if not self._checkpoint_asked and (self._callback.wants_checkpoint() or self.clock.time_s > self._checkpoint_due_s):
            self._checkpoint_asked = True
            self.send(Checkpoint())

    def _freeze(self) -> None:
        try:
            self.runner.tree.freeze()
        except StillRunning as error:
            raise TrialEnded("rejected", f"while the clock stands nothing may run: {error}") from None
        self.clock.stop("evaluation")
        if self._gpus is not None:
            self._gpus.frozen()
        self._lock.heartbeat()
        self._watch()
        self.host_memory_bytes = max(self.host_memory_bytes, self.runner.tree.peak_memory_bytes())

    def _thaw(self) -> None:
        if self._gpus is not None and (pid := self._gpus.busy(p.pid for p in self.runner.tree.members())):
            raise TrialEnded("rejected", f"a GPU worked for process {pid} while the clock stood")
        try:
            self.runner.tree.thaw()
        except StillRunning as error:
            raise TrialEnded("rejected", f"while the clock stands nothing may run: {error}") from None

    def _take_rank_state(self, rank: int) -> None:
        [descriptor] = self.take_descriptors(1)
        if not rank < self._spec.workload.ranks or rank in self._rank_states:  # defence: a rank hands in once
            raise TrialEnded("rejected", f"the state of rank {rank} was handed in, which is one too many")
        self._rank_states[rank] = descriptor

    def _watch(self) -> None:
        """Looks every few seconds at what the runner takes of the machine."""
        if time.monotonic() < self._watched_s + WATCH_PERIOD_S:
            return
        self._watched_s = time.monotonic()
        self._lock.heartbeat()
        if failed := self._nodes.trouble():
            raise TrialEnded(failed.verdict, failed.reason)
        if trouble := self.runner.memory_trouble(self._memory_bytes):  # defence: memory is watched
            raise TrialEnded("out_of_memory", trouble)

    def _receive(self, timeout_s: float) -> Ready | RankState | Paused | Failed | None:
        try:
            return self.runner.receive(timeout_s)
        except EOFError:
            self._runner_ended()
        except ProtocolError as error:
            raise TrialEnded("rejected", f"the runner broke the protocol: {error}") from None

    def _refuse(self, message: Ready | RankState | Paused | Failed, expected: type[Ready | Paused]) -> NoReturn:
        if isinstance(message, Failed):
            failed = self._nodes.cause_of(message)
            raise TrialEnded(failed.verdict, printable(failed.reason))
        raise TrialEnded("rejected", f"the runner said {type(message).__name__} where only {expected.__name__} may come")

    def _runner_ended(self) -> NoReturn:
        out_of_memory, how = self.runner.how_it_ended()
        raise TrialEnded("out_of_memory" if out_of_memory else "crashed", how)

    def send(self, message: FromReferee, descriptors: Sequence[int] = ()) -> None:
        """Sends a message to the runner; raises TrialEnded when it is gone."""
        try:
            self.runner.channel.send(message, descriptors)
        except OSError:
            self._runner_ended()
