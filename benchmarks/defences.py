"""Takes the referee's defences away, one at a time, in a copy of the project, and looks whether the cheats of tests/cheats notice.

    .venv/bin/python benchmarks/defences.py [WORDS of one defence]

A defence without which everything still passes is either a second line behind another one or untested; they are listed at the end.
"""

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
TESTS = ("tests/trial/test_cheats.py", "tests/trial/test_sandbox.py")
LEFT_OUT = (".venv", ".git", "results", "__pycache__")


@dataclass(frozen=True)
class Defence:
    """What is defended, the file of harness/trial that does it, its text, what the text becomes, and the tests that should notice."""

    name: str
    file: str
    text: str
    without: str
    tests: str


DEFENCES = (
    Defence(
        "a zombie's other threads are looked at",
        "processes.py",
        "if any(state not in _ENDED for state in _thread_states(p.pid))]",
        'if _thread_states(p.pid)[:1] not in ("Z", "X", "")]',
        "looks_dead",
    ),
    Defence(
        "the tree is stopped",
        "processes.py",
        "            _signal(self._frozen, signal.SIGSTOP)\n",
        "            return\n",
        "thread or fork or detached or wake_each",
    ),
    Defence(
        "all of the tree is stopped",
        "processes.py",
        "            self._frozen = self.members()\n",
        "            self._frozen = self.members()[:3]\n",
        "fork or detached",
    ),
    Defence(
        "work that is called writing is put on the clock",
        "referee.py",
        "if self.runner.tree.cpu_s() > before_s + allowance_s:",
        "if False:",
        "state_dict or model_hook or work_on_resume",
    ),
    Defence("an evaluation must be due", "referee.py", "            self._must_be_due(paused)\n", "", "pause_early or pause_backwards"),
    Defence(
        "messages are checked",
        "runner_process.py",
        "self.channel = RefereesEnd(here)",
        "self.channel = Channel(here)",
        "pause_far or pause_words or verdict or nested or drip",
    ),
    Defence(
        "links are not followed",
        "checkpoint.py",
        "os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd",
        "os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd",
        "link_to_weights or anothers_eval or link_to_restored",
    ),
    Defence(
        "a link to a folder is not followed",
        "checkpoint.py",
        "os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC",
        "os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC",
        "link_to_folder",
    ),
    Defence(
        "only plain files are read",
        "checkpoint.py",
        "if not stat.S_ISREG(facts.st_mode) or facts.st_nlink != 1:",
        "if False:",
        "pipe_for_state or link_with_two",
    ),
    Defence("sizes are limited", "checkpoint.py", "if facts.st_size > limit_bytes:", "if False:", "enormous_weights"),
    Defence(
        "the harness's functions are compared",
        "guard.py",
        "(*FUNCTIONS, *_our_functions())",
        "FUNCTIONS",
        "patch_messages or patch_runner or patch_the_loss or patch_the_ev",
    ),
    Defence(
        "time's and torch's functions are compared",
        "guard.py",
        "(*FUNCTIONS, *_our_functions())",
        "_our_functions()",
        "patch_time or patch_sync or patch_torch",
    ),
    Defence(
        "no trace function may be set", "guard.py", "if sys.gettrace() is not None or sys.getprofile() is not None:", "if False:", "trace]"
    ),
    Defence(
        "constants of the model are compared",
        "guard.py",
        "if not torch.equal(buffer, self._constants[name]):",
        "if False:",
        "change_a_constant",
    ),
    Defence(
        "the model's structure is compared",
        "guard.py",
        "if changed := sorted(",
        "if False and sorted(",
        "replace_the_model or wrap or change_dropout or change_the_class",
    ),
    Defence("the model's parameters are compared", "guard.py", "if parameters != self._parameters:", "if False:", "add_parameters"),
    Defence("modules must be in training mode", "guard.py", "if not module.training:", "if False:", "evaluation_mode"),
    Defence(
        "memory and scratch are watched",
        "referee.py",
        "if time.monotonic() < self.watched_s + WATCH_S:",
        "if True:",
        "many_children or fill_scratch or many_files",
    ),
    Defence(
        "the size of files is limited",
        "runner.py",
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))\n",
        "",
        "one_big_file",
    ),
    Defence(
        "limits cannot be raised", "runner.py", "(memory_bytes, memory_bytes))", "(memory_bytes, resource.RLIM_INFINITY))", "raise_its"
    ),
    Defence(
        "memory is limited in the process",
        "runner.py",
        "    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))\n",
        "",
        "one_allocation",
    ),
    Defence("scratch and /dev/shm are small", "view.py", '"--size", str(size_bytes), ', "", "fill_tmp or scratch_is_limited"),
    Defence("/dev is read-only", "sandbox.py", '"--remount-ro", "/dev", ', "", "fill_tmp or attempt"),
    Defence("/ is read-only", "sandbox.py", ', "--remount-ro", "/"]', "]", "fill_tmp or attempt"),
    Defence("the kernel's settings are read-only", "sandbox.py", '"--ro-bind", "/proc/sys", "/proc/sys", ', "", "attempt"),
    Defence("what does not hold is not used", "confine.py", "    if trouble:\n", "    if False:\n", "goes_no_further"),
    Defence("the runner has a user namespace", "confine.py", "if _libc.unshare(_CLONE_NEWUSER) == 0:", "if False:", "nobody_on_the_host"),
    Defence(
        "newer system calls do not exist",
        "seccomp.py",
        "    code += _if(_GREATER, LAST[machine], [*newer, _refuse(errno.ENOSYS)])\n",
        "",
        "attempt",
    ),
    Defence("children stay countable", "seccomp.py", "*_if(_EQUAL, int(signal.SIGCHLD), has_action)", "", "attempt"),
    Defence("nothing is woken", "seccomp.py", '"kill": [_argument(1), *_refuse_any([sigcont])],', '"kill": [],', "attempt"),
    Defence("the log is cut", "runner_process.py", "            kept += len(printed)\n", "", "print]"),
    Defence(
        "the step count is not read by name",
        "runner_process.py",
        "os.pread(self._progress, 8, 0)",
        "(self._scratch / PROGRESS).read_bytes()",
        "pipe_for_progress",
    ),
    Defence("no network", "sandbox.py", '"--unshare-net", ', "", "network or attempt"),
    Defence("no other processes", "sandbox.py", '"--unshare-pid", ', "", "nothing and (see_other or referees_memory) or attempt"),
    Defence("other packages are hidden", "view.py", "if found.is_dir():", "if False:", "attempt"),
    Defence("held-out distributions are hidden", "packages.py", "if not news or name in hidden:", "if not news:", "declares"),
    Defence(
        "generators of data are not shown",
        "sandbox.py",
        'for name in ("__init__", "workload", "model"))',
        'for name in ("__init__", "workload", "model", "data"))',
        "declares",
    ),
    Defence(
        "held-out data are not shown",
        "sandbox.py",
        'for part in ("train", "shared"):',
        'for part in ("train", "shared", "valid"):',
        "attempt",
    ),
    Defence("folders of any depth are removed", "folder.py", "    except RecursionError:\n", "    except ZeroDivisionError:\n", "bury"),
    Defence(
        "the submission is loaded on the clock",
        "runner.py",
        "            self.say(Ready())\n            self.wait()\n            self.load_submission()",
        "            self.load_submission()\n            self.say(Ready())\n            self.wait()",
        "early]",
    ),
    Defence("a state is not unpickled", "checkpoint.py", "weights_only=True", "weights_only=False", "payload"),
    Defence("a metric must be finite", "../workload.py", "math.isfinite(metric) and", "", "infinite"),
    Defence(
        "the test target is met, too",
        "../workload.py",
        " and test is not None and self._beyond(test, self.test_target)",
        " and test is not None",
        "meets_one_target",
    ),
    Defence(
        "a ledger in plain view is refused",
        "view.py",
        "if path.resolve().is_relative_to(folder):",
        "if False:",
        "are_refused",
    ),
    Defence("size of the source", "source.py", "if self._bytes > self._ruleset.source_bytes:", "if False:", "whatever_carries_it"),
    Defence("only what counts is copied", "source.py", "shutil.copyfile(path, place)", "shutil.copy2(path, place)", "does_not_count"),
    Defence(
        "no links in the source", "source.py", "if path.is_symlink() or not (path.is_file() or path.is_dir()):", "if False:", "plain_files"
    ),
    Defence(
        "CPU seconds of frozen spans are counted",
        "clock.py",
        'self._cpu["on" if ended == "time" else "frozen"]',
        'self._cpu["on"]',
        "is_counted",
    ),
    Defence(
        "the whole tree is killed",
        "runner_process.py",
        "        self.tree.kill()\n",
        "        self.process.kill()\n",
        "leave_processes or detached",
    ),
)


