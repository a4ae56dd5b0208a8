"""What is wrong with a workload: its file, its folder, and whether its code takes its settings. No data are made."""

from typing import get_args

from harness.check.finding import Finding
from harness.errors import UserError
from harness.project.plugins import load_workload
from harness.project.project import Project
from harness.workload import Role, Workload


def check_workload(project: Project, workload_id: str) -> list[Finding]:
    """Returns what was found in configs/workload/<name>/<tier>.yaml and workloads/<name>/.

    The workload's own code is imported and builds its model, in this process: it is the project's.
    """
    file = f"configs/workload/{workload_id}.yaml"
    try:
        config = project.workload(workload_id)
    except UserError as error:
        return [Finding("error", file, 0, str(error), "mend it first")]
    folder, found = project.workload_folder(config), list[Finding]()
    if not (folder / "README.md").is_file():
        found.append(
            Finding("warning", f"workloads/{config.name}/README.md", 0, "is missing", "say what is learnt, and where data come from")
        )
    code = f"workloads/{config.name}/workload.py"
    try:
        workload = load_workload(folder, config)
    except Exception as error:
        words = f"does not take its settings: {error}" if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
        return [*found, Finding("error", code, 0, " ".join(words.split()), f"see model and data in {file}")]
    try:
        return found + _check_model(workload, code)
    except Exception as error:
        words = " ".join(f"builds no model: {type(error).__name__}: {error}".split())
        return [*found, Finding("error", code, 0, words, f"see model in {file}")]


def _check_model(workload: Workload, code: str) -> list[Finding]:
    model = workload.build_model()
    roles, names = workload.roles(model), {name for name, _ in model.named_parameters()}
    found = []
    for name in sorted(names ^ set(roles)):
        what = f"roles() has no role for {name}" if name in names else f"roles() names {name}, which is no parameter"
        found.append(Finding("error", code, 0, what, "one role for each of model.named_parameters()"))
    for name, role in sorted(roles.items()):
        if role not in get_args(Role):
            found.append(Finding("error", code, 0, f"{name} has the role {role!r}", f"a role is {', '.join(get_args(Role))}"))
    return found
