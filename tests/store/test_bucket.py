"""Blobs on S3, as s3fs speaks with it: requests of many keys, listings in pages, and errors of the package beneath."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from digitmill.errors import StorageUnavailable
from digitmill.store.blobs import BlobStore

PAGE = 3
MOST_KEYS = 1000


class DriverError(Exception):
    """As ``botocore.exceptions.BotoCoreError``: no OSError."""


class PretendBucket(MemoryFileSystem):  # type: ignore[misc]
    """A bucket in memory with the few calls of S3 that are made by name, and a count of all of them."""

    protocol = "bucket"
    store: dict[str, Any] = {}
    calls: list[str] = []
    locked = ""
    down = False

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return "/" + path.removeprefix("bucket://").strip("/")

    @staticmethod
    def split_path(path: str) -> tuple[str, str, None]:
        bucket, _, key = path.strip("/").partition("/")
        return bucket, key, None

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **options: Any) -> bytes:
        self._answer("cat_file")
        return bytes(super().cat_file(path, start=start, end=end))

    def ls(self, path: str, detail: bool = True, **options: Any) -> Any:
        raise AssertionError("this holds all names in memory")

    def call_s3(self, method: str, **request: Any) -> Any:
        self._answer(method)
        return getattr(self, f"_{method}")(request)

    def _answer(self, call: str) -> None:
        if self.down:
            raise DriverError("no connection")
        self.calls.append(call)

    def _delete_objects(self, request: dict[str, Any]) -> dict[str, Any]:
        keys = [each["Key"] for each in request["Delete"]["Objects"]]
        assert 0 < len(keys) <= MOST_KEYS
        refused = [key for key in keys if self.locked and key.endswith(self.locked)]
        for key in set(keys) - set(refused):
            self.store.pop(f"/{request['Bucket']}/{key}", None)
        return {"Errors": [{"Key": key, "Code": "AccessDenied"} for key in refused]} if refused else {}

    def _list_objects_v2(self, request: dict[str, Any]) -> dict[str, Any]:
        bucket = f"/{request['Bucket']}/"
        start = bucket + request["Prefix"]
        paths = sorted(path for path in self.store if path.startswith(start) and "/" not in path[len(start) :])
        paths = [path for path in paths if path > request.get("ContinuationToken", "")]
        page = [{"Key": path.removeprefix(bucket), "LastModified": self.store[path].modified} for path in paths[:PAGE]]
        if len(paths) <= PAGE:
            return {"Contents": page, "IsTruncated": False}
        return {"Contents": page, "IsTruncated": True, "NextContinuationToken": paths[PAGE - 1]}


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> type[PretendBucket]:
    class Bucket(PretendBucket):
        store: dict[str, Any] = {}
        calls: list[str] = []

    fsspec.register_implementation("bucket", Bucket, clobber=True)
    monkeypatch.setitem(sys.modules, "botocore.exceptions", SimpleNamespace(BotoCoreError=DriverError))
    return Bucket


def filled(bucket: type[PretendBucket], tmp_path: Path, count: int, root: str = "bucket://scans/uploads") -> BlobStore:
    blobs = BlobStore(root)
    for number in range(count):
        source = tmp_path / "upload"
        source.write_bytes(b"x")
        blobs.put(f"job{number:05}", source)
    for file in bucket.store.values():
        file.modified = datetime.fromtimestamp(time.time() - 7200, UTC)
    return blobs


def test_many_blobs_are_removed_by_a_thousand_at_a_time(bucket: type[PretendBucket], tmp_path: Path) -> None:
    blobs = filled(bucket, tmp_path, 5)
    blobs.delete_all([f"job{number:05}" for number in range(2, 2500)])
    assert bucket.calls == ["delete_objects"] * 3
    assert sorted(bucket.store) == ["/scans/uploads/job00000", "/scans/uploads/job00001"]


def test_no_blob_to_remove_asks_for_nothing(bucket: type[PretendBucket]) -> None:
    BlobStore("bucket://scans").delete_all([])
    assert bucket.calls == []


def test_a_blob_that_the_bucket_keeps_is_told_of(bucket: type[PretendBucket], tmp_path: Path) -> None:
    blobs = filled(bucket, tmp_path, 2)
    bucket.locked = "job00001"
    with pytest.raises(StorageUnavailable):
        blobs.delete_all(["job00000", "job00001"])


@pytest.mark.parametrize("root", ["bucket://scans/uploads", "bucket://scans"])
def test_old_blobs_are_listed_page_by_page(bucket: type[PretendBucket], tmp_path: Path, root: str) -> None:
    names = filled(bucket, tmp_path, 10, root).older_than(3600)
    assert next(names) == "job00000"
    assert bucket.calls == ["list_objects_v2"], "the next page is asked for when this one is through"
    assert list(names) == [f"job{number:05}" for number in range(1, 10)]
    assert len(bucket.calls) == 4, "ten blobs and the clock"


def test_a_bucket_that_cannot_be_reached_is_storage_that_fails(bucket: type[PretendBucket], tmp_path: Path) -> None:
    blobs = filled(bucket, tmp_path, 1)
    bucket.down = True
    with pytest.raises(StorageUnavailable):
        blobs.read("job00000", 0, 1)
    with pytest.raises(StorageUnavailable):
        blobs.delete("job00000")
    with pytest.raises(StorageUnavailable):
        list(blobs.older_than(0))
