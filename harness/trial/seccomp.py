"""The system calls that a runner may make, as a seccomp filter (Linux seccomp(2), classic BPF) for x86_64 and aarch64.

Whatever the kernel got after this file was written does not exist (ENOSYS), but for a few calls that libraries use. Of the older calls
those are refused (EPERM) that reach beyond the runner's own processes and files, show what others have in the page cache, let it leave
its cores, wake a stopped process, or let the processor time of a child get lost. Programs of another architecture are killed.
"""

import errno
import fcntl
import platform
import signal
import socket
import struct
from collections.abc import Iterable

from harness.errors import UserError

Instruction = tuple[int, int, int, int]
"""Code, jump if true, jump if false, operand, as struct sock_filter has them."""

_LOAD, _EQUAL, _GREATER, _ANY_BIT, _AND, _RETURN = 0x20, 0x15, 0x25, 0x45, 0x54, 0x06
_CALL, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data
_KILL, _ERRNO, _ALLOW = 0x80000000, 0x00050000, 0x7FFF0000

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
LAST = {"x86_64": 334, "aarch64": 293}
"""The last of the old system calls, rseq. All later ones have the same number everywhere."""
NEWER = {
    "pidfd_open": 434,
    "close_range": 436,
    "openat2": 437,
    "faccessat2": 439,
    "epoll_pwait2": 441,
    "futex_waitv": 449,
    "fchmodat2": 452,
}

REFUSED: dict[str, tuple[int | None, int | None]] = {
    # other processes
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "perf_event_open": (298, 241),
    "seccomp": (317, 277),
    # what all processes of a kernel share
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "userfaultfd": (323, 282),
    "fanotify_init": (300, 262),
    "inotify_init": (253, None),
    "inotify_init1": (294, 26),
    "mincore": (27, 232),
    "lookup_dcookie": (212, 18),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "quotactl": (179, 60),
    "sync": (162, 81),
    "syncfs": (306, 267),
    # namespaces and mounts
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    # its share of the processors
    "sched_setaffinity": (203, 122),
    "sched_setscheduler": (144, 119),
    "sched_setparam": (142, 118),
    "sched_setattr": (314, 274),
    "setpriority": (141, 140),
    "ioprio_set": (251, 30),
    # signals that a timer or a queue sends, SIGCONT among them
    "timer_create": (222, 107),
    "mq_notify": (244, 184),
    # the machine
    "acct": (163, 89),
    "adjtimex": (159, 171),
    "clock_adjtime": (305, 266),
    "clock_settime": (227, 112),
    "settimeofday": (164, 170),
    "delete_module": (176, 106),
    "finit_module": (313, 273),
    "init_module": (175, 105),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, None),
    "reboot": (169, 142),
    "swapoff": (168, 225),
    "swapon": (167, 224),
    "syslog": (103, 116),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "vhangup": (153, 58),
    "personality": (135, 92),
    "modify_ldt": (154, None),
    "uselib": (134, None),
    "iopl": (172, None),
    "ioperm": (173, None),
}
LOOKED_INTO = {
    "clone": (56, 220),
    "fadvise64": (221, 223),
    "fcntl": (72, 25),
    "kill": (62, 129),
    "prctl": (157, 167),
    "preadv2": (327, 286),
    "rt_sigaction": (13, 134),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "socket": (41, 198),
    "tgkill": (234, 131),
    "tkill": (200, 130),
}

_F_SETSIG, _F_SETOWN_EX = 10, 15
_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SCHED_CORE = 1, 22, 62
_DONT_NEED, _ONLY_FROM_CACHE = 4, 8  # POSIX_FADV_DONTNEED, RWF_NOWAIT
_NEW_NAMESPACE, _CLONE_PARENT, _EXIT_SIGNAL = 0x7E020000, 0x8000, 0xFF
_FAMILIES = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK)
"""Those with a network namespace; AF_VSOCK, for one, has none."""


