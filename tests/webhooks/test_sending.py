"""One attempt: where it goes, what it takes for an answer, and when it gives up."""

from __future__ import annotations

import socket
import ssl
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from digitmill.outside.addresses import read_url
from digitmill.webhooks.sending import Poster
from tests.receiver import answering, receiving

HEADERS = {"webhook-id": "msg_1"}


def to(*addresses: str) -> Poster:
    """A poster for which every name leads to these addresses, and private ones are allowed."""
    return Poster(private_addresses=True, resolve_name=lambda *_: addresses)


def test_the_body_reaches_the_receiver_under_the_name_in_the_url() -> None:
    with receiving() as receiver:
        url = f"http://hooks.example:{receiver.port}/a?b=c"
        attempt = to("127.0.0.1").post(read_url(url), HEADERS, b'{"a":1}')
    (request,) = receiver.received
    assert (attempt.status, attempt.error) == (204, None)
    assert (request.path, request.body) == ("/a?b=c", b'{"a":1}')
    assert request.headers["host"] == f"hooks.example:{receiver.port}"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["webhook-id"] == "msg_1"


@pytest.mark.parametrize("address", ["127.0.0.1", "::ffff:127.0.0.1", "169.254.169.254", "10.1.2.3"])
def test_a_name_that_leads_inside_is_not_called(address: str) -> None:
    with receiving() as receiver:
        poster = Poster(private_addresses=False, resolve_name=lambda *_: [address])
        attempt = poster.post(read_url(f"http://hooks.example:{receiver.port}/"), HEADERS, b"{}")
    assert attempt.status is None
    assert "private" in str(attempt.error)
    assert address not in str(attempt.error)
    assert receiver.received == []


def test_the_name_is_asked_once_and_what_was_checked_is_called() -> None:
    asked: list[str] = []

    def rebinding(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["203.0.113.1"] if len(asked) == 1 else ["127.0.0.1"]

    with receiving() as receiver:
        poster = Poster(private_addresses=False, resolve_name=rebinding)
        poster.post(read_url(f"http://hooks.example:{receiver.port}/"), HEADERS, b"{}")
    assert asked == ["hooks.example"]
    assert receiver.received == []


def test_an_address_that_does_not_answer_is_followed_by_the_next() -> None:
    with receiving() as receiver:
        attempt = to("127.0.0.2", "127.0.0.1").post(read_url(f"http://hooks.example:{receiver.port}/"), HEADERS, b"{}")
    assert attempt.status == 204


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    with receiving() as elsewhere, receiving() as receiver:
        receiver.statuses = [status]
        receiver.headers = {"Location": elsewhere.url}
        attempt = to("127.0.0.1").post(read_url(receiver.url), HEADERS, b"{}")
    assert attempt.status == status
    assert elsewhere.received == []


def test_a_receiver_that_is_not_there_is_told_in_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    attempt = to("127.0.0.1").post(read_url(f"http://127.0.0.1:{port}/"), HEADERS, b"{}")
    assert (attempt.status, attempt.error) == (None, "The receiver takes no connections.")

    def nobody(host: str, port: int) -> Sequence[str]:
        raise socket.gaierror(-2, "Name or service not known")

    attempt = Poster(private_addresses=True, resolve_name=nobody).post(read_url("http://a.invalid/"), HEADERS, b"{}")
    assert attempt.error == "The host's name cannot be found."


def test_a_receiver_that_trickles_is_cut_off() -> None:
    def trickle(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            connection.sendall(b"X: y\r\n")
            time.sleep(0.01)

    poster = Poster(private_addresses=True, total_seconds=0.3)
    with answering(trickle) as port:
        attempt = poster.post(read_url(f"http://127.0.0.1:{port}/"), HEADERS, b"{}")
    assert (attempt.status, attempt.error) == (None, "The receiver did not answer in time.")


def test_a_receiver_that_never_answers_is_cut_off() -> None:
    def say_nothing(connection: socket.socket) -> None:
        while connection.recv(1 << 16):
            continue

    poster = Poster(private_addresses=True, total_seconds=0.3)
    with answering(say_nothing) as port:
        attempt = poster.post(read_url(f"http://127.0.0.1:{port}/"), HEADERS, b"{}")
    assert (attempt.status, attempt.error) == (None, "The receiver did not answer in time.")


def test_an_answer_of_any_length_is_not_read() -> None:
    sent = [0]

    def flood(connection: socket.socket) -> None:
        connection.recv(1 << 16)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            sent[0] += connection.send(b"x" * (1 << 16))

    with answering(flood) as port:
        attempt = Poster(private_addresses=True).post(read_url(f"http://127.0.0.1:{port}/"), HEADERS, b"{}")
    assert attempt.status == 200
    assert sent[0] < 64 << 20


@pytest.mark.parametrize(
    "answer", [b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 soon\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"a" * 70000]
)
def test_an_answer_that_is_not_http_is_told(answer: bytes) -> None:
    def say(connection: socket.socket) -> None:
        connection.recv(1 << 16)
        connection.sendall(answer)

    with answering(say) as port:
        attempt = to("127.0.0.1").post(read_url(f"http://127.0.0.1:{port}/"), HEADERS, b"{}")
    assert (attempt.status, attempt.error) == (None, "The receiver does not answer in HTTP.")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for hooks.example, in one file."""
    file = tmp_path_factory.mktemp("tls") / "hooks.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-days", "1", "-subj", "/CN=hooks.example", "-addext", "subjectAltName=DNS:hooks.example"),
            *("-keyout", str(file), "-out", str(file.with_suffix(".crt"))),
        ],
        check=True,
        capture_output=True,
    )
    file.write_text(file.read_text() + file.with_suffix(".crt").read_text())
    return file


def https_server(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def trusting(certificate: Path) -> Poster:
    return Poster(
        private_addresses=True,
        resolve_name=lambda *_: ["127.0.0.1"],
        tls=lambda: ssl.create_default_context(cafile=str(certificate)),
    )


def test_over_tls_the_name_in_the_url_is_asked_for_and_held_against_the_certificate(certificate: Path) -> None:
    with receiving(https_server(certificate)) as receiver:
        attempt = trusting(certificate).post(read_url(f"https://hooks.example:{receiver.port}/x"), HEADERS, b"{}")
        other = trusting(certificate).post(read_url(f"https://other.example:{receiver.port}/x"), HEADERS, b"{}")
    assert (attempt.status, attempt.error) == (204, None)
    assert receiver.server_names == ["hooks.example", "other.example"]
    assert len(receiver.received) == 1
    assert "certificate is not trusted" in str(other.error)


def test_a_certificate_that_nobody_trusts_is_refused(certificate: Path) -> None:
    with receiving(https_server(certificate)) as receiver:
        attempt = to("127.0.0.1").post(read_url(f"https://hooks.example:{receiver.port}/x"), HEADERS, b"{}")
    assert "certificate is not trusted" in str(attempt.error)
    assert receiver.received == []
