"""The options of every verb, each declared once: what is read and checked, `finishline VERB --help` and docs/options.md follow from here.

Imports neither torch nor Hydra, so that a wrong option is told at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar

from harness.errors import UserError
from harness.launch.launcher import Launcher
from harness.options.names import (
    CheckedName,
    HardwareName,
    Hyperparameters,
    LauncherGroup,
    PrivateKeyFile,
    PublicKeyFile,
    RulesetGroup,
    SaltFile,
    SubmissionName,
    SubmissionNames,
    WorkloadName,
)
from harness.options.paths import LedgerFolder, OutFolder, PathKind
from harness.project.rulesets import MAX_STUDIES, MAX_TRIALS, Racing, Ruleset
from harness.score.options import ScoreOptions
from harness.values.declare import Given, Positional, Switch
from harness.values.kinds import MAX_SEED, Kind, ListOf, Named, Number, OneOf, Whole, YesNo

STANDARD = ("adamw_linear_zero", "nadamw", "sgd_nesterov", "sgd_heavy_ball")
LEDGER = ("campaign.yaml", "*/*/study_*", "jobs")
BOARD = ("leaderboard.csv",)
SEED = Whole(0, MAX_SEED)
LEDGER_OUT = OutFolder("a ledger", *LEDGER)


@dataclass(frozen=True, kw_only=True)
class TrialOptions:
    """How trials are run, whatever starts them."""

    evaluation_period: Annotated[float, Number(0.001, 1), "between evaluations, as a fraction of the step hint"] = 0.025
    sandbox: Annotated[str, OneOf(("auto", "bwrap", "none")), "auto: bwrap where it works"] = "auto"
    log: Annotated[str, OneOf(("csv", "wandb")), "wandb: each trial as a wandb run too, see docs/logging.md"] = "csv"


@dataclass(frozen=True, kw_only=True)
class CampaignTrialOptions(TrialOptions):
    """How the trials of `run` and `launch` are run."""

    seed: Annotated[int, SEED, "what all random numbers follow from"] = 1
    ranks: Annotated[int | None, Whole(1, 4096), "processes of a trial, one for each GPU; default: the workload's"] = None
    salt: Annotated[Path | None, SaltFile(), "held-out data that are drawn are drawn under it, see docs/trust.md"] = None
    checkpoint_period_s: Annotated[
        float, Number(0, 86_400), "seconds on the clock between checkpoints: so much is done again after an interruption"
    ] = 60.0
    ruleset: Annotated[Ruleset, RulesetGroup(), "how often and with which budget; ruleset.KEY=VALUE changes it, and its name"]


@dataclass(frozen=True, kw_only=True)
class RunOptions(CampaignTrialOptions):
    """Runs one trial; exit code 0 when the target is met, 3 when not."""

    workload: Annotated[str, WorkloadName(), "see finishline list"]
    submission: Annotated[str, SubmissionName(), "what is run"]
    hp: Annotated[Mapping[str, Any], Hyperparameters("submission"), "a hyperparameter, other than the default of space.yaml"] = field(
        default_factory=dict
    )
    out: Annotated[Path | None, LEDGER_OUT, "the ledger's folder; default: results/runs/<time>-<submission>-<workload>"] = None


@dataclass(frozen=True, kw_only=True)
class LaunchOptions(CampaignTrialOptions):
    """Runs a campaign. Started again it does only what is missing; what is not given stays as the ledger has it."""

    out: Annotated[Path, LEDGER_OUT, "the ledger's folder"]
    submissions: Annotated[tuple[str, ...], SubmissionNames(), "names or paths; added to those of the ledger"] = ()
    workloads: Annotated[tuple[str, ...], ListOf(WorkloadName(), "workloads"), "added to those of the ledger"] = ()
    withdraw: Annotated[tuple[str, ...], ListOf(Kind(), "names"), "submissions to take out; their trials are moved aside"] = ()
    studies: Annotated[int | None, Whole(1, MAX_STUDIES), "default: the ruleset's"] = None
    racing: Annotated[
        Racing, OneOf(("time", "steps", "cpu_time", "off")), "trials that cannot change the board on this clock are stopped"
    ] = "time"
    launcher: Annotated[Launcher, LauncherGroup(), "where trials run; launcher.KEY=VALUE sets its fields, see docs/slurm.md"]
    retries: Annotated[int, Whole(0, 1000), "how often a trial that crashed, ran out of memory or hung is tried again"] = 1
    hardware: Annotated[str | None, HardwareName(), "made by finishline calibrate: its budgets; default: those of the workloads"] = None
    fork: Annotated[bool, YesNo(), "true: where the ledger contradicts, go on in a copy of what still holds"] = False
    dry_run: Annotated[bool, YesNo(), "true: say what would be done, write and run nothing"] = False
    confirm: Annotated[bool, YesNo(), "true: also when it takes more than unconfirmed_hours"] = False
    unconfirmed_hours: Annotated[float, Number(0, 1e6), "what a launch may take without confirm=true"] = 24.0
    key: Annotated[Path | None, PrivateKeyFile(), "signs the ledger at the end, as finishline sign does"] = None
    named: Annotated[frozenset[str], Given()] = frozenset()

    def __post_init__(self) -> None:
        if self.key is not None and not self.launcher.runs_here:
            raise UserError("key= signs at the end of a launch on this machine: when the jobs have ended, use finishline sign")
        if (self.out / LEDGER[0]).exists():
            return
        for option, chosen, form in (("submissions", self.submissions, "[NAME]"), ("workloads", self.workloads, "[NAME/TIER]")):
            if not chosen:
                raise UserError(f"there is no campaign in {self.out} yet: say what to run with {option}={form}")
        if self.withdraw:
            raise UserError(f"withdraw: there is no campaign in {self.out} from which to take {', '.join(self.withdraw)}")


@dataclass(frozen=True, kw_only=True)
class StatusOptions:
    """Says where a campaign stands: each cell, hours spent and to come."""

    ledger: Annotated[Path, LedgerFolder(), Positional(), "the folder of one campaign"]
    json: Annotated[bool, Switch(), "for a program to read"] = False


@dataclass(frozen=True, kw_only=True)
class CancelOptions:
    """Takes a campaign's jobs out of Slurm's queue; `launch` submits them again."""

    ledger: Annotated[Path, LedgerFolder(), Positional(), "the folder of one campaign"]
    submission: Annotated[str | None, Kind(), "its jobs only"] = None
    workload: Annotated[str | None, Kind(), "its jobs only"] = None


@dataclass(frozen=True, kw_only=True)
class CheckOptions:
    """Says what is wrong with a submission or a workload, in seconds and without a GPU; exit code 1 when it breaks a rule."""

    CONFIG: ClassVar[str] = "run"
    target: Annotated[str, CheckedName(), Positional(), "one submission by its name or folder, or one workload as name/tier"]
    ruleset: Annotated[Ruleset, RulesetGroup(), "how large a submission may be"]
    hp: Annotated[Mapping[str, Any], Hyperparameters("target"), "a hyperparameter that it is tried with"] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class VerifyOptions:
    """Says whether ledgers can be what they say: weights, hashes, signature, clocks, seeds; exit code 1 when anything is off."""

    ledgers: Annotated[tuple[Path, ...], LedgerFolder(), Positional(several=True), "the folder of at least one ledger"]
    key: Annotated[Path | None, PublicKeyFile(), "the organiser's public key"] = None
    salt: Annotated[Path | None, SaltFile(), "the salt that was revealed"] = None


@dataclass(frozen=True, kw_only=True)
class SignOptions:
    """Signs a campaign, if its hashes and its plan hold; `launch key=` does so at its end."""

    ledger: Annotated[Path, LedgerFolder(), Positional(), "the folder of one campaign"]
    key: Annotated[Path, PrivateKeyFile(), "an OpenSSH ed25519 key"]
    incomplete: Annotated[bool, YesNo(), "true: also where planned trials have no record"] = False
    again: Annotated[bool, YesNo(), "true: also where signed records were changed or removed since"] = False


@dataclass(frozen=True, kw_only=True)
class ScoreVerbOptions(ScoreOptions):
    """Makes the leaderboard of some ledgers, or of AlgoPerf logs."""

    ledgers: Annotated[tuple[Path, ...], LedgerFolder(), Positional(several=True), "the folder of at least one ledger"]
    algoperf: Annotated[bool, Switch(), "the folder holds AlgoPerf logs; needs targets="] = False
    targets: Annotated[Path | None, PathKind(), "the targets of AlgoPerf logs"] = None
    out: Annotated[Path | None, OutFolder("a board", *BOARD), "the board's folder; default: board in the first ledger"] = None

    def __post_init__(self) -> None:
        if self.algoperf and (len(self.ledgers) != 1 or self.targets is None):
            raise UserError("with --algoperf give one folder with logs, and targets=FILE")
        if self.targets is not None and not self.algoperf:
            raise UserError("targets= is for AlgoPerf logs: add --algoperf, or leave it out")


@dataclass(frozen=True, kw_only=True)
class ReplayOptions:
    """Says what racing would have saved on AlgoPerf logs, and whether the board stays the same; exit code 1 when not."""

    logs: Annotated[Path, LedgerFolder(), Positional(), "one folder with AlgoPerf logs, and targets=FILE"]
    targets: Annotated[Path, PathKind(), "the targets of the logs"]
    studies: Annotated[int | None, Whole(1, MAX_STUDIES), "of each cell; default: all"] = None


@dataclass(frozen=True, kw_only=True)
class TargetsOptions:
    """Proposes target and budget of a workload: tunes standard algorithms, repeats the best, writes configs/targets/."""

    workload: Annotated[str, WorkloadName(), "see finishline list"]
    out: Annotated[Path, OutFolder("the ledgers of finishline targets", "search"), "the folder of its ledgers"]
    trials: Annotated[int, Whole(1, MAX_TRIALS), "points of each submission"] = 20
    seeds: Annotated[int, Whole(1, MAX_STUDIES), "repeats of the best point"] = 5
    seed: Annotated[int, SEED, "what all random numbers follow from"] = 1
    submissions: Annotated[tuple[str, ...], SubmissionNames(least=1), "what is tuned"] = STANDARD


@dataclass(frozen=True, kw_only=True)
class CalibrateOptions(TrialOptions):
    """Measures what the reference takes on this machine; writes configs/hardware/NAME.yaml, from which budgets follow."""

    name: Annotated[str | None, Named("a file's name of letters, digits, '_', '.' and '-'"), "default: from the fingerprint"] = None
    workloads: Annotated[tuple[str, ...], ListOf(WorkloadName(), "workloads"), "default: all of tier gpu, or cpu where there is none"] = ()
    submission: Annotated[str, SubmissionName(), "the reference, with its default point"] = "nadamw"
    seed: Annotated[int, SEED, "what all random numbers follow from"] = 1
    budget_factor: Annotated[float, Number(above=0, below=1000), "budget over the reference's time"] = 4.0
    out: Annotated[Path | None, LEDGER_OUT, "the ledger of its trials; default: results/calibrate/<time>-<name>"] = None


@dataclass(frozen=True, kw_only=True)
class ListOptions:
    """Lists workloads with metric, target and budget, submissions with hyperparameters, rulesets, launchers and hardware."""


VERBS: dict[str, type] = {
    "run": RunOptions,
    "launch": LaunchOptions,
    "status": StatusOptions,
    "cancel": CancelOptions,
    "check": CheckOptions,
    "verify": VerifyOptions,
    "sign": SignOptions,
    "score": ScoreVerbOptions,
    "replay": ReplayOptions,
    "targets": TargetsOptions,
    "calibrate": CalibrateOptions,
    "list": ListOptions,
}
