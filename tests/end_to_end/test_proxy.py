"""proxy/nginx.conf, as the containers get it but for names and ports, before a real web server."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.end_to_end.conftest import free_port
from tests.web.conftest import ROOT, Server, peak_rss, rss, serving, wait_until
from tests.web.fakes import heavy, one
from tests.web.test_server import head, read_answer, read_until
from tests.web.test_strangers import FORM, SLOW, crowd

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin") or shutil.which("nginx")
pytestmark = [
    pytest.mark.service,
    pytest.mark.skipif(NGINX is None, reason="THE PROXY IS NOT TESTED: there is no nginx here (apt-get install nginx)"),
]
KEY = "correct-horse-battery"
NAMED = {"Authorization": f"Bearer {KEY}", "Content-Type": "image/png"}
OF_ONE_ADDRESS = 64


@dataclass
class Proxy:
    server: Server
    port: int
    certificate: Path

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    @property
    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.certificate)

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, verify=self.trust, timeout=30, trust_env=False)

    def connect(self, address: str = "127.0.0.1") -> ssl.SSLSocket:
        """``address``: where the client comes from, of this machine's loopback."""
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=30, source_address=(address, 0))
        return self.trust.wrap_socket(plain, server_hostname="localhost")


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    folder = tmp_path_factory.mktemp("proxy")
    settings = {"admin_key": KEY, "trusted_proxies": "127.0.0.1", "log_format": "json"}
    with serving(folder / "var", **settings) as server, running(folder, server) as proxy:
        yield proxy


@contextmanager
def running(folder: Path, server: Server, *others: int) -> Iterator[Proxy]:
    """Before this server, and those on other ports of this machine."""
    certificate, port = make_certificate(folder), free_port()
    text = (ROOT / "proxy" / "nginx.conf").read_text()
    replaced = {
        "/tmp/": f"{folder}/",
        # as Docker's names lead to all containers of a service
        "server web:8000;": "".join(f"server 127.0.0.1:{to};" for to in (server.address[1], *others)),
        "listen 8443": f"listen 127.0.0.1:{port}",
        "listen 8080": f"listen 127.0.0.1:{free_port()}",
        "/certificates/": f"{folder}/",
    }
    for there, here in replaced.items():
        assert there in text
        text = text.replace(there, here)
    (folder / "nginx.conf").write_text(text)
    # started by root, its workers would be somebody who must not write here
    directives = "daemon off;" + (" user root;" if os.getuid() == 0 else "")
    command = [str(NGINX), "-c", str(folder / "nginx.conf"), "-p", str(folder), "-e", "stderr", "-g", directives]
    with (folder / "nginx.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    made = Proxy(server, port, certificate)

    def answers() -> bool:
        assert process.poll() is None, (folder / "nginx.log").read_text()
        with suppress(httpx.TransportError), made.client() as client:
            return client.get("/healthz").status_code == 200
        return False

    try:
        wait_until(answers, 60)
        yield made
    finally:
        process.terminate()
        process.wait(timeout=30)


def make_certificate(folder: Path) -> Path:
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "2"),
            *("-addext", "subjectAltName=DNS:localhost", "-keyout", folder / "tls.key", "-out", folder / "tls.crt"),
        ],
        check=True,
        capture_output=True,
    )
    return folder / "tls.crt"


def test_jobs_go_through_and_the_cookie_of_a_browser_stays_with_https(proxy: Proxy) -> None:
    with proxy.client() as client:
        assert client.post("/v1/jobs", content=one(), headers=NAMED).status_code == 202
        signed_in = client.post("/sign-in", data={"key": KEY})
        assert (signed_in.status_code, "Secure" in signed_in.headers["Set-Cookie"]) == (303, True)