def program(machine: str | None = None) -> bytes:
    """Returns the filter for a machine as `platform.machine()` names it, this one by default: struct sock_filter after struct sock_filter.

    Raises:
        UserError: there is no filter for such a machine.
    """
    machine = machine or platform.machine()
    if machine not in ARCHITECTURES:
        raise UserError(f"sandbox=bwrap knows the system calls of {' and '.join(ARCHITECTURES)} alone, not of {machine}: use sandbox=none")
    column = list(ARCHITECTURES).index(machine)
    code = [(_LOAD, 0, 0, _ARCHITECTURE), (_EQUAL, 1, 0, ARCHITECTURES[machine]), (_RETURN, 0, 0, _KILL), (_LOAD, 0, 0, _CALL)]
    newer = [instruction for number in NEWER.values() for instruction in _if(_EQUAL, number, [_end(_ALLOW)])]
    code += _if(_GREATER, LAST[machine], [*newer, _refuse(errno.ENOSYS)])
    for number in (numbers[column] for numbers in REFUSED.values()):
        code += _if(_EQUAL, number, [_refuse()]) if number is not None else []
    for name, block in _blocks().items():
        code += _if(_EQUAL, LOOKED_INTO[name][column], [*block, _end(_ALLOW)])
    return b"".join(struct.pack("<HBBI", *instruction) for instruction in [*code, _end(_ALLOW)])


def _blocks() -> dict[str, list[Instruction]]:
    """What is done with the calls that are refused for some arguments; a block that comes to its end allows the call."""
    sigcont = int(signal.SIGCONT)
    owners_and_leases = (fcntl.F_SETOWN, _F_SETOWN_EX, _F_SETSIG, fcntl.F_SETLEASE, fcntl.F_NOTIFY)
    no_other_signal = [(_AND, 0, 0, _EXIT_SIGNAL), *_if(_EQUAL, 0, [_end(_ALLOW)]), *_if(_EQUAL, int(signal.SIGCHLD), [_end(_ALLOW)])]
    has_action = [_argument(1), *_if(_ANY_BIT, 0xFFFFFFFF, [_refuse()]), _argument(1, high=True), *_if(_ANY_BIT, 0xFFFFFFFF, [_refuse()])]
    return {
        "clone": [_argument(0), *_if(_ANY_BIT, _NEW_NAMESPACE | _CLONE_PARENT, [_refuse()]), *no_other_signal, _refuse()],
        "fadvise64": [_argument(3), *_refuse_any([_DONT_NEED])],
        "fcntl": [_argument(1), *_refuse_any(owners_and_leases)],
        "kill": [_argument(1), *_refuse_any([sigcont])],
        "prctl": [
            _argument(0),
            *_refuse_any([_PR_SET_SECCOMP, _PR_SCHED_CORE]),
            *_if(_EQUAL, _PR_SET_PDEATHSIG, [_argument(1), *_refuse_any([sigcont])]),
        ],
        "preadv2": [_argument(5), *_if(_ANY_BIT, _ONLY_FROM_CACHE, [_refuse()])],
        "rt_sigaction": [_argument(0), *_if(_EQUAL, int(signal.SIGCHLD), has_action)],
        "rt_sigqueueinfo": [_argument(1), *_refuse_any([sigcont])],
        "rt_tgsigqueueinfo": [_argument(2), *_refuse_any([sigcont])],
        "socket": [
            _argument(0),
            *(i for family in _FAMILIES for i in _if(_EQUAL, int(family), [_end(_ALLOW)])),
            _refuse(errno.EAFNOSUPPORT),
        ],
        "tgkill": [_argument(2), *_refuse_any([sigcont])],
        "tkill": [_argument(1), *_refuse_any([sigcont])],
    }


def _if(test: int, operand: int, block: list[Instruction]) -> list[Instruction]:
    return [(test, 0, len(block), operand), *block]


def _argument(number: int, high: bool = False) -> Instruction:
    """Loads the low or high half of an argument; both architectures are little-endian."""
    return (_LOAD, 0, 0, _ARGUMENTS + 8 * number + 4 * high)


def _refuse_any(values: Iterable[int]) -> list[Instruction]:
    return [instruction for value in values for instruction in _if(_EQUAL, value, [_refuse()])]


def _refuse(error: int = errno.EPERM) -> Instruction:
    return _end(_ERRNO | error)


def _end(result: int) -> Instruction:
    return (_RETURN, 0, 0, result)
