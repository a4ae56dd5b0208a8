"""The command line's overrides, composed by Hydra over configs/, checked, and turned into dataclasses."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar, get_args

from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from harness.errors import UserError, suggest
from harness.launch.options import read_launcher
from harness.project.rulesets import Racing, Ruleset

LOGS = ("csv", "wandb")


@dataclass
class RunOptions:
    """Of `finishline run`; documented in configs/run.yaml."""

    workload: str = MISSING
    submission: str = MISSING
    seed: int = 1
    out: str | None = None
    ranks: int | None = None
    salt: str | None = None
    evaluation_period: float = 0.025
    checkpoint_period_s: float = 60.0
    sandbox: str = "auto"
    log: str = "csv"
    ruleset: Any = MISSING  # a Ruleset
    hp: dict[str, Any] = field(default_factory=dict)


@dataclass
class LaunchOptions:
    """Of `finishline launch`; documented in configs/launch.yaml."""

    submissions: list[str] = field(default_factory=list)
    workloads: list[str] = field(default_factory=list)
    withdraw: list[str] = field(default_factory=list)
    studies: int | None = None
    seed: int = 1
    out: str = MISSING
    retries: int = 1
    racing: str = "time"
    fork: bool = False
    confirm: bool = False
    unconfirmed_hours: float = 24.0
    hardware: str | None = None
    ranks: int | None = None
    salt: str | None = None
    evaluation_period: float = 0.025
    checkpoint_period_s: float = 60.0
    sandbox: str = "auto"
    log: str = "csv"
    key: str | None = None
    ruleset: Any = MISSING  # a Ruleset
    launcher: Any = MISSING  # a Launcher
    dry_run: bool = False


@dataclass
class CalibrateOptions:
    """Of `finishline calibrate`; documented in configs/calibrate.yaml."""

    name: str | None = None
    workloads: list[str] = field(default_factory=list)
    submission: str = MISSING
    seed: int = 1
    budget_factor: float = MISSING
    out: str | None = None
    evaluation_period: float = 0.025
    sandbox: str = "auto"
    log: str = "csv"


Options = TypeVar("Options", RunOptions, LaunchOptions, CalibrateOptions)


def options(configs: Path, verb: str, kind: type[Options], arguments: Sequence[str]) -> Options:
    """Returns the options of a verb: `configs/<verb>.yaml` with the arguments over it.

    Raises:
        UserError: an unknown option (the nearest is suggested), one that is missing, or a value of the wrong kind.
    """
    known = [f.name for f in fields(kind)]
    apart: dict[str, Any] = {}
    hp: dict[str, Any] = {}
    others = []
    for text in arguments:
        key, value = _parse(verb, text)
        if key.startswith("hp.") and "hp" in known:
            hp[key.removeprefix("hp.")] = value
        elif key.split(".")[0] not in known:
            raise UserError(f"{verb}: no option '{key}'{suggest(key, known)}")
        elif key in ("workload", "hardware"):  # to Hydra these are groups of configs/, here they are names
            apart[key] = str(value)
        else:  # a launcher's fields may be new below workloads and extra; read_launcher knows the others
            others.append(f"++{text}" if text.startswith("launcher.") else text)
    for group in ("ruleset", "launcher"):
        _known_choice(configs, group, others)
    try:
        with initialize_config_dir(str(configs.absolute()), version_base=None):
            composed = compose(verb, overrides=others)
        merged = OmegaConf.merge(OmegaConf.structured(kind), composed, apart)
        missing = [name for name in known if OmegaConf.is_missing(merged, name)]
        if missing:
            raise UserError(f"{verb}: {missing[0]}= is missing; see finishline --help")
        result: Any = OmegaConf.to_object(merged)
        if "ruleset" in known:
            result.ruleset = Ruleset(**result.ruleset)
        if "hp" in known:
            result.hp = hp
        if "launcher" in known:
            result.launcher = read_launcher(result.launcher)
    except (HydraException, OmegaConfBaseException, TypeError) as error:
        raise UserError(f"{verb}: {' '.join(str(error).split())}") from None
    _check(verb, result)
    checked: Options = result
    return checked


def load(configs: Path, name: str) -> dict[str, Any]:
    """Returns one configuration file, composed by Hydra, e.g. `workload/lm/cpu`."""
    try:
        with initialize_config_dir(str(configs.absolute()), version_base=None):
            node: Any = compose(name)
        for part in name.split("/")[:-1]:
            node = node[part]
        content = OmegaConf.to_container(node, resolve=True)
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(f"configs/{name}.yaml: {' '.join(str(error).split())}") from None
    assert isinstance(node, DictConfig)
    assert isinstance(content, dict)
    return {str(key): value for key, value in content.items()}


def read_ruleset(configs: Path, name: str) -> Ruleset:
    """Returns a ruleset by its name; raises UserError where there is none (the nearest is suggested)."""
    _known_choice(configs, "ruleset", [f"ruleset={name}"])
    return Ruleset(**load(configs, f"ruleset/{name}"))


def _parse(verb: str, text: str) -> tuple[str, Any]:
    if "=" not in text:
        raise UserError(f"{verb}: '{text}' is not an option; options are written name=value")
    try:
        override = OverridesParser.create().parse_override(text)
        return override.key_or_group, override.value()
    except HydraException as error:
        raise UserError(f"{verb}: '{text}' cannot be read ({' '.join(str(error).split())})") from None


def _known_choice(configs: Path, group: str, arguments: Sequence[str]) -> None:
    for text in arguments:
        key, _, choice = text.partition("=")
        choices = [path.stem for path in (configs / group).glob("*.yaml")]
        if key == group and choice not in choices:
            raise UserError(f"no {group} '{choice}'{suggest(choice, choices)}")


def _check(verb: str, result: RunOptions | LaunchOptions | CalibrateOptions) -> None:
    if not 0 < result.evaluation_period <= 1:
        raise UserError(f"{verb}: evaluation_period is a share of the step hint, above 0 and at most 1, not {result.evaluation_period}")
    if not isinstance(result, CalibrateOptions) and not 0 <= result.checkpoint_period_s < math.inf:
        raise UserError(f"{verb}: checkpoint_period_s is a number of seconds of 0 or more, not {result.checkpoint_period_s}")
    if isinstance(result, LaunchOptions) and result.studies is not None and result.studies < 1:
        raise UserError(f"{verb}: studies must be at least 1, not {result.studies}")
    if isinstance(result, LaunchOptions) and result.retries < 0:
        raise UserError(f"{verb}: retries must be 0 or more, not {result.retries}")
    clocks = get_args(Racing)
    if isinstance(result, LaunchOptions) and result.racing not in clocks:
        raise UserError(f"{verb}: racing is {', '.join(clocks)}, not '{result.racing}'{suggest(result.racing, clocks)}")
    if result.sandbox not in ("auto", "bwrap", "none"):
        raise UserError(f"{verb}: sandbox is auto, bwrap or none, not '{result.sandbox}'")
    if result.log not in LOGS:
        raise UserError(f"{verb}: no log '{result.log}'{suggest(result.log, LOGS)}")
