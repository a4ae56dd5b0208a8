"""Takes the referee's defences away, one at a time, in a copy of the project, and looks whether a test notices.

    .venv/bin/python -m benchmarks.defences [WORDS of one defence]

A defence is marked in the code of harness/ by a comment, `# defence: NAME`, at the end of a statement's first line or in the line
above it. Without it a condition is never true, and any other statement does nothing. One without which everything still passes is either
a second line behind another one or untested; they are listed at the end.
"""

import ast
import io
import subprocess
import sys
import tempfile
import tokenize
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
LEFT_OUT = (".venv", ".git", ".worktrees", "results", "__pycache__")
MARK = "# defence: "
NOTICED_BY = {
    "a checkpoint must have been asked for": "checkpoint_unasked",
    "a failed attempt is kept": "crash_and_reroll or hang",
    "a message has a limit": "junk_without_end or many_descriptors",
    "a pause goes forwards": "pause_backwards or pause_fewer or pause_restored",
    "a rank hands in once": "rank_of_nobody",
    "a state has no holes": "sparse_state",
    "a state is sealed": "checkpoint_unsealed",
    "an evaluation is due": "pause_early or pause_soon or pause_again",
    "constants of the model stay": "change_a_constant",
    "descriptors are counted": "no_descriptors or two_descriptors or half_a_checkpoint",
    "functions stay": "patch_messages or patch_time",
    "memory is limited in the process": "one_allocation",
    "memory is watched": "many_children",
    "modules stay in training mode": "evaluation_mode",
    "nothing counts after the budget": "handed_in_after_the_budget",
    "only what belongs may come": "ready_again",
    "processor time is counted": "work_in_state_dict or work_in_done",
    "restored weights are sealed": "restored_and_open",
    "restored weights are the checkpoint's": "better_after_a_resume or evaluated_instead",
    "the guard looks before an evaluation": "patch_time or trace",
    "the log is cut": "print",
    "the model's names stay": "add_parameters or rejected_when_the_model",
    "the model's parameters stay": "add_parameters",
    "the model's shapes stay": "rejected_when_the_model",
    "the model's structure stays": "change_dropout or change_the_class",
    "the size of a file is limited": "one_big_file",
    "the tree is frozen": "fork or thread or detached",
    "the tree is killed": "leave_processes",
    "the workload stays": "patch_the_batches",
    "there is no trace function": "trace",
    "weights are of the model's size": "another_size",
    "weights are sealed": "not_sealed or sealed_but or sealed_for or shared_memory_file",
    "weights that are too large are not read": "sparse_weights",
    "who was woken is found": "wake_by_a_change-signals-none",
}
"""The tests of tests/trial that should notice when a defence is gone, as `pytest -k` takes them."""


@dataclass(frozen=True)
class Defence:
    """A marked statement: its file, and the line that it begins in."""

    file: Path
    line: int


def defences() -> dict[str, Defence]:
    """Returns what is marked in harness/, by name; a name that is there twice counts once."""
    found = {}
    for file in sorted((PROJECT / "harness").rglob("*.py")):
        for token in tokenize.generate_tokens(io.StringIO(file.read_text()).readline):
            if token.type == tokenize.COMMENT and token.string.startswith(MARK):
                alone = not token.line[: token.start[1]].strip()
                found[token.string.removeprefix(MARK)] = Defence(file, token.start[0] + alone)
    return found


def without(text: str, line: int) -> str:
    """Returns a module's text without the statement that begins in a line."""
    [statement] = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.stmt) and node.lineno == line]
    part, stand_in = (statement.test, "False") if isinstance(statement, ast.If) else (statement, "pass")
    lines = text.encode().splitlines(keepends=True)
    before, after = lines[part.lineno - 1][: part.col_offset], lines[part.end_lineno - 1][part.end_col_offset :]
    return b"".join([*lines[: part.lineno - 1], before, stand_in.encode(), after, *lines[part.end_lineno :]]).decode()


def noticed(name: str, defence: Defence, copy: Path) -> list[str]:
    """Returns the tests that fail without a defence."""
    words = ["tar", "-cf", "-", *(f"--exclude={left_out}" for left_out in LEFT_OUT), "."]
    archive = subprocess.run(words, cwd=PROJECT, capture_output=True, check=True).stdout
    subprocess.run(["tar", "-xf", "-"], cwd=copy, input=archive, check=True)
    (copy / defence.file.relative_to(PROJECT)).write_text(without(defence.file.read_text(), defence.line))
    command = [sys.executable, "-m", "pytest", "tests/trial", "-q", "-rfE", "-p", "no:cacheprovider", "-k", NOTICED_BY[name]]
    out = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False).stdout
    return [line.split("::")[1].split(" - ")[0] for line in out.splitlines() if line.startswith(("FAILED", "ERROR"))]


def main(words: str) -> None:
    """Prints a line for each defence, and those that nothing noticed."""
    silent = []
    chosen = {name: defence for name, defence in defences().items() if words in name}
    for name, defence in chosen.items():
        with tempfile.TemporaryDirectory() as copy:
            failed = noticed(name, defence, Path(copy))
        print(f"without '{name}': {len(failed)} tests fail: {', '.join(failed)}", flush=True)
        if not failed:
            silent.append(name)
    print(f"{len(chosen) - len(silent)} of {len(chosen)} defences are missed by a test when they are gone; not: {', '.join(silent) or '-'}")


if __name__ == "__main__":
    main(" ".join(sys.argv[1:]))
