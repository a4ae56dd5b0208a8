"""The tree of a project: which workloads and submissions there are, and where."""

import re
from dataclasses import dataclass
from pathlib import Path

from harness.errors import UserError, suggest
from harness.project.compose import compose
from harness.project.fields import checked
from harness.values.kinds import shown
from harness.workload import WorkloadConfig

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
NAME_RULE = "it takes letters, digits, '_', '-' and '.', and does not begin with '-' or '.', since it names folders and rows of tables"


@dataclass(frozen=True)
class Project:
    """A folder with configs/, workloads/ and submissions/."""

    root: Path

    @property
    def configs(self) -> Path:
        """Where Hydra looks."""
        return self.root / "configs"

    @property
    def hardware(self) -> Path:
        """Where `finishline calibrate` keeps what machines take."""
        return self.configs / "hardware"

    def workload_ids(self) -> list[str]:
        """Returns `name/tier` of every workload."""
        folder = self.configs / "workload"
        return sorted(str(path.relative_to(folder).with_suffix("")) for path in folder.glob("*/*.yaml"))

    def must_have_workload(self, workload_id: str) -> str:
        """Returns the name of a workload; raises UserError when there is none (the nearest is suggested)."""
        known = self.workload_ids()
        if workload_id not in known:
            raise UserError(f"no workload {shown(workload_id)}{suggest(workload_id, known)}")
        return workload_id

    def workload(self, workload_id: str) -> WorkloadConfig:
        """Returns a workload's configuration.

        Raises:
            UserError: there is none of this name (the nearest is suggested), or its file is wrong.
        """
        file, content = compose(self.configs, f"workload/{self.must_have_workload(workload_id)}")
        config = WorkloadConfig(**checked(WorkloadConfig, file, content, "the workload"))
        folders = sorted(path.parent.name for path in (self.root / "workloads").glob("*/workload.py"))
        if config.name not in folders:
            near = suggest(config.name, folders)
            raise UserError(f"{file.at('name')}: name: there is no workloads/{config.name}/workload.py{near}")
        if config.id != workload_id:
            field, wanted = ("name", workload_id.split("/")[0]) if config.name != workload_id.split("/")[0] else ("tier", file.path.stem)
            raise UserError(f"{file.at(field)}: {field} is '{getattr(config, field)}', and by its place the file is that of '{wanted}'")
        if config.reference_batch % config.ranks:
            words = f"reference_batch {config.reference_batch} is not a multiple of ranks {config.ranks}"
            raise UserError(f"{file.at('ranks')}: {words}")
        if config.variant_of is not None and config.variant_of not in self.workload_ids():
            near = suggest(config.variant_of, self.workload_ids())
            raise UserError(f"{file.at('variant_of')}: variant_of: no workload '{config.variant_of}'{near}")
        return config

    def workload_folder(self, config: WorkloadConfig) -> Path:
        """Returns where the workload's code is."""
        return self.root / "workloads" / config.name

    @staticmethod
    def of_workload(folder: Path) -> "Project":
        """Returns the project that a workload's folder belongs to."""
        return Project(folder.parent.parent)

    def submission_names(self) -> list[str]:
        """Returns the names of the folders below submissions/."""
        return sorted(path.parent.name for path in (self.root / "submissions").glob("*/submission.py"))

    def submission_folder(self, name: str) -> Path:
        """Returns the folder of a submission, given its name below submissions/ or a path.

        Raises:
            UserError: there is none (the nearest is suggested, or the folder of that name where the command was started), or it has no
                submission.py.
        """
        folder = Path(name) if "/" in name or name == "." else self.root / "submissions" / name
        try:
            is_folder = folder.is_dir() and name not in ("", "..")
            here = "/" not in name and (Path(name) / "submission.py").is_file()
        except OSError:
            is_folder = here = False
        if not is_folder and here:
            raise UserError(f"no submission {shown(name)} in {self.root / 'submissions'}; for the folder here give './{name}'")
        if not is_folder:
            raise UserError(f"no submission {shown(name)}{suggest(name, self.submission_names())}")
        if not (folder / "submission.py").is_file():
            raise UserError(f"no submission.py in {folder}: a submission is a folder with submission.py, space.yaml and README.md")
        if not NAME.fullmatch(folder.absolute().name):
            raise UserError(f"{shown(folder.absolute().name)} is no name for a submission: {NAME_RULE}")
        return folder.absolute()
