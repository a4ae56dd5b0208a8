"""Wrong input of every kind, over all verbs: exit code 2, one line that names the option and what to write, nothing written."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from harness.cli import PROJECT, main
from harness.commands.options import VERBS, LaunchOptions, RunOptions
from harness.options.command_line import read_options
from harness.options.explain import tables
from harness.project.project import Project
from harness.values.declare import Given, Switch, declared
from harness.values.kinds import ListOf, Number, OneOf, Whole, YesNo
from tests.conftest import SGD, World
from tests.test_cli import project

__all__ = ["project"]
FOREIGN = ("Hydra", "hydra", "OmegaConf", "AnyNode", "ChoiceSweep", "token recognition", "multirun", "Traceback", "mismatched input", "+x")
NEEDED = {
    "run": "workload=toy/cpu submission=quick",
    "launch": "submissions=[quick] workloads=[toy/cpu] out=new",
    "targets": "workload=toy/cpu out=new submissions=[quick]",
    "calibrate": "submission=quick",
    "check": "quick",
    "status": "ledger",
    "cancel": "ledger",
    "verify": "ledger",
    "sign": "ledger key=key",
    "score": "ledger",
    "replay": "ledger targets=targets.json",
    "list": "",
}
RUN, LAUNCH = f"run {NEEDED['run']}", f"launch {NEEDED['launch']}"
WRONG = {
    # what Hydra took for a sweep, a new key, a deletion, or could not read
    f"{RUN} seed=1,2": "seed is a whole number from 0 to 9223372036854775807, not '1,2'; give one value",
    f"{RUN} seed=range(3)": "seed is a whole number",
    f"{RUN} ++seed=9": "'++seed=9': options are written without '++': seed=9",
    f"{RUN} +seed=9": "options are written without '+': seed=9",
    f"{RUN} +seeed=9": "no option '+seeed=9'; did you mean 'seed'?",
    f"{RUN} ~seed": "'~seed': an option cannot be removed; leave seed= out",
    f"{RUN} ~seed=1": "an option cannot be removed",
    f"{RUN} --seed=1": "options are written without '--': seed=1",
    f"{RUN} --seed 1": "options are written without '--': seed=N",
    f"{RUN} --multirun": "no option '--multirun'; options are written name=value",
    f"{RUN} -m": "no option '-m'",
    f"{RUN} seed=1 seed=2": "seed= is given twice",
    f"{RUN} seed=1 seed=1": "seed= is given twice",
    f"{RUN} seed=": "seed= is empty: write seed=N, or leave it out",
    f"{RUN} 'seed= '": "seed= is empty",
    f"{RUN} seed": "'seed' has no value: write seed=N",
    f"{RUN} seed.x=1": "no option 'seed.x'; did you mean 'seed'?",
    f"{RUN} größe=1": "'größe=1' is not an option; options are written name=value",
    f"{RUN} =1": "'=1' is not an option",
    f"{RUN} ''": "'' is not an option",
    f"{RUN} seed=null": "seed is a whole number from 0 to 9223372036854775807, not 'null'",
    f"{RUN} seed=010": "not '010'; write 10",
    f"{RUN} seed=1e3": "not '1e3'; write 1000",
    f"{RUN} seed=0x10": "seed is a whole number",
    f"{RUN} seed=-1": "from 0 to 9223372036854775807, not -1",
    f"{RUN} seed=9223372036854775808": "from 0 to 9223372036854775807",
    f"{RUN} seed=１": "seed is a whole number",
    "run workload=toy/cpu 'submission=[quick]'": "no submission '[quick]'; did you mean 'quick'?",
    f"{RUN.replace('quick', 'quick/')}": "no submission 'quick/'; did you mean 'quick'?",
    f"{RUN.replace('submission', 'submissions')}": "no option 'submissions'; did you mean 'submission'?",
    f"{RUN.replace('toy/cpu', 'toy')}": "no workload 'toy'; did you mean 'toy/cpu'?",
    f"{RUN.replace('toy/cpu', 'toy/../toy/cpu')}": "no workload 'toy/../toy/cpu'; did you mean 'toy/cpu'?",
    # hyperparameters: one meaning for each text
    f"{RUN} hp.learning_rate=010": "hp.learning_rate is a number from 0.0001 to 1, not '010'",
    f"{RUN} hp.learning_rate=on": "hp.learning_rate is a number from 0.0001 to 1, not 'on'",
    f"{RUN} hp.learning_rate=1:30": "hp.learning_rate is a number from 0.0001 to 1, not '1:30'",
    f"{RUN} hp.learning_rate=true": "hp.learning_rate is a number from 0.0001 to 1, not 'true'",
    f"{RUN} hp.learning_rate=nan": "hp.learning_rate is a number from 0.0001 to 1, not 'nan'",
    f"{RUN} hp.learning_rate=5": "hp.learning_rate is a number from 0.0001 to 1, not '5'",
    f"{RUN} hp.learning_rate=0.1 hp.learning_rate=0.1": "hp.learning_rate= is given twice",
    f"{RUN} hp.=1": "no option 'hp.': write hp.KEY=VALUE",
    f"{RUN} hp=1": "hyperparameters are written one by one, hp.NAME=VALUE",
    "check quick hp.learning_rate=010": "hp.learning_rate is a number from 0.0001 to 1, not '010'",
    "check quick hp.learning_rate=on": "hp.learning_rate is a number from 0.0001 to 1, not 'on'",
    "check quick hp.learning_rate=1:30": "hp.learning_rate is a number from 0.0001 to 1, not '1:30'",
    "check toy/cpu hp.x=1": "hp.x= is for a submission, and toy/cpu is a workload",
    "check toy/cpi": "no submission or workload 'toy/cpi'; did you mean 'toy/cpu'?",
    "check quick quick": "not 2: 'quick' 'quick'",
    # rulesets and launchers
    f"{RUN} ruleset=quick,self": "no ruleset 'quick,self'",
    f"{RUN} ruleset=../ruleset/self": "no ruleset '../ruleset/self'",
    f"{RUN} ruleset.budget=2": "ruleset has no field 'budget'; did you mean 'budget_factor'?",
    f"{RUN} ruleset.budget_factor=0": "ruleset.budget_factor is a number above 0 and below 1000, not '0'",
    f"{RUN} ruleset.name=mine": "ruleset.name cannot be changed: choose with ruleset=NAME",
    f"{RUN} ruleset.trials=2": "2 trials of one default point are the same trial",
    f"{RUN} ruleset.points=guess": "ruleset.points is search or default, not 'guess'",
    f"{RUN} launcher=local": "no option 'launcher'",
    f"{LAUNCH} launcher=locl": "no launcher 'locl'; did you mean 'local'?",
    f"{LAUNCH} launcher=local launcher.workers=100000": "launcher.workers is a whole number from 1 to 1024, not 100000",
    f"{LAUNCH} launcher=local launcher.worker=2": "launcher has no field 'worker'; did you mean 'workers'?",
    f"{LAUNCH} launcher=slurm launcher.gpus=x": "launcher.gpus is a whole number from 0 to 1024, not 'x'",
    f"{LAUNCH} launcher=slurm launcher.setup=ls": "launcher.setup is a list of lines of shell, not 'ls'; write ['ls']",
    f"{LAUNCH} launcher=debug launcher.workers=2": "launcher has no field 'workers'; it has none",
    # lists
    f"{LAUNCH.replace('[quick]', '[quick,quick]')}": "submissions is a list of different names, and names 'quick' twice",
    f"{LAUNCH.replace('[quick]', 'quick,slow')}": "submissions is a list, and has to be written in brackets: [quick,slow]",
    f"{LAUNCH.replace('[quick]', '[quick')}": "submissions is a list that is not closed: '[quick'",
    f"{LAUNCH.replace('[quick]', 'quick]')}": "submissions is a list that is not opened: 'quick]'",
    f"{LAUNCH.replace('[quick]', '[quick, slow]')}": "submissions is a list that is not closed: '[quick,'; write [A,B] without spaces",
    f"{LAUNCH.replace('[quick]', '[quick,,slow]')}": "submissions is a list with an empty item",
    f"{LAUNCH.replace('[quick]', '[[quick]]')}": "submissions is a list inside a list",
    f"{LAUNCH.replace('[quick]', '{a:1}')}": "no submission '{a:1}'",
    f"{LAUNCH.replace('[quick]', '[]')}": "say what to run with submissions=[NAME]",
    f"{LAUNCH.replace('[toy/cpu]', '[toy/cpu,toy/gpu]')}": "no workload 'toy/gpu'; did you mean 'toy/cpu'?",
    f"{LAUNCH.replace('[quick]', '[quick,other/quick]')}": "quick and other/quick are both called 'quick'",
    f"{LAUNCH} withdraw=[slow]": "withdraw: there is no campaign in new",
    "launch out=new": "there is no campaign in new yet: say what to run with submissions=[NAME]",
    # ranges
    f"{LAUNCH} unconfirmed_hours=nan": "unconfirmed_hours is a number from 0 to 1e+06, not 'nan'",
    f"{LAUNCH} unconfirmed_hours=inf": "unconfirmed_hours is a number from 0 to 1e+06, not 'inf'",
    f"{LAUNCH} evaluation_period=1e-9": "evaluation_period is a number from 0.001 to 1, not '1e-9'",
    f"{LAUNCH} studies=1000000": "studies is a whole number from 1 to 1000, not 1000000",
    f"{LAUNCH} studies=2.5": "studies is a whole number from 1 to 1000, not '2.5'",
    f"{LAUNCH} retries=-1": "retries is a whole number from 0 to 1000, not -1",
    f"{LAUNCH} ranks=3": "the reference batch of toy/cpu, 16, must be a multiple of the ranks",
    f"{LAUNCH} dry_run=yes": "dry_run is true or false, not 'yes'; write true",
    f"{LAUNCH} dry_run=True": "dry_run is true or false, not 'True'; write true",
    f"{LAUNCH} racing=steps,time": "racing is time, steps, cpu_time or off, not 'steps,time'",
    f"{LAUNCH} hardware=mine": "no hardware 'mine'",
    f"{LAUNCH} hardware=../x": "hardware is the name of a file of configs/hardware, not '../x'",
    f"{LAUNCH} key=nowhere": "key=nowhere cannot be read",
    # folders
    f"{RUN} out=": "out= is empty: write out=DIR",
    f"{RUN} out=.": "out=. is the folder of the project",
    f"{RUN} out=..": "out=.. is the folder of the project",
    f"{RUN} out=configs/new": "out=configs/new is among the sources of the project",
    f"{RUN} out=other": "out=other holds something else than a ledger: choose a new folder",
    f"{RUN} 'out=${{SCRATCH}}/x'": "the shell has not replaced ${SCRATCH}; write it in double quotes",
    f"{RUN} 'out=$SCRATCH'": "the shell has not replaced $SCRATCH",
    f"{RUN} out=~nobody-here/x": "there is no home folder ~nobody-here",
    f"{RUN} out={'x' * 300}": "cannot be written (File name too long)",
    "score ledger out=ledger": "out=ledger holds something else than a board: choose a new folder",
    "score ledger out=other": "out=other holds something else than a board",
    "score ledger ledger": "'ledger' is given twice",
    "score nowhere": "nowhere cannot be read: there is no such folder",
    "score file": "file cannot be read: it is not a folder",
    "score ledger targets=x": "targets= is for AlgoPerf logs: add --algoperf, or leave it out",
    "score ledger --algoperf": "with --algoperf give one folder with logs, and targets=FILE",
    "score ledger --algoperf=true": "'--algoperf=true': write --algoperf",
    "score ledger algoperf=true": "'algoperf=': write --algoperf",
    "score ledger --algprf": "no option '--algprf'; did you mean '--algoperf'?",
    "score ledger clock=tme": "clock is time, steps or cpu_time, not 'tme'; did you mean 'time'?",
    "score ledger bootstrap=1e9": "bootstrap is a whole number from 0 to 100000, not '1e9'; write 1000000000",
    "status": "give the folder of one campaign",
    "status ledger ledger": "give the folder of one campaign, not 2",
    "status ledger --jsno": "no option '--jsno'; did you mean '--json'?",
    "status ledger --json --json": "--json is given twice",
    "status ledger json=true": "'json=': write --json",
    "status ledger ledger=x": "no option 'ledger'",
    "cancel ledger workloads=x": "no option 'workloads'; did you mean 'workload'?",
    "verify ledger key=nowhere": "key=nowhere cannot be read",
    "verify ledger salt=file": "salt=file holds 0 bytes",
    "sign ledger": "key= is missing: write key=FILE",
    "sign ledger key=file again=1": "again is true or false, not '1'; write true",
    "replay ledger": "targets= is missing: write targets=FILE",
    "replay ledger targets=x studies=0": "studies is a whole number from 1 to 1000, not 0",
    "targets workload=toy/cpu out=new submissions=[quick] trials=0": "trials is a whole number from 1 to 1000, not 0",
    "targets workload=toy/cpu out=new submissions=[]": "submissions is a list of different names, at least one, not '[]'",
    "targets workload=toy/cpu out=new": "no submission 'adamw_linear_zero'",
    "calibrate submission=quick name=../x": "name is a file's name of letters, digits, '_', '.' and '-', not '../x'",
    "calibrate submission=quick budget_factor=1e5": "budget_factor is a number above 0 and below 1000, not '1e5'",
    "list all": "'all' is not an option; there are none",
    "list seed=1": "no option 'seed'",
    "launhc": "no command 'launhc'; did you mean 'launch'?",
    "run=1": "no command 'run=1'; did you mean 'run'?",
}


@pytest.fixture
def crowded(project: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A project with a ledger, a file, another folder, and a second submission of the same name."""
    for path in ("ledger/quick/toy-cpu/study_1/trial_1/log.txt", "file", "other/notes.txt"):
        (project.root / path).parent.mkdir(parents=True, exist_ok=True)
        (project.root / path).touch()
    folder = project.root / "other" / "quick"
    (project.submission(SGD, "spare")).rename(folder)
    monkeypatch.delenv("SCRATCH", raising=False)
    return project


