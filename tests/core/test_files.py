"""Storage of every kind: opened when it is needed, refused when its kind is unknown, and failing in its own way."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from digitmill.errors import SettingsError, StorageUnavailable
from digitmill.models.registry import Registry
from digitmill.settings import Settings
from digitmill.store.blobs import BlobStore
from worker.app import build


class DriverError(Exception):
    """As ``botocore.exceptions.BotoCoreError``: no OSError."""


class Unreachable(MemoryFileSystem):  # type: ignore[misc]
    """Like the file system of S3 where no server answers."""

    protocol = "unreachable"
    opened = 0

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        type(self).opened += 1

    def call_s3(self, method: str, **request: Any) -> Any:
        raise DriverError("no connection")

    def _fail(self, *_: Any, **__: Any) -> Any:
        raise DriverError("no connection")

    @staticmethod
    def split_path(path: str) -> tuple[str, str, None]:
        return path, "", None

    cat_file = glob = makedirs = exists = _fail


@pytest.fixture
def unreachable(monkeypatch: pytest.MonkeyPatch) -> type[Unreachable]:
    """A class of its own, so that no instance of it is kept from another test."""

    class Own(Unreachable):
        opened = 0

    fsspec.register_implementation("unreachable", Own, clobber=True)
    monkeypatch.setitem(sys.modules, "botocore.exceptions", SimpleNamespace(BotoCoreError=DriverError))
    return Own


def test_blobs_that_cannot_be_reached_are_storage_that_fails(unreachable: type[Unreachable], tmp_path: Path) -> None:
    source = tmp_path / "upload"
    source.write_bytes(b"x")
    blobs = BlobStore("unreachable://uploads")
    for use in (
        lambda: blobs.put("job1", source),
        lambda: blobs.read("job1", 0, 1),
        lambda: blobs.delete("job1"),
        lambda: list(blobs.older_than(0)),
    ):
        with pytest.raises(StorageUnavailable):
            use()
    assert source.exists()


def test_models_that_cannot_be_reached_are_storage_that_fails(unreachable: type[Unreachable], tmp_path: Path) -> None:
    registry = Registry("unreachable://models", tmp_path)
    for use in (registry.default, lambda: registry.get("digits", "3"), registry.list):
        with pytest.raises(StorageUnavailable):
            use()


def test_a_worker_opens_no_storage_before_it_forks(unreachable: type[Unreachable], tmp_path: Path) -> None:
    settings = Settings(
        var=tmp_path,
        redis_url="redis://127.0.0.1:1/0",
        blobs_url="unreachable://uploads",
        models_url="unreachable://models",
    )
    build(settings)
    assert unreachable.opened == 0, "opening it may start a thread"
    with pytest.raises(StorageUnavailable):
        BlobStore(settings.blobs).read("job1", 0, 1)
    assert unreachable.opened == 1


@pytest.mark.parametrize("setting", ["blobs_url", "models_url"])
def test_storage_of_an_unknown_kind_is_told_when_a_worker_starts(setting: str, tmp_path: Path) -> None:
    settings = Settings(var=tmp_path, redis_url="redis://127.0.0.1:1/0", **{setting: "s4://no-such-kind"})
    with pytest.raises(SettingsError, match=f"DIGITMILL_{setting.upper()} cannot be used"):
        build(settings)
