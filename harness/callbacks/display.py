"""How trials look while they run: a live line for each in a terminal, plain lines elsewhere."""

import time
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.text import Text

from harness.callbacks.forecast import Forecast, forecast, read_curve
from harness.ledger.record import Record
from harness.ledger.rows import Row
from harness.ledger.spec import TrialSpec
from harness.trial.callback import TrialCallback

PLAIN_EVERY_S = 5.0
REDRAW_EVERY_S = 1.0


class Display(TrialCallback):
    """Shows step, seconds on the clock, metric, target and a forecast of the time to the target, where there is one.

    Args:
        total: how many trials there are, for "3/12"; 1 shows no count.
        done: how many of them have ended before.
    """

    def __init__(self, console: Console, total: int = 1, done: int = 0) -> None:
        self._console, self._total, self._done = console, total, done
        self._live: Live | None = None
        self._shown_s = 0.0

    def on_start(self, spec: TrialSpec) -> None:
        """A trial begins, or goes on."""
        self._spec, self._rows, self._step, self._time_s = spec, list[Row](), 0, 0.0
        self._forecast: Forecast | None = None
        self._curve = read_curve(Path(spec.workload_path).parent.parent / "configs", spec.workload)
        self._done += 1
        self._shown_s = time.monotonic()
        self._begin()

    def on_progress(self, step: int, time_s: float) -> None:
        """So many steps, so many seconds on the clock."""
        self._step, self._time_s = step, time_s
        self._show(REDRAW_EVERY_S if self._live else PLAIN_EVERY_S)

    def on_evaluation(self, row: Row) -> None:
        """An evaluation was made."""
        self._rows.append(row)
        self._forecast = forecast(self._rows, self._curve, self._spec.workload, self._spec.budget_s)
        self._step, self._time_s = row.step, row.time_s
        self._show(0.0 if self._live else PLAIN_EVERY_S)

    def on_end(self, record: Record, folder: Path) -> None:
        """The verdict."""
        self.close()
        self._tell(f"{record.submission} on {record.workload}, study {record.study}: ", record.verdict, record.reason)

    def close(self) -> None:
        """Takes the live line away."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _begin(self) -> None:
        if self._console.is_terminal:
            self._live = Live(self._line(), console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        else:
            self._console.print(self._name(), soft_wrap=True)

    def _tell(self, trial: str, verdict: str, reason: str) -> None:
        self._console.print(outcome(trial, verdict, reason), soft_wrap=True)

    def _show(self, every_s: float) -> None:
        now = time.monotonic()
        if now - self._shown_s < every_s:
            return
        self._shown_s = now
        if self._live is not None:
            self._live.update(self._line(), refresh=True)
        else:
            self._console.print(self._state(), soft_wrap=True)

    def _line(self) -> Text:
        return Text(f"{self._name()}  {self._state()}", no_wrap=True, overflow="ellipsis")

    def _name(self) -> str:
        count = f"[{self._done}/{self._total}] " if self._total > 1 else ""
        return f"{count}{self._spec.submission} on {self._spec.workload.id}, study {self._spec.study}"

    def _state(self) -> str:
        workload = self._spec.workload
        metric = f"{self._rows[-1].valid_metric:.4f}" if self._rows else "-"
        coming = forecast_in_words(self._forecast, self._time_s)
        clock = f"{self._time_s:.1f} of {self._spec.budget_s:g} s"
        target = f"{workload.direction.relation} {workload.target:g}"
        return f"  step {self._step}  clock {clock}  {workload.metric} {metric} (target {target})  {coming}"


def forecast_in_words(forecast: Forecast | None, time_s: float) -> str:
    """Returns a forecast in words at a reading of the clock; one that has not come true by then is none."""
    if forecast is None or forecast.high_s < time_s:
        return "no forecast"
    return f"target in {max(forecast.low_s - time_s, 0):.0f} to {forecast.high_s - time_s:.0f} s"


def outcome(trial: str, verdict: str, reason: str) -> Text:
    """Returns the line that says how a trial ended."""
    line = Text(trial)
    line.append(verdict, style="green" if verdict == "reached" else "red")
    return line.append(f", {reason}")