TESTS = ("tests/trial/test_cheats.py", "tests/trial/test_source.py", "tests/trial/test_targets.py")


def noticed(defence: Defence, copy: Path) -> list[str]:
    """Returns the tests that fail without a defence."""
    words = ["tar", "-cf", "-", *(f"--exclude={name}" for name in LEFT_OUT), "."]
    archive = subprocess.run(words, cwd=PROJECT, capture_output=True, check=True).stdout
    subprocess.run(["tar", "-xf", "-"], cwd=copy, input=archive, check=True)
    file = copy / "harness" / "trial" / defence.file
    text = file.read_text()
    if text.count(defence.text) != 1:
        raise SystemExit(f"{defence.name}: {defence.file} does not contain it once: {defence.text!r}")
    file.write_text(text.replace(defence.text, defence.without))
    command = [sys.executable, "-m", "pytest", *TESTS, "-q", "-rfE", "-p", "no:cacheprovider", "-k", defence.tests]
    out = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False).stdout
    return [line.split("::")[1].split(" - ")[0] for line in out.splitlines() if line.startswith(("FAILED", "ERROR"))]


def main(words: str) -> None:
    """Prints a line for each defence, and those that nothing noticed."""
    silent = []
    chosen = [defence for defence in DEFENCES if words in defence.name]
    for defence in chosen:
        with tempfile.TemporaryDirectory() as copy:
            failed = noticed(defence, Path(copy))
        print(f"without '{defence.name}': {len(failed)} tests fail: {', '.join(failed)}", flush=True)
        if not failed:
            silent.append(defence.name)
    print(f"{len(chosen) - len(silent)} of {len(chosen)} defences are missed by a test when they are gone; not: {', '.join(silent) or '-'}")


if __name__ == "__main__":
    main(" ".join(sys.argv[1:]))
