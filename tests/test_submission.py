"""The base class: what its default state holds, and what it refuses."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from harness.submission import StateError, Submission, SubmissionContext, WorkloadInfo, checked_done


def submission(kind: type[Submission] = Submission, batch: int = 16) -> Submission:
    facts = WorkloadInfo("error", "minimize", 0.1, 60.0, batch, 100, "squared_error", evaluate_every=160, num_samples=640)
    model = nn.Linear(2, 1)
    roles = {"weight": "head", "bias": "bias"}
    return kind(SubmissionContext(model, SimpleNamespace(), facts, roles, lambda b: b, torch.Generator(), torch.device("cpu"), lambda: 1.5))


def test_setup_must_be_given() -> None:
    with pytest.raises(NotImplementedError, match="must define setup"):
        submission().setup()


def test_the_default_state_is_restored_in_place() -> None:
    one, two = submission(), submission()
    for each, rate in ((one, 0.1), (two, 0.5)):
        each.optimizer = torch.optim.SGD(each.model.parameters(), lr=rate, momentum=0.9)
        each.average, each.dice = torch.zeros(3), torch.Generator()
    one.average += 1
    one.history = [1.0, {"a": one.average}]
    one.dice.manual_seed(5)
    average, groups = two.average, two.optimizer.param_groups
    two.load_state_dict(one.state_dict())
    assert two.average is average is two.history[1]["a"]
    assert average.tolist() == [1, 1, 1]
    assert two.optimizer.param_groups is groups
    assert groups[0]["lr"] == 0.1
    assert groups[0]["params"] == list(two.model.parameters())
    assert torch.equal(two.dice.get_state(), one.dice.get_state())


@pytest.mark.parametrize("value", [object(), [object()], {"a": iter(())}])
def test_what_cannot_be_kept_is_named(value: object) -> None:
    one = submission()
    one.odd = value
    with pytest.raises(StateError, match=r"self\.odd"):
        one.state_dict()


@pytest.mark.parametrize("answer", [torch.tensor(True), 1, None])
def test_done_is_true_or_false(answer: object) -> None:
    one = submission()
    one.done = lambda: answer
    with pytest.raises(ValueError, match=r"done\(\) must return True or False, not"):
        checked_done(one)


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
