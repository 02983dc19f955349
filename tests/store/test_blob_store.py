"""What the blob store must do over every kind of storage."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from fsspec.implementations.local import LocalFileSystem

from digitmill.errors import NotFound, SettingsError, StorageUnavailable
from digitmill.store.blobs import BlobStore
from tests.s3 import BUCKET, S3


@pytest.fixture(params=["file", "memory", "s3"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BlobStore:
    if request.param == "file":
        return BlobStore(f"file://{tmp_path}/not/yet/there")
    if request.param == "memory":
        return BlobStore(f"memory://blobs-{time.time_ns()}")
    for name, value in request.getfixturevalue("s3").environment.items():
        monkeypatch.setenv(name, value)
    return BlobStore(f"s3://{BUCKET}/blobs-{time.time_ns()}")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "upload"
    path.write_bytes(bytes(range(256)))
    return path


def test_a_range_of_a_blob_reads_back(blobs: BlobStore, source: Path) -> None:
    blobs.put("job1", source)
    assert blobs.read("job1", 0, 256) == bytes(range(256))
    assert blobs.read("job1", 10, 12) == b"\x0a\x0b"
    assert blobs.read("job1", 250, 9999) == bytes(range(250, 256))


def test_the_source_is_moved(blobs: BlobStore, source: Path) -> None:
    blobs.put("job1", source)
    assert not source.exists()


def test_a_few_bytes_need_no_file(blobs: BlobStore) -> None:
    blobs.put("job1", b"few")
    assert blobs.read("job1", 1, 3) == b"ew"
    blobs.put("job2", b"more")
    assert sorted(blobs.older_than(-60)) == ["job1", "job2"]


def test_a_bucket_is_made_where_there_is_none(s3: S3, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    blobs = BlobStore(f"s3://new-{time.time_ns()}/here")
    with pytest.raises(NotFound):
        blobs.read("job1", 0, 1)
    blobs.put("job1", source)
    assert blobs.read("job1", 0, 2) == b"\x00\x01"


def test_an_unknown_blob_is_not_found(blobs: BlobStore) -> None:
    with pytest.raises(NotFound):
        blobs.read("nobody", 0, 1)
    blobs.delete("nobody")


def test_a_deleted_blob_is_gone(blobs: BlobStore, source: Path) -> None:
    blobs.put("job1", source)
    blobs.delete("job1")
    with pytest.raises(NotFound):
        blobs.read("job1", 0, 1)


def test_old_blobs_are_listed(blobs: BlobStore, source: Path) -> None:
    assert list(blobs.older_than(0)) == []
    blobs.put("job1", source)
    # S3 tells ages in whole seconds
    deadline = time.monotonic() + 60
    while not (old := list(blobs.older_than(0.01))) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert old == ["job1"]
    assert list(blobs.older_than(60)) == []


def test_many_blobs_go_at_once_whether_they_are_there_or_not(blobs: BlobStore, source: Path) -> None:
    blobs.put("job1", source)
    source.write_bytes(b"x")
    blobs.put("job2", source)
    blobs.delete_all(["job0", "job1", "job3"])
    assert list(blobs.older_than(-60)) == ["job2"]


def test_the_blobs_of_a_folder_are_told_of_one_by_one(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hold_all(*_: object, **__: object) -> None:
        raise AssertionError("this holds all names in memory")

    blobs = BlobStore(f"file://{tmp_path}/blobs")
    blobs.put("job1", source)
    monkeypatch.setattr(LocalFileSystem, "ls", hold_all)
    assert next(blobs.older_than(-60)) == "job1"


def test_a_machine_whose_clock_is_ahead_takes_no_new_blob_for_an_old_one(
    blobs: BlobStore, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs.put("job1", source)
    true_time = time.time
    with monkeypatch.context() as ahead:
        ahead.setattr(time, "time", lambda: true_time() + 7200)
        assert list(blobs.older_than(3600)) == []


@pytest.mark.parametrize("name", ["../other", "a/b", "", ".", "a\x00b"])
def test_a_name_cannot_leave_the_folder(blobs: BlobStore, name: str) -> None:
    with pytest.raises(ValueError, match="not the name of a blob"):
        blobs.read(name, 0, 1)


def test_half_written_blobs_are_listed_and_deleted(tmp_path: Path) -> None:
    blobs = BlobStore(f"file://{tmp_path}")
    partial = tmp_path / "job1.partial"
    partial.write_bytes(b"x")
    os.utime(partial, (1, 1))
    assert list(blobs.older_than(60)) == ["job1"]
    blobs.delete("job1")
    assert not partial.exists()


def test_storage_that_fails_says_so(tmp_path: Path, source: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageUnavailable):
        BlobStore(f"file://{tmp_path}/file/inside").put("job1", source)


def test_a_storage_of_an_unknown_kind_is_an_error_of_the_settings() -> None:
    with pytest.raises(SettingsError, match="DIGITMILL_BLOBS_URL"):
        BlobStore("s4://no-such-kind")