def refused(world: World, capsys: pytest.CaptureFixture[str], words: list[str]) -> str:
    """Returns the one line that a command line is refused with."""
    before = sorted(world.root.rglob("*"))
    assert main(words, world.root) == 2, words
    captured = capsys.readouterr()
    assert captured.err.startswith("finishline: ")
    assert captured.err.count("\n") == 1
    assert captured.out == ""
    assert not [word for word in FOREIGN if word in captured.err.replace(" ".join(words), "") and word not in " ".join(words)]
    assert sorted(path for path in world.root.rglob("*") if "__pycache__" not in path.parts) == before
    return captured.err


@pytest.mark.parametrize("command", WRONG)
def test_wrong_input(crowded: World, capsys: pytest.CaptureFixture[str], command: str) -> None:
    assert WRONG[command] in refused(crowded, capsys, shlex.split(command))


BAD_VALUES = ("", "x y", "[", "a,b", "1,2", "010", "on", "nan", "1e400", "${A}", "~", "=", "null", "-1", "ü", "'", "{a: 1}", "True")
TEXT = {"reference", "withdraw", "submission", "workload", "python"}


@pytest.mark.parametrize("verb", VERBS)
def test_no_value_of_another_kind_is_taken(crowded: World, capsys: pytest.CaptureFixture[str], verb: str) -> None:
    """Every option of every verb with every odd value: where a number, a truth value or one of a few words is meant, it is refused."""
    tried = 0
    for name, option in declared(VERBS[verb]).items():
        if option.positional or isinstance(option.kind, Switch | Given) or not isinstance(option.kind, Whole | Number | YesNo | OneOf):
            continue
        for value in BAD_VALUES:
            if value == "null" and option.optional:
                continue
            error = refused(crowded, capsys, [verb, *shlex.split(NEEDED[verb]), f"{name}={value}"])
            assert f"{name} " in error or f"{name}=" in error
            tried += 1
    assert tried or verb in ("status", "cancel", "check", "verify", "list")


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("word", ["seeed=1", "++x=1", "~x", "--x", "-x", "x.y=1", "hydra.verbose=true", "hydra/launcher=basic"])
def test_an_unknown_option(crowded: World, capsys: pytest.CaptureFixture[str], verb: str, word: str) -> None:
    refused(crowded, capsys, [verb, *shlex.split(NEEDED[verb]), word])


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("word", ["-h", "--help", "help"])
def test_help_explains_the_verb(capsys: pytest.CaptureFixture[str], verb: str, word: str) -> None:
    assert main([verb, word], PROJECT) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"finishline {verb}")
    for name, option in declared(VERBS[verb]).items():
        if not option.positional and not isinstance(option.kind, Given):
            assert f"  --{name}" in out or f"  {name}=" in out or f"  {name}.NAME=" in out
            assert isinstance(option.kind, ListOf) or option.help.split()[0] in out


