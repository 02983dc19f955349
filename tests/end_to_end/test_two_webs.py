"""Two web servers behind the proxy, as with ``--scale web=2``: any of them answers any call about a job."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import httpx
import pytest

from tests.end_to_end.conftest import Stack, free_port, new_stack
from tests.end_to_end.test_proxy import KEY, NAMED, NGINX, Proxy, running
from tests.web.conftest import Server, wait_until
from tests.web.fakes import heavy, one

pytestmark = [
    pytest.mark.service,
    pytest.mark.skipif(NGINX is None, reason="THE PROXY IS NOT TESTED: there is no nginx here (apt-get install nginx)"),
]
STREAMS = 6
BEARER = {"Authorization": f"Bearer {KEY}"}


@dataclass
class Pair:
    stack: Stack
    proxy: Proxy
    ports: tuple[int, int]

    def taken(self, port: int, route: str, method: str) -> float:
        """Requests that this web server has answered."""
        text = httpx.get(f"http://127.0.0.1:{port}/metrics", headers=BEARER).text
        lines = [line for line in text.splitlines() if line.startswith("digitmill_http_requests_total{")]
        wanted = [line for line in lines if f'route="{route}"' in line and f'method="{method}"' in line]
        return sum(float(line.rpartition(" ")[2]) for line in wanted)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """Without a worker so far. One process each, since each counts its own requests."""
    stack = new_stack(
        tmp_path, DIGITMILL_ADMIN_KEY=KEY, DIGITMILL_CONNECTIONS_PER_ADDRESS="0", DIGITMILL_WEB_PROCESSES="1"
    )
    second = replace(stack, web_port=free_port(), processes={})
    second.settings = {**stack.settings, "DIGITMILL_PORT": str(second.web_port)}
    try:
        stack.start("redis")
        stack.start("web")
        second.start("web2", "-m", "web")
        stack.wait_for_web()
        second.wait_for_web()
        server = Server(stack.processes["web"], stack.url, tmp_path / "var", tmp_path / "web.log")
        stack.processes["web2"] = second.processes.pop("web2")
        with running(tmp_path, server, second.web_port) as proxy:
            yield Pair(stack, proxy, (stack.web_port, second.web_port))
    finally:
        stack.close()


def ending(proxy: Proxy, address: str) -> str:
    """All that a stream of events says until it ends."""
    with proxy.client() as client, client.stream("GET", f"{address}/events", headers=BEARER, timeout=120) as events:
        return events.read().decode()


def refused(port: int) -> bool:
    """Whether nothing listens there, as soon as all processes of a killed server are gone."""
    with closing(socket.socket()) as connection:
        return connection.connect_ex(("127.0.0.1", port)) != 0


def completed(client: httpx.Client, address: str) -> bool:
    return bool(client.get(address, headers=BEARER).json()["state"] == "completed")


def test_uploads_events_and_cancelling_meet_any_of_two_web_servers(pair: Pair) -> None:
    with pair.proxy.client() as client, ThreadPoolExecutor(STREAMS) as pool:
        addresses = [client.post("/v1/jobs", content=one(), headers=NAMED).headers["Location"] for _ in range(4)]
        large = client.post("/v1/jobs", content=heavy(2_000_000), headers=NAMED)
        assert large.status_code == 202
        addresses.append(large.headers["Location"])
        assert all(pair.taken(port, "/v1/jobs", "POST") for port in pair.ports)

        streams = [pool.submit(ending, pair.proxy, addresses[0]) for _ in range(STREAMS)]
        route = "/v1/jobs/<job_id>/events"
        wait_until(lambda: sum(pair.taken(port, route, "GET") for port in pair.ports) == STREAMS)
        assert all(pair.taken(port, route, "GET") for port in pair.ports)
        assert client.post(f"{addresses[0]}/cancel", headers=BEARER).json()["state"] == "cancelled"
        for stream in streams:
            assert re.search(r"event: done\n", stream.result(120))

        pair.stack.start("worker")
        for address in addresses[1:]:
            wait_until(partial(completed, client, address), 240)


def test_a_web_server_that_ends_is_passed_over(pair: Pair) -> None:
    with pair.proxy.client() as client:
        address = client.post("/v1/jobs", content=one(), headers=NAMED).headers["Location"]
        pair.stack.kill("web2")
        # a submission that a dying server has read is not sent to the other one: nobody knows whether it was stored
        wait_until(partial(refused, pair.ports[1]))
        for _ in range(6):
            assert client.get(address, headers=BEARER).status_code == 200
            assert client.post("/v1/jobs", content=one(), headers=NAMED).status_code == 202
