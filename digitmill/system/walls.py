"""Walls round a process that handles what strangers made: no network, no other program, bounded time and files.

For the wall round its memory see ``digitmill/imaging/drawn/memory.py``.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import resource
import sys
import time

from digitmill.errors import EngineUnavailable

KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV")
"""Of the environment: keys and passwords are nothing for who looks at strangers' files."""

_SET_NO_NEW_PRIVS = 38
_SET_MODE_FILTER, _ALL_THREADS = 1, 1
_LOAD, _JUMP_IF_EQUAL, _JUMP_IF_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_NUMBER, _ARCHITECTURE = 0, 4
"""Where a call's number and architecture stand in what a filter sees (struct seccomp_data)."""
_ALLOWED, _REFUSED = 0x7FFF0000, 0x00050000 | errno.EPERM
_OTHER_ABI = 0x40000000
"""Numbers from here on are calls of x32."""

# the number of seccomp(2); then socket, connect, execve, execveat, ptrace, process_vm_readv, process_vm_writev, kill
_CALLS = {
    "x86_64": (0xC000003E, 317, (41, 42, 59, 322, 101, 310, 311, 62)),
    "aarch64": (0xC00000B7, 277, (198, 203, 221, 281, 117, 270, 271, 129)),
}


class _Step(ctypes.Structure):
    _fields_ = [("code", ctypes.c_ushort), ("jt", ctypes.c_ubyte), ("jf", ctypes.c_ubyte), ("k", ctypes.c_uint)]


class _Program(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.POINTER(_Step))]


def shut_in(*, seconds: int, file_bytes: int) -> None:
    """From now on this process computes for so many seconds at most, writes no larger file, opens no connection, starts
    no program and reaches into no other process; nor do its threads. There is no way back.

    Linux alone has all of it; elsewhere time and files are bounded.

    Raises:
        EngineUnavailable: this kernel cannot do it.
    """
    most = int(time.process_time()) + 1 + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (most, most))
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux" and platform.machine() in _CALLS:
        _filter_calls(*_CALLS[platform.machine()])


def _filter_calls(architecture: int, seccomp: int, refused: tuple[int, ...]) -> None:
    steps = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_JUMP_IF_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _REFUSED),
        (_LOAD, 0, 0, _NUMBER),
        # each jumps over those after it, and over what allows
        (_JUMP_IF_AT_LEAST, len(refused) + 1, 0, _OTHER_ABI),
        *((_JUMP_IF_EQUAL, len(refused) - place, 0, number) for place, number in enumerate(refused)),
        (_RETURN, 0, 0, _ALLOWED),
        (_RETURN, 0, 0, _REFUSED),
    ]
    program = _Program(len(steps), (_Step * len(steps))(*(_Step(*step) for step in steps)))
    library = ctypes.CDLL(None, use_errno=True)
    if (
        library.prctl(_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
        or library.syscall(seccomp, _SET_MODE_FILTER, _ALL_THREADS, ctypes.byref(program)) != 0
    ):
        reason = errno.errorcode.get(ctypes.get_errno(), "unknown")
        raise EngineUnavailable(
            f"This system cannot wall in the process that looks at a stranger's model ({reason}). "
            "Publish with `python -m training publish` what you have made yourself."
        )
