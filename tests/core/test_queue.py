"""Messages through Celery, over a broker."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis

from digitmill.embedded.redis_server import answers, prepare
from digitmill.errors import StorageUnavailable
from digitmill.queue import DELIVER_EVENT, EVENTS_QUEUE, WAKEUP, WORK_QUEUE, Queue, celery_app
from digitmill.store.connection import connect
from tests.web.conftest import wait_until


def messages(app: Any, queue: str) -> list[tuple[str, list[str]]]:
    """Task and arguments of the messages that wait; they are taken."""
    found = []
    with app.connection_for_read() as connection:
        while (message := connection.default_channel.basic_get(queue, no_ack=True)) is not None:
            found.append((message.headers["task"], message.decode()[0]))
    return found


def test_a_wakeup_names_nothing_and_an_event_its_job(empty_redis_url: str) -> None:
    app = celery_app(empty_redis_url)
    queue = Queue(app)
    queue.wake()
    queue.send_event("one")
    assert messages(app, WORK_QUEUE) == [(WAKEUP, [])]
    assert messages(app, EVENTS_QUEUE) == [(DELIVER_EVENT, ["one"])]


@pytest.mark.parametrize("password", ["", "secret"])
def test_a_redis_is_reached_by_its_socket_with_and_without_a_password(
    password: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    command, prepared = prepare(tmp_path_factory.mktemp("redis"))
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        try:
            wait_until(lambda: answers(prepared))
            with redis.Redis.from_url(prepared) as client:
                client.config_set("requirepass", password)
            parts = urlsplit(prepared)
            app = celery_app(f"unix://:{password}@{parts.path}?db=0" if password else f"unix://{parts.path}")
            Queue(app).wake()
            assert messages(app, WORK_QUEUE) == [(WAKEUP, [])]
        finally:
            server.terminate()


@dataclass
class Stranger:
    """Speaks TLS under a certificate that no system trusts, and says nothing; ``heard`` tells what came of callers."""

    port: int
    certificate: Path
    heard: list[str] = field(default_factory=list)


@pytest.fixture
def stranger(tmp_path: Path) -> Iterator[Stranger]:
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl to make a certificate")
    certificate, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    command = [
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
        *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2"),
        *("-keyout", str(key), "-out", str(certificate)),
    ]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("localhost", 0)) as listener:
        found = Stranger(listener.getsockname()[1], certificate)

        def serve() -> None:
            with suppress(OSError):
                while True:
                    caller, _ = listener.accept()
                    try:
                        with context.wrap_socket(caller, server_side=True) as secured:
                            found.heard.append("a word" if secured.recv(1) else "nothing")
                    except ssl.SSLError:
                        found.heard.append("nothing")

        thread = threading.Thread(target=serve)
        thread.start()
        yield found
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()


@pytest.mark.parametrize("store", [False, True], ids=["broker", "store"])
def test_a_redis_whose_certificate_is_not_trusted_is_told_nothing(stranger: Stranger, store: bool) -> None:
    def ask(options: str) -> None:
        url = f"rediss://:secret@localhost:{stranger.port}/0{options}"
        call = connect(url).ping if store else Queue(celery_app(url)).wake
        with pytest.raises((redis.ConnectionError, StorageUnavailable)):
            call()

    ask("")
    wait_until(lambda: bool(stranger.heard))
    assert "a word" not in stranger.heard
    ask(f"?ssl_ca_certs={stranger.certificate}")
    wait_until(lambda: "a word" in stranger.heard)


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "unix:///nowhere/redis.sock", "amqp://127.0.0.1:1//"])
def test_a_broker_that_does_not_answer_is_storage_that_fails(url: str) -> None:
    queue = Queue(celery_app(url))
    with pytest.raises(StorageUnavailable):
        queue.wake()
