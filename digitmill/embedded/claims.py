"""What `up` must have for itself before it starts anything: the folder VAR, its files, and the port."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from digitmill.errors import CannotStart

FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def claimed_folder(var: Path) -> Iterator[None]:
    """Hold ``VAR/up.lock`` while the block runs. The lock dies with the process, so a file that is left over
    claims nothing.

    Raises:
        CannotStart: another process holds it, or the folder cannot be written; also where the block finds no room on
            a disk.
    """
    try:
        var.mkdir(parents=True, exist_ok=True)
        lock = os.open(var / "up.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise CannotStart(
            f"The folder {var} cannot be used ({error.strerror}); set DIGITMILL_VAR to one that can."
        ) from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(lock, 20).decode("ascii", "replace").strip()
            raise CannotStart(
                f"Digitmill is already running on the folder {var} (process {holder}). Stop that one, or set "
                "DIGITMILL_VAR to another folder."
            ) from error
        os.ftruncate(lock, 0)
        os.write(lock, f"{os.getpid()}\n".encode())
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise CannotStart(
            f"There is no room left ({error.strerror}), be it for the data in {var} or for temporary files in "
            f"{tempfile.gettempdir()}: make some, or set DIGITMILL_VAR or TMPDIR to another folder."
        ) from error
    finally:
        os.close(lock)


@contextmanager
def private_files() -> Iterator[None]:
    """While the block runs, what this process and its children write is for this user alone to read."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def private_folder(folder: Path) -> None:
    """Make the folder where it is missing, and keep others out of it. Raises CannotStart."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
    except OSError as error:
        raise CannotStart(
            f"The folder {folder} cannot be kept from other users ({error.strerror}); remove it, or set DIGITMILL_VAR "
            "to another folder."
        ) from error


def free_port(host: str, port: int) -> int:
    """``port`` if nobody listens on it, or any free one where it is 0.

    Raises:
        CannotStart: the port or the address cannot be had.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.create_server(address[:2], family=family) as probe:
            return int(probe.getsockname()[1])
    except socket.gaierror as error:
        raise CannotStart(f"DIGITMILL_HOST={host} is no address of this machine ({error.strerror}).") from error
    except OSError as error:
        raise CannotStart(_explain(error, host, port)) from error


def _explain(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} is taken. Set DIGITMILL_PORT to another one, or to 0 for any free one."
    if error.errno == errno.EACCES:
        return f"Port {port} needs privileges. Set DIGITMILL_PORT to one above 1023, or to 0 for any free one."
    return f"The web server cannot listen on {host}, port {port} ({error.strerror}). Set DIGITMILL_HOST."
