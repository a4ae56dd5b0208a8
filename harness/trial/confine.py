"""The first program in the sandbox: gives up what is left of root, sees to it that nothing is, and becomes the Python that was asked for.

    confine.py UID FILTER ARGUMENT...      FILTER: descriptor of a program of harness/trial/seccomp.py, -1 when bwrap has loaded it

Run by bwrap as `python -I -S`, before any other code and with none of the harness's. When bwrap was root, this process is still root with
the capabilities to become somebody else: it becomes UID, on the host too, in a user namespace of its own where the machine allows that,
and loads the filter. When it was not, bwrap has done all that. Either way it looks in the end, and goes no further if something is amiss.
"""

import ctypes
import os
import sys

_PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 4, 22, 24, 38
_SECCOMP_MODE_FILTER, _CLONE_NEWUSER, _CAPABILITY_VERSION_3 = 2, 0x10000000, 0x20080522
_SIGCHLD_BIT = 1 << 16
_libc = ctypes.CDLL(None, use_errno=True)


class _Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_void_p))


def become(uid: int) -> None:
    """Turns root into a user without any privileges."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    _forget_capabilities()
    os.setresuid(uid, uid, uid)
    _prctl(_PR_SET_DUMPABLE, 1)  # the change of uid has made /proc/self root's
    if _libc.unshare(_CLONE_NEWUSER) == 0:
        for name, line in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{uid} {uid} 1")):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(line)
        _forget_capabilities()
        _libc.capset((ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0), (ctypes.c_uint32 * 6)())


def load(code: bytes) -> None:
    """Loads a seccomp filter for this process and all that come from it."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    program = _Program(len(code) // 8, ctypes.cast(ctypes.create_string_buffer(code), ctypes.c_void_p))
    _prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program))


def complaint(uid: int) -> str | None:
    """Returns in words what is not as it must be, None if all is well."""
    with open("/proc/self/status") as file:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    wanted = dict.fromkeys(("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"), "0" * 16)
    wanted |= {"Uid": "\t".join([str(uid)] * 4), "Gid": "\t".join([str(uid)] * 4), "NoNewPrivs": "1", "Seccomp": "2"}
    for name, value in wanted.items():
        if status.get(name) != value:
            return f"{name} is {status.get(name)}, not {value}"
    return "SIGCHLD is ignored" if int(status["SigIgn"], 16) & _SIGCHLD_BIT else None


def _forget_capabilities() -> None:
    """Empties the bounding set."""
    capability = 0
    while _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) == 0:
        capability += 1


def _prctl(option: int, argument: int, pointer: object = 0) -> None:
    if _libc.prctl(option, argument, pointer, 0, 0):
        raise OSError(ctypes.get_errno(), f"prctl({option}, {argument})")


def main() -> None:
    """Confines this process and goes on as Python with the arguments."""
    uid, filter_fd, arguments = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    try:
        if filter_fd >= 0:
            with open(filter_fd, "rb") as file:
                code = file.read()
            become(uid)
            load(code)
        trouble = complaint(uid)
    except OSError as error:
        trouble = str(error)
    if trouble:
        sys.exit(f"the sandbox does not hold: {trouble}")
    os.execv(sys.executable, [sys.executable, *arguments])


if __name__ == "__main__":
    main()
