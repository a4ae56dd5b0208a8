"""Lint: modules and functions that a training algorithm has no use for, by name."""

import ast
import sys
from collections.abc import Container, Iterator
from dataclasses import dataclass

from harness.check.finding import Finding, Level
from harness.check.source import Source
from harness.project.shared import PACKAGE


@dataclass(frozen=True)
class Rule:
    """Names (dotted; a module stands for all in it) and why they do not belong in a submission."""

    level: Level
    names: str
    advice: str


OWN = ("harness.submission", "harness.schedules", "harness.workload")
KNOWN = (
    "__future__ abc bisect cmath collections contextlib copy dataclasses decimal enum fractions functools heapq itertools math numbers "
    "numpy operator random re scipy statistics string sys torch types typing typing_extensions warnings"
)
RULES = (
    Rule("error", "workloads", "a submission may not know what it trains: use self.workload, self.roles and self.losses"),
    Rule("error", "socket ssl http urllib ftplib smtplib requests httpx aiohttp xmlrpc socketserver", "there is no network in a trial"),
    Rule(
        "error",
        "subprocess multiprocessing threading concurrent asyncio _thread sched torch.multiprocessing torch.jit.fork torch.jit._fork "
        "torch.futures",
        "a trial is one process and one thread; work in the background is frozen and counted",
    ),
    Rule(
        "error", "os signal psutil resource atexit pty fcntl mmap", "the machine's processes, environment and files are not a submission's"
    ),
    Rule(
        "error",
        "ctypes cffi inspect gc importlib imp pkgutil runpy builtins code codeop traceback tracemalloc linecache dis bytecode",
        "it reaches into the program that runs the submission",
    ),
    Rule("error", "pickle marshal shelve dill cloudpickle joblib", "a state is saved by state_dict; nothing else is stored or read"),
    Rule(
        "error",
        "pathlib io glob shutil tempfile fileinput sqlite3 csv safetensors datasets pyarrow zipfile tarfile open torch.load torch.save "
        "torch.jit.load torch.from_file torch.serialization torch.package numpy.load numpy.save numpy.savez numpy.fromfile numpy.loadtxt "
        "numpy.genfromtxt numpy.memmap numpy.lib.format",
        "a submission reads and writes no files: data come from the stream, state goes into state_dict",
    ),
    Rule(
        "error",
        "huggingface_hub transformers timm torchvision torch.hub torch.utils.model_zoo",
        "it may bring weights or data from elsewhere; declare it in requirements.txt if only an algorithm of it is used",
    ),
    Rule("error", "eval exec compile __import__ breakpoint input", "code that is made at run time cannot be read"),
    Rule("error", "time.sleep", "waiting is on the clock, and trains nothing"),
    Rule(
        "error",
        "random.SystemRandom secrets uuid torch.seed torch.random.seed",
        "it cannot be repeated or resumed: draw from self.generator, or torch's global stream",
    ),
    Rule("error", "torch.set_num_threads torch.set_num_interop_threads", "the number of threads is the workload's"),
    Rule(
        "warning",
        "torch.manual_seed torch.random.manual_seed torch.cuda.manual_seed torch.cuda.manual_seed_all torch.set_rng_state random.seed "
        "numpy.random.seed random.setstate numpy.random.set_state",
        "it seeds a stream that dropout and the trial's seed depend on: use self.generator",
    ),
    Rule(
        "warning",
        "torch.Generator random.Random numpy.random.default_rng numpy.random.RandomState numpy.random.Generator",
        "use self.generator: it is seeded by the trial and saved in checkpoints",
    ),
    Rule("warning", "time datetime", "seconds read here differ from run to run: use self.elapsed, and steps where you can"),
    Rule("warning", "torch.cuda.Stream torch.cuda.stream torch.utils.data", "work beside the main stream must be over when step returns"),
    Rule("warning", "base64 binascii zlib gzip bz2 lzma codecs", "it unpacks something: no weights or tables may be brought along"),
    Rule(
        "warning",
        "torch.set_default_dtype torch.set_default_device torch.set_float32_matmul_precision torch.use_deterministic_algorithms",
        "a setting of the whole process; it may not change what the model computes",
    ),
    Rule("warning", "torch.nn.init", "training starts from the weights that the workload made"),
    Rule("warning", "torch._C torch.ops torch.classes torch.utils.cpp_extension", "native code: a reader cannot see what it does"),
    Rule("warning", "globals locals vars", "it reaches names that a reader cannot see"),
)
LEVELS = {name: rule for rule in RULES for name in rule.names.split()}
SYS_ALLOWED = ("sys.maxsize", "sys.float_info", "sys.version_info")
FRAMES = (
    "f_back f_locals f_globals f_builtins f_code tb_frame tb_next gi_frame cr_frame ag_frame __globals__ __code__ __closure__ __builtins__ "
    "__subclasses__ __mro__ __bases__ __base__ __loader__ __spec__ __traceback__ __self__ __func__ __wrapped__ cell_contents "
    "__getattribute__ __reduce__ __reduce_ex__"
)
INNER = ("_clock", "_given")
SEEDS = ("manual_seed", "seed", "default_rng", "Random", "RandomState")
UNREPEATABLE = ("time.", "datetime.", "os.", "uuid.", "secrets.", "id", "hash")


