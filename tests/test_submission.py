"""The base class: what its default state holds, and what it refuses."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from harness.submission import StateError, Submission, SubmissionContext, WorkloadInfo


def submission(kind: type[Submission] = Submission, batch: int = 16) -> Submission:
    facts = WorkloadInfo("error", "minimize", 0.1, 60.0, batch, 100, "squared_error")
    model = nn.Linear(2, 1)
    roles = {"weight": "head", "bias": "bias"}
    return kind(SubmissionContext(model, SimpleNamespace(), facts, roles, lambda b: b, torch.Generator(), torch.device("cpu"), lambda: 1.5))


def test_setup_must_be_given() -> None:
    with pytest.raises(NotImplementedError, match="must define setup"):
        submission().setup()


def test_the_default_state_is_every_attribute_that_can_be_kept() -> None:
    one = submission()
    one.optimizer = torch.optim.SGD(one.model.parameters(), lr=0.1, momentum=0.9)
    one.average = torch.ones(3)
    one.count, one.name, one.nothing = 3, "x", None
    one.history = [1.0, {"a": torch.zeros(2)}]
    one.dice = torch.Generator().manual_seed(5)
    one.shape = lambda x: x
    state = one.state_dict()
    assert set(state) == {"optimizer", "average", "count", "name", "nothing", "history", "dice"}
    two = submission()
    two.optimizer = torch.optim.SGD(two.model.parameters(), lr=0.5)
    two.dice = torch.Generator()
    two.load_state_dict(state)
    assert two.optimizer.param_groups[0]["lr"] == 0.1
    assert torch.equal(two.average, torch.ones(3))
    assert two.history[1]["a"].tolist() == [0, 0]
    assert torch.equal(two.dice.get_state(), one.dice.get_state())


@pytest.mark.parametrize("value", [object(), [object()], {"a": {1, 2}}, open])
def test_what_cannot_be_kept_is_named(value: object) -> None:
    one = submission()
    one.odd = value
    if value is open:
        assert "odd" not in one.state_dict()
    else:
        with pytest.raises(StateError, match=r"self\.odd"):
            one.state_dict()


def test_horizon_counts_the_examples_of_the_step_hint() -> None:
    class Doubled(Submission):
        def batch_size(self, workload: WorkloadInfo) -> int:
            return 2 * workload.reference_batch

    assert submission().horizon == 100
    assert submission(Doubled).horizon == 50


def test_decay_groups_follow_the_roles() -> None:
    one = submission()
    decayed, others = one.decay_groups(0.1)
    assert decayed["weight_decay"] == 0.1
    assert others["weight_decay"] == 0.0
    assert decayed["params"] == [one.model.weight]
    assert others["params"] == [one.model.bias]