def test_an_address_in_the_log_is_the_clients_whatever_the_client_says(proxy: Proxy) -> None:
    def refused() -> list[str]:
        lines = [json.loads(line) for line in proxy.server.log.read_text().splitlines() if '"audit"' in line]
        return [line["client"] for line in lines if line["action"] == "refused"]

    before = len(refused())
    for number, forged in enumerate(["6.6.6.6", "127.0.0.1", "6.6.6.6, 127.0.0.1", "unknown"], start=1):
        with proxy.connect(f"127.0.2.{number}") as connection:
            connection.sendall(head("GET", "/v1/jobs", f"X-Forwarded-For: {forged}", f"X-Real-IP: {forged}"))
            assert read_answer(connection)[0] == 401
    wait_until(lambda: len(refused()) == before + 4)
    assert refused()[before:] == [f"127.0.2.{number}" for number in range(1, 5)]


def test_an_upload_reaches_the_web_server_as_it_comes(proxy: Proxy) -> None:
    image = heavy(2_000_000)
    length = f"Content-Length: {len(image)}"
    with proxy.connect() as connection:
        connection.sendall(
            head("POST", "/v1/jobs", f"Authorization: Bearer {KEY}", "Content-Type: image/png", length)
            + image[:1_500_000]
        )
        wait_until(lambda: any(path.stat().st_size for path in proxy.server.spooled()), 60)
        connection.sendall(image[1_500_000:])
        assert read_answer(connection)[0] == 202


def test_events_come_as_they_happen(proxy: Proxy) -> None:
    with proxy.client() as client:
        location = client.post("/v1/jobs", content=one(), headers=NAMED).headers["Location"]
    with proxy.connect() as connection:
        connection.sendall(head("GET", f"{location}/events", f"Authorization: Bearer {KEY}"))
        assert b"retry: 2000" in read_until(connection, b"\n\n")


def test_a_large_form_is_refused_by_the_proxy_and_a_large_upload_by_the_key(proxy: Proxy) -> None:
    for path, status in (("/sign-in", 413), ("/v1/jobs", 401)):
        with proxy.connect() as connection:
            connection.sendall(head("POST", path, "Content-Type: image/png", "Content-Length: 60000000"))
            assert read_answer(connection)[0] == status


def test_a_form_in_chunks_is_taken_as_far_as_a_form_may_be_large(proxy: Proxy) -> None:
    before = rss(proxy.server.worker_pid())
    with proxy.connect() as connection:
        connection.sendall(head("POST", "/sign-in", FORM, "Transfer-Encoding: chunked"))
        with suppress(OSError):
            for _ in range(60):
                connection.sendall(b"100000\r\n" + b"a" * (1 << 20) + b"\r\n")
        with suppress(OSError):
            assert read_answer(connection)[0] == 413
    assert peak_rss(proxy.server.worker_pid()) - before < 16 << 20


@pytest.mark.parametrize("kind", SLOW)
def test_slow_strangers_at_the_proxy_hold_no_thread_of_the_web_server(proxy: Proxy, kind: str) -> None:
    addresses = itertools.cycle(f"127.0.1.{number}" for number in range(1, 11))
    with crowd(lambda: proxy.connect(next(addresses))) as slow, proxy.client() as client:
        slow.come(300, SLOW[kind])
        for _ in range(20):
            assert client.get("/healthz").status_code == 200
            assert client.get("/v1/limits", headers=NAMED).status_code == 200
        assert client.post("/v1/jobs", content=heavy(200_000), headers=NAMED).status_code == 202


def test_connections_of_one_address_are_limited(proxy: Proxy) -> None:
    location = _job(proxy)
    ask = head("GET", f"{location}/events", f"Authorization: Bearer {KEY}")
    with ExitStack() as stack:
        statuses = []
        for _ in range(OF_ONE_ADDRESS + 1):
            connection = stack.enter_context(proxy.connect())
            connection.sendall(ask)
            statuses.append(int(read_until(connection, b"\r\n").split(b" ")[1]))
    assert statuses == [200] * OF_ONE_ADDRESS + [503]


def test_a_head_that_does_not_end_is_let_go(proxy: Proxy) -> None:
    with proxy.connect() as connection:
        connection.sendall(b"GET /healthz HT")
        with suppress(ConnectionError):
            assert connection.recv(100) == b""


def _job(proxy: Proxy) -> str:
    with proxy.client() as client:
        return str(client.post("/v1/jobs", content=one(), headers=NAMED).headers["Location"])
