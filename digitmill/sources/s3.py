"""What lies in a bucket of S3: one object, or all below a folder, listed in pages and read in ranges."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from digitmill.errors import SourceFailed, SourceUnavailable
from digitmill.outside.places import S3, Place
from digitmill.system.files import failures_of, open_files, within

BLOCK_BYTES = 1 << 20
NOTHING = "there is nothing here. Check the address: it is that of an object, or of a folder with objects in it."
CHANGED = "changed while it was read. Send the request again when nobody writes to it."


class S3File:
    """``told`` is its address; ``field`` names the source as the caller wrote it."""

    def __init__(self, files: Any, bucket: str, listed: dict[str, Any], name: str, field: str) -> None:
        self.name = name
        self.told = f"{S3}{bucket}/{listed['Key']}"
        self.field = field
        self.size: int | None = listed["Size"]
        self._files = files
        self._bucket, self._key, self._etag = bucket, listed["Key"], listed["ETag"]

    def fetch(self, write: Callable[[bytes], None], _: float) -> None:
        """``write`` the object, block by block; each call of the storage has a time limit of its own.

        Raises:
            SourceFailed: it cannot be read, or is not what was listed.
            SourceUnavailable: the storage does not answer.
        """
        size = self.size or 0
        with _as_source_errors(self._files, self.told):
            for start in range(0, size, BLOCK_BYTES):
                end = min(start + BLOCK_BYTES, size)
                block = self._read(start, end)
                if len(block) != end - start:
                    raise SourceFailed(f"{self.told} {CHANGED}")
                write(block)
            if size > BLOCK_BYTES and self._head()["ETag"] != self._etag:
                raise SourceFailed(f"{self.told} {CHANGED}")

    def _read(self, start: int, end: int) -> bytes:
        try:
            block: bytes = self._files.cat_file(
                f"{self._bucket}/{self._key}", start=start, end=end, **within(self._files, end - start)
            )
        except OSError as error:
            if error.errno == errno.EINVAL:
                # it has no such bytes any more
                raise SourceFailed(f"{self.told} {CHANGED}") from error
            raise
        return block

    def _head(self) -> dict[str, Any]:
        answer: dict[str, Any] = self._files.call_s3(
            "head_object", Bucket=self._bucket, Key=self._key, **within(self._files)
        )
        return answer


def objects_of(place: Place, field: str, setting: str) -> Iterator[S3File]:
    """The object at the place, else all below it, in the order of their keys. Markers of folders are left out.

    Raises SourceFailed and SourceUnavailable as ``fetch`` does.
    """
    files, _ = open_files(f"{S3}{place.bucket}", setting)
    bucket, key = place.bucket, place.key
    with _as_source_errors(files, place.told):
        if key and not key.endswith("/"):
            # of all keys that begin so, the key itself is the first
            first = _page(files, Bucket=bucket, Prefix=key, MaxKeys=1).get("Contents", ())
            if first and first[0]["Key"] == key:
                yield S3File(files, bucket, first[0], key.rpartition("/")[2], field)
                return
            key += "/"
        nothing = True
        for listed in _listed(files, bucket, key):
            if listed["Size"] or not listed["Key"].endswith("/"):
                nothing = False
                yield S3File(files, bucket, listed, listed["Key"].removeprefix(key), field)
        if nothing:
            raise SourceFailed(f"{place.told}: {NOTHING}")


def _listed(files: Any, bucket: str, prefix: str) -> Iterator[dict[str, Any]]:
    place = {"Bucket": bucket, "Prefix": prefix}
    while True:
        page = _page(files, **place)
        yield from page.get("Contents", ())
        if not page.get("IsTruncated"):
            return
        place["ContinuationToken"] = page["NextContinuationToken"]


def _page(files: Any, **place: Any) -> dict[str, Any]:
    answer: dict[str, Any] = files.call_s3("list_objects_v2", **place, **within(files))
    return answer


@contextmanager
def _as_source_errors(files: Any, told: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise SourceFailed(f"{told}: there is no such bucket or object.") from error
    except PermissionError as error:
        raise SourceFailed(f"{told}: this service may not read it; ask its administrator.") from error
    except failures_of(files) as error:
        raise SourceUnavailable(f"{told}: the storage does not answer ({type(error).__name__}).") from error
