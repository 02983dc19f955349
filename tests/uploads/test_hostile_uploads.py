"""Whatever bytes arrive: an upload is refused, or each entry is read or fails by itself."""

from __future__ import annotations

import io
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from digitmill.errors import ItemFailure, UploadRefused
from digitmill.uploads.codec import pack_plan, unpack_plan
from digitmill.uploads.ranges import ranges
from tests.archives import Crafted, craft, unicode_path_extra, zip64_extra
from tests.uploads.planning import Planned, plan_of


def _tiff() -> bytes:
    buffer = io.BytesIO()
    Image.new("1", (4, 4)).save(buffer, "TIFF", save_all=True, append_images=[Image.new("1", (4, 4))])
    return buffer.getvalue()


VALID = craft(
    [
        Crafted(name="folder/"),
        Crafted(name="folder/a.png", data=b"deflated" * 10),
        Crafted(name="b.png", data=b"stored", deflated=False),
        Crafted(name="c.tif", data=_tiff(), descriptor=True),
        Crafted(name=b"d\xe9", data=b"code page", extra=unicode_path_extra(b"d\xe9", "dé")),
        Crafted(name="e.png", data=b"zip64", size=0xFFFFFFFF, extra=zip64_extra(5)),
        Crafted(name="f.zip", data=b"nested"),
    ],
    comment=b"comment",
)

places = st.integers(0, len(VALID) - 1)
edits = st.one_of(
    st.tuples(st.just("set"), places, st.binary(min_size=1, max_size=8)),
    st.tuples(st.just("cut"), places, st.binary(min_size=1, max_size=8)),
    st.tuples(st.just("insert"), places, st.binary(min_size=1, max_size=8)),
)


def edit(data: bytes, kind: str, place: int, block: bytes) -> bytes:
    if kind == "insert":
        return data[:place] + block + data[place:]
    return data[:place] + (block if kind == "set" else b"") + data[place + len(block) :]


def read_all(planned: Planned) -> int:
    """Read every entry as a worker does; return the number of bytes that came out."""
    unpacked = 0
    for chunk in planned.chunks:
        kept = unpack_plan(pack_plan(chunk.entries))
        assert kept == chunk.entries
        for one in ranges(kept):
            assert 0 <= one.start < one.end <= len(planned.blob)
        for entry in kept:
            with suppress(ItemFailure):
                unpacked += len(planned.read(entry))
    return unpacked


def survive(name: str, data: bytes) -> None:
    with TemporaryDirectory() as folder, suppress(UploadRefused):
        planned = plan_of(Path(folder), (name, data))
        assert planned.total == len(planned.entries) > 0
        read_all(planned)


def test_the_valid_zip_is_read_whole(tmp_path: Path) -> None:
    planned = plan_of(tmp_path, ("a.zip", VALID))
    assert planned.names == ["folder/a.png", "b.png", "c.tif#1", "c.tif#2", "dé", "e.png", "f.zip"]
    assert read_all(planned) == 80 + 6 + 2 * len(_tiff()) + 9 + 5


@settings(deadline=None)
@given(st.lists(edits, min_size=1, max_size=4))
def test_a_mutated_zip_never_does_more_than_be_refused(mutations: list[tuple[str, int, bytes]]) -> None:
    data = VALID
    for kind, place, block in mutations:
        data = edit(data, kind, place, block)
    survive("a.zip", data)


@settings(deadline=None)
@given(places, st.integers(0, 255))
def test_a_single_wrong_byte_never_does_more_than_be_refused(place: int, value: int) -> None:
    survive("a.zip", edit(VALID, "set", place, bytes([value])))


@settings(deadline=None)
@given(st.sampled_from(["a.zip", "a.png", "a.tif", "", "a"]), st.binary(max_size=100))
def test_any_bytes_under_any_name_are_planned_or_refused(name: str, data: bytes) -> None:
    survive(name, data)
    survive(name, b"PK\x03\x04" + data)
    survive(name, b"II*\x00" + data)
