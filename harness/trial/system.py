"""What a runner is shown of the operating system: Python, the shared libraries, the compiler, and the devices if there are GPUs."""

import glob
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from harness.trial.mounts import MountPlan

PYTHON = Path(sys.base_prefix) / "bin" / Path(sys.executable).resolve().name
"""The interpreter without the virtual environment around it; it has the same path inside."""
PROGRAMS = ("sh", "gcc", "g++", "as", "ld", "ldconfig", "openssl")
"""The last two are called by triton and by torch.compile."""
COMPILER = ("/usr/lib/gcc", "/usr/libexec/gcc", "/usr/include")
SYSTEM_PATH = "/usr/bin:/bin:/usr/sbin:/sbin"
GPU_DEVICES = ("/dev/nvidia*", "/dev/dri", "/dev/kfd")
GPU_FACTS = ("/sys/devices/pci*", "/sys/devices/system/node", "/sys/bus/pci", "/sys/class/pci_bus", "/sys/module/nvidia*")
NETWORK_DEVICES = ("/dev/infiniband",)
NETWORK_FACTS = ("/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf", "/sys/class/net", "/sys/class/infiniband")
PASSWD = "runner:x:{0}:{0}::/tmp:/bin/sh\n"
GROUP = "runner:x:{0}:\n"
HOSTS = "127.0.0.1 localhost runner\n"


def show_system(plan: MountPlan, uid: int, alone: bool) -> None:
    """Shows what a Python program needs to run as `uid`; one that is not `alone` finds other nodes, too."""
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        if (root := Path("/", name)).is_symlink():
            plan.link(os.readlink(root), root)
    _show_libraries(plan)
    _show_python(plan)
    for name in PROGRAMS:
        if found := shutil.which(name, path=SYSTEM_PATH):
            plan.copy(Path(found), Path(found).parent.resolve() / name)
    for folder in COMPILER:
        if Path(folder).is_dir():
            plan.bind(Path(folder))
    plan.copy(PASSWD.format(uid).encode(), Path("/etc/passwd"))
    plan.copy(GROUP.format(uid).encode(), Path("/etc/group"))
    plan.bind(Path("/sys/devices/system/cpu"))
    facts, devices = _found(() if alone else NETWORK_FACTS), _found(GPU_DEVICES)
    if alone:
        plan.copy(HOSTS.encode(), Path("/etc/hosts"))
    if devices:
        facts += _found(GPU_FACTS)
    for path in facts:
        plan.bind(Path(path).resolve(), Path(path))
    for device in devices + _found(() if alone else NETWORK_DEVICES):
        plan.words += ["--dev-bind", device, device]


def _found(patterns: tuple[str, ...]) -> list[str]:
    return [path for pattern in patterns for path in sorted(glob.glob(pattern))]


def _show_libraries(plan: MountPlan) -> None:
    """Shows the folders of the C library, and the single libraries that the loader knows in other folders."""
    listed = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    known = [Path(path) for path in re.findall(r" => (/.*)", listed)]
    system = {path.parent.resolve() for path in known if path.name == "libc.so.6"}
    system |= {merged for folder in system if (merged := Path(f"/usr{folder}")).is_dir()}
    for folder in sorted(system):
        plan.bind(folder)
    extra = [Path(path) for path in os.environ.get("LD_LIBRARY_PATH", "").split(":") if path.startswith("/")]
    libraries = [*known, *_libraries_in(*extra), *(Path(path) for path in glob.glob("/lib*/ld-*.so*"))]
    real = {folder: folder.resolve() for folder in {path.parent for path in libraries}}
    for path in dict.fromkeys(real[path.parent] / path.name for path in libraries):
        if not any(path.is_relative_to(folder) for folder in system):
            _show_library(plan, path)
    if Path("/etc/ld.so.cache").exists():
        plan.bind(Path("/etc/ld.so.cache"))


def _show_python(plan: MountPlan) -> None:
    prefix = Path(sys.base_prefix)
    plan.copy(Path(sys.executable).resolve(), PYTHON)
    version = Path(sysconfig.get_path("stdlib")).name
    for folder in dict.fromkeys((prefix / "lib" / version, prefix / sys.platlibdir / version, prefix / "include" / version)):
        if folder.is_dir() and not any(folder.is_relative_to(shown) for shown in (*plan.folders, *map(Path, COMPILER))):
            plan.bind(folder)
    for path in _libraries_in(prefix / "lib"):
        if not any(path.is_relative_to(shown) for shown in plan.folders):
            _show_library(plan, path)


def _show_library(plan: MountPlan, path: Path) -> None:
    if path.is_symlink() and "/" not in (target := os.readlink(path)):
        plan.link(target, path)
    elif path.exists():
        plan.bind(path.resolve(), path)


def _libraries_in(*folders: Path) -> list[Path]:
    return [path for folder in folders for path in sorted(folder.glob("*.so*"))]
