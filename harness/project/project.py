"""The tree of a project: which workloads and submissions there are, and where."""

from dataclasses import dataclass
from pathlib import Path

from harness.errors import UserError, suggest
from harness.project.config import load
from harness.workload import WorkloadConfig


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

    def workload(self, workload_id: str) -> WorkloadConfig:
        """Returns a workload's configuration.

        Raises:
            UserError: there is none of this name (the nearest is suggested), or its file is wrong.
        """
        if workload_id not in self.workload_ids():
            raise UserError(f"no workload '{workload_id}'{suggest(workload_id, self.workload_ids())}")
        try:
            return WorkloadConfig(**load(self.configs, f"workload/{workload_id}"))
        except TypeError as error:
            raise UserError(f"configs/workload/{workload_id}.yaml: {str(error).replace('WorkloadConfig.__init__() ', '')}") from None

    def workload_folder(self, config: WorkloadConfig) -> Path:
        """Returns where the workload's code is."""
        return self.root / "workloads" / config.name

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
        if not folder.is_dir():
            if "/" not in name and (Path(name) / "submission.py").is_file():
                raise UserError(f"no submission '{name}' in {self.root / 'submissions'}; for the folder here give './{name}'")
            raise UserError(f"no submission '{name}'{suggest(name, self.submission_names())}")
        if not (folder / "submission.py").is_file():
            raise UserError(f"no submission.py in {folder}: a submission is a folder with submission.py, space.yaml and README.md")
        return folder.absolute()