def imports(source: Source, declared: Container[str]) -> Iterator[Finding]:
    """Yields what is imported and should not be; `declared` are the modules of the packages that requirements.txt names."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            for name in (alias.name for alias in node.names):
                yield from _imported(source, node, name, declared)
        elif isinstance(node, ast.ImportFrom):
            if node.level == 0 and (node.module or "") in ("harness", "torch", "os", "numpy"):
                for alias in node.names:
                    yield from _imported(source, node, f"{node.module}.{alias.name}", declared)
            elif node.level == 0:
                yield from _imported(source, node, node.module or "", declared)
            elif node.level > 1 and source.file == "submission.py":
                yield source.finding("error", node, "imports from outside its folder", "write from submissions.common import …")


def references(source: Source) -> Iterator[Finding]:
    """Yields uses of functions and attributes that have no place in a submission."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and node.attr in FRAMES.split():
            yield source.finding("error", node, f"uses {node.attr}", "it reaches into frames and functions that are not the submission's")
        if isinstance(node, ast.Attribute) and node.attr in INNER:
            yield source.finding("error", node, f"uses .{node.attr}", "it is the harness's own: use self.elapsed, state_dict")
        if isinstance(node, ast.Attribute | ast.Name | ast.Call) and (name := source.dotted(node)):
            yield from _referenced(source, node, name)
        if isinstance(node, ast.Call):
            yield from _called(source, node)


def _imported(source: Source, node: ast.stmt, name: str, declared: Container[str]) -> Iterator[Finding]:
    root = name.split(".")[0]
    if root == "harness":
        if not any(name == own or name.startswith(f"{own}.") for own in OWN):
            advice = f"the harness's inside is not a submission's; free to use are {', '.join(OWN)}"
            yield source.finding("error", node, f"imports {name}", advice)
        return
    if root in declared or root == PACKAGE:
        return
    rule = next((rule for known, rule in LEVELS.items() if name == known or name.startswith(f"{known}.")), None)
    if rule is not None:
        yield source.finding(rule.level, node, f"imports {name}", rule.advice)
    elif root in sys.stdlib_module_names:
        if root not in KNOWN.split():
            yield source.finding("warning", node, f"imports {name}", "what does a training algorithm need it for?")
    elif root not in KNOWN.split():
        advice = f"name its package and version in requirements.txt, such as {root}==1.0: what is not declared is not there in a trial"
        yield source.finding("error", node, f"imports {name}, which is not declared", advice)


def _referenced(source: Source, node: ast.expr, name: str) -> Iterator[Finding]:
    if name.startswith("sys.") and name.count(".") == 1 and name not in SYS_ALLOWED:
        yield source.finding("error", node, f"uses {name}", "it reaches into the program that runs the submission")
    rule = LEVELS.get(name)
    if rule is None or ("." not in name and name in source.imported):  # a module: found where it is imported
        return
    if "." in name or isinstance(node, ast.Name):
        yield source.finding(rule.level, node, f"uses {name}", rule.advice)


def _called(source: Source, node: ast.Call) -> Iterator[Finding]:
    name = source.dotted(node.func) or (node.func.attr if isinstance(node.func, ast.Attribute) else "")
    last = name.split(".")[-1]
    if name == "getattr" and len(node.args) > 1 and not isinstance(node.args[1], ast.Constant):
        yield source.finding("warning", node, "getattr with a name made at run time", "a reader cannot see what it reaches")
    if last in SEEDS:
        used = [n for arg in node.args for part in ast.walk(arg) if isinstance(part, ast.expr) and (n := source.dotted(part))]
        odd = next((n for n in used if n in UNREPEATABLE or any(n.startswith(u) for u in UNREPEATABLE if u.endswith("."))), None)
        if odd:
            yield source.finding("error", node, f"{last}() seeded with {odd}", "it cannot be repeated or resumed: use self.generator")
    if last in ("default_rng", "Random", "RandomState", "seed") and not node.args and not node.keywords and source.is_imported(node.func):
        yield source.finding("error", node, f"{name}() without a seed", "it cannot be repeated or resumed: use self.generator")
