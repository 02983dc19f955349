"""Who asks a real server behind proxies: one of these comes from 127.0.0.1, strangers from 127.0.0.2."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from digitmill.errors import SettingsError
from digitmill.settings import Settings
from tests.web.conftest import Server, serving, wait_until
from tests.web.fakes import one
from tests.web.test_server import head, read_answer, read_until

pytestmark = pytest.mark.service

KEY = "correct-horse-battery"
AUTHORIZATION = f"Authorization: Bearer {KEY}"
STRANGER = "127.0.0.2"
OTHER_PROXY = "127.0.0.3"
PROXIES = f"127.0.0.1, {OTHER_PROXY}, 10.0.0.0/8, 2001:db8:1::/48"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("proxies")
    settings = {"admin_key": KEY, "trusted_proxies": PROXIES, "connections_per_address": 5, "log_format": "json"}
    with serving(folder, **settings) as started:
        yield started


def connect(server: Server, source: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection(server.address, timeout=30, source_address=(source, 0))


def status_of(server: Server, source: str, *headers: str) -> int:
    with connect(server, source) as connection:
        connection.sendall(head("GET", "/v1/jobs", *headers))
        return read_answer(connection)[0]


def told(server: Server, source: str, *headers: str) -> str:
    """The client of the audit line that a refused call leaves."""
    before = len(clients(server))
    assert status_of(server, source, *headers) == 401
    wait_until(lambda: len(clients(server)) > before)
    return clients(server)[before]


def clients(server: Server) -> list[str]:
    lines = [json.loads(line) for line in server.log.read_text().splitlines() if '"audit"' in line]
    return [line["client"] for line in lines if line["action"] == "refused"]


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        (["203.0.113.5"], "203.0.113.5"),
        # what the client sent stands to the left of what the proxy says
        (["6.6.6.6, 203.0.113.5"], "203.0.113.5"),
        (["127.0.0.1, 203.0.113.5"], "203.0.113.5"),
        (["6.6.6.6", "203.0.113.5"], "203.0.113.5"),
        # several proxies of ours, and none but these
        (["6.6.6.6, 203.0.113.5, 10.1.2.3, 10.9.9.9"], "203.0.113.5"),
        (["6.6.6.6, 10.0.0.1, 203.0.113.5, 10.1.2.3"], "203.0.113.5"),
        (["6.6.6.6, 2001:db8:2::7, 2001:db8:1::1"], "2001:db8:2::7"),
        (["10.0.0.7"], "10.0.0.7"),
        (["10.0.0.8, 10.0.0.7"], "10.0.0.8"),
        # as proxies write it
        (["203.0.113.5:4711"], "203.0.113.5"),
        (["[2001:db8:2::7]:4711"], "2001:db8:2::7"),
        (["[2001:db8:2::7]"], "2001:db8:2::7"),
        (["2001:DB8:2:0::7"], "2001:db8:2::7"),
        (["::ffff:203.0.113.5"], "203.0.113.5"),
        (["6.6.6.6,[2001:db8:1::1]:80"], "6.6.6.6"),
        (["6.6.6.6, ::ffff:10.0.0.1"], "6.6.6.6"),
        # what is no address: nobody behind the proxy is known
        ([], "127.0.0.1"),
        ([""], "127.0.0.1"),
        (["unknown"], "127.0.0.1"),
        (["6.6.6.6, unknown"], "127.0.0.1"),
        (["6.6.6.6, unknown, 10.1.2.3"], "10.1.2.3"),
        (["6.6.6.6, "], "127.0.0.1"),
        (["203.0.113.5:x"], "127.0.0.1"),
        (["203.0.113.500"], "127.0.0.1"),
        (["[203.0.113.5"], "127.0.0.1"),
        (["\x80\xff[]:,;%"], "127.0.0.1"),
        ([",".join(["6.6.6.6"] * 1900)], "6.6.6.6"),
        (["\x80, 203.0.113.5"], "203.0.113.5"),
    ],
)
def test_the_client_is_whom_the_last_trusted_proxy_was_asked_by(
    server: Server, forwarded: list[str], client: str
) -> None:
    assert told(server, "127.0.0.1", *(f"X-Forwarded-For: {value}" for value in forwarded)) == client


@pytest.mark.parametrize("name", ["X-Forwarded-For", "X_Forwarded_For", "Forwarded", "X-Real-IP"])
def test_a_stranger_cannot_say_who_he_is(server: Server, name: str) -> None:
    assert told(server, STRANGER, f"{name}: 203.0.113.5") == STRANGER
    assert told(server, STRANGER, f"{name}: 203.0.113.5, 127.0.0.1") == STRANGER


@pytest.mark.parametrize("name", ["X_Forwarded_For", "Forwarded", "X-Real-IP"])
def test_what_a_proxy_passes_on_of_other_names_says_nothing(server: Server, name: str) -> None:
    assert told(server, "127.0.0.1", f"{name}: for=6.6.6.6", "X-Forwarded-For: 203.0.113.5") == "203.0.113.5"


def test_each_request_on_a_connection_of_a_proxy_has_its_own_client(server: Server) -> None:
    before = len(clients(server))
    addresses = ["203.0.113.1", "203.0.113.2", "127.0.0.1", "203.0.113.3"]
    with connect(server) as connection:
        for address in addresses:
            named = [f"X-Forwarded-For: {address}"] if address != "127.0.0.1" else []
            connection.sendall(head("GET", "/v1/jobs", *named))
            assert read_answer(connection)[0] == 401
    wait_until(lambda: len(clients(server)) >= before + len(addresses))
    assert clients(server)[before:] == addresses


def test_wrong_keys_count_against_who_sends_them_through_the_proxy(server: Server) -> None:
    wrong = "Authorization: Bearer wrong"
    answers = [
        status_of(server, "127.0.0.1", wrong, f"X-Forwarded-For: 6.6.6.{number}, 203.0.113.99") for number in range(40)
    ]
    assert set(answers) == {401, 429}
    # as if all had one address: through the same proxy others are not held back
    assert status_of(server, "127.0.0.1", wrong, "X-Forwarded-For: 203.0.113.98") == 401


def test_requests_at_a_time_count_against_who_sends_them_through_the_proxy(server: Server) -> None:
    named = httpx.Headers({"Authorization": f"Bearer {KEY}", "Content-Type": "image/png"})
    location = httpx.post(f"{server.url}/v1/jobs", content=one(), headers=named, trust_env=False).headers["Location"]

    def stream(stack: ExitStack, forwarded: str) -> tuple[socket.socket, int]:
        connection = stack.enter_context(connect(server))
        connection.sendall(
            head("GET", f"{location}/events", AUTHORIZATION, f"X-Forwarded-For: {forwarded}", "Accept: */*")
        )
        return connection, int(read_until(connection, b"\r\n\r\n").split(b" ")[1])

    with ExitStack() as stack:
        streams = [stream(stack, f"6.6.6.{number}, 203.0.113.50") for number in range(6)]
        assert [status for _, status in streams] == [200] * 5 + [503]
        # others come in through the same proxy, and the proxy may keep connections for nothing
        assert stream(stack, "203.0.113.51")[1] == 200
        for _ in range(10):
            stack.enter_context(connect(server))
        assert status_of(server, "127.0.0.1", AUTHORIZATION, "X-Forwarded-For: 203.0.113.52") == 200
        # whose stream ends may come again
        streams[0][0].close()
        wait_until(lambda: status_of(server, "127.0.0.1", AUTHORIZATION, "X-Forwarded-For: 203.0.113.50") == 200)


def test_requests_that_are_done_no_longer_count(server: Server) -> None:
    with ExitStack() as stack:
        for _ in range(12):
            connection = stack.enter_context(connect(server))
            connection.sendall(head("GET", "/v1/jobs", AUTHORIZATION, "X-Forwarded-For: 203.0.113.60"))
            assert read_answer(connection)[0] == 200
            # the thread lets go of a connection that stays open a moment after it has answered
            wait_until(lambda: status_of(server, "127.0.0.1", AUTHORIZATION, "X-Forwarded-For: 203.0.113.60") == 200)


def test_connections_of_a_stranger_count_whatever_he_sends(server: Server) -> None:
    with ExitStack() as stack:
        for number in range(5):
            connection = stack.enter_context(connect(server, STRANGER))
            connection.sendall(head("GET", "/v1/jobs", AUTHORIZATION, f"X-Forwarded-For: 203.0.113.{number}"))
            assert read_answer(connection)[0] == 200
        with connect(server, STRANGER) as turned_away:
            assert read_answer(turned_away)[0] == 503


@pytest.mark.parametrize(("source", "status"), [(OTHER_PROXY, 303), (STRANGER, 403)])
def test_whether_it_was_https_is_a_trusted_proxys_word(server: Server, source: str, status: int) -> None:
    # the form of our own page, from a browser that says no Sec-Fetch-Site
    form = f"key={KEY}".encode()
    fields = (
        *("Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(form)}"),
        *("Origin: https://localhost", "X-Forwarded-Proto: https", "X-Forwarded-For: 203.0.113.5"),
    )
    with connect(server, source) as connection:
        connection.sendall(head("POST", "/sign-in", *fields) + form)
        assert read_answer(connection)[0] == status


@pytest.mark.parametrize("value", ["proxy", "10.0.0.1/8", "127.0.0.1,", "0.0.0.0/0", "10.0.0.1, ::/0", "10.0.0.0/33"])
def test_what_is_no_proxys_address_stops_the_start(value: str) -> None:
    with pytest.raises(SettingsError, match="DIGITMILL_TRUSTED_PROXIES names"):
        Settings.load({"DIGITMILL_TRUSTED_PROXIES": value}, env_file=None)
