"""A RabbitMQ of the test session's own: on free ports, under its own name, with its data in a temporary folder."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SERVER, CONTROL = "/usr/lib/rabbitmq/bin/rabbitmq-server", "/usr/lib/rabbitmq/bin/rabbitmqctl"
START_SECONDS = 120.0


class RabbitMQ:
    def __init__(self, port: int, environment: dict[str, str]) -> None:
        self._port = port
        self._environment = environment

    def new_url(self) -> str:
        """The address of a virtual host that nobody else uses."""
        name = uuid.uuid4().hex
        # two commands of rabbitmqctl would take seconds each
        make = (
            f'rabbit_vhost:add(<<"{name}">>, <<"tests">>), '
            f'rabbit_auth_backend_internal:set_permissions(<<"guest">>, <<"{name}">>, '
            '<<".*">>, <<".*">>, <<".*">>, <<"tests">>).'
        )
        self.control("eval", make)
        return f"amqp://guest:guest@127.0.0.1:{self._port}/{name}"

    def control(self, *arguments: str) -> None:
        subprocess.run([CONTROL, *arguments], env=self._environment, check=True, capture_output=True)


@contextmanager
def running_rabbitmq(folder: Path) -> Iterator[RabbitMQ]:
    """Skips the test where there is none."""
    if not Path(SERVER).exists():
        pytest.skip("there is no rabbitmq-server on this machine")
    port, distribution = _free_ports(2)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("DIGITMILL_")},
        "HOME": str(folder),
        "RABBITMQ_NODENAME": f"digitmill-{port}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(distribution),
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_PID_FILE": str(folder / "pid"),
        # without it each node leaves a daemon behind that serves names to all of this machine
        "ERL_EPMD_PORT": str(_free_ports(1)[0]),
    }
    (folder / "plugins").write_text("[].")
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen([SERVER], env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        _wait_for(port, server, folder / "server.log")
        rabbitmq = RabbitMQ(port, environment)
        rabbitmq.control("await_startup")
        yield rabbitmq
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
        epmd = shutil.which("epmd")
        if epmd is not None:
            subprocess.run([epmd, "-kill"], env=environment, check=False, capture_output=True)


def _wait_for(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if server.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"RabbitMQ did not start:\n{log.read_text()[-3000:]}")
            time.sleep(0.1)
        else:
            return


def _free_ports(number: int) -> list[int]:
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    try:
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()
