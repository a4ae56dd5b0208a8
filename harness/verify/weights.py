"""Evaluates the weights that reached the target again, with the project's own code and data."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from harness.data import SaltMissing, prepare
from harness.machine.hardware import this_machine, versions
from harness.project.plugins import load_workload
from harness.project.project import Project
from harness.trial.evaluator import Evaluator
from harness.verify.evaluations import reached
from harness.verify.trial import Trial

RELATIVE = 1e-4


class Reevaluation:
    """Keeps the model and data of the last workload, since trials come workload by workload."""

    def __init__(self, project: Project, cache: Path) -> None:
        self._project, self._cache = project, cache
        self._machine = this_machine()
        self._of_what: tuple[str, str | None] = "", None
        self._evaluator: Evaluator | None = None

    def tolerance(self, trial: Trial) -> float:
        """Returns 0 where the numbers must be the same to the last bit: same machine and torch, and no accelerator; else 1e-4, relative."""
        record = trial.record
        same = record.hardware == self._machine.fingerprint and record.versions.get("torch") == versions()["torch"]
        return 0.0 if same and not self._machine.accelerators else RELATIVE

    def check(self, trial: Trial) -> Iterator[str]:
        """Yields numbers of the row at the target that do not come out again."""
        row = trial.record.reached
        assert row is not None
        evaluator = self._of(trial)
        try:
            evaluator.load(trial.files.weights)
        except Exception as error:
            yield f"target.safetensors: {' '.join(str(error).split())}"
            return
        valid, test = evaluator.valid(), evaluator.test()
        given = {"valid_metric": row.valid_metric, "valid_loss": row.valid_loss, "test_metric": row.test_metric}
        again = {"valid_metric": valid.metric, "valid_loss": valid.loss, "test_metric": test.metric}
        tolerance = self.tolerance(trial)
        for name, value in given.items():
            if value is None or not abs(again[name] - value) <= tolerance * abs(value):
                yield f"evaluated again, {name} is {again[name]!r}, the record says {value!r}"
        now = replace(row, valid_metric=valid.metric, valid_loss=valid.loss, test_metric=test.metric)
        if not reached(trial.spec.workload, now) and tolerance == 0:
            yield "evaluated again, the weights do not reach the target"

    def lacks_salt(self, trial: Trial) -> bool:
        """Whether the trial's held-out data are not here, and cannot be drawn without their salt."""
        try:
            self._of(trial)
        except SaltMissing:
            return True
        return False

    def _of(self, trial: Trial) -> Evaluator:
        what = trial.spec.workload.id, trial.spec.salt
        if self._of_what != what or self._evaluator is None:
            config = self._project.workload(trial.spec.workload.id)
            workload = load_workload(self._project.workload_folder(config), config)
            self._evaluator = Evaluator(workload, prepare(workload, self._cache, trial.spec.salt))
            self._of_what = what
        return self._evaluator
