"""The spool: bytes in memory or one file on disk, counted while they grow, and gone afterwards."""

from __future__ import annotations

import io
import resource
import stat
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from digitmill.errors import StorageUnavailable, UploadTooLarge
from digitmill.uploads.spool import HELD_BYTES, Piece, Spool


def spool_of(folder: Path, *files: tuple[str, bytes], with_digest: bool = True) -> Spool:
    spool = Spool(folder, 1 << 20, with_digest=with_digest)
    for name, content in files:
        spool.add(name, io.BytesIO(content))
    return spool


def content(spool: Spool) -> bytes:
    return spool.source if isinstance(spool.source, bytes) else spool.source.read_bytes()


def file_of(spool: Spool) -> Path:
    assert isinstance(spool.source, Path)
    return spool.source


LARGE = bytes(HELD_BYTES)


@pytest.mark.parametrize("first", [b"first", LARGE], ids=["few", "many"])
def test_files_lie_one_after_the_other_unchanged(tmp_path: Path, first: bytes) -> None:
    with spool_of(tmp_path, ("a.png", first), ("empty", b""), ("b.zip", b"second")) as spool:
        assert content(spool) == first + b"second"
        end = len(first)
        assert spool.pieces == (Piece("a.png", 0, end), Piece("empty", end, 0), Piece("b.zip", end, 6))


def test_few_bytes_make_no_file_and_one_more_does(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    with spool_of(folder, ("a", LARGE)) as spool:
        assert spool.source == LARGE
        assert not folder.exists()
        spool.add("b", io.BytesIO(b"!"))
        assert file_of(spool).read_bytes() == LARGE + b"!"


def test_a_parser_can_write_a_file_in_blocks(tmp_path: Path) -> None:
    with Spool(tmp_path, 100) as spool:
        spool.begin("a.png")
        spool.write(b"fi")
        spool.write(b"rst")
        spool.end()
        assert content(spool) == b"first"
        assert spool.pieces == (Piece("a.png", 0, 5),)


def test_blocks_belong_to_a_file_that_was_begun(tmp_path: Path) -> None:
    with Spool(tmp_path, 100) as spool:
        with pytest.raises(ValueError, match="begun"):
            spool.end()
        spool.begin("a.png")
        with pytest.raises(ValueError, match="end the piece"):
            spool.begin("b.png")


def test_only_this_user_can_read_the_file(tmp_path: Path) -> None:
    folder = tmp_path / "var" / "spool"
    with spool_of(folder, ("a", LARGE + b"x")) as spool:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE(file_of(spool).stat().st_mode) == 0o600


def test_leaving_the_spool_removes_its_file(tmp_path: Path) -> None:
    spool = spool_of(tmp_path, ("a", LARGE + b"x"))
    assert list(tmp_path.iterdir()) == [spool.source]
    with pytest.raises(KeyError), spool:
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_was_moved_away_is_not_missed(tmp_path: Path) -> None:
    with spool_of(tmp_path, ("a", LARGE + b"moved")) as spool:
        file_of(spool).rename(tmp_path / "elsewhere")
    assert (tmp_path / "elsewhere").read_bytes() == LARGE + b"moved"


def test_an_upload_of_just_the_limit_fits_and_one_more_byte_does_not(tmp_path: Path) -> None:
    with Spool(tmp_path, 10) as spool:
        spool.add("a", io.BytesIO(b"12345"))
        spool.add("b", io.BytesIO(b"67890"))
        with pytest.raises(UploadTooLarge, match="split it"):
            spool.add("c", io.BytesIO(b"!"))
        assert content(spool) == b"1234567890"


def test_the_digest_knows_names_contents_and_where_one_file_ends(tmp_path: Path) -> None:
    uploads: list[list[tuple[str, bytes]]] = [
        [("a", b"bc")],
        [("ab", b"c")],
        [("a", b"bd")],
        [("a", b"b"), ("", b"c")],
        [("a", b""), ("", b"bc")],
        [("", b"abc")],
        [("abc", b"")],
        [],
    ]
    digests = []
    for files in [*uploads, *uploads]:
        with spool_of(tmp_path, *files) as spool:
            digests.append(spool.digest)
    assert digests[: len(uploads)] == digests[len(uploads) :]
    assert len(set(digests)) == len(uploads)


def test_a_digest_that_was_not_asked_for_is_not_made_up(tmp_path: Path) -> None:
    with spool_of(tmp_path, ("a", b"x"), with_digest=False) as spool, pytest.raises(ValueError, match="digest"):
        _ = spool.digest


@contextmanager
def files_limited_to(size: int) -> Iterator[None]:
    """The system refuses to let a file of this process grow larger, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_without_room_is_storage_unavailable(tmp_path: Path) -> None:
    with Spool(tmp_path, 1 << 20) as spool:
        spool.begin("a")
        with files_limited_to(1000), pytest.raises(StorageUnavailable, match="disk space"):
            spool.write(LARGE + b"x")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_storage_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageUnavailable):
        spool_of(tmp_path / "file" / "spool", ("a", LARGE + b"x"))


class _Zeros(io.RawIOBase):
    def __init__(self, length: int) -> None:
        self._left = length

    def read(self, size: int = -1) -> bytes:
        taken = self._left if size < 0 else min(size, self._left)
        self._left -= taken
        return bytes(taken)


def test_memory_does_not_grow_with_the_upload(tmp_path: Path) -> None:
    with Spool(tmp_path, 1 << 30, with_digest=True) as spool:
        tracemalloc.start()
        spool.add("a", _Zeros(64 << 20))  # type: ignore[arg-type]  # RawIOBase is an IO[bytes] in all but name
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert spool.pieces[0].length == 64 << 20
    assert peak < 4 << 20