def test_every_option_is_declared_in_full() -> None:
    for verb, record in VERBS.items():
        assert record.__doc__, verb
        for option in declared(record).values():
            assert option.help or isinstance(option.kind, Given), f"{verb}: {option.name}"
            default = option.default
            if not option.required and default is not None and isinstance(option.kind, Whole | Number | YesNo | OneOf):
                assert option.kind.check(default) == default


def test_the_docs_have_every_option_as_it_is_declared() -> None:
    """To write them anew: docs/options.md up to `## All options`, then harness.options.explain.tables(VERBS)."""
    text = (PROJECT / "docs" / "options.md").read_text()
    assert text.split("## All options\n\n")[1] == tables(VERBS)


RIGHT = {
    "submissions=quick workloads=toy/cpu out=new": {"submissions": ("quick",), "workloads": ("toy/cpu",)},
    "'submissions=[ quick , \"slow\" ]' workloads=[toy/cpu] out=new": {"submissions": ("quick", "slow")},
    f"{NEEDED['launch'].replace('new', 'a=b/größe')}": {"out": Path("a=b/größe")},
    "submissions=quick workloads=toy/cpu 'out=my results/one, two'": {"out": Path("my results/one, two")},
    "submissions=quick workloads=toy/cpu 'out=\"my results\"'": {"out": Path("my results")},
    f"{NEEDED['launch']} racing=off": {"racing": "off"},
    f"{NEEDED['launch']} evaluation_period=.5 checkpoint_period_s=0": {"evaluation_period": 0.5, "checkpoint_period_s": 0.0},
    f"{NEEDED['launch']} hardware=null salt=null studies=null": {"hardware": None, "salt": None, "studies": None},
    f"{NEEDED['launch']} seed=+7 fork=true": {"seed": 7, "fork": True},
}


@pytest.mark.parametrize("words", RIGHT)
def test_what_is_right_needs_no_quotes_of_ours(crowded: World, words: str) -> None:
    given = read_options(LaunchOptions, "launch", shlex.split(words), Project(crowded.root))
    assert {name: getattr(given, name) for name in RIGHT[words]} == RIGHT[words]


def test_the_home_folder(crowded: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(crowded.root.parent / "home"))
    given = read_options(RunOptions, "run", [*shlex.split(NEEDED["run"]), "out=~/mine"], Project(crowded.root))
    assert given.out == crowded.root.parent / "home" / "mine"


@pytest.mark.parametrize("verb", VERBS)
def test_options_are_checked_before_anything_heavy_is_imported(verb: str) -> None:
    heavy = "{'torch', 'hydra', 'numpy', 'rich'} & set(sys.modules)"
    code = f"import sys; from harness.cli import main; main([{verb!r}, 'seeed=1']); print({heavy})"
    outcome = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PROJECT)
    assert outcome.stdout.strip() == "set()"
