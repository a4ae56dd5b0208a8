"""As Slurm job arrays; returns as soon as Slurm has them. How they are submitted: harness/launch/slurm.py."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar

from harness.launch.launcher import Work
from harness.ledger.spec import TrialSpec
from harness.project.fields import Fields
from harness.values.kinds import Lines, Number, Scalar, Table, Whole, Word, YesNo


@dataclass(frozen=True)
class Resources:
    """What Slurm is asked for, for one trial. Trials with the same resources share a job array.

    `gpus`, `cpus` and `memory_gb` (GiB) are those of one node, of which the trial gets `nodes`; `time_min` is the time limit in minutes,
    `setup` has lines of shell that come before the trial, `python` is the command that starts Python (default: this very interpreter),
    `extra` has more sbatch fields.
    """

    partition: Annotated[str | None, Word(), "default: the cluster's"] = None
    account: Annotated[str | None, Word(), "default: the cluster's"] = None
    qos: Annotated[str | None, Word(), "default: the cluster's"] = None
    constraint: Annotated[str | None, Word(), "features that nodes must have"] = None
    nodes: Annotated[int, Whole(1, 4096), "of one trial; its ranks are spread evenly over them"] = 1
    gpus: Annotated[int, Whole(0, 1024), "of one node: one for each rank"] = 0
    cpus: Annotated[int, Whole(1, 4096), "of one node"] = 1
    memory_gb: Annotated[float, Number(above=0, most=1e6), "of one node, in GiB"] = 4.0
    time_min: Annotated[int, Whole(1, 525600), "time limit in minutes; a trial that needs longer is queued again"] = 60
    exclusive: Annotated[bool, YesNo(), "true: a node is given to one trial alone"] = False
    setup: Annotated[tuple[str, ...], Lines("lines of shell"), "lines of shell before each trial"] = ()
    python: Annotated[str | None, Word(), "the command that starts Python on the nodes"] = None
    extra: Annotated[tuple[tuple[str, Any], ...], Table(Scalar(), "a table of sbatch fields"), "more fields of sbatch"] = ()


@dataclass(frozen=True)
class Slurm(Resources):
    """As Slurm job arrays.

    Its resources hold for the workloads that `workloads` has nothing for: by tier, or by `name-tier` as in the ledger, which goes first.
    At most `array_parallelism` trials of one launch and one shape run at once. `notice_s` seconds before its time limit a trial is told
    to stop and is queued again, at most `timeouts` times.
    """

    runs_here: ClassVar[bool] = False
    workloads: Annotated[
        Mapping[str, Mapping[str, Any]],
        Table(Fields(Resources, partial=True), "a table of resources by tier or name-tier"),
        "what differs, by tier or by name-tier",
    ] = field(default_factory=dict)
    array_parallelism: Annotated[int, Whole(1, 1_000_000), "so many trials of one shape run at once"] = 256
    notice_s: Annotated[int, Whole(1, 86_400), "seconds before the time limit at which a trial is told to stop"] = 90
    timeouts: Annotated[int, Whole(0, 1000), "how often a trial may meet its time limit and is queued again"] = 3

    def __post_init__(self) -> None:
        object.__setattr__(self, "extra", _in_order(self.extra))
        for place, resources in {"": self.resources, **{f"workloads.{key}: ": self._resources(key) for key in self.workloads}}.items():
            if self.notice_s >= 60 * resources.time_min:
                raise ValueError(f"{place}notice_s={self.notice_s} is not less than time_min={resources.time_min} (minutes)")

    @property
    def resources(self) -> Resources:
        """What a trial is given that `workloads` has nothing for."""
        return Resources(**{f.name: getattr(self, f.name) for f in fields(Resources)})

    def resources_for(self, name: str, tier: str) -> Resources:
        """Returns what a trial of a workload is given."""
        return self._resources(f"{name}-{tier}" if f"{name}-{tier}" in self.workloads else tier)

    def must_fit(self, due: Sequence[TrialSpec]) -> None:
        """Raises UserError when there is no Slurm here, or no node that has what a trial is to get."""
        from harness.launch.slurm import must_fit

        must_fit(due, self)

    def preview(self, due: Sequence[TrialSpec], ledger: Path) -> str:
        """Returns the sbatch files."""
        from harness.launch.slurm import preview

        return preview(due, ledger, self)

    def launch(self, work: Work) -> str:
        """Submits the trials that no job has, and returns how many there are."""
        from harness.launch.slurm import submit

        return submit(work.due, work.ledger, self, work.retries, work.log)

    def _resources(self, key: str) -> Resources:
        changes = dict(self.workloads.get(key, {}))
        if "extra" in changes:
            changes["extra"] = _in_order(changes["extra"])
        return replace(self.resources, **changes)


def _in_order(extra: Any) -> tuple[tuple[str, Any], ...]:
    """Returns further fields in an order that does not depend on how they were written, so that equal resources are equal."""
    return tuple(sorted(dict(extra).items()))


LAUNCHER = Slurm
