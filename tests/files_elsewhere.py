"""Files that lie elsewhere: in a bucket of S3, and on a web server with TLS."""

from __future__ import annotations

import ssl
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import fsspec
import httpx
import pytest

from digitmill.outside.calling import Caller
from tests.s3 import S3

HOST = "files.example"
SIGNED = {"Authorization": "AWS anyone:anything"}
"""The server believes it, and lets nobody else replace or remove anything."""


@dataclass(frozen=True)
class Bucket:
    """An empty bucket of its own, looked into by HTTP alone."""

    url: str
    name: str

    def put(self, key: str, content: bytes) -> None:
        httpx.put(f"{self.url}/{self.name}/{quote(key)}", content=content, headers=SIGNED).raise_for_status()

    def get(self, key: str) -> bytes | None:
        answer = httpx.get(f"{self.url}/{self.name}/{quote(key)}", headers=SIGNED)
        return answer.content if answer.is_success else None

    def delete(self, key: str) -> None:
        httpx.delete(f"{self.url}/{self.name}/{quote(key)}", headers=SIGNED).raise_for_status()

    def make(self) -> None:
        httpx.put(f"{self.url}/{self.name}").raise_for_status()


@contextmanager
def reached(s3: S3, name: str) -> Iterator[Bucket]:
    """The bucket, not made yet, of a server that this process reaches until the block ends."""
    files = fsspec.get_filesystem_class("s3")
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in s3.environment.items():
            patch.setenv(variable, value)
        files.clear_instance_cache()
        yield Bucket(s3.environment["AWS_ENDPOINT_URL"], name)
    files.clear_instance_cache()


@dataclass(frozen=True)
class Answered:
    """``told``: bytes that the head promises, if others than come."""

    content: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    told: int | None = None


@dataclass
class FileServer:
    """``files``: what is answered by path, in turn, the last one for good. ``asked`` are paths with their queries."""

    port: int
    certificate: Path
    files: dict[str, list[Answered]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def url(self, path: str) -> str:
        return f"https://{HOST}:{self.port}/{path}"

    def put(self, path: str, *answers: bytes | Answered) -> str:
        self.files[f"/{path.partition('?')[0]}"] = [
            each if isinstance(each, Answered) else Answered(each) for each in answers
        ]
        return self.url(path)

    def answer(self, path: str) -> Answered:
        self.asked.append(path)
        answers = self.files.get(path.partition("?")[0], [Answered(status=404)])
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def caller(self, addresses: Sequence[str] = ("127.0.0.1",), *, private_addresses: bool = True) -> Caller:
        """For which every name leads to these addresses."""
        return Caller(
            private_addresses=private_addresses,
            resolve_name=lambda *_: addresses,
            tls=lambda: ssl.create_default_context(cafile=str(self.certificate)),
        )


@contextmanager
def file_server(folder: Path) -> Iterator[FileServer]:
    """A server for HOST on a free loopback port."""
    certificate, key = folder / "files.crt", folder / "files.key"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-days", "1", "-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    found = FileServer(server.server_address[1], certificate)
    server.RequestHandlerClass = _handler(found)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(server: FileServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = server.answer(self.path)
            self.send_response(answer.status)
            headers = {"Content-Length": str(len(answer.content) if answer.told is None else answer.told)}
            for name, value in (headers | answer.headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the name that it is called with)
            return

    return Handler
