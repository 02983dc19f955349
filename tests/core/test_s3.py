"""A server of S3 that hangs or hangs up: how often it is asked, how long it is awaited, and what is said of it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import fsspec
import pytest

import digitmill.system.files
from digitmill.errors import StorageUnavailable
from digitmill.models.registry import Registry
from digitmill.store.blobs import BlobStore
from digitmill.system.files import S3_TRIES
from tests.s3 import BUCKET, S3

ONCE_MORE = 2
"""aiohttp asks again by itself when it is hung up on."""


class Closing:
    """Hangs up on everyone, and counts them."""

    def __init__(self, server: socket.socket) -> None:
        self.port = server.getsockname()[1]
        self.asked = 0
        self._server = server

    def run(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            self.asked += 1
            connection.recv(1 << 16)
            connection.close()


@contextmanager
def closing_server() -> Iterator[Closing]:
    server = socket.create_server(("127.0.0.1", 0))
    closing = Closing(server)
    thread = threading.Thread(target=closing.run, daemon=True)
    thread.start()
    try:
        yield closing
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()


@pytest.fixture
def closing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Closing]:
    with closing_server() as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.port}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "anyone")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "anything")
        fsspec.get_filesystem_class("s3").clear_instance_cache()
        yield server
        fsspec.get_filesystem_class("s3").clear_instance_cache()


def test_a_server_that_is_away_is_not_asked_without_end(closing: Closing) -> None:
    with pytest.raises(StorageUnavailable):
        BlobStore("s3://uploads/here").put("job1", b"x")
    assert closing.asked == S3_TRIES * ONCE_MORE


def test_what_the_configuration_of_fsspec_says_counts(closing: Closing, monkeypatch: pytest.MonkeyPatch) -> None:
    own = {"config_kwargs": {"retries": {"total_max_attempts": 1}}}
    monkeypatch.setitem(fsspec.config.conf, "s3", own)
    with pytest.raises(StorageUnavailable):
        BlobStore("s3://uploads/here").put("job1", b"x")
    assert closing.asked == ONCE_MORE


def test_an_upload_stays_where_it_was_when_the_server_is_away(closing: Closing, tmp_path: Path) -> None:
    source = tmp_path / "upload"
    source.write_bytes(b"x")
    with pytest.raises(StorageUnavailable):
        BlobStore("s3://uploads/here").put("job1", source)
    assert closing.asked
    assert source.exists()


@pytest.fixture
def hanging(s3: S3, monkeypatch: pytest.MonkeyPatch) -> Iterator[BlobStore]:
    """Blobs on a server that has answered before, and does no more."""
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    blobs = BlobStore(f"s3://{BUCKET}/hanging")
    blobs.put("job1", b"x")
    monkeypatch.setattr(digitmill.system.files, "ANSWER_SECONDS", 0.3)
    monkeypatch.setattr(digitmill.system.files, "SLOWEST_BYTES", 1 << 30)
    s3.hang()
    try:
        yield blobs
    finally:
        s3.go_on()


@pytest.mark.parametrize(
    "use",
    [
        lambda blobs: blobs.put("job2", b"few"),
        lambda blobs: blobs.read("job1", 0, 1),
        lambda blobs: blobs.delete("job1"),
        lambda blobs: list(blobs.older_than(0)),
    ],
    ids=["put", "read", "delete", "older_than"],
)
def test_a_server_that_hangs_is_not_awaited_without_end(hanging: BlobStore, use: Callable[[BlobStore], object]) -> None:
    with pytest.raises(StorageUnavailable):
        use(hanging)


def test_nor_is_it_for_a_large_upload(hanging: BlobStore, tmp_path: Path) -> None:
    source = tmp_path / "upload"
    source.write_bytes(bytes(1 << 20))
    with pytest.raises(StorageUnavailable):
        hanging.put("job2", source)
    assert source.exists()


@pytest.mark.usefixtures("hanging")
def test_nor_for_models(tmp_path: Path) -> None:
    registry = Registry(f"s3://{BUCKET}/models", tmp_path)
    for use in (registry.list, registry.default, lambda: registry.get("digits", "3")):
        with pytest.raises(StorageUnavailable):
            use()
