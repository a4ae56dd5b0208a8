"""The referee's own model and held-out data."""

from pathlib import Path

import torch

from harness.trial.checkpoint import load_weights
from harness.trial.hand_in import weights_bytes
from harness.workload import Evaluation, Workload


class Evaluator:
    """Evaluates weights from a file with pristine code."""

    def __init__(self, workload: Workload, data: Path) -> None:
        torch.set_num_threads(workload.config.threads)
        self._workload, self._data = workload, data
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._model = workload.build_model().to(self._device).eval()
        self._valid = workload.load(data, "valid")

    @property
    def weights_bytes(self) -> int:
        """The size in bytes of what a runner hands in."""
        return weights_bytes(self._model)

    def load(self, weights: Path | str) -> None:
        """Takes the weights to evaluate; raises ValueError when they are not of the workload's model."""
        load_weights(self._model, weights)

    def valid(self) -> Evaluation:
        """Evaluates on the validation split."""
        with torch.no_grad():
            return self._workload.evaluate(self._model, self._valid)

    def test(self) -> Evaluation:
        """Evaluates on the test split, which is read only now."""
        with torch.no_grad():
            return self._workload.evaluate(self._model, self._workload.load(self._data, "test"))
