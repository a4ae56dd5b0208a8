"""What machine this is, as far as times depend on it."""

import os
import platform
import socket
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from harness import __version__


@dataclass(frozen=True)
class Machine:
    """One machine. `fingerprint` is what two machines must share for their times to be comparable."""

    host: str
    processor: str
    cores: int
    memory_bytes: int
    accelerator: str
    accelerators: int
    system: str
    packages: dict[str, str]

    @property
    def fingerprint(self) -> str:
        """Processor and number of cores, accelerator and number of these."""
        devices = f"{self.accelerator} x{self.accelerators}" if self.accelerators else "cpu"
        return f"{self.processor} x{self.cores}, {devices}"


def this_machine() -> Machine:
    """Looks at the machine that this process runs on; asks torch for accelerators."""
    import torch

    devices = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return Machine(
        host=socket.gethostname(),
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)),
        memory_bytes=psutil.virtual_memory().total,
        accelerator=torch.cuda.get_device_name(0) if devices else "",
        accelerators=devices,
        system=platform.platform(),
        packages={name: _version(name) for name in ("torch", "numpy", "safetensors", "datasets")},
    )


def versions() -> dict[str, str]:
    """Returns the versions that go into every record."""
    return {"finishline": __version__, "torch": _version("torch"), "python": platform.python_version()}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "?"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
